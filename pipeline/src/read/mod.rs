//! Inputs → chunks of whole records → documents.
//!
//! A chunk is a piece of one input file that ends where a record ends. Cutting chunks is all that has to happen in input order, so it is
//! the only work of the reading thread; finding the records in a chunk and decoding them ([`Chunk::for_each_record`]) is left to the workers.

mod chunk;
mod cut;
mod encoding;
mod guard;
mod input;
mod parquet;
mod part;
mod share;

pub use chunk::{Chunk, CleanedRow, Framing, Record};
pub use encoding::DecodingCounts;
pub use input::{Compression, Format, Input, Resolved};
pub use share::share;

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::config::InputConfig;

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{0}: no such file or folder")]
    NotFound(PathBuf),
    #[error("{0}: no file matches this pattern")]
    NoMatch(String),
    #[error("{0}: no file with a name ending in .txt, .jsonl or .parquet (.txt and .jsonl also with .gz, .zst or .xz) in this folder")]
    EmptyFolder(PathBuf),
    #[error("{0}: expected a name ending in .txt, .jsonl or .parquet (.txt and .jsonl also with .gz, .zst or .xz)")]
    UnknownFormat(PathBuf),
    #[error("{0}: bad pattern")]
    Pattern(String, #[source] glob::PatternError),
    #[error("{0}: cannot open it")]
    Open(PathBuf, #[source] io::Error),
    #[error("{path}: cannot be read beyond byte {offset}: the file is damaged or cut short")]
    Damaged { path: PathBuf, offset: u64, source: io::Error },
    #[error("{path}: cannot be read as Parquet")]
    Parquet { path: PathBuf, source: ::parquet::errors::ParquetError },
    #[error("{path}: no text column {column:?}; it has {found}: set input.text_column")]
    NoTextColumn { path: PathBuf, column: String, found: String },
}

/// What a reading thread may report while it reads.
#[derive(Debug, Default)]
pub struct ReadProgress {
    /// Bytes taken from the files, compressed as they are.
    pub file_bytes: AtomicU64,
}

/// Takes a chunk and gives memory for another, or `None` if no more are wanted.
pub type Emit<'e> = dyn FnMut(Chunk) -> Option<Vec<u8>> + 'e;

/// Reads one input from `from` on, which is where it begins or where a chunk ended, and hands its chunks, in order, to `emit`.
pub fn read_chunks(
    input: &Input,
    from: u64,
    config: &InputConfig,
    progress: &Arc<ReadProgress>,
    emit: &mut Emit<'_>,
) -> Result<(), ReadError> {
    match input.format {
        Format::Part => part::read(input, from, progress, emit),
        Format::Parquet => parquet::read(input, from, config, progress, emit),
        Format::Text => cut::read(input, from, Framing::of(config.document), config, progress, emit),
        Format::JsonLines => cut::read(input, from, Framing::JsonLine, config, progress, emit),
    }
}

/// Counts what passes through it.
struct Counted<R> {
    inner: R,
    progress: Arc<ReadProgress>,
}

impl<R: io::Read> io::Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.progress.file_bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
