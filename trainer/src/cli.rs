//! The command line, and what its commands print.

use std::{
    env,
    ffi::OsString,
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use serde::Serialize;
use signal_hook::{
    consts::{SIGINT, SIGTERM, SIGUSR1},
    flag,
};
use trainer::{
    bench,
    config::Config,
    data::micro_batch::AttentionScope,
    device::DeviceChoice,
    distributed::launch,
    evaluate::{self, EvaluateOptions},
    export::{self, Weights},
    fill_mask::{self, FillMaskOptions},
    progress::say,
    train,
};

/// Trains a French biomedical RoBERTa or BERT on the shards that `nachos build` writes, and uses it.
#[derive(Parser)]
#[command(name = "drbert", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a model on a shard directory
    Train(TrainArgs),
    /// Loss, perplexity and accuracy of a model on shards, with a fixed mask of 15%
    Evaluate(EvaluateArgs),
    /// The most probable pieces for every mask of a text
    FillMask(FillMaskArgs),
    /// Turn a checkpoint into a model directory for Hugging Face transformers
    Export(ExportArgs),
    /// Measure the loader or the training step
    #[command(subcommand)]
    Bench(BenchCommand),
}

#[derive(Args)]
struct Settings {
    /// Settings of the run (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Override one setting, for example --set train.steps=300; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Settings {
    fn load(&self) -> Result<Config, trainer::error::Error> {
        Config::load(self.config.as_deref(), &self.set)
    }
}

#[derive(Args)]
struct TrainArgs {
    /// Train on this many processes of this machine, each with a GPU of its own or a share of the processors
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    nproc_per_node: Option<u64>,
    #[command(flatten)]
    settings: Settings,
    /// Begin from the weights of a Hugging Face model directory (the setting `train.init_from`)
    #[arg(long, value_name = "DIR")]
    init_from: Option<String>,
    /// Go on from the newest sound checkpoint of train.output, if there is one
    #[arg(long)]
    resume: bool,
}

#[derive(Args)]
struct EvaluateArgs {
    /// Model directory
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Shard directory
    #[arg(long, value_name = "DIR")]
    shards: PathBuf,
    /// Evaluate this many rows, evenly spaced, instead of all
    #[arg(long, value_name = "N")]
    rows: Option<u64>,
    /// How far attention reaches
    #[arg(long, default_value = "document")]
    attention: AttentionScope,
    /// Rows per forward pass
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..))]
    micro_batch_size: u64,
    /// auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Write the masked segments and what was to be predicted, as JSON lines
    #[arg(long, value_name = "FILE")]
    dump_rows: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct FillMaskArgs {
    /// Model directory
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Texts, each with at least one mask as the model's tokenizer writes it: `<mask>`, or `[MASK]` for BERT
    #[arg(required = true)]
    text: Vec<String>,
    /// Predictions per mask
    #[arg(long, value_name = "K", default_value_t = 5)]
    top_k: usize,
    /// auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct ExportArgs {
    /// Checkpoint directory, for example run/checkpoints/step-00001000
    checkpoint: PathBuf,
    /// Where to write the model directory
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Export the moving average of the weights (`optimizer.ema_decay`) instead of the last ones
    #[arg(long)]
    ema: bool,
}

#[derive(Subcommand)]
enum BenchCommand {
    /// Tokens per second for 1, 2, … loader threads, and the time to the first batch
    Loader {
        #[command(flatten)]
        args: BenchArgs,
        /// Begin at this step, as a resumed run does
        #[arg(long, value_name = "N", default_value_t = 0)]
        at_step: u64,
    },
    /// Tokens per second, time and MFU of train.steps steps
    Step {
        #[command(flatten)]
        args: BenchArgs,
    },
}

#[derive(Args)]
struct BenchArgs {
    #[command(flatten)]
    settings: Settings,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Cli {
    /// Returns the exit status.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Train(args) => return train(args),
            Command::Evaluate(args) => evaluate(args),
            Command::FillMask(args) => fill_mask(args),
            Command::Export(args) => {
                let weights = if args.ema { Weights::Average } else { Weights::Last };
                let mask = export::run(&args.checkpoint, &args.output, weights)?;
                say(&format!(
                    "The model lies in {}; fill a mask with\n  drbert fill-mask --model {0} \"La patiente est atteinte d'une {mask}.\"",
                    args.output.display()
                ));
                Ok(())
            }
            Command::Bench(command) => bench(&command),
        }
        .map(|()| ExitCode::SUCCESS)
    }
}

/// Says that a run was stopped by the machine, not by a person, and should be started again.
const INTERRUPTED_BY_SCHEDULER: u8 = 85;

fn train(mut args: TrainArgs) -> anyhow::Result<ExitCode> {
    if let Some(directory) = &args.init_from {
        // A JSON string is a TOML string too.
        args.settings.set.push(format!("train.init_from={}", serde_json::to_string(directory)?));
    }
    let config = args.settings.load()?;
    if let Some(num_ranks) = args.nproc_per_node {
        config.check_shared(num_ranks as usize)?;
        config.train.device.check_ranks(num_ranks as usize)?;
        let arguments = arguments_of_a_rank(env::args_os().skip(1));
        let interrupted = launch::run_ranks(num_ranks as usize, &arguments, INTERRUPTED_BY_SCHEDULER)?;
        return Ok(if interrupted { ExitCode::from(INTERRUPTED_BY_SCHEDULER) } else { ExitCode::SUCCESS });
    }
    launch::end_with_launcher()?;
    let stop = Arc::new(AtomicBool::new(false));
    let by_scheduler = Arc::new(AtomicBool::new(false));
    // A second Ctrl-C does not wait for the step in hand.
    flag::register_conditional_shutdown(SIGINT, 130, Arc::clone(&stop)).context("cannot handle signals")?;
    for signal in [SIGTERM, SIGUSR1] {
        flag::register(signal, Arc::clone(&by_scheduler)).context("cannot handle signals")?;
    }
    for signal in [SIGINT, SIGTERM, SIGUSR1] {
        flag::register(signal, Arc::clone(&stop)).context("cannot handle signals")?;
    }
    if io::stderr().is_terminal() {
        let stop = Arc::clone(&stop);
        thread::spawn(move || say_when_stopped(&stop));
    }
    let outcome = train::run(&config, args.resume, &stop)?;
    let requeue = outcome.interrupted && by_scheduler.load(Ordering::Relaxed);
    let exit_code = if requeue { ExitCode::from(INTERRUPTED_BY_SCHEDULER) } else { ExitCode::SUCCESS };
    if !outcome.is_main {
        return Ok(exit_code);
    }
    let checkpoint = outcome.last_checkpoint.display();
    let next = if outcome.interrupted {
        format!("Stopped after step {}. Go on with the same command and --resume.\n", outcome.steps)
    } else {
        format!("Done: {} steps.\n", outcome.steps)
    };
    say(&format!("{next}The checkpoint lies in {checkpoint}; export it with\n  drbert export {checkpoint} --output MODEL_DIR"));
    Ok(exit_code)
}

/// Answers a person's Ctrl-C at once; a step may take long.
fn say_when_stopped(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(100));
    }
    say("stopping after this step and saving; Ctrl-C again ends at once");
}

/// What was asked of the launcher, without the number of ranks.
fn arguments_of_a_rank(mut arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    const NUM_RANKS: &str = "--nproc-per-node";
    let mut kept = Vec::new();
    while let Some(argument) = arguments.next() {
        if argument == NUM_RANKS {
            arguments.next();
        } else if !argument.to_string_lossy().starts_with(&format!("{NUM_RANKS}=")) {
            kept.push(argument);
        }
    }
    kept
}

fn evaluate(args: EvaluateArgs) -> anyhow::Result<()> {
    let EvaluateArgs { model, shards, rows, attention, micro_batch_size, device, dump_rows, json } = args;
    let report = evaluate::run(&EvaluateOptions { model, shards, rows, micro_batch_size, attention, device, dump_rows })?;
    if json { print_json(&report) } else { print(&report.to_string()) }
}

fn fill_mask(args: FillMaskArgs) -> anyhow::Result<()> {
    let filled = fill_mask::run(&FillMaskOptions { model: args.model, texts: args.text, top_k: args.top_k, device: args.device })?;
    if args.json {
        return print_json(&filled);
    }
    for text in filled {
        print(&text.text)?;
        for (index, predictions) in text.masks.iter().enumerate() {
            for prediction in predictions {
                print(&format!("  {}  {:6.2}%  {}", index + 1, 100.0 * prediction.score, prediction.sequence))?;
            }
        }
    }
    Ok(())
}

fn bench(command: &BenchCommand) -> anyhow::Result<()> {
    match command {
        BenchCommand::Loader { args, at_step } => {
            let results = bench::loader(&args.settings.load()?, *at_step)?;
            if args.json {
                return print_json(&results);
            }
            if let Some(result) = results.first() {
                print(&format!("decoding alone, 1 thread: {:.2} M tokens/s", result.decoded_tokens_per_second / 1e6))?;
            }
            results.iter().try_for_each(|result| {
                let (rate, first) = (result.tokens_per_second / 1e6, 1e3 * result.first_batch_seconds);
                print(&format!("{} threads: {rate:.2} M tokens/s; first batch of step {at_step} after {first:.0} ms", result.threads))
            })
        }
        BenchCommand::Step { args } => {
            let result = bench::step(&args.settings.load()?)?;
            if args.json {
                return print_json(&result);
            }
            print(&format!(
                "{} {}, {} kernels: {:.0} tokens/s, {:.1} ms a step, MFU {:.1}% of {:.2} TFLOP/s, waited for data {:.1}%",
                result.device,
                result.precision,
                result.kernels,
                result.tokens_per_second,
                result.step_ms,
                100.0 * result.mfu,
                result.matmul_tflops,
                100.0 * result.data_wait
            ))
        }
    }
}

fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&serde_json::to_string_pretty(value)?)
}

/// Results go to standard output.
fn print(text: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{text}").context("cannot write to standard output")
}
