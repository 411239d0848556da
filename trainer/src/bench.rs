//! Measurements of the loader and of the training step, on given shards with a given configuration.

use std::{sync::Arc, time::Instant};

use serde::Serialize;

use crate::{
    config::Config,
    data::{dataset::ShardDirectory, loader::Loader, micro_batch::num_masked, samples::TrainingSamples},
    device,
    distributed::process_group::ProcessGroup,
    error::{Error, Result},
    ffi::stream,
    throughput::Throughput,
    train::{choose_kernels, in_lines, next_step, start_graphs, start_loader, training_options},
    trainer::Trainer,
};

const DECODING_SECONDS: f64 = 1.0;
const LOADER_SECONDS: f64 = 3.0;
const WARMUP_STEPS: usize = 3;
/// More of them, to look at instead of to measure.
const WATCHED_STEPS: usize = 1;

/// How fast micro-batches come, with `threads` threads and nobody else at work.
#[derive(Clone, Debug, Serialize)]
pub struct LoaderBench {
    pub threads: usize,
    /// The step whose micro-batches came first, as in a run that is resumed there.
    pub at_step: u64,
    /// From opening the shard directory to the first micro-batch.
    pub first_batch_seconds: f64,
    pub micro_batches: u64,
    pub tokens: u64,
    pub seconds: f64,
    pub tokens_per_second: f64,
    /// Of one thread that only decodes row groups.
    pub decoded_tokens_per_second: f64,
}

/// How fast training steps go, after a warm-up.
#[derive(Clone, Debug, Serialize)]
pub struct StepBench {
    pub device: String,
    pub precision: String,
    pub steps: usize,
    pub step_ms: f64,
    pub tokens_per_second: f64,
    pub mfu: f64,
    pub matmul_tflops: f64,
    /// Share of the time in which the device had nothing to do because no micro-batch was ready.
    pub data_wait: f64,
    /// What the model ran on: see `train.kernels`.
    pub kernels: String,
    /// Whether passes were replayed: see `train.cuda_graphs`.
    pub cuda_graphs: bool,
    /// Which faster ones were left out, and why.
    pub warning: Option<String>,
    /// On CUDA, what libtorch says if giving the device a step makes the host wait for it.
    pub host_wait: Option<String>,
}

/// Measures the loader from a step on for 1, 2, … `data.loader_threads` threads (doubling), for a few seconds each.
pub fn loader(config: &Config, at_step: u64) -> Result<Vec<LoaderBench>> {
    let decoded_tokens_per_second = bench_decoding(&ShardDirectory::open(&config.data.shards)?)?;
    let doublings = std::iter::successors(Some(1), |threads| Some(threads * 2)).take_while(|&threads| threads < config.data.loader_threads);
    let numbers_of_threads = doublings.chain([config.data.loader_threads]);
    numbers_of_threads.map(|threads| bench_loader(config, at_step, threads, decoded_tokens_per_second)).collect()
}

/// Tokens that a thread decodes in a second, row group after row group.
fn bench_decoding(directory: &ShardDirectory) -> Result<f64> {
    let (mut tokens, begun) = (0, Instant::now());
    for group in (0..directory.row_groups().len()).cycle() {
        tokens += directory.read_row_group(group)?.num_tokens();
        if begun.elapsed().as_secs_f64() >= DECODING_SECONDS {
            break;
        }
    }
    Ok(tokens as f64 / begun.elapsed().as_secs_f64())
}

fn bench_loader(config: &Config, at_step: u64, threads: usize, decoded_tokens_per_second: f64) -> Result<LoaderBench> {
    let opened = Instant::now();
    let directory = Arc::new(ShardDirectory::open(&config.data.shards)?);
    config.check_held_out_rows(directory.num_rows())?;
    let samples = Arc::new(TrainingSamples::new(Arc::clone(&directory), training_options(config, &directory)?));
    let (mut micro_batches, mut tokens, mut first_batch_seconds) = (0, 0, 0.0);
    let begun = Instant::now();
    for micro_batch in Loader::start(&samples, config.micro_batches_before(at_step)..u64::MAX, threads, config.data.prefetch_batches) {
        tokens += micro_batch?.num_tokens() as u64;
        if micro_batches == 0 {
            first_batch_seconds = opened.elapsed().as_secs_f64();
        }
        micro_batches += 1;
        if begun.elapsed().as_secs_f64() >= LOADER_SECONDS {
            break;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let tokens_per_second = tokens as f64 / seconds;
    Ok(LoaderBench { threads, at_step, first_batch_seconds, micro_batches, tokens, seconds, tokens_per_second, decoded_tokens_per_second })
}

/// Measures `train.steps` training steps, loading included, after a few that do not count.
pub fn step(config: &Config) -> Result<StepBench> {
    device::set_up(config.train.threads, 1, config.train.deterministic)?;
    let device = config.train.device.resolve()?;
    let directory = Arc::new(ShardDirectory::open(&config.data.shards)?);
    config.check_held_out_rows(directory.num_rows())?;
    let mut trainer = Trainer::new(config, &config.fresh_model(directory.manifest())?, device)?;
    let samples = Arc::new(TrainingSamples::new(Arc::clone(&directory), training_options(config, &directory)?));
    let matmul_rate = device::measure_matmul_rate(device, config.train.precision)?;
    let mut with_warmup = config.clone();
    with_warmup.train.steps += (WARMUP_STEPS + WATCHED_STEPS) as u64;
    let mut loader = start_loader(&with_warmup, &samples, 0, 1);
    let alone = ProcessGroup::alone();
    let warning = choose_kernels(config, &mut trainer, &*samples, &alone)?;
    let graphs_warning = start_graphs(config, &mut trainer, directory.manifest().max_seq_len, &*samples, &alone)?;
    let mut run = |num_steps: usize, throughput: &mut Throughput| -> Result<()> {
        for _ in 0..num_steps {
            let (micro_batches, data_wait) = next_step(config, &mut loader, &trainer, 1)?;
            let before = trainer.train_step(&micro_batches, num_masked(&micro_batches))?;
            throughput.queue(&micro_batches, trainer.model().config(), data_wait);
            if let Some(result) = before {
                throughput.finish(result.finished_at);
            }
        }
        if let Some(result) = trainer.finish_step()? {
            throughput.finish(result.finished_at);
        }
        Ok(())
    };
    run(WARMUP_STEPS, &mut Throughput::start(matmul_rate))?;
    let host_wait = if device.is_cuda() { host_wait(|| run(WATCHED_STEPS, &mut Throughput::start(matmul_rate)))? } else { None };
    let mut throughput = Throughput::start(matmul_rate);
    let begun = Instant::now();
    run(config.train.steps as usize, &mut throughput)?;
    let step_ms = 1e3 * begun.elapsed().as_secs_f64() / config.train.steps.max(1) as f64;
    let rates = throughput.take();
    Ok(StepBench {
        device: device::name(device),
        precision: config.train.precision.to_string(),
        kernels: trainer.model().kernels().to_string(),
        steps: config.train.steps as usize,
        step_ms,
        tokens_per_second: rates.tokens_per_second,
        mfu: rates.mfu,
        matmul_tflops: matmul_rate / 1e12,
        data_wait: rates.data_wait,
        cuda_graphs: trainer.has_graphs(),
        warning: in_lines(&[warning, graphs_warning].into_iter().flatten().collect::<Vec<_>>()),
        host_wait,
    })
}

/// What libtorch says when the step makes the host wait for the device, other than for its result.
fn host_wait(step: impl FnOnce() -> Result<()>) -> Result<Option<String>> {
    stream::forbid_waiting(true)?;
    let stepped = step();
    stream::forbid_waiting(false)?;
    match stepped {
        Err(Error::Torch { message }) if message.contains("synchronizing") => Ok(Some(message)),
        stepped => stepped.map(|()| None),
    }
}
