//! Rows → shards, documents → `documents.parquet`, everything known → `manifest.json`.
//!
//! Every file is written under a temporary name, synchronised, then renamed, so that a file with its final name is whole.

mod column;
mod documents;
mod json_lines;
mod log;
mod output;
mod part;
mod shards;

pub use documents::{DocumentsWriter, FileNames};
pub use json_lines::{JsonLinesWriter, append_json_line};
pub use log::{DocumentRow, DocumentsLog};
pub use output::{check_output_folder, empty_output_folder, write_file};
pub use part::PartWriter;
pub use shards::ShardWriter;

use std::{io, path::PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("{path}: cannot be written")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}: cannot be written as Parquet")]
    Parquet { path: PathBuf, source: parquet::errors::ParquetError },
    #[error("{0}: already holds a data set: choose another --output or delete it")]
    Finished(PathBuf),
    #[error("{path}: is not empty (it holds {found}): choose another --output or empty it")]
    NotEmpty { path: PathBuf, found: String },
    #[error("{0}: is an input too: choose another file to write to")]
    Input(PathBuf),
    #[error("{0}: kept and dropped documents need a file each")]
    Twice(PathBuf),
    #[error("{0}: is written in JSON lines: expected a name ending in .jsonl or .jsonl.zst, or -")]
    Ending(PathBuf),
}
