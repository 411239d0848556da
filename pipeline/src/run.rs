//! The order of the stages, their threads and the channels between them: this file alone knows them.
//!
//! ```text
//! build   read ─► prepare ×N ─► judge ─► tokenize ×N ─► pack ─► write
//! part    read ─► prepare ×N ────────────────────────► write
//! clean   read ─► prepare ×N ─► judge ─► print ×N ────► write
//!         (1)                   (1, in order)           (1, in order)
//! ```
//!
//! Chunks are numbered where they are read. Stages that depend on the order of documents put them back in that order first, so the result does not depend on
//! the number of threads. A chunk needs permits to be read, one for each MiB, which it gives back once it is through: that bounds memory, whatever a slow chunk
//! holds up. The last step of a stream that was read to its end says so: what breaks off before is never taken for the whole.

use std::{
    collections::BTreeMap,
    fs,
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
        FileInfo, Manifest, ManifestError, SCHEMA_MAJOR, SCHEMA_MINOR, SchemaVersion, ShardInfo, SpecialTokens, TokenizerInfo, Totals,
        WriteTotals,
    },
    part::{PART_FILE, PartManifest},
};

use crate::{
    batch::{Batch, Judge, Position, Preparer, Tally, Tokenizer, count_rows, pack},
    clean::{CleanCounts, Cleaner},
    config::{Config, InputConfig},
    corpus::Corpus,
    dedup::{DedupError, Deduplicator, Mark},
    pack::{Frame, PackedSequence, Packer, PackerState},
    progress::{Progress, Stage, spinning},
    read::{Chunk, ReadError, read_chunks},
    resume::{Checkpoint, Identity, ResumeError, Rows, Start, Unfinished},
    tokenize::{Algorithm, Encoder, TokenizeError, TrainedTokenizer, WordCounts},
    verify::{VerifyError, read_manifest, read_part},
    write::{
        DocumentRow, DocumentsLog, DocumentsWriter, JsonLinesWriter, PartWriter, ShardWriter, WriteError, append_json_line, write_file,
    },
};

/// MiB of input between reading and the end of the pipeline, for each worker thread.
const MIB_IN_FLIGHT: usize = 6;
const BUILD_STAGES: [Stage; 6] = [Stage::Read, Stage::Clean, Stage::Dedup, Stage::Tokenize, Stage::Pack, Stage::Write];
const PART_STAGES: [Stage; 3] = [Stage::Read, Stage::Clean, Stage::Write];
const CLEAN_STAGES: [Stage; 5] = [Stage::Read, Stage::Clean, Stage::Dedup, Stage::Print, Stage::Write];
/// The folder of deduplication, in that of the unfinished run.
const DEDUP_DIR: &str = "dedup";

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Dedup(#[from] DedupError),
    #[error(transparent)]
    Tokenize(#[from] TokenizeError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Resume(#[from] ResumeError),
    #[error(transparent)]
    Directory(#[from] VerifyError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("{0}: cannot be read")]
    TokenizerFile(PathBuf, #[source] std::io::Error),
    #[error("interrupted: nothing is lost; run the same command with --resume to go on")]
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

/// What a run reads, and how.
#[derive(Clone, Copy)]
pub struct Task<'t> {
    pub corpus: &'t Corpus,
    pub config: &'t Config,
    pub session: &'t Session<'t>,
}

/// Something on its way, in the order of the numbers. Its permits go back when it is dropped.
struct Step<T> {
    number: u64,
    /// `None` is the end of a stream that was read to its end.
    item: Option<T>,
    /// Bytes that reading it took from the file, compressed as it is.
    file_bytes: u64,
    permits: Permits,
}

impl<T> Step<T> {
    fn map<U>(self, work: impl FnOnce(T) -> U) -> Step<U> {
        Step { number: self.number, item: self.item.map(work), file_bytes: self.file_bytes, permits: self.permits }
    }
}

struct Permits {
    count: usize,
    give_back: Sender<()>,
}

impl Drop for Permits {
    fn drop(&mut self) {
        for _ in 0..self.count {
            deliver(&self.give_back, ());
        }
    }
}

struct ReadChunk {
    chunk: Chunk,
    file: u32,
    next: Position,
}

/// `nachos build`, and `nachos merge`, whose corpus is one of cleaned documents: a shard directory at `output`. With `resume` it goes on where it was interrupted.
pub fn build(task: Task<'_>, tokenizer: &Path, output: &Path, resume: bool) -> Result<Manifest, RunError> {
    let Task { corpus, config, .. } = task;
    let encoder = Encoder::from_dir(tokenizer)?;
    let identity = identity("build", task, encoder.hash())?;
    let (unfinished, checkpoint, rows) = match Unfinished::enter::<ShardInfo>(output, MANIFEST_FILE, &identity, resume)? {
        Start::New(unfinished) => (unfinished, Checkpoint { totals: corpus.nothing_counted(), ..Checkpoint::default() }, Rows::default()),
        Start::GoOn(unfinished, state) => {
            let (checkpoint, rows) = *state;
            (unfinished, checkpoint, rows)
        }
        Start::Finished => return Ok(read_manifest(output)?),
    };
    let judge = new_judge(config, unfinished.folder(), &checkpoint.dedup, checkpoint.next_id)?;
    let sink = BuildSink::new(task, &encoder, output, unfinished, &checkpoint, rows)?;
    let finish = || {
        let mut tokenizer = Tokenizer::new(encoder.clone());
        move |batch| tokenizer.tokenize(batch)
    };
    let built = stream(task, &BUILD_STAGES, checkpoint.position, Some(judge), finish, |steps, progress| sink.run(steps, progress))?;
    let Built { unfinished, shards, log, mut totals } = built;
    let documents = write_documents(corpus, config, output, log)?;
    let slots = totals.pack.rows * config.pack.max_seq_len as u64;
    totals.pack.efficiency = if slots == 0 { 0.0 } else { totals.pack.tokens as f64 / slots as f64 };
    totals.write = WriteTotals { shards: shards.len() as u64, bytes: shards.iter().map(|shard| shard.bytes).sum() };
    let manifest = Manifest {
        schema_version: SchemaVersion { major: SCHEMA_MAJOR, minor: SCHEMA_MINOR },
        program: "nachos".into(),
        program_version: env!("CARGO_PKG_VERSION").into(),
        manifest_hash: ContentHash(0),
        config: identity.config,
        max_seq_len: config.pack.max_seq_len,
        tokenizer: TokenizerInfo { hash: encoder.hash(), vocab_size: encoder.vocab_size(), files: copy_tokenizer(tokenizer, output)? },
        special_tokens: encoder.special_tokens().clone(),
        shards,
        documents,
        totals,
    };
    write_file(output, MANIFEST_FILE, &manifest.to_json()?)?;
    unfinished.leave()?;
    Ok(manifest)
}

/// `nachos build --part`: the cleaned documents of a share of the inputs, for `nachos merge`.
pub fn build_part(
    task: Task<'_>,
    (part, of): (usize, usize),
    tokenizer: &Path,
    output: &Path,
    resume: bool,
) -> Result<PartManifest, RunError> {
    let Task { corpus, config, .. } = task;
    let encoder = Encoder::from_dir(tokenizer)?;
    let identity = identity(&format!("part {part} of {of}"), task, encoder.hash())?;
    let (mut unfinished, mut checkpoint) = match Unfinished::enter::<FileInfo>(output, PART_FILE, &identity, resume)? {
        Start::New(unfinished) => (unfinished, Checkpoint { totals: corpus.nothing_counted(), ..Checkpoint::default() }),
        Start::GoOn(unfinished, state) => (unfinished, state.0),
        Start::Finished => return Ok(read_part(output)?),
    };
    let mut writer = PartWriter::new(output.to_owned(), &config.write, std::mem::take(&mut checkpoint.finished))?;
    let mut tally = Tally { totals: std::mem::take(&mut checkpoint.totals), corpus };
    stream(
        task,
        &PART_STAGES,
        checkpoint.position,
        None,
        || |batch| batch,
        |steps, progress| {
            for step in steps {
                let Some(batch) = step.item else { return Ok(Some(())) };
                tally.count_batch(&batch);
                let rows: Vec<DocumentRow> = batch.documents.iter().map(|document| document.row.clone()).collect();
                for row in &rows {
                    tally.count_document(row);
                }
                if writer.push(&rows, batch.documents.iter().map(|document| batch.text(document)))? {
                    let (finished, totals) = (writer.finished().to_vec(), tally.totals.clone());
                    unfinished.save(Checkpoint { position: batch.next, finished, totals, ..Checkpoint::default() }, &Rows::default())?;
                }
                progress.advance(Stage::Write, step.file_bytes);
            }
            Ok(None)
        },
    )?;
    copy_tokenizer(tokenizer, output)?;
    let manifest = PartManifest {
        schema_version: SchemaVersion { major: SCHEMA_MAJOR, minor: SCHEMA_MINOR },
        program_version: env!("CARGO_PKG_VERSION").into(),
        manifest_hash: ContentHash(0),
        part,
        of,
        config: identity.config,
        tokenizer: encoder.hash(),
        inputs: corpus.files.clone(),
        files: writer.finish()?,
        totals: tally.totals,
    };
    write_file(output, PART_FILE, &manifest.to_json()?)?;
    unfinished.leave()?;
    Ok(manifest)
}

/// `nachos clean`: the documents as `nachos build` would use them, as JSON lines; those that are dropped go to `dropped`, if anywhere.
pub fn clean(task: Task<'_>, output: &Path, dropped: Option<&Path>) -> Result<Totals, RunError> {
    let Task { corpus, config, .. } = task;
    let scratch = tempfile::tempdir().map_err(|source| WriteError::Io { path: std::env::temp_dir(), source })?;
    let judge = new_judge(config, scratch.path(), &Mark::default(), 0)?;
    let level = config.write.zstd_level;
    let mut kept_lines = JsonLinesWriter::create(output, level)?;
    let mut dropped_lines = dropped.map(|path| JsonLinesWriter::create(path, level)).transpose()?;
    let mut tally = Tally { totals: corpus.nothing_counted(), corpus };
    let print_dropped = dropped_lines.is_some();
    let finish = || move |batch: Batch| (print(&batch, corpus, print_dropped), batch);
    stream(task, &CLEAN_STAGES, Position::default(), Some(judge), finish, |steps, progress| {
        for step in steps {
            let Some((lines, batch)) = step.item else { return Ok(Some(())) };
            tally.count_batch(&batch);
            for document in &batch.documents {
                tally.count_document(&document.row);
            }
            kept_lines.write(&lines.kept)?;
            dropped_lines.as_mut().map_or(Ok(()), |writer| writer.write(&lines.dropped))?;
            progress.advance(Stage::Write, step.file_bytes);
        }
        Ok(None)
    })?;
    kept_lines.finish()?;
    dropped_lines.map_or(Ok(()), JsonLinesWriter::finish)?;
    Ok(tally.totals)
}

#[derive(Default)]
struct Lines {
    kept: Vec<u8>,
    dropped: Vec<u8>,
}

fn print(batch: &Batch, corpus: &Corpus, print_dropped: bool) -> Lines {
    let mut lines = Lines::default();
    let mut text = String::new();
    for (document, id) in batch.documents.iter().zip(batch.first_id..) {
        let is_kept = document.row.verdict == Verdict::Keep;
        if is_kept || print_dropped {
            text.clear();
            batch.append_text(document, &mut text);
            let out = if is_kept { &mut lines.kept } else { &mut lines.dropped };
            append_json_line(id, &corpus.files[document.row.file as usize].path, &document.row, &text, out);
        }
    }
    lines
}

/// `nachos train-tokenizer`: learns a vocabulary from the words of the inputs' documents.
pub fn train_tokenizer(task: Task<'_>, algorithm: Algorithm, vocab_size: usize) -> Result<TrainedTokenizer, RunError> {
    let counts = count_words(task)?;
    Ok(spinning(task.session.screen, "learn", || TrainedTokenizer::train(algorithm, vocab_size, counts))?)
}

fn count_words(task: Task<'_>) -> Result<WordCounts, RunError> {
    let Task { corpus, config, session } = task;
    let progress = Progress::of(&[Stage::Read, Stage::Write]);
    let permits = Permit::new(session.threads);
    let (to_count, chunks) = bounded(session.threads);
    let (running, finished) = bounded(0);
    thread::scope(|scope| {
        let progress = &progress;
        let read_thread =
            scope.spawn(move || read_all(corpus, &config.input, Position::default(), progress, session.stop, &permits, &to_count));
        let counters: Vec<_> = (0..session.threads)
            .map(|_| {
                let chunks = chunks.clone();
                scope.spawn(move || count_all(config, progress, &chunks))
            })
            .collect();
        drop(chunks);
        scope.spawn(move || progress.show(session.screen, corpus.total_bytes(), &finished));
        let mut counts = WordCounts::default();
        for counter in counters {
            counts.merge(joined(counter));
        }
        drop(running);
        joined(read_thread)?;
        Ok(counts)
    })
}

fn count_all(config: &Config, progress: &Progress, chunks: &Receiver<Step<ReadChunk>>) -> WordCounts {
    let (mut cleaner, mut changes) = (Cleaner::new(&config.clean), CleanCounts::default());
    let (mut counts, mut text) = (WordCounts::default(), String::new());
    for step in chunks {
        if let Some(ReadChunk { chunk, .. }) = &step.item {
            chunk.for_each_record(&mut |record| {
                if let Ok(raw) = record.text {
                    text.clear();
                    if cleaner.clean_into(&raw, &mut text, &mut changes) == Verdict::Keep {
                        counts.add(&text);
                    }
                }
            });
        }
        progress.advance(Stage::Write, step.file_bytes);
    }
    counts
}

fn identity(what: &str, task: Task<'_>, tokenizer: ContentHash) -> Result<Identity, RunError> {
    Ok(Identity {
        what: what.to_owned(),
        program_version: env!("CARGO_PKG_VERSION").into(),
        tokenizer,
        config: serde_json::to_value(task.config).map_err(ManifestError::from)?,
        inputs: Identity::of_inputs(task.corpus.inputs.iter().map(|(_, input)| input)),
        reads_stream: task.corpus.inputs.iter().any(|(_, input)| input.is_stream()),
    })
}

fn new_judge(config: &Config, folder: &Path, mark: &Mark, next_id: u64) -> Result<Judge, RunError> {
    let scratch = folder.join(DEDUP_DIR);
    let deduplicator =
        if next_id == 0 { Deduplicator::create(&config.dedup, &scratch)? } else { Deduplicator::resume(&config.dedup, &scratch, mark)? };
    Ok(Judge::new(deduplicator, next_id))
}

/// Runs the stages from `from` on: `prepare` in parallel, `judge` in order if there is one, `finish` in parallel, and `sink` in order, on this thread. The sink returns `None`
/// if its steps broke off.
fn stream<O: Send, F: FnMut(Batch) -> O, R>(
    task: Task<'_>,
    stages: &'static [Stage],
    from: Position,
    judge: Option<Judge>,
    finish: impl Fn() -> F + Sync,
    sink: impl FnOnce(&mut dyn Iterator<Item = Step<O>>, &Progress) -> Result<Option<R>, RunError>,
) -> Result<R, RunError> {
    let Task { corpus, config, session } = task;
    let progress = Progress::of(stages);
    let threads = session.threads;
    let permits = Permit::new(threads);
    let (to_prepare, chunks) = bounded(threads);
    let (to_judge, prepared) = bounded(threads);
    let (to_finish, judged) = bounded(threads);
    let (to_sink, done) = bounded(threads);
    let (running, finished) = bounded(0);
    thread::scope(|scope| {
        let (progress, finish) = (&progress, &finish);
        let read_thread = scope.spawn(move || read_all(corpus, &config.input, from, progress, session.stop, &permits, &to_prepare));
        let for_dedup = judge.is_some();
        // Without a judge nothing has to be in order before the end.
        let (after_prepare, judged) = if for_dedup { (to_judge, judged) } else { (to_finish.clone(), judged) };
        for _ in 0..threads {
            let (chunks, after_prepare, judged, to_sink) = (chunks.clone(), after_prepare.clone(), judged.clone(), to_sink.clone());
            scope.spawn(move || prepare_all(config, for_dedup, progress, &chunks, &after_prepare));
            scope.spawn(move || finish_all(finish(), progress, &judged, &to_sink));
        }
        drop((chunks, after_prepare, judged, to_sink));
        let judge_thread = scope.spawn(move || judge.map_or(Ok(()), |judge| judge_all(judge, corpus, progress, &prepared, &to_finish)));
        scope.spawn(move || progress.show(session.screen, corpus.total_bytes(), &finished));
        let result = sink(&mut in_order(done), progress);
        drop(running);
        joined(read_thread)?;
        joined(judge_thread)?;
        result?.ok_or(RunError::Interrupted)
    })
}

fn read_all(
    corpus: &Corpus,
    config: &InputConfig,
    from: Position,
    progress: &Progress,
    stop: &AtomicBool,
    permits: &Permit,
    to_prepare: &Sender<Step<ReadChunk>>,
) -> Result<(), RunError> {
    let (mut number, mut file_bytes_before) = (0, 0);
    let mut is_wanted = true;
    for (index, (file, input)) in corpus.inputs.iter().enumerate() {
        if index < from.input {
            progress.read.file_bytes.fetch_add(input.bytes_to_read(), Ordering::Relaxed);
            continue;
        }
        let start = if index == from.input { from.offset.max(input.range.start) } else { input.range.start };
        read_chunks(input, start, config, &progress.read, &mut |chunk| {
            let file_bytes_now = progress.read.file_bytes.load(Ordering::Relaxed);
            let next = Position { input: index, offset: chunk.end };
            is_wanted = !stop.load(Ordering::Relaxed)
                && permits.take(chunk.bytes.len()).is_some_and(|permits| {
                    let item = Some(ReadChunk { chunk, file: *file, next });
                    deliver(to_prepare, Step { number, item, file_bytes: file_bytes_now - file_bytes_before, permits })
                });
            number += 1;
            file_bytes_before = file_bytes_now;
            is_wanted
        })?;
        if stop.load(Ordering::Relaxed) {
            return Err(RunError::Interrupted);
        }
        if !is_wanted {
            return Ok(());
        }
    }
    if let Some(permits) = permits.take(0) {
        deliver(to_prepare, Step { number, item: None, file_bytes: 0, permits });
    }
    Ok(())
}

fn prepare_all(config: &Config, for_dedup: bool, progress: &Progress, chunks: &Receiver<Step<ReadChunk>>, to: &Sender<Step<Batch>>) {
    let mut preparer = Preparer::new(config, for_dedup);
    for step in chunks {
        progress.advance(Stage::Clean, step.file_bytes);
        if !deliver(to, step.map(|ReadChunk { chunk, file, next }| preparer.prepare(&chunk, file, next))) {
            return;
        }
    }
}

fn judge_all(
    mut judge: Judge,
    corpus: &Corpus,
    progress: &Progress,
    prepared: &Receiver<Step<Batch>>,
    to_finish: &Sender<Step<Batch>>,
) -> Result<(), RunError> {
    for mut step in in_order(prepared.clone()) {
        if let Some(batch) = &mut step.item {
            judge.judge(batch, |file| corpus.weight_of(file))?;
        }
        progress.advance(Stage::Dedup, step.file_bytes);
        if !deliver(to_finish, step) {
            break;
        }
    }
    log::info!("deduplication: {} bytes in memory", judge.memory_bytes());
    Ok(())
}

fn finish_all<O>(mut finish: impl FnMut(Batch) -> O, progress: &Progress, judged: &Receiver<Step<Batch>>, to_sink: &Sender<Step<O>>) {
    for step in judged {
        for stage in [Stage::Tokenize, Stage::Print] {
            progress.advance(stage, step.file_bytes);
        }
        if !deliver(to_sink, step.map(&mut finish)) {
            return;
        }
    }
}

/// The end of a build: packs on its own thread and writes on another.
struct BuildSink<'t> {
    task: Task<'t>,
    packer: Packer,
    tally: Tally<'t>,
    writer: BuildWriter,
}

struct Built {
    unfinished: Unfinished,
    shards: Vec<ShardInfo>,
    log: DocumentsLog,
    totals: Totals,
}

/// What packing hands to writing, in order.
struct Product {
    documents: Vec<DocumentRow>,
    rows: Vec<PackedSequence>,
    file_bytes: u64,
    /// The state after these rows, if writing asked for it.
    state: Option<Box<(Checkpoint<ShardInfo>, PackerState)>>,
    is_last: bool,
}

impl<'t> BuildSink<'t> {
    fn new(
        task: Task<'t>,
        encoder: &Encoder,
        output: &Path,
        unfinished: Unfinished,
        checkpoint: &Checkpoint<ShardInfo>,
        rows: Rows,
    ) -> Result<Self, RunError> {
        let Task { corpus, config, .. } = task;
        let SpecialTokens { bos, eos, .. } = *encoder.special_tokens();
        let mut packer = Packer::new(&config.pack, Frame { bos, eos });
        packer.restore(rows.packer);
        let shards = ShardWriter::new(output.to_owned(), encoder.vocab_size(), &config.write, checkpoint.finished.clone())?;
        let log = DocumentsLog::open(unfinished.folder(), checkpoint.documents_bytes)?;
        let mut writer = BuildWriter { unfinished, shards, log, since_closed: None };
        rows.pending.into_iter().try_for_each(|row| writer.push(row))?;
        Ok(Self { task, packer, tally: Tally { totals: checkpoint.totals.clone(), corpus }, writer })
    }

    fn run(self, steps: &mut dyn Iterator<Item = Step<Batch>>, progress: &Progress) -> Result<Option<Built>, RunError> {
        let Self { task, packer, mut tally, writer } = self;
        let (to_write, products) = bounded(task.session.threads);
        // Rows from before the interruption may have closed a shard.
        let is_state_wanted = AtomicBool::new(writer.since_closed.is_some());
        let written = thread::scope(|scope| {
            let write_thread = scope.spawn(|| writer.write_all(products, &is_state_wanted, progress));
            pack_all(packer, &mut tally, &is_state_wanted, steps, progress, &to_write);
            drop(to_write);
            joined(write_thread)
        })?;
        Ok(written.map(|(unfinished, shards, log)| Built { unfinished, shards, log, totals: tally.totals }))
    }
}

fn pack_all(
    mut packer: Packer,
    tally: &mut Tally<'_>,
    is_state_wanted: &AtomicBool,
    steps: &mut dyn Iterator<Item = Step<Batch>>,
    progress: &Progress,
    to_write: &Sender<Product>,
) {
    for step in steps {
        let mut rows = Vec::new();
        let (file_bytes, is_last) = (step.file_bytes, step.item.is_none());
        let mut documents = Vec::new();
        let mut state = None;
        if let Some(batch) = step.item {
            documents = pack(&mut packer, &batch, tally, &mut rows);
            if is_state_wanted.swap(false, Ordering::AcqRel) {
                let (position, next_id, totals) = (batch.next, batch.first_id + batch.documents.len() as u64, tally.totals.clone());
                let checkpoint = Checkpoint { position, next_id, totals, dedup: batch.dedup, ..Checkpoint::default() };
                state = Some(Box::new((checkpoint, packer.state())));
            }
        } else {
            packer.finish(&mut rows);
            count_rows(&rows, tally);
        }
        progress.advance(Stage::Pack, file_bytes);
        if !deliver(to_write, Product { documents, rows, file_bytes, state, is_last }) {
            return;
        }
    }
}

struct BuildWriter {
    unfinished: Unfinished,
    shards: ShardWriter,
    log: DocumentsLog,
    /// The rows since a shard was closed, while the state that goes with it is not there yet.
    since_closed: Option<Vec<PackedSequence>>,
}

impl BuildWriter {
    fn write_all(
        mut self,
        products: Receiver<Product>,
        is_state_wanted: &AtomicBool,
        progress: &Progress,
    ) -> Result<Option<(Unfinished, Vec<ShardInfo>, DocumentsLog)>, RunError> {
        for Product { documents, rows, file_bytes, state, is_last } in products {
            documents.iter().try_for_each(|row| self.log.push(row))?;
            let had_asked = self.since_closed.is_some();
            rows.into_iter().try_for_each(|row| self.push(row))?;
            if self.since_closed.is_some() && !had_asked {
                is_state_wanted.store(true, Ordering::Release);
            }
            if let Some(state) = state {
                self.save(*state)?;
            }
            progress.advance(Stage::Write, file_bytes);
            if is_last {
                return Ok(Some((self.unfinished, self.shards.finish()?, self.log)));
            }
        }
        Ok(None)
    }

    fn push(&mut self, row: PackedSequence) -> Result<(), WriteError> {
        let finished_before = self.shards.finished().len();
        if let Some(rows) = &mut self.since_closed {
            rows.push(row.clone());
        }
        self.shards.push(row)?;
        if self.shards.finished().len() > finished_before {
            self.since_closed = Some(Vec::new());
        }
        Ok(())
    }

    fn save(&mut self, (checkpoint, packer): (Checkpoint<ShardInfo>, PackerState)) -> Result<(), RunError> {
        checkpoint.dedup.synchronize(&self.unfinished.folder().join(DEDUP_DIR))?;
        let documents_bytes = self.log.synchronize()?;
        let pending = self.since_closed.take().unwrap_or_default();
        let finished = self.shards.finished().to_vec();
        Ok(self.unfinished.save(Checkpoint { documents_bytes, finished, ..checkpoint }, &Rows { packer, pending })?)
    }
}

/// Turns the log of documents into `documents.parquet`.
fn write_documents(corpus: &Corpus, config: &Config, output: &Path, log: DocumentsLog) -> Result<FileInfo, RunError> {
    let mut documents = DocumentsWriter::create(output, corpus.file_names(), &config.write)?;
    log.replay(&mut |row| documents.push(row))?;
    Ok(documents.finish()?)
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

/// Gives out permits, as many as MiB may be under way.
struct Permit {
    give_back: Sender<()>,
    free: Receiver<()>,
    capacity: usize,
}

impl Permit {
    fn new(threads: usize) -> Self {
        let capacity = MIB_IN_FLIGHT * threads;
        let (give_back, free) = bounded(capacity);
        while give_back.try_send(()).is_ok() {}
        Self { give_back, free, capacity }
    }

    /// Waits for the permits of a chunk of so many bytes. One that is larger than all of them has to be alone.
    fn take(&self, bytes: usize) -> Option<Permits> {
        let mut permits = Permits { count: 0, give_back: self.give_back.clone() };
        for _ in 0..bytes.div_ceil(1 << 20).clamp(1, self.capacity) {
            self.free.recv().ok()?;
            permits.count += 1;
        }
        Some(permits)
    }
}

/// Whether somebody was there to take it. A stage whose receiver is gone ends too: the one that went first has the reason.
fn deliver<T>(to: &Sender<T>, item: T) -> bool {
    to.send(item).is_ok()
}

/// The steps by their numbers, which start at 0 and leave none out.
fn in_order<T>(steps: Receiver<Step<T>>) -> impl Iterator<Item = Step<T>> {
    let mut early = BTreeMap::new();
    (0..).map_while(move |wanted| {
        while !early.contains_key(&wanted) {
            let step = steps.recv().ok()?;
            early.insert(step.number, step);
        }
        early.remove(&wanted)
    })
}

/// The thread's result; its panic goes on in this thread.
fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
