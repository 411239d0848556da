//! The command line: arguments in, one of the library's functions called, its result or error told.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use indicatif::{HumanBytes, HumanCount, MultiProgress};
use pipeline::{
    config::{Config, ConfigError},
    corpus::{Corpus, MergedParts},
    inspect,
    progress::say,
    report,
    run::{self, Outcome, Task},
    tokenize::Algorithm,
    trace, verify,
};
use schemas::{
    manifest::{Manifest, Totals},
    settings::SettingsError,
};
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};

/// Raw French biomedical text → packed token shards for masked-language-model training.
#[derive(Parser)]
#[command(name = "nachos", version, arg_required_else_help = true)]
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
    /// Join the parts of a build into one shard directory
    Merge(Merge),
    /// Write the documents that a build would use as JSON lines
    Clean(Clean),
    /// Check every checksum, schema and invariant of a shard directory
    Verify {
        /// The shard directory
        dir: PathBuf,
    },
    /// Look into a shard directory
    Inspect(Inspect),
    /// Write a page about a shard directory: what went in, what came out, and why
    Report {
        /// The shard directory
        dir: PathBuf,
        /// The HTML file [default: standard output]
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Args)]
struct Inputs {
    /// Files, folders, patterns, or - for standard input: .txt .jsonl (also .gz .zst .xz) .parquet
    #[arg(long, num_args = 1.., value_name = "PATH", help = "Files, folders, patterns, or - for standard input: .txt .jsonl (also .gz .zst .xz) .parquet [default: the paths of all [[sources]]]")]
    input: Vec<PathBuf>,
    /// Settings (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Override one setting, e.g. --set `pack.max_seq_len=256`
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    workers: Workers,
}

#[derive(Args)]
struct Workers {
    /// Worker threads [default: as many as there are cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Tell at the end what each stage cost: the busiest is the bottleneck
    #[arg(long)]
    profile: bool,
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
    #[arg(long, default_value_t = 32_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    vocab_size: u32,
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
    /// Go on with a build that was interrupted, or begin one
    #[arg(long)]
    resume: bool,
    /// Only clean part I of N equal parts of the inputs (1/N to N/N), for `nachos merge`
    #[arg(long, value_name = "I/N", value_parser = parse_part)]
    part: Option<(usize, usize)>,
}

fn parse_part(text: &str) -> Result<(usize, usize), String> {
    let parsed = text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
    parsed.filter(|(part, of)| (1..=*of).contains(part)).ok_or_else(|| "expected I/N with I from 1 to N, for example 3/16".to_owned())
}

#[derive(Args)]
struct Merge {
    /// The folders of all parts
    #[arg(required = true, value_name = "PART")]
    parts: Vec<PathBuf>,
    /// A new or empty folder for the shards
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    #[command(flatten)]
    workers: Workers,
    /// Go on with a merge that was interrupted, or begin one
    #[arg(long)]
    resume: bool,
}

#[derive(Args)]
struct Clean {
    #[command(flatten)]
    inputs: Inputs,
    /// Where the documents that are kept go: .jsonl or .jsonl.zst, or - for standard output
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Where the documents that are dropped go
    #[arg(long, value_name = "FILE")]
    dropped: Option<PathBuf>,
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
    /// Show where a document came from, what became of it, and every row that holds it
    #[arg(long, value_name = "ID", conflicts_with_all = ["rows", "sql"])]
    document: Option<u64>,
}

/// The command line or the configuration is wrong: exit code 2.
#[derive(Debug, thiserror::Error)]
enum UsageError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("no input: give --input PATH..., or [[sources]] with paths in the settings")]
    NoInput,
    #[error("{path}: cannot be read")]
    Unreadable { path: PathBuf, source: io::Error },
}

impl Cli {
    pub(crate) fn run(self) -> ExitCode {
        let screen = MultiProgress::new();
        let logger = ScreenWriter { screen: screen.clone() };
        env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn"))
            .target(env_logger::Target::Pipe(Box::new(logger)))
            .format(|out, record| {
                let is_warning = record.level() == log::Level::Warn;
                let source = if is_warning { "warning".to_owned() } else { format!("[{} {}]", record.level(), record.target()) };
                writeln!(out, "{source}: {}", record.args())
            })
            .init();
        let result = match self.command {
            Command::TrainTokenizer(arguments) => train_tokenizer(&arguments, &screen),
            Command::Build(arguments) => build(&arguments, &screen),
            Command::Merge(arguments) => merge(&arguments, &screen),
            Command::Clean(arguments) => clean(&arguments, &screen),
            Command::Verify { dir } => verify_directory(&dir),
            Command::Inspect(arguments) => inspect_directory(&arguments),
            Command::Report { dir, output } => report_on(&dir, output.as_deref()),
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
    let algorithm = match arguments.algorithm {
        AlgorithmName::Bpe => Algorithm::Bpe,
        AlgorithmName::Unigram => Algorithm::Unigram,
    };
    let start = Instant::now();
    let (config, corpus) = arguments.inputs.corpus(None)?;
    let trained = with_session(&arguments.inputs.workers, screen, |session| {
        run::train_tokenizer(Task { corpus: &corpus, config: &config, session }, algorithm, arguments.vocab_size as usize)
    })?;
    trained.save(&arguments.output)?;
    say(&format!("{}: {} entries, {:.1} s", arguments.output.display(), trained.vocab_size(), start.elapsed().as_secs_f64()));
    Ok(())
}

fn build(arguments: &Build, screen: &MultiProgress) -> anyhow::Result<()> {
    let Build { inputs, tokenizer, output, resume, part } = arguments;
    let start = Instant::now();
    let (config, corpus) = inputs.corpus(Some(output))?;
    let Some((part, of)) = *part else {
        let outcome = with_session(&inputs.workers, screen, |session| {
            run::build(Task { corpus: &corpus, config: &config, session }, tokenizer, output, *resume)
        })?;
        tell_build(output, &outcome, start.elapsed());
        return Ok(());
    };
    let corpus = corpus.part(&config.input, part, of)?;
    let outcome = with_session(&inputs.workers, screen, |session| {
        run::build_part(Task { corpus: &corpus, config: &config, session }, (part, of), tokenizer, output, *resume)
    })?;
    say(&read_summary(&outcome.manifest.totals));
    say(&end_of(output, &outcome, &outcome.manifest.totals, start.elapsed()));
    Ok(())
}

fn merge(arguments: &Merge, screen: &MultiProgress) -> anyhow::Result<()> {
    let start = Instant::now();
    let MergedParts { corpus, config, tokenizer } = Corpus::of_parts(&arguments.parts)?;
    let outcome = with_session(&arguments.workers, screen, |session| {
        run::build(Task { corpus: &corpus, config: &config, session }, &tokenizer, &arguments.output, arguments.resume)
    })?;
    tell_build(&arguments.output, &outcome, start.elapsed());
    Ok(())
}

fn clean(arguments: &Clean, screen: &MultiProgress) -> anyhow::Result<()> {
    let start = Instant::now();
    let (config, corpus) = arguments.inputs.corpus(None)?;
    let cleaned = with_session(&arguments.inputs.workers, screen, |session| {
        run::clean(Task { corpus: &corpus, config: &config, session }, &arguments.output, arguments.dropped.as_deref())
    });
    let totals = match cleaned {
        Err(error) if error.chain().any(is_broken_pipe) => return Ok(()),
        cleaned => cleaned?,
    };
    say(&read_summary(&totals));
    say(&rate(&totals, start.elapsed()));
    Ok(())
}

fn with_session<T>(
    workers: &Workers,
    screen: &MultiProgress,
    work: impl FnOnce(&run::Session<'_>) -> Result<T, run::RunError>,
) -> anyhow::Result<T> {
    let stop = stop_on_signal()?;
    let threads = workers.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get), usize::from);
    Ok(work(&run::Session { threads, screen, profile: workers.profile, stop: &stop })?)
}

fn read_summary(totals: &Totals) -> String {
    let verdicts = |verdicts: &BTreeMap<String, u64>| {
        verdicts.iter().map(|(verdict, count)| format!("{verdict} {}", HumanCount(*count))).collect::<Vec<_>>().join(", ")
    };
    let mut lines = vec![
        format!(
            "read      {} files, {}, {} documents",
            HumanCount(totals.read.files),
            HumanBytes(totals.read.bytes),
            HumanCount(totals.read.documents),
        ),
        format!("verdicts  {}", verdicts(&totals.verdicts)),
    ];
    if totals.sources.len() > 1 {
        lines.extend(totals.sources.iter().map(|source| format!("  {}: {}", source.name, verdicts(&source.verdicts))));
    }
    let identities: u64 = totals.clean.identities.values().sum();
    if identities > 0 {
        lines.push(format!("hid       {} identities", HumanCount(identities)));
    }
    lines.join("\n")
}

fn rate(totals: &Totals, time: Duration) -> String {
    let seconds = time.as_secs_f64();
    format!("took      {seconds:.1} s, {:.1} MB/s of raw text", totals.read.bytes as f64 / 1e6 / seconds)
}

/// What it took to leave `output`, if there was something to do.
fn end_of<M>(output: &Path, outcome: &Outcome<M>, totals: &Totals, time: Duration) -> String {
    if outcome.was_there { format!("{}: was complete already, there was nothing to do", output.display()) } else { rate(totals, time) }
}

fn tell_build(output: &Path, outcome: &Outcome<Manifest>, time: Duration) {
    let manifest = &outcome.manifest;
    let totals = &manifest.totals;
    let unknown = match totals.pack.unknown_tokens {
        0 => String::new(),
        count => format!(" ({} of them unknown)", HumanCount(count)),
    };
    say(&format!(
        "{}\n\
         packed    {} tokens{unknown} in {} rows of at most {}, efficiency {:.2} %\n\
         wrote     {} shards, {} ({:.2} bytes a token) in {}\n\
         {}",
        read_summary(totals),
        HumanCount(totals.pack.tokens),
        HumanCount(totals.pack.rows),
        manifest.max_seq_len,
        100.0 * totals.pack.efficiency,
        HumanCount(totals.write.shards),
        HumanBytes(totals.write.bytes),
        totals.write.bytes as f64 / totals.pack.tokens.max(1) as f64,
        output.display(),
        end_of(output, outcome, totals, time),
    ));
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
    let answer = match (&arguments.sql, arguments.document) {
        (Some(query), _) => inspect::query(&arguments.dir, query)?,
        (None, Some(id)) => trace::document(&arguments.dir, id)?,
        (None, None) => inspect::overview(&arguments.dir, arguments.rows)?,
    };
    print(&answer)
}

fn report_on(dir: &Path, output: Option<&Path>) -> anyhow::Result<()> {
    let page = report::html(dir)?;
    let Some(output) = output else { return print(&page) };
    std::fs::write(output, page).with_context(|| format!("{}: cannot be written", output.display()))
}

fn print(text: &str) -> anyhow::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if is_broken_pipe(&error) => Ok(()),
        written => written.context("standard output: cannot be written"),
    }
}

/// Whether the reader of what is written, `head` for example, has seen enough.
fn is_broken_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
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

    /// The settings, and the files to read, among which none of the folder `output` is.
    fn corpus(&self, output: Option<&Path>) -> anyhow::Result<(Config, Corpus)> {
        let config = self.config()?;
        if self.input.is_empty() && config.sources.is_empty() {
            return Err(UsageError::NoInput.into());
        }
        let corpus = Corpus::resolve(&self.input, &config.sources, output)?;
        Ok((config, corpus))
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
