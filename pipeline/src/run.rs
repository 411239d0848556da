//! What each command runs: which stages, in which order, and what becomes of their results. The threads are [`schedule`]'s.
//!
//! ```text
//! build   read ─► clean ─► dedup* ─► tokenize ─► pack* ─► write*
//! part    read ─► clean ───────────────────────────────► write*
//! clean   read ─► clean ─► dedup* ─► print ────────────► write*
//! train   read ─► count                                         * in the order of the documents
//! ```

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use arrow::array::AsArray;
use indicatif::MultiProgress;
use rustc_hash::FxHashSet;
use schemas::{
    DOCUMENTS_FILE, MANIFEST_FILE, TOKENIZER_DIR, TOKENIZER_FILES,
    documents::{self, Verdict},
    hash::ContentHash,
    manifest::{
        FileInfo, Manifest, ManifestError, SCHEMA_MAJOR, SCHEMA_MINOR, SchemaVersion, ShardInfo, SpecialTokens, TokenizerInfo, Totals,
        WriteTotals,
    },
    part::{PART_FILE, PartManifest},
};

use crate::{
    batch::{Batch, Document, Judge, Position, Preparer, Tally, Tokenizer, pack, print},
    clean::{CleanCounts, Cleaner},
    config::Config,
    corpus::{Corpus, is_same_file},
    dedup::{DedupError, Deduplicator, Mark},
    pack::{Frame, PackedSequence, Packer, PackerState},
    progress::{Progress, Stage, spinning},
    read::{ReadError, read_chunks},
    resume::{Checkpoint, Identity, ResumeError, Rows, Start, Unfinished},
    schedule::{self, Emit, Ordered, Own, Work},
    tokenize::{Algorithm, Encoder, TokenizeError, TrainedTokenizer, WordCounts},
    trace::{for_each_batch, named},
    verify::{VerifyError, read_manifest, read_part},
    write::{DocumentsLog, DocumentsWriter, JsonLinesWriter, PartWriter, ShardWriter, WriteError, write_file},
};

/// A batch is handed on when it has at least so many bytes: chunks of small files go together.
const MIN_BATCH_BYTES: usize = 1 << 19;
/// The next checkpoint waits so many times as long as the last one took: they cost a fiftieth of the time at most.
const CHECKPOINT_REST: u32 = 50;
/// A larger share of tokens that the tokenizer does not know is worth a warning; one trained as SentencePiece's does not know one character in 2,000 of its own text.
const UNKNOWN_SHARE: f64 = 0.005;
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
    #[error("interrupted: standard input and pipes cannot be read again: delete the output folder and run the same command again")]
    InterruptedStream,
    #[error("interrupted: nothing was written; run the same command again")]
    NothingWritten,
}

impl RunError {
    /// What an interruption is where no run can go on.
    fn interrupted_as(self, other: Self) -> Self {
        if matches!(self, Self::Interrupted) { other } else { self }
    }
}

/// What a run leaves.
pub struct Outcome<M> {
    pub manifest: M,
    /// Whether it was there already: there was nothing to do.
    pub was_there: bool,
}

/// What every run needs: how many threads, where to show progress, when to stop.
pub struct Session<'s> {
    /// Worker threads.
    pub threads: usize,
    pub screen: &'s MultiProgress,
    /// Whether to tell at the end what each stage cost.
    pub profile: bool,
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

/// `nachos build`, and `nachos merge`, whose corpus is one of cleaned documents: a shard directory at `output`. With `resume` it goes on where it was interrupted.
pub fn build(task: Task<'_>, tokenizer: &Path, output: &Path, resume: bool) -> Result<Outcome<Manifest>, RunError> {
    let Task { corpus, config, .. } = task;
    let encoder = Encoder::from_dir(tokenizer)?;
    if !encoder.is_cached() {
        log::warn!(
            "{}: the ids of its words may depend on other words: every text goes to the tokenizers library, which is slow",
            tokenizer.display()
        );
    }
    let identity = identity("build", task, encoder.hash())?;
    let (unfinished, checkpoint, rows) = match Unfinished::enter::<ShardInfo>(output, MANIFEST_FILE, &identity, resume)? {
        Start::New(unfinished) => (unfinished, Checkpoint { totals: corpus.nothing_counted(), ..Checkpoint::default() }, Rows::default()),
        Start::GoOn(unfinished, state) => {
            let (checkpoint, rows) = *state;
            (unfinished, checkpoint, rows)
        }
        Start::Finished => return Ok(Outcome { manifest: finished_build(output, &identity, corpus)?, was_there: true }),
    };
    let mut judge = new_judge(config, unfinished.folder(), &checkpoint.dedup, checkpoint.next_id)?;
    let SpecialTokens { bos, eos, .. } = *encoder.special_tokens();
    let mut packer = Packer::new(&config.pack, Frame { bos, eos });
    packer.restore(rows.packer);
    let mut tally = Tally { totals: checkpoint.totals, corpus };
    let shards = ShardWriter::new(output.to_owned(), encoder.vocab_size(), &config.write, checkpoint.finished)?;
    let mut documents = DocumentsWriter::create(output, corpus.file_names(), &config.write)?;
    let log = DocumentsLog::open(unfinished.folder(), checkpoint.documents_bytes, &mut |row| documents.push(row))?;
    let mut writer = BuildWriter { unfinished, shards, log, documents, since_closed: None, next_save: Instant::now() };
    rows.pending.into_iter().try_for_each(|row| writer.push(row))?;
    // Rows from before the interruption may have closed a shard.
    let is_state_wanted = AtomicBool::new(writer.since_closed.is_some());
    let tokenize = |_| {
        let mut tokenizer = Tokenizer::new(encoder.clone());
        boxed(move |batch| tokenizer.tokenize(batch))
    };
    let prepare = |_| preparing(config, true);
    let pack_in_order = |batch: &mut Batch| {
        pack(&mut packer, batch, &mut tally);
        if !batch.is_last && is_state_wanted.swap(false, Ordering::AcqRel) {
            let (position, next_id, totals) = (batch.next, batch.first_id + batch.documents.len() as u64, tally.totals.clone());
            let checkpoint = Checkpoint { position, next_id, totals, dedup: batch.dedup.clone(), ..Checkpoint::default() };
            batch.state = Some(Box::new((checkpoint, packer.state())));
        }
        Ok(())
    };
    let stages = vec![
        (Stage::Clean, Work::Anywhere(&prepare)),
        (Stage::Dedup, Work::InOrder(judging(&mut judge, corpus))),
        (Stage::Tokenize, Work::Anywhere(&tokenize)),
        (Stage::Pack, Work::InOrder(Box::new(pack_in_order))),
        (Stage::Write, Work::InOrder(Box::new(|batch| writer.write(batch, &is_state_wanted)))),
    ];
    passed(pass(task, checkpoint.position, stages), &identity)?;
    let BuildWriter { unfinished, shards, documents, .. } = writer;
    let (shards, documents) = (shards.finish()?, documents.finish()?);
    let mut totals = tally.totals;
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
    let unknown = manifest.totals.pack.unknown_tokens as f64 / manifest.totals.pack.tokens.max(1) as f64;
    if unknown > UNKNOWN_SHARE {
        log::warn!("{}: {:.1} % of the tokens are unknown to it: was it trained on other text?", tokenizer.display(), 100.0 * unknown);
    }
    if manifest.totals.pack.tokens == 0 {
        log::warn!("{}: no document was kept: there is nothing to train on", output.display());
    }
    Ok(Outcome { manifest, was_there: false })
}

/// The manifest of the build that has ended in `output`, which must be the one of now: of the same inputs by what the documents say.
fn finished_build(output: &Path, now: &Identity, corpus: &Corpus) -> Result<Manifest, RunError> {
    let manifest = read_manifest(output)?;
    let known: FxHashSet<&str> = corpus.files.iter().map(|file| file.path.as_str()).collect();
    let mut has_same_inputs = manifest.totals.read.files == corpus.files.len() as u64;
    for_each_batch(&output.join(DOCUMENTS_FILE), Some(&[documents::SOURCE]), &mut |batch, _| {
        has_same_inputs &= named(batch, documents::SOURCE).as_string::<i32>().iter().flatten().all(|source| known.contains(source));
    })?;
    let before = Identity {
        program_version: manifest.program_version.clone(),
        tokenizer: manifest.tokenizer.hash,
        config: manifest.config.clone(),
        ..now.clone()
    };
    before.check_finished(output, MANIFEST_FILE, now, has_same_inputs)?;
    Ok(manifest)
}

/// `nachos build --part`: the cleaned documents of a share of the inputs, for `nachos merge`.
pub fn build_part(
    task: Task<'_>,
    (part, of): (usize, usize),
    tokenizer: &Path,
    output: &Path,
    resume: bool,
) -> Result<Outcome<PartManifest>, RunError> {
    let Task { corpus, config, .. } = task;
    let encoder = Encoder::from_dir(tokenizer)?;
    let identity = identity(&part_name(part, of), task, encoder.hash())?;
    let (mut unfinished, mut checkpoint) = match Unfinished::enter::<FileInfo>(output, PART_FILE, &identity, resume)? {
        Start::New(unfinished) => (unfinished, Checkpoint { totals: corpus.nothing_counted(), ..Checkpoint::default() }),
        Start::GoOn(unfinished, state) => (unfinished, state.0),
        Start::Finished => return Ok(Outcome { manifest: finished_part(output, &identity, corpus)?, was_there: true }),
    };
    let mut writer = PartWriter::new(output.to_owned(), &config.write, std::mem::take(&mut checkpoint.finished))?;
    let mut tally = Tally { totals: std::mem::take(&mut checkpoint.totals), corpus };
    let write = |batch: &mut Batch| {
        tally.count_batch(batch);
        batch.documents.iter().for_each(|document| tally.count_document(&document.row));
        let texts = batch.documents.iter().map(|document| (&document.row, batch.text(document)));
        if writer.push(texts)? {
            let (finished, totals) = (writer.finished().to_vec(), tally.totals.clone());
            unfinished.save(Checkpoint { position: batch.next, finished, totals, ..Checkpoint::default() }, &Rows::default())?;
        }
        Ok(())
    };
    let prepare = |_| preparing(config, false);
    let stages = vec![(Stage::Clean, Work::Anywhere(&prepare)), (Stage::Write, Work::InOrder(Box::new(write)))];
    passed(pass(task, checkpoint.position, stages), &identity)?;
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
    Ok(Outcome { manifest, was_there: false })
}

/// The manifest of the part that has ended in `output`, which must be the one of now.
fn finished_part(output: &Path, now: &Identity, corpus: &Corpus) -> Result<PartManifest, RunError> {
    let manifest = read_part(output)?;
    let before = Identity {
        what: part_name(manifest.part, manifest.of),
        program_version: manifest.program_version.clone(),
        tokenizer: manifest.tokenizer,
        config: manifest.config.clone(),
        ..now.clone()
    };
    before.check_finished(output, PART_FILE, now, manifest.inputs == corpus.files)?;
    Ok(manifest)
}

fn part_name(part: usize, of: usize) -> String {
    format!("part {part} of {of}")
}

/// What became of a run that can go on if its inputs can be read again.
fn passed(result: Result<(), RunError>, identity: &Identity) -> Result<(), RunError> {
    result.map_err(|error| if identity.reads_stream { error.interrupted_as(RunError::InterruptedStream) } else { error })
}

/// `nachos clean`: the documents as `nachos build` would use them, as JSON lines; those that are dropped go to `dropped`, if anywhere.
pub fn clean(task: Task<'_>, output: &Path, dropped: Option<&Path>) -> Result<Totals, RunError> {
    let Task { corpus, config, .. } = task;
    if let Some(path) = [Some(output), dropped].into_iter().flatten().find(|path| corpus.has_input(path)) {
        return Err(WriteError::Input(path.to_owned()).into());
    }
    if let Some(path) = dropped.filter(|path| is_same_file(path, output)) {
        return Err(WriteError::Twice(path.to_owned()).into());
    }
    let scratch = tempfile::tempdir().map_err(|source| WriteError::Io { path: std::env::temp_dir(), source })?;
    let mut judge = new_judge(config, scratch.path(), &Mark::default(), 0)?;
    let level = config.write.zstd_level;
    let mut kept_lines = JsonLinesWriter::create(output, level)?;
    let mut dropped_lines = dropped.map(|path| JsonLinesWriter::create(path, level)).transpose()?;
    let mut tally = Tally { totals: corpus.nothing_counted(), corpus };
    let with_dropped = dropped_lines.is_some();
    let write = |batch: &mut Batch| {
        tally.count_batch(batch);
        batch.documents.iter().for_each(|document| tally.count_document(&document.row));
        kept_lines.write(&batch.kept_lines)?;
        Ok(dropped_lines.as_mut().map_or(Ok(()), |writer| writer.write(&batch.dropped_lines))?)
    };
    let prepare = |_| preparing(config, true);
    let print = |_| boxed(|batch| print(batch, corpus, with_dropped));
    let stages = vec![
        (Stage::Clean, Work::Anywhere(&prepare)),
        (Stage::Dedup, Work::InOrder(judging(&mut judge, corpus))),
        (Stage::Print, Work::Anywhere(&print)),
        (Stage::Write, Work::InOrder(Box::new(write))),
    ];
    pass(task, Position::default(), stages).map_err(|error| error.interrupted_as(RunError::NothingWritten))?;
    kept_lines.finish()?;
    dropped_lines.map_or(Ok(()), JsonLinesWriter::finish)?;
    Ok(tally.totals)
}

/// `nachos train-tokenizer`: learns a vocabulary from the words of the inputs' documents.
pub fn train_tokenizer(task: Task<'_>, algorithm: Algorithm, vocab_size: usize) -> Result<TrainedTokenizer, RunError> {
    let counts = count_words(task)?;
    Ok(spinning(task.session.screen, "learn", || TrainedTokenizer::train(algorithm, vocab_size, counts))?)
}

fn count_words(task: Task<'_>) -> Result<WordCounts, RunError> {
    let config = task.config;
    let counters: Vec<_> = (0..task.session.threads).map(|_| Mutex::new(WordCounts::default())).collect();
    let count = |worker: usize| {
        let (mut cleaner, mut changes, mut text) = (Cleaner::new(&config.clean), CleanCounts::default(), String::new());
        let counter = &counters[worker];
        boxed(move |batch| {
            let mut counts = counter.lock().unwrap_or_else(PoisonError::into_inner);
            for (_, chunk) in &batch.chunks {
                chunk.for_each_record(&mut |record| {
                    if let Ok(raw) = record.text {
                        text.clear();
                        if cleaner.clean_into(&raw, &mut text, &mut changes) == Verdict::Keep {
                            counts.add(&text);
                        }
                    }
                });
            }
        })
    };
    let counted = pass(task, Position::default(), vec![(Stage::Count, Work::Anywhere(&count))]);
    counted.map_err(|error| error.interrupted_as(RunError::NothingWritten))?;
    let mut counts = WordCounts::default();
    for counter in counters {
        counts.merge(counter.into_inner().unwrap_or_else(PoisonError::into_inner));
    }
    Ok(counts)
}

fn identity(what: &str, task: Task<'_>, tokenizer: ContentHash) -> Result<Identity, RunError> {
    Ok(Identity {
        what: what.to_owned(),
        program_version: env!("CARGO_PKG_VERSION").into(),
        tokenizer,
        config: serde_json::to_value(task.config).map_err(ManifestError::from)?,
        inputs: task.corpus.identities.clone(),
        reads_stream: task.corpus.inputs.iter().any(|(_, input)| input.is_stream()),
    })
}

fn new_judge(config: &Config, folder: &Path, mark: &Mark, next_id: u64) -> Result<Judge, RunError> {
    let scratch = folder.join(DEDUP_DIR);
    let deduplicator =
        if next_id == 0 { Deduplicator::create(&config.dedup, &scratch)? } else { Deduplicator::resume(&config.dedup, &scratch, mark)? };
    Ok(Judge::new(deduplicator, next_id))
}

fn boxed<'w>(work: impl FnMut(&mut Batch) + 'w) -> Own<'w> {
    Box::new(work)
}

fn preparing(config: &Config, for_dedup: bool) -> Own<'static> {
    let mut preparer = Preparer::new(config, for_dedup);
    boxed(move |batch| preparer.prepare(batch))
}

fn judging<'w>(judge: &'w mut Judge, corpus: &'w Corpus) -> Ordered<'w, RunError> {
    Box::new(|batch| {
        judge.judge(batch, |file| corpus.weight_of(file))?;
        if batch.is_last {
            log::info!("deduplication: {} bytes in memory", judge.memory_bytes());
        }
        Ok(())
    })
}

/// Sends all that the task reads from `from` on through the stages.
fn pass(task: Task<'_>, from: Position, stages: Vec<(Stage, Work<'_, RunError>)>) -> Result<(), RunError> {
    let Session { threads, screen, profile, .. } = *task.session;
    let progress = Progress::of(stages.iter().map(|(stage, _)| *stage), threads);
    let shown = (screen, task.corpus.total_bytes());
    let is_through = schedule::run(threads, stages, |emit| read_all(task, from, &progress, emit), &progress, shown)?;
    if profile {
        progress.tell();
    }
    if is_through { Ok(()) } else { Err(RunError::Interrupted) }
}

fn read_all(task: Task<'_>, from: Position, progress: &Progress, emit: &mut Emit<'_>) -> Result<(), RunError> {
    let Task { corpus, config, session } = task;
    let mut file_bytes_before = 0;
    let mut batch = Some(Batch::default());
    for (index, (file, input)) in corpus.inputs.iter().enumerate() {
        if index < from.input {
            progress.read.file_bytes.fetch_add(input.bytes_to_read(), Ordering::Relaxed);
            continue;
        }
        let start = if index == from.input { from.offset.max(input.range.start) } else { input.range.start };
        read_chunks(input, start, &config.input, &progress.read, &mut |chunk| {
            let mut filled = batch.take()?;
            let file_bytes = progress.read.file_bytes.load(Ordering::Relaxed);
            let next = Position { input: index, offset: chunk.end };
            filled.read(*file, chunk, file_bytes - file_bytes_before, next);
            file_bytes_before = file_bytes;
            if session.stop.load(Ordering::Relaxed) {
                return None;
            }
            batch = if filled.bytes < MIN_BATCH_BYTES { Some(filled) } else { emit(filled) };
            batch.as_mut().map(Batch::spare_buffer)
        })?;
        if session.stop.load(Ordering::Relaxed) {
            return Err(RunError::Interrupted);
        }
    }
    if let Some(mut last) = batch {
        last.is_last = true;
        emit(last);
    }
    Ok(())
}

struct BuildWriter {
    unfinished: Unfinished,
    shards: ShardWriter,
    /// What `documents` is written from again if the run is interrupted.
    log: DocumentsLog,
    documents: DocumentsWriter,
    /// The rows since a shard was closed, while the state that goes with it is not there yet.
    since_closed: Option<Vec<PackedSequence>>,
    /// No checkpoint is wanted before.
    next_save: Instant,
}

impl BuildWriter {
    fn write(&mut self, batch: &mut Batch, is_state_wanted: &AtomicBool) -> Result<(), RunError> {
        for Document { row, .. } in batch.documents.drain(..) {
            self.log.push(&row)?;
            self.documents.push(row)?;
        }
        let had_asked = self.since_closed.is_some();
        batch.rows.drain(..).try_for_each(|row| self.push(row))?;
        if self.since_closed.is_some() && !had_asked {
            is_state_wanted.store(true, Ordering::Release);
        }
        batch.state.take().map_or(Ok(()), |state| self.save(*state))
    }

    fn push(&mut self, row: PackedSequence) -> Result<(), WriteError> {
        let finished_before = self.shards.finished().len();
        if let Some(rows) = &mut self.since_closed {
            rows.push(row.clone());
        }
        self.shards.push(row)?;
        if self.shards.finished().len() > finished_before && (self.since_closed.is_some() || Instant::now() >= self.next_save) {
            self.since_closed = Some(Vec::new());
        }
        Ok(())
    }

    fn save(&mut self, (checkpoint, packer): (Checkpoint<ShardInfo>, PackerState)) -> Result<(), RunError> {
        let begun = Instant::now();
        checkpoint.dedup.synchronize(&self.unfinished.folder().join(DEDUP_DIR))?;
        let documents_bytes = self.log.synchronize()?;
        let pending = self.since_closed.take().unwrap_or_default();
        let finished = self.shards.finished().to_vec();
        self.unfinished.save(Checkpoint { documents_bytes, finished, ..checkpoint }, &Rows { packer, pending })?;
        self.next_save = Instant::now() + begun.elapsed() * CHECKPOINT_REST;
        Ok(())
    }
}

fn copy_tokenizer(from: &Path, output: &Path) -> Result<Vec<FileInfo>, RunError> {
    let folder = output.join(TOKENIZER_DIR);
    fs::create_dir_all(&folder).map_err(|source| WriteError::Io { path: folder.clone(), source })?;
    let mut files = Vec::new();
    for (index, name) in TOKENIZER_FILES.into_iter().enumerate() {
        let path = from.join(name);
        // The first is what the encoder was read from, and must still be there.
        if index == 0 || path.exists() {
            let content = fs::read(&path).map_err(|source| RunError::TokenizerFile(path, source))?;
            let (bytes, xxh3) = write_file(&folder, name, &content)?;
            files.push(FileInfo { file: format!("{TOKENIZER_DIR}/{name}"), bytes, xxh3 });
        }
    }
    Ok(files)
}
