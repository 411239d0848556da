//! The order of the stages, their threads and the channels between them: this file alone knows them.
//!
//! ```text
//! read ─► clean ×N ─► dedup ─► tokenize ×N ─► pack ─► write
//! (1)                 (1, in order)           (1, in order)  (1)
//! ```
//!
//! Chunks are numbered where they are read. Stages that depend on the order of documents put them back in that order first, so the result does not depend on
//! the number of threads. A chunk needs a permit to be read, which it gives back once it is packed: that bounds memory, whatever a slow chunk holds up.

use std::{
    collections::BTreeMap,
    fs,
    ops::Range,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use crossbeam_channel::{Receiver, Sender, bounded};
use indicatif::MultiProgress;
use schemas::{
    MANIFEST_FILE, TOKENIZER_DIR, TOKENIZER_FILES,
    documents::Verdict,
    hash::ContentHash,
    manifest::{
        FileInfo, Manifest, ManifestError, PackTotals, SCHEMA_MAJOR, SCHEMA_MINOR, SchemaVersion, ShardInfo, TokenizerInfo, Totals,
        WriteTotals,
    },
};

use crate::{
    clean::{Change, CleanCounts, Cleaner},
    config::{Config, InputConfig},
    dedup::ExactIndex,
    pack::{Frame, PackedSequence, Packer},
    progress::{Progress, Stage, spinning},
    read::{Chunk, Input, ReadError, read_chunks},
    tokenize::{Algorithm, Encoder, TokenizeError, TrainedTokenizer, WordCounts},
    write::{DocumentRow, DocumentsWriter, ShardWriter, WriteError, create_output_folder, write_file},
};

/// Chunks between reading and packing, for each worker thread.
const CHUNKS_IN_FLIGHT: usize = 6;

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Tokenize(#[from] TokenizeError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("{0}: cannot be read")]
    TokenizerFile(PathBuf, #[source] std::io::Error),
    #[error("interrupted: the result is not complete; run the same command again to start over")]
    Interrupted,
}

/// What every run needs: how many threads, where to show progress, when to stop.
pub struct Session<'s> {
    /// Worker threads of each parallel stage.
    pub threads: usize,
    pub screen: &'s MultiProgress,
    /// Set by a signal.
    pub stop: &'s AtomicBool,
}

/// A chunk's documents on their way through the stages; each stage fills in what it finds out.
#[derive(Default)]
struct Batch {
    /// Bytes that reading the chunk took from the file, compressed as it is.
    file_bytes: u64,
    chunk_bytes: u64,
    clean: CleanCounts,
    text: String,
    ids: Vec<u32>,
    documents: Vec<Document>,
}

struct Document {
    row: DocumentRow,
    /// Its clean text in the batch's `text`.
    text: Range<usize>,
    /// Its ids in the batch's `ids`, without special tokens.
    ids: Range<usize>,
}

struct Numbered<T> {
    number: u64,
    item: T,
}

struct ReadChunk {
    chunk: Chunk,
    file_bytes: u64,
}

enum Product {
    Documents(Vec<DocumentRow>),
    Rows(Vec<PackedSequence>),
    /// So many bytes of the input files are written.
    Passed(u64),
}

/// `nachos build`: reads the inputs and writes a shard directory at `output`.
pub fn build(inputs: &[Input], tokenizer: &Path, output: &Path, config: &Config, session: &Session<'_>) -> Result<Manifest, RunError> {
    let encoder = Encoder::from_dir(tokenizer)?;
    create_output_folder(output)?;
    let special_tokens = encoder.special_tokens().clone();
    let packer = Packer::new(&config.pack, Frame { bos: special_tokens.bos, eos: special_tokens.eos });
    let progress = Progress::default();
    let input_failed = AtomicBool::new(false);
    let threads = session.threads;

    let (return_permit, permits) = permits(threads);
    let (to_clean, chunks) = bounded(threads);
    let (to_dedup, cleaned) = bounded(threads);
    let (to_tokenize, unique) = bounded(threads);
    let (to_pack, tokenized) = bounded(threads);
    let (to_write, products) = bounded(threads);
    let (running, finished) = bounded(0);

    let (read, mut totals, written) = thread::scope(|scope| {
        let (progress, encoder, input_failed) = (&progress, &encoder, &input_failed);
        let read_thread = scope.spawn(move || {
            read_all(inputs, &config.input, progress, session.stop, &permits, &to_clean)
                .inspect_err(|_| input_failed.store(true, Ordering::Release))
        });
        for _ in 0..threads {
            let (chunks, to_dedup, unique, to_pack) = (chunks.clone(), to_dedup.clone(), unique.clone(), to_pack.clone());
            scope.spawn(move || clean_all(config, progress, &chunks, &to_dedup));
            scope.spawn(move || tokenize_all(encoder.clone(), progress, &unique, &to_pack));
        }
        drop((chunks, to_dedup, unique, to_pack));
        scope.spawn(move || dedup_all(config, progress, &cleaned, &to_tokenize));
        let pack_thread = scope.spawn(move || pack_all(packer, progress, &tokenized, &return_permit, &to_write));
        scope.spawn(move || progress.show(session.screen, total_bytes(inputs), &finished));
        let written = write_all(output, encoder.vocab_size(), config, progress, products, input_failed);
        drop(running);
        (joined(read_thread), joined(pack_thread), written)
    });
    read?;
    let (shards, documents) = written?;
    totals.read.files = inputs.len() as u64;
    let slots = totals.pack.rows * config.pack.max_seq_len as u64;
    totals.pack.efficiency = if slots == 0 { 0.0 } else { totals.pack.tokens as f64 / slots as f64 };
    totals.write = WriteTotals { shards: shards.len() as u64, bytes: shards.iter().map(|shard| shard.bytes).sum() };
    let manifest = Manifest {
        schema_version: SchemaVersion { major: SCHEMA_MAJOR, minor: SCHEMA_MINOR },
        program: "nachos".into(),
        program_version: env!("CARGO_PKG_VERSION").into(),
        manifest_hash: ContentHash(0),
        config: serde_json::to_value(config).map_err(ManifestError::from)?,
        max_seq_len: config.pack.max_seq_len,
        tokenizer: TokenizerInfo { hash: encoder.hash(), vocab_size: encoder.vocab_size(), files: copy_tokenizer(tokenizer, output)? },
        special_tokens,
        shards,
        documents,
        totals,
    };
    write_file(output, MANIFEST_FILE, &manifest.to_json()?)?;
    Ok(manifest)
}

/// `nachos train-tokenizer`: learns a vocabulary from the words of the inputs' documents.
pub fn train_tokenizer(
    inputs: &[Input],
    algorithm: Algorithm,
    vocab_size: usize,
    config: &Config,
    session: &Session<'_>,
) -> Result<TrainedTokenizer, RunError> {
    let counts = count_words(inputs, config, session)?;
    Ok(spinning(session.screen, "learn", || TrainedTokenizer::train(algorithm, vocab_size, counts))?)
}

fn count_words(inputs: &[Input], config: &Config, session: &Session<'_>) -> Result<WordCounts, RunError> {
    let progress = Progress::default();
    let (return_permit, permits) = permits(session.threads);
    let (to_count, chunks) = bounded(session.threads);
    let (running, finished) = bounded(0);
    thread::scope(|scope| {
        let progress = &progress;
        let read_thread = scope.spawn(move || read_all(inputs, &config.input, progress, session.stop, &permits, &to_count));
        let counters: Vec<_> = (0..session.threads)
            .map(|_| {
                let (chunks, return_permit) = (chunks.clone(), return_permit.clone());
                scope.spawn(move || count_all(config, progress, &chunks, &return_permit))
            })
            .collect();
        drop((chunks, return_permit));
        scope.spawn(move || progress.show(session.screen, total_bytes(inputs), &finished));
        let mut counts = WordCounts::default();
        for counter in counters {
            counts.merge(joined(counter));
        }
        drop(running);
        joined(read_thread)?;
        Ok(counts)
    })
}

fn read_all(
    inputs: &[Input],
    config: &InputConfig,
    progress: &Progress,
    stop: &AtomicBool,
    permits: &Receiver<()>,
    to_clean: &Sender<Numbered<ReadChunk>>,
) -> Result<(), RunError> {
    let (mut number, mut file_bytes_before) = (0, 0);
    let mut is_wanted = true;
    for input in inputs {
        read_chunks(input, config, &progress.read, &mut |chunk| {
            let file_bytes_now = progress.read.file_bytes.load(Ordering::Relaxed);
            let item = ReadChunk { chunk, file_bytes: file_bytes_now - file_bytes_before };
            is_wanted = !stop.load(Ordering::Relaxed) && permits.recv().is_ok() && deliver(to_clean, Numbered { number, item });
            number += 1;
            file_bytes_before = file_bytes_now;
            is_wanted
        })?;
        if stop.load(Ordering::Relaxed) {
            return Err(RunError::Interrupted);
        }
        if !is_wanted {
            break;
        }
    }
    Ok(())
}

fn clean_all(config: &Config, progress: &Progress, chunks: &Receiver<Numbered<ReadChunk>>, to_dedup: &Sender<Numbered<Batch>>) {
    let mut cleaner = Cleaner::new(&config.clean);
    for Numbered { number, item } in chunks {
        let batch = clean_chunk(&mut cleaner, &item);
        progress.advance(Stage::Clean, batch.file_bytes);
        if !deliver(to_dedup, Numbered { number, item: batch }) {
            return;
        }
    }
}

fn clean_chunk(cleaner: &mut Cleaner, ReadChunk { chunk, file_bytes }: &ReadChunk) -> Batch {
    let mut batch = Batch { file_bytes: *file_bytes, chunk_bytes: chunk.bytes.len() as u64, ..Batch::default() };
    chunk.for_each_record(&mut |record| {
        let start = batch.text.len();
        let verdict = match record.text {
            Ok(text) => cleaner.clean_into(&text, &mut batch.text, &mut batch.clean),
            Err(reason) => reason,
        };
        batch.clean.add(Change::InvalidUtf8, record.invalid_utf8_sequences);
        let text = start..batch.text.len();
        let row = DocumentRow {
            id: 0,
            source: chunk.source.clone(),
            offset: record.offset,
            length: record.length,
            hash: ContentHash::of(batch.text[text.clone()].as_bytes()),
            tokens: 0,
            verdict,
            duplicate_of: None,
        };
        batch.documents.push(Document { row, text, ids: 0..0 });
    });
    batch
}

fn dedup_all(config: &Config, progress: &Progress, cleaned: &Receiver<Numbered<Batch>>, to_tokenize: &Sender<Numbered<Batch>>) {
    let mut index = ExactIndex::default();
    let mut ids = 0..;
    for (mut batch, number) in in_order(cleaned).zip(0..) {
        for (Document { row, .. }, id) in batch.documents.iter_mut().zip(&mut ids) {
            row.id = id;
            if config.dedup.exact.enabled && row.verdict == Verdict::Keep {
                row.duplicate_of = index.duplicate_of(row.hash, row.id);
                row.verdict = if row.duplicate_of.is_some() { Verdict::Duplicate } else { Verdict::Keep };
            }
        }
        progress.advance(Stage::Dedup, batch.file_bytes);
        if !deliver(to_tokenize, Numbered { number, item: batch }) {
            return;
        }
    }
}

fn tokenize_all(mut encoder: Encoder, progress: &Progress, unique: &Receiver<Numbered<Batch>>, to_pack: &Sender<Numbered<Batch>>) {
    for Numbered { number, item: mut batch } in unique {
        for document in batch.documents.iter_mut().filter(|document| document.row.verdict == Verdict::Keep) {
            let start = batch.ids.len();
            encoder.encode_into(&batch.text[document.text.clone()], &mut batch.ids);
            document.ids = start..batch.ids.len();
        }
        progress.advance(Stage::Tokenize, batch.file_bytes);
        if !deliver(to_pack, Numbered { number, item: batch }) {
            return;
        }
    }
}

/// Packs, and adds up what all stages counted. The counts that only the end of the run knows are left at zero.
fn pack_all(
    mut packer: Packer,
    progress: &Progress,
    tokenized: &Receiver<Numbered<Batch>>,
    return_permit: &Sender<()>,
    to_write: &Sender<Product>,
) -> Totals {
    let mut totals = Totals::default();
    let mut rows = Vec::new();
    for batch in in_order(tokenized) {
        let documents = pack_batch(&mut packer, &batch, &mut rows, &mut totals);
        progress.advance(Stage::Pack, batch.file_bytes);
        deliver(return_permit, ());
        let products =
            [Product::Documents(documents), Product::Rows(counted(&mut rows, &mut totals.pack)), Product::Passed(batch.file_bytes)];
        if !products.into_iter().all(|product| deliver(to_write, product)) {
            return totals;
        }
    }
    packer.finish(&mut rows);
    deliver(to_write, Product::Rows(counted(&mut rows, &mut totals.pack)));
    totals
}

fn pack_batch(packer: &mut Packer, batch: &Batch, rows: &mut Vec<PackedSequence>, totals: &mut Totals) -> Vec<DocumentRow> {
    totals.read.bytes += batch.chunk_bytes;
    totals.read.documents += batch.documents.len() as u64;
    totals.clean.bytes += batch.text.len() as u64;
    batch.clean.add_to(&mut totals.clean.changes);
    batch
        .documents
        .iter()
        .map(|document| {
            let mut row = document.row.clone();
            if row.verdict == Verdict::Keep {
                row.tokens = packer.push(row.id, &batch.ids[document.ids.clone()], rows);
                // Text that the tokenizer's normalisation leaves nothing of.
                row.verdict = if row.tokens == 0 { Verdict::Empty } else { Verdict::Keep };
                totals.pack.documents += u64::from(row.tokens > 0);
            }
            *totals.verdicts.entry(row.verdict.name().into_owned()).or_default() += 1;
            row
        })
        .collect()
}

fn counted(rows: &mut Vec<PackedSequence>, totals: &mut PackTotals) -> Vec<PackedSequence> {
    totals.rows += rows.len() as u64;
    totals.segments += rows.iter().map(|row| row.segment_lengths.len() as u64).sum::<u64>();
    totals.tokens += rows.iter().map(|row| row.input_ids.len() as u64).sum::<u64>();
    std::mem::take(rows)
}

fn write_all(
    output: &Path,
    vocab_size: usize,
    config: &Config,
    progress: &Progress,
    products: Receiver<Product>,
    input_failed: &AtomicBool,
) -> Result<(Vec<ShardInfo>, FileInfo), RunError> {
    let mut shards = ShardWriter::new(output.to_owned(), vocab_size, &config.write)?;
    let mut documents = DocumentsWriter::create(output, &config.write)?;
    for product in products {
        match product {
            Product::Documents(rows) => rows.into_iter().try_for_each(|row| documents.push(row))?,
            Product::Rows(rows) => rows.into_iter().try_for_each(|row| shards.push(row))?,
            Product::Passed(file_bytes) => progress.advance(Stage::Write, file_bytes),
        }
    }
    if input_failed.load(Ordering::Acquire) {
        // What is open stays under its temporary name; the reader has the reason.
        return Err(RunError::Interrupted);
    }
    Ok((shards.finish()?, documents.finish()?))
}

fn count_all(config: &Config, progress: &Progress, chunks: &Receiver<Numbered<ReadChunk>>, return_permit: &Sender<()>) -> WordCounts {
    let (mut cleaner, mut changes) = (Cleaner::new(&config.clean), CleanCounts::default());
    let (mut counts, mut text) = (WordCounts::default(), String::new());
    for Numbered { item: ReadChunk { chunk, file_bytes }, .. } in chunks {
        chunk.for_each_record(&mut |record| {
            if let Ok(raw) = record.text {
                text.clear();
                if cleaner.clean_into(&raw, &mut text, &mut changes) == Verdict::Keep {
                    counts.add(&text);
                }
            }
        });
        for stage in [Stage::Clean, Stage::Write] {
            progress.advance(stage, file_bytes);
        }
        deliver(return_permit, ());
    }
    counts
}

fn copy_tokenizer(from: &Path, output: &Path) -> Result<Vec<FileInfo>, RunError> {
    let folder = output.join(TOKENIZER_DIR);
    fs::create_dir_all(&folder).map_err(|source| WriteError::Io { path: folder.clone(), source })?;
    let mut files = Vec::new();
    for name in TOKENIZER_FILES {
        let path = from.join(name);
        if path.exists() {
            let content = fs::read(&path).map_err(|source| RunError::TokenizerFile(path, source))?;
            let (bytes, xxh3) = write_file(&folder, name, &content)?;
            files.push(FileInfo { file: format!("{TOKENIZER_DIR}/{name}"), bytes, xxh3 });
        }
    }
    Ok(files)
}

fn total_bytes(inputs: &[Input]) -> u64 {
    inputs.iter().map(|input| input.file_bytes).sum()
}

/// As many permits as chunks may be under way.
fn permits(threads: usize) -> (Sender<()>, Receiver<()>) {
    let (give, take) = bounded(CHUNKS_IN_FLIGHT * threads);
    while give.try_send(()).is_ok() {}
    (give, take)
}

/// Whether somebody was there to take it. A stage whose receiver is gone ends too: the one that went first has the reason.
fn deliver<T>(to: &Sender<T>, item: T) -> bool {
    to.send(item).is_ok()
}

/// The items by their numbers, which start at 0 and leave none out.
fn in_order<T>(items: &Receiver<Numbered<T>>) -> impl Iterator<Item = T> {
    let mut early = BTreeMap::new();
    (0..).map_while(move |wanted| {
        while !early.contains_key(&wanted) {
            let Numbered { number, item } = items.recv().ok()?;
            early.insert(number, item);
        }
        early.remove(&wanted)
    })
}

/// The thread's result; its panic goes on in this thread.
fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
