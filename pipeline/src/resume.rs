//! What makes an interrupted run go on where it was, with the result that it would have had.
//!
//! While a run is not finished, its output folder holds the folder `unfinished`:
//!
//! ```text
//! run.json          what is being made of what: inputs, settings, tokenizer. A run goes on only if all of it is unchanged
//! checkpoint.json   how far it is; replaced atomically, after everything it speaks of is on the disk
//! rows-N.bin        rows of ids that are not in a finished shard yet
//! documents.log     the documents so far
//! dedup/            the state of deduplication
//! ```
//!
//! Logs only grow, and a checkpoint states their lengths: what stands beyond is from after the checkpoint, and is made again.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use schemas::{
    hash::ContentHash,
    manifest::{FileInfo, Totals},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    batch::Position,
    config::leaves,
    dedup::Mark,
    pack::{PackedSequence, PackerState, rows_from_bytes, rows_to_bytes},
    read::Input,
    write::{WriteError, check_output_folder, empty_output_folder, write_file},
};

const UNFINISHED_DIR: &str = "unfinished";
const RUN_FILE: &str = "run.json";
const CHECKPOINT_FILE: &str = "checkpoint.json";
/// Differences that an error names; more would hide the first.
const NAMED_DIFFERENCES: usize = 3;

#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    #[error("{0}: holds an unfinished run: add --resume to go on with it, or delete the folder")]
    Unfinished(PathBuf),
    #[error("{0}: another run is writing into this folder")]
    Locked(PathBuf),
    #[error("{folder}: cannot go on, since this is not the run that was interrupted: {}; run it as it was, or choose another --output", differences.join("; "))]
    Changed { folder: PathBuf, differences: Vec<String> },
    #[error("{folder}: holds what another run made: {}; choose another --output", differences.join("; "))]
    Other { folder: PathBuf, differences: Vec<String> },
    #[error("standard input and pipes cannot be read again: a run that reads them cannot be resumed")]
    Stream,
    #[error("{0}: is damaged: delete the output folder and start again")]
    Damaged(PathBuf),
    #[error("{0}: is damaged: delete the output folder and start again")]
    NotJson(PathBuf, #[source] serde_json::Error),
    #[error("{path}: cannot be read")]
    Io { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// What decides the result of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// `build`, or the part of one.
    pub what: String,
    pub program_version: String,
    /// The hash of `tokenizer.json`.
    pub tokenizer: ContentHash,
    pub config: Value,
    pub inputs: BTreeMap<String, InputIdentity>,
    /// Whether one of them can be read only once.
    pub reads_stream: bool,
}

/// What tells an input from another one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputIdentity {
    /// Its place among the inputs.
    number: usize,
    bytes: u64,
    /// Nanoseconds since 1970.
    modified: u64,
}

impl InputIdentity {
    pub fn of(number: usize, input: &Input) -> Self {
        Self { number, bytes: input.file_bytes, modified: modified(&input.path) }
    }
}

/// When a file was changed last, in nanoseconds since 1970, if that is known.
fn modified(path: &Path) -> u64 {
    let modified = path.metadata().and_then(|metadata| metadata.modified()).ok();
    modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map_or(0, |time| time.as_nanos() as u64)
}

impl Identity {
    /// Checks that the run whose identity this is, which has ended with `last_file` in `folder`, is the one of now.
    pub fn check_finished(&self, folder: &Path, last_file: &str, now: &Self, has_same_inputs: bool) -> Result<(), ResumeError> {
        let mut differences = self.differences(now);
        let finished = modified(&folder.join(last_file));
        let newer = now.inputs.iter().find(|(_, input)| input.modified > finished);
        differences.extend(newer.map(|(name, _)| format!("input {name} was changed since")));
        differences.extend((!has_same_inputs).then(|| "the inputs were others".to_owned()));
        if differences.is_empty() { Ok(()) } else { Err(ResumeError::Other { folder: folder.to_owned(), differences }) }
    }

    /// What is different in `now`, in words.
    fn differences(&self, now: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |name: &str, before: &str, now: &str| {
            if before != now {
                found.push(format!("{name} was {before}, and is {now}"));
            }
        };
        compare("the run", &self.what, &now.what);
        compare("nachos", &self.program_version, &now.program_version);
        compare("the tokenizer", &self.tokenizer.to_string(), &now.tokenizer.to_string());
        let (before, after) = (leaves(&self.config), leaves(&now.config));
        for key in before.keys().chain(after.keys().filter(|key| !before.contains_key(*key))) {
            let value = |values: &BTreeMap<String, String>| values.get(key).map_or("absent", String::as_str).to_owned();
            compare(key, &value(&before), &value(&after));
        }
        for (name, input) in &self.inputs {
            match now.inputs.get(name) {
                None => found.push(format!("input {name} is gone")),
                Some(other) if other != input => found.push(format!("input {name} is not what it was (size, time or place)")),
                Some(_) => {}
            }
        }
        found.extend(now.inputs.keys().filter(|name| !self.inputs.contains_key(*name)).map(|name| format!("input {name} is new")));
        if found.len() > NAMED_DIFFERENCES {
            let more = found.len() - NAMED_DIFFERENCES;
            found.truncate(NAMED_DIFFERENCES);
            found.push(format!("and {more} more"));
        }
        found
    }
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint<S> {
    pub position: Position,
    pub next_id: u64,
    pub totals: Totals,
    pub dedup: Mark,
    /// Bytes of `documents.log`.
    pub documents_bytes: u64,
    /// The files that are finished.
    pub finished: Vec<S>,
    /// The file of [`Rows`].
    pub rows: Option<FileInfo>,
}

impl<S> Default for Checkpoint<S> {
    fn default() -> Self {
        Self {
            position: Position::default(),
            next_id: 0,
            totals: Totals::default(),
            dedup: Mark::default(),
            documents_bytes: 0,
            finished: Vec::new(),
            rows: None,
        }
    }
}

/// Rows of ids that are not in a finished shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    pub packer: PackerState,
    /// Full, and to be written first.
    pub pending: Vec<PackedSequence>,
}

/// The folder of an unfinished run.
pub struct Unfinished {
    folder: PathBuf,
    next_rows: u64,
    /// Holds the lock on the output folder.
    _lock: File,
}

/// How a run begins.
pub enum Start<S> {
    New(Unfinished),
    GoOn(Unfinished, Box<(Checkpoint<S>, Rows)>),
    /// There is nothing left to do.
    Finished,
}

impl Unfinished {
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Enters the output folder, which must be new, empty, or hold what this run left when it was interrupted.
    pub fn enter<S: DeserializeOwned>(
        output: &Path,
        finished_file: &str,
        identity: &Identity,
        resume: bool,
    ) -> Result<Start<S>, ResumeError> {
        let io_error = |source| ResumeError::Write(WriteError::Io { path: output.to_owned(), source });
        fs::create_dir_all(output).map_err(io_error)?;
        let lock = File::open(output).map_err(io_error)?;
        if matches!(lock.try_lock(), Err(fs::TryLockError::WouldBlock)) {
            return Err(ResumeError::Locked(output.to_owned()));
        }
        let unfinished = Self { folder: output.join(UNFINISHED_DIR), next_rows: 0, _lock: lock };
        let run_file = unfinished.folder.join(RUN_FILE);
        let has_run = run_file.exists();
        if resume && identity.reads_stream {
            return Err(ResumeError::Stream);
        }
        if has_run && !resume {
            return Err(ResumeError::Unfinished(output.to_owned()));
        }
        if output.join(finished_file).exists() {
            if !resume {
                return Err(WriteError::Finished(output.to_owned()).into());
            }
            if has_run {
                unfinished.check_identity(output, identity)?;
            }
            unfinished.leave()?;
            return Ok(Start::Finished);
        }
        if has_run { unfinished.go_on(output, identity) } else { unfinished.begin(output, identity) }
    }

    fn begin<S>(self, output: &Path, identity: &Identity) -> Result<Start<S>, ResumeError> {
        check_output_folder(output, UNFINISHED_DIR)?;
        fs::create_dir_all(&self.folder).map_err(|source| WriteError::Io { path: self.folder.clone(), source })?;
        write_file(&self.folder, RUN_FILE, &json(identity))?;
        Ok(Start::New(self))
    }

    fn go_on<S: DeserializeOwned>(mut self, output: &Path, identity: &Identity) -> Result<Start<S>, ResumeError> {
        self.check_identity(output, identity)?;
        let path = self.folder.join(CHECKPOINT_FILE);
        if !path.exists() {
            empty_output_folder(output, UNFINISHED_DIR)?;
            return Ok(Start::New(self));
        }
        let bytes = read(&path)?;
        let damaged = || ResumeError::Damaged(path.clone());
        let (hash, json) = bytes.split_at_checked(ContentHash::DIGITS).ok_or_else(damaged)?;
        if ContentHash::of(json).to_string().as_bytes() != hash {
            return Err(damaged());
        }
        let checkpoint: Checkpoint<S> = serde_json::from_slice(json).map_err(|source| ResumeError::NotJson(path.clone(), source))?;
        let rows = match &checkpoint.rows {
            Some(info) => self.read_rows(info)?,
            None => Rows::default(),
        };
        self.next_rows = checkpoint.rows.as_ref().and_then(|info| rows_number(&info.file)).map_or(0, |number| number + 1);
        Ok(Start::GoOn(self, Box::new((checkpoint, rows))))
    }

    fn check_identity(&self, output: &Path, identity: &Identity) -> Result<(), ResumeError> {
        let path = self.folder.join(RUN_FILE);
        let before: Identity = serde_json::from_slice(&read(&path)?).map_err(|source| ResumeError::NotJson(path, source))?;
        let differences = before.differences(identity);
        if differences.is_empty() { Ok(()) } else { Err(ResumeError::Changed { folder: output.to_owned(), differences }) }
    }

    /// Replaces the checkpoint. Everything that it speaks of must be on the disk.
    pub fn save<S: Serialize>(&mut self, mut checkpoint: Checkpoint<S>, rows: &Rows) -> Result<(), WriteError> {
        let name = rows_file(self.next_rows);
        let (bytes, xxh3) = write_file(&self.folder, &name, &rows.to_bytes())?;
        checkpoint.rows = Some(FileInfo { file: name, bytes, xxh3 });
        let json = json(&checkpoint);
        let content = [ContentHash::of(&json).to_string().into_bytes(), json].concat();
        write_file(&self.folder, CHECKPOINT_FILE, &content)?;
        if let Some(before) = self.next_rows.checked_sub(1) {
            remove(|path| fs::remove_file(path), &self.folder.join(rows_file(before)))?;
        }
        self.next_rows += 1;
        Ok(())
    }

    fn read_rows(&self, info: &FileInfo) -> Result<Rows, ResumeError> {
        let path = self.folder.join(&info.file);
        let bytes = read(&path)?;
        let rows = (ContentHash::of(&bytes) == info.xxh3).then(|| Rows::from_bytes(&bytes)).flatten();
        rows.ok_or(ResumeError::Damaged(path))
    }

    /// Removes the folder: the run is finished.
    pub fn leave(self) -> Result<(), WriteError> {
        remove(|path| fs::remove_dir_all(path), &self.folder)
    }
}

fn remove(how: fn(&Path) -> io::Result<()>, path: &Path) -> Result<(), WriteError> {
    match how(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(WriteError::Io { path: path.to_owned(), source }),
        _ => Ok(()),
    }
}

fn rows_file(number: u64) -> String {
    format!("rows-{number}.bin")
}

fn rows_number(name: &str) -> Option<u64> {
    name.strip_prefix("rows-")?.strip_suffix(".bin")?.parse().ok()
}

impl Rows {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for rows in [&self.packer.open, &self.packer.gathered, &self.pending] {
            rows_to_bytes(rows, &mut bytes);
        }
        bytes
    }

    fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let mut next = || rows_from_bytes(&mut bytes);
        let (open, gathered, pending) = (next()?, next()?, next()?);
        Some(Self { packer: PackerState { open, gathered }, pending })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ResumeError> {
    fs::read(path).map_err(|source| ResumeError::Io { path: path.to_owned(), source })
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("maps have strings for keys")
}
