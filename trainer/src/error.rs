//! Everything that can go wrong, each with what a person needs to put it right.

use std::{
    error::Error as StdError,
    io,
    iter::successors,
    path::{Path, PathBuf},
    process::ExitStatus,
};

use schemas::{manifest::ManifestError, settings::SettingsError};
use tch::TchError;

use crate::{distributed::world::World, model::operators::Kernels, recovery::Divergence};

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("{setting}{}: expected {expected}", if found.is_empty() { " is not set".to_owned() } else { format!(" = {found}") })]
    BadSetting { setting: &'static str, found: String, expected: String },
    #[error("{path}: cannot be read or written")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}: not a shard directory that this program reads")]
    Manifest { path: PathBuf, source: ManifestError },
    #[error("{path}: not a readable Parquet file")]
    Parquet { path: PathBuf, source: parquet::errors::ParquetError },
    #[error("{path}: not a readable JSON file of the expected form")]
    Json { path: PathBuf, source: serde_json::Error },
    #[error("{path}: not a readable safetensors file")]
    SafeTensors { path: PathBuf, source: safetensors::SafeTensorError },
    #[error("{path}: expected {expected}, found {found}; {remedy}")]
    BadFile { path: PathBuf, expected: String, found: String, remedy: &'static str },
    #[error("{path}: cannot resume from this checkpoint, because {what} differs: expected {expected}, found {found}; {remedy}")]
    Resume { path: PathBuf, what: String, expected: String, found: String, remedy: &'static str },
    #[error("{text:?}: expected {expected}, found {found}")]
    BadText { text: String, expected: String, found: String },
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    #[error("a loader thread panicked while it made batch {batch}: this is a bug, please report it")]
    LoaderPanicked { batch: u64 },
    #[error("{0}; resume from an earlier checkpoint with a lower optimizer.peak_learning_rate, or raise {limit}", limit = .0.limit())]
    Diverged(Divergence),
    #[error(
        "{kernels} kernels do not agree with the plain ones: loss and gradient norm of a micro-batch are {} and {}, and {} and {}",
        fast[0], fast[1], plain[0], plain[1]
    )]
    KernelsDiffer { kernels: Kernels, fast: [f64; 2], plain: [f64; 2] },
    #[error(
        "{what} does not give what it should: loss and gradient norm of a micro-batch are {} and {}, expected {} and {}",
        found[0], found[1], expected[0], expected[1]
    )]
    PassDiffers { what: &'static str, found: [f64; 2], expected: [f64; 2] },
    #[error("attention is not variable-length's, which needs train.precision = \"bf16\" or \"fp16\" and train.kernels = \"auto\"")]
    AttentionOfFixedShapes,
    #[error("the thread that writes checkpoints panicked: this is a bug, please report it")]
    WriterPanicked,
    #[error(
        "{world}: cannot meet the other ranks at {host}:{port}: {message}; check that every rank was started, that rank 0 runs on {host}, and that no other program uses the port"
    )]
    Rendezvous { world: Box<World>, host: String, port: u16, message: String },
    #[error("{world}: lost the other ranks: {reason}; go on from the last checkpoint with --resume")]
    RankLost { world: Box<World>, reason: String },
    #[error("the ranks do not agree: rank {rank} has {what} = {found}, rank 0 has {expected}")]
    RanksDiffer { rank: usize, what: String, expected: String, found: String },
    #[error("rank {rank} ended with {status}; go on from the last checkpoint with --resume")]
    RankEnded { rank: usize, status: ExitStatus },
    #[error("cannot start the ranks: {0}")]
    Launch(io::Error),
    #[error(
        "libtorch: {message}{}",
        if message.contains("out of memory") { "; lower data.micro_batch_size, or set train.activation_checkpointing" } else { "" }
    )]
    Torch { message: String },
}

/// The path of a file that makes a folder what it is to be: `what`.
///
/// # Errors
/// If it is not there, with the remedy.
pub(crate) fn file_of(directory: &Path, name: &str, what: &str, remedy: &'static str) -> Result<PathBuf> {
    let file = directory.join(name);
    if file.exists() {
        return Ok(file);
    }
    Err(Error::BadFile { path: directory.to_owned(), expected: what.to_owned(), found: format!("no {name}"), remedy })
}

impl Error {
    /// The process's exit status: 2 if the command line or the configuration is wrong, else 1.
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Self::Settings(_) | Self::BadSetting { .. }) { 2 } else { 1 }
    }

    /// Whether a file that could be read is not what it was, or is not there; else reading it may succeed another time.
    pub(crate) fn is_damage(&self) -> bool {
        let is_absent = matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound);
        is_absent || matches!(self, Self::Json { .. } | Self::BadFile { .. })
    }

    /// What it says, and what its causes say.
    pub(crate) fn with_causes(&self) -> String {
        let causes = successors(Some(self as &dyn StdError), |&error| error.source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }

    /// Keeps the first line: libtorch appends a C++ stack. NCCL's cause comes after it.
    pub(crate) fn torch(message: &str) -> Self {
        let first = message.lines().next().unwrap_or_default();
        let cause = message.split_once("Last error:").and_then(|(_, cause)| cause.trim_start().lines().next());
        Self::Torch { message: [first].into_iter().chain(cause).collect::<Vec<_>>().join(": ") }
    }
}

impl From<TchError> for Error {
    fn from(error: TchError) -> Self {
        Self::torch(error.to_string().trim_start_matches("Internal torch error: "))
    }
}

/// Adds the path to an error of the file system or of a file format.
pub(crate) trait AtPath<T> {
    fn at_path(self, path: impl Into<PathBuf>) -> Result<T>;
}

macro_rules! at_path {
    ($($source:ty => $variant:ident),+ $(,)?) => {$(
        impl<T> AtPath<T> for std::result::Result<T, $source> {
            fn at_path(self, path: impl Into<PathBuf>) -> Result<T> {
                self.map_err(|source| Error::$variant { path: path.into(), source })
            }
        }
    )+};
}

at_path! {
    io::Error => Io,
    ManifestError => Manifest,
    parquet::errors::ParquetError => Parquet,
    serde_json::Error => Json,
    safetensors::SafeTensorError => SafeTensors,
}
