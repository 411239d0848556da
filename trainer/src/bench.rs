//! Measurements of the loader and of the training step, on given shards with a given configuration.

use std::{sync::Arc, time::Instant};

use serde::Serialize;

use crate::{
    config::Config,
    data::{dataset::ShardDirectory, loader::Loader, samples::TrainingSamples},
    device,
    error::Result,
    throughput::Throughput,
    train::{next_step, start_loader, training_options},
    trainer::Trainer,
};

const LOADER_SECONDS: f64 = 3.0;
const WARMUP_STEPS: usize = 3;

/// How fast micro-batches come, with `threads` threads and nobody else at work.
#[derive(Clone, Debug, Serialize)]
pub struct LoaderBench {
    pub threads: usize,
    pub micro_batches: u64,
    pub tokens: u64,
    pub seconds: f64,
    pub tokens_per_second: f64,
}

/// How fast training steps go, after a warm-up.
#[derive(Clone, Debug, Serialize)]
pub struct StepBench {
    pub device: String,
    pub precision: String,
    /// "plain" or "fused".
    pub kernels: String,
    pub steps: usize,
    pub step_ms: f64,
    pub tokens_per_second: f64,
    pub mfu: f64,
    pub matmul_tflops: f64,
}

/// Measures the loader for 1, 2, … `data.loader_threads` threads (doubling), for a few seconds each.
pub fn loader(config: &Config) -> Result<Vec<LoaderBench>> {
    let directory = Arc::new(ShardDirectory::open(&config.data.shards)?);
    config.check_held_out_rows(directory.num_rows())?;
    let doublings = std::iter::successors(Some(1), |threads| Some(threads * 2)).take_while(|&threads| threads < config.data.loader_threads);
    doublings.chain([config.data.loader_threads]).map(|threads| bench_loader(config, &directory, threads)).collect()
}

fn bench_loader(config: &Config, directory: &Arc<ShardDirectory>, threads: usize) -> Result<LoaderBench> {
    let samples = Arc::new(TrainingSamples::new(Arc::clone(directory), training_options(config, directory)?));
    let (mut micro_batches, mut tokens) = (0, 0);
    let begun = Instant::now();
    for micro_batch in Loader::start(&samples, 0..u64::MAX, threads, config.data.prefetch_batches) {
        tokens += micro_batch?.num_tokens() as u64;
        micro_batches += 1;
        if begun.elapsed().as_secs_f64() >= LOADER_SECONDS {
            break;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    Ok(LoaderBench { threads, micro_batches, tokens, seconds, tokens_per_second: tokens as f64 / seconds })
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
    with_warmup.train.steps += WARMUP_STEPS as u64;
    let mut loader = start_loader(&with_warmup, &samples, 0, 1);
    let mut run = |num_steps: usize, throughput: &mut Throughput| -> Result<()> {
        for _ in 0..num_steps {
            let micro_batches = next_step(config, &mut loader, trainer.step(), 1)?;
            trainer.train_step(&micro_batches)?;
            throughput.add(&micro_batches, trainer.model().config());
        }
        device::synchronize(device);
        Ok(())
    };
    run(WARMUP_STEPS, &mut Throughput::start(matmul_rate))?;
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
    })
}
