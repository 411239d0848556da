//! The command line: arguments in, one of the library's functions called, its result or error told.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
    time::Instant,
};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use indicatif::{HumanBytes, HumanCount, MultiProgress};
use pipeline::{
    config::{Config, ConfigError},
    inspect,
    progress::say,
    read, run,
    tokenize::Algorithm,
    verify,
};
use schemas::{manifest::Manifest, settings::SettingsError};
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};

/// Raw French biomedical text → packed token shards for masked-language-model training.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a tokenizer with DrBERT's id layout and normalisation
    TrainTokenizer(TrainTokenizer),
    /// Read, clean, deduplicate, tokenize and pack text into a shard directory
    Build(Build),
    /// Check every checksum, schema and invariant of a shard directory
    Verify {
        /// The shard directory
        dir: PathBuf,
    },
    /// Look into a shard directory
    Inspect(Inspect),
}

#[derive(Args)]
struct Inputs {
    /// Files, folders, patterns, or - for standard input: .txt .jsonl (also .gz .zst .xz) .parquet
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    input: Vec<String>,
    /// Settings (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Override one setting, e.g. --set `pack.max_seq_len=256`
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Worker threads of each parallel stage [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<std::num::NonZero<usize>>,
}

#[derive(Args)]
struct TrainTokenizer {
    #[command(flatten)]
    inputs: Inputs,
    /// A new folder for the tokenizer
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    #[arg(long, value_enum, default_value = "bpe")]
    algorithm: AlgorithmName,
    /// Entries of the SentencePiece vocabulary; DrBERT's 32000 make a tokenizer of 32005
    #[arg(long, default_value_t = 32_000)]
    vocab_size: usize,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum AlgorithmName {
    Bpe,
    Unigram,
}

#[derive(Args)]
struct Build {
    #[command(flatten)]
    inputs: Inputs,
    /// The tokenizer's folder
    #[arg(long, value_name = "DIR")]
    tokenizer: PathBuf,
    /// A new or empty folder for the shards
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
}

#[derive(Args)]
struct Inspect {
    /// The shard directory
    dir: PathBuf,
    /// Decode this many rows to text
    #[arg(long, value_name = "N", default_value_t = 3, conflicts_with = "sql")]
    rows: usize,
    /// Ask a question over the tables `shards` and `documents`
    #[arg(long, value_name = "QUERY")]
    sql: Option<String>,
}

/// The command line or the configuration is wrong: exit code 2.
#[derive(Debug, thiserror::Error)]
enum UsageError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{path}: cannot be read")]
    Unreadable { path: PathBuf, source: io::Error },
}

impl Cli {
    pub(crate) fn run(self) -> ExitCode {
        let screen = MultiProgress::new();
        let logger = ScreenWriter { screen: screen.clone() };
        env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn"))
            .target(env_logger::Target::Pipe(Box::new(logger)))
            .init();
        let result = match self.command {
            Command::TrainTokenizer(arguments) => train_tokenizer(&arguments, &screen),
            Command::Build(arguments) => build(&arguments, &screen),
            Command::Verify { dir } => verify_directory(&dir),
            Command::Inspect(arguments) => inspect_directory(&arguments),
        };
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                say(&format!("error: {error}"));
                for cause in error.chain().skip(1) {
                    say(&format!("  because: {cause}"));
                }
                ExitCode::from(if error.is::<UsageError>() { 2 } else { 1 })
            }
        }
    }
}

fn train_tokenizer(arguments: &TrainTokenizer, screen: &MultiProgress) -> anyhow::Result<()> {
    let config = arguments.inputs.config()?;
    let stop = stop_on_signal()?;
    let session = run::Session { threads: arguments.inputs.threads(), screen, stop: &stop };
    let algorithm = match arguments.algorithm {
        AlgorithmName::Bpe => Algorithm::Bpe,
        AlgorithmName::Unigram => Algorithm::Unigram,
    };
    let inputs = read::resolve(&arguments.inputs.input)?;
    let start = Instant::now();
    let trained = run::train_tokenizer(&inputs, algorithm, arguments.vocab_size, &config, &session)?;
    trained.save(&arguments.output)?;
    say(&format!("{}: {} entries, {:.1} s", arguments.output.display(), trained.vocab_size(), start.elapsed().as_secs_f64()));
    Ok(())
}

fn build(arguments: &Build, screen: &MultiProgress) -> anyhow::Result<()> {
    let config = arguments.inputs.config()?;
    let stop = stop_on_signal()?;
    let session = run::Session { threads: arguments.inputs.threads(), screen, stop: &stop };
    let inputs = read::resolve(&arguments.inputs.input)?;
    let start = Instant::now();
    let manifest = run::build(&inputs, &arguments.tokenizer, &arguments.output, &config, &session)?;
    say(&summary(&arguments.output, &manifest, start.elapsed().as_secs_f64()));
    Ok(())
}

fn summary(output: &Path, manifest: &Manifest, seconds: f64) -> String {
    let totals = &manifest.totals;
    let verdicts: Vec<_> = totals.verdicts.iter().map(|(verdict, count)| format!("{verdict} {}", HumanCount(*count))).collect();
    format!(
        "read      {} files, {}, {} documents\n\
         verdicts  {}\n\
         packed    {} tokens in {} rows of at most {}, efficiency {:.2} %\n\
         wrote     {} shards, {} ({:.2} bytes a token) in {}\n\
         took      {seconds:.1} s, {:.1} MB/s of raw text",
        HumanCount(totals.read.files),
        HumanBytes(totals.read.bytes),
        HumanCount(totals.read.documents),
        verdicts.join(", "),
        HumanCount(totals.pack.tokens),
        HumanCount(totals.pack.rows),
        manifest.max_seq_len,
        100.0 * totals.pack.efficiency,
        HumanCount(totals.write.shards),
        HumanBytes(totals.write.bytes),
        totals.write.bytes as f64 / totals.pack.tokens.max(1) as f64,
        output.display(),
        totals.read.bytes as f64 / 1e6 / seconds,
    )
}

fn verify_directory(dir: &Path) -> anyhow::Result<()> {
    let manifest = verify::verify(dir)?;
    let totals = &manifest.totals;
    say(&format!(
        "{}: every file is as it was written: {} shards, {} rows, {} tokens, {} documents",
        dir.display(),
        HumanCount(totals.write.shards),
        HumanCount(totals.pack.rows),
        HumanCount(totals.pack.tokens),
        HumanCount(totals.read.documents),
    ));
    Ok(())
}

fn inspect_directory(arguments: &Inspect) -> anyhow::Result<()> {
    let answer = match &arguments.sql {
        Some(query) => inspect::query(&arguments.dir, query)?,
        None => inspect::overview(&arguments.dir, arguments.rows)?,
    };
    match io::stdout().lock().write_all(answer.as_bytes()) {
        // The reader, `head` for example, has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("standard output: cannot be written"),
    }
}

impl Inputs {
    fn config(&self) -> anyhow::Result<Config> {
        let file = match &self.config {
            Some(path) => {
                let unreadable = |source| UsageError::Unreadable { path: path.clone(), source };
                Some((path.display().to_string(), std::fs::read_to_string(path).map_err(unreadable)?))
            }
            None => None,
        };
        let file = file.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
        let config: Config = schemas::settings::load(file, &self.set).map_err(UsageError::from)?;
        Ok(config.checked().map_err(UsageError::from)?)
    }

    fn threads(&self) -> usize {
        self.threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, std::num::NonZero::get)
    }
}

/// The first signal asks the run to stop, the second ends the program.
fn stop_on_signal() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGUSR1] {
        signal_hook::flag::register_conditional_shutdown(signal, 1, stop.clone())
            .and_then(|_| signal_hook::flag::register(signal, stop.clone()))
            .context("cannot listen for signals")?;
    }
    Ok(stop)
}

/// Log lines go above the progress bars.
struct ScreenWriter {
    screen: MultiProgress,
}

impl Write for ScreenWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.screen.suspend(|| io::stderr().write(buffer))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
