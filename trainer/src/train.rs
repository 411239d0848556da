//! The training run: set up, then the loop, with what is done every so many steps.

use std::{
    path::{Path, PathBuf},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tch::Device;

use crate::{
    checkpoint::{self, Checkpoint, DataFingerprint, EvaluationRecord, Retention, State},
    checkpoint_writer::{CheckpointWriter, Destination},
    config::{Config, MaskingConfig},
    data::{
        dataset::ShardDirectory,
        loader::Loader,
        masking::MaskingShares,
        micro_batch::MicroBatch,
        samples::{EvaluationSamples, LateMasking, RankSamples, Samples, TrainingOptions, TrainingSamples},
    },
    device,
    distributed::{agreement, process_group::ProcessGroup, world::World},
    error::{Error, Result},
    evaluate::evaluate,
    init_from::{Beginning, Origin},
    metrics::{Metrics, StepRecord},
    progress::{Progress, with_thousands},
    spikes::SpikeDetector,
    throughput::{Rates, Throughput},
    tokenizer,
    trainer::{StepResult, Trainer},
};

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub last_checkpoint: PathBuf,
    pub steps: u64,
    /// Stopped by a signal before the last step.
    pub interrupted: bool,
    /// Whether this process reports the run: of several ranks one does.
    pub is_main: bool,
}

/// Trains as the configuration says, from the beginning or from the newest sound checkpoint, together with the other ranks that the environment
/// states. `stop`, on any rank, ends the run on all of them after the step in hand.
pub fn run(config: &Config, resume: bool, stop: &AtomicBool) -> Result<Outcome> {
    config.check_output()?;
    let world = World::from_environment()?;
    device::set_up(config.train.threads, world.local_world_size, config.train.deterministic)?;
    let device = config.train.device.resolve_for(world.local_rank)?;
    let timeout = Duration::from_secs(config.distributed.timeout_seconds);
    let group = Rc::new(ProcessGroup::join(world, timeout, device)?);
    train(config, resume, stop, &group, device).map_err(|error| group.explain(error))
}

fn train(config: &Config, resume: bool, stop: &AtomicBool, group: &Rc<ProcessGroup>, device: Device) -> Result<Outcome> {
    let world = group.world();
    config.check_shared(world.world_size)?;
    let directory = Arc::new(ShardDirectory::open(&config.data.shards)?);
    config.check_held_out_rows(directory.num_rows())?;
    let checkpoint = checkpoint_to_resume(&config.train.output, resume)?;
    let beginning = beginning(config, checkpoint.as_ref(), &directory)?;
    let mut state = new_state(config, checkpoint.as_ref(), beginning.as_ref(), &directory)?;
    let training_samples = Arc::new(TrainingSamples::new(Arc::clone(&directory), training_options(config, &directory)?));
    let held_out = EvaluationSamples::new(Arc::clone(&directory), config.eval.rows, config.data.micro_batch_size, config.attention);
    let held_out = Arc::new(held_out);

    let mut trainer = match (&checkpoint, &beginning) {
        (Some(checkpoint), _) => Trainer::resume(config, checkpoint, device)?,
        (None, Some(beginning)) => Trainer::with_parameters(config, &state.model, &beginning.parameters, device)?,
        (None, None) => Trainer::new(config, &state.model, device)?,
    };
    drop(beginning);
    state.step = trainer.step();
    agreement::check_start(group, &state, trainer.masters())?;
    trainer.share_with(group, config)?;
    let part = RankSamples::new(Arc::clone(&training_samples), world.rank, world.world_size);
    let mut loader = start_loader(config, &Arc::new(part), trainer.step(), world.world_size);
    let matmul_rate = device::measure_matmul_rate(device, config.train.precision)?;
    let mut throughput = Throughput::start(matmul_rate);
    let mut metrics = world.is_main().then(|| Metrics::open(&config.train.output, trainer.step())).transpose()?;
    let mut progress = Progress::start(trainer.step(), config.train.steps, world.is_main());
    progress.message(&describe(config, &trainer, &directory, matmul_rate, world));
    if let Some(Origin { directory, notes, .. }) = &state.origin {
        progress.message(&format!("began from    {}", directory.display()));
        for note in notes {
            progress.message(&format!("              {note}"));
        }
    }
    if let Some(checkpoint) = &checkpoint {
        progress.message(&format!("resuming from {}", checkpoint.directory.display()));
        if world.is_main() {
            checkpoint::set_aside_later(&config.train.output, checkpoint.state.step)?;
        }
        state.last_evaluation.clone_from(&checkpoint.state.last_evaluation);
    }
    let resumed_from = checkpoint.map(|checkpoint| (checkpoint.state.step, checkpoint.directory));
    let mut writer = world.is_main().then(|| CheckpointWriter::new(destination(config, &directory), resumed_from));
    let mut spikes = SpikeDetector::default();

    while trainer.step() < config.train.steps && !group.any(stop.load(Ordering::Relaxed))? {
        let micro_batches = next_step(config, &mut loader, trainer.step(), world.world_size)?;
        let result = trainer.train_step(&micro_batches)?;
        throughput.add(&micro_batches, trainer.model().config());
        (state.step, state.progress) = (trainer.step(), trainer.progress());
        report_trouble(&progress, &mut spikes, state.step, &result);
        let is_due = |interval: u64| state.step == config.train.steps || (interval > 0 && state.step.is_multiple_of(interval));

        if is_due(config.log.interval_steps) {
            let record = StepRecord {
                step: state.step,
                epoch: config.batch_schedule().rows_before(state.step) as f64 / training_samples.rows_per_epoch() as f64,
                loss: result.loss,
                gradient_norm: result.gradient_norm,
                learning_rate: result.learning_rate,
                masked_tokens: result.masked_tokens as u64,
                skipped_steps: state.progress.skipped.total,
                checkpoint_wait_seconds: writer.as_mut().map_or(0.0, |writer| writer.take_waited().as_secs_f64()),
                rates: rates_of_all(group, throughput.take())?,
            };
            metrics.as_mut().map_or(Ok(()), |metrics| metrics.write_step(&record))?;
            progress.show(&record);
        }
        progress.advance(state.step);
        let verify_every = config.distributed.verify_interval_steps;
        if verify_every > 0 && state.step.is_multiple_of(verify_every) {
            throughput.without(|| agreement::check_parameters(group, state.step, trainer.masters()))?;
        }
        if let Some(metrics) = metrics.as_mut().filter(|_| config.eval.rows > 0 && is_due(config.eval.interval_steps)) {
            let result = throughput.without(|| evaluate(trainer.model(), &held_out, device))?;
            let record = EvaluationRecord { step: state.step, result };
            metrics.write_evaluation(&record)?;
            progress.message(&format!("step {}: held-out {}", record.step, record.result));
            state.last_evaluation = Some(record);
        }
        if let Some(writer) = &mut writer {
            if is_due(config.checkpoint.interval_steps) {
                throughput.without(|| writer.save(state.clone(), || trainer.tensors_to_save()))?;
            }
            writer.check()?;
        }
    }

    if let Some(mut writer) = writer {
        writer.save(state.clone(), || trainer.tensors_to_save())?;
        writer.finish()?;
    }
    let last_checkpoint = checkpoint::directory(&config.train.output, trainer.step());
    progress.finish();
    Ok(Outcome { last_checkpoint, steps: trainer.step(), interrupted: trainer.step() < config.train.steps, is_main: world.is_main() })
}

/// A loader of everything that one of `num_ranks` ranks has left to train on after `step` steps.
pub(crate) fn start_loader<S: Samples + 'static>(config: &Config, samples: &Arc<S>, step: u64, num_ranks: usize) -> Loader {
    let [start, end] = [step, config.train.steps.max(step)].map(|step| config.micro_batches_before(step) / num_ranks as u64);
    let numbers = start..end;
    Loader::start(samples, numbers, config.data.loader_threads, config.data.prefetch_batches)
}

/// The micro-batches of step `step` of one of `num_ranks` ranks, which are the next ones of its loader.
pub(crate) fn next_step(config: &Config, loader: &mut Loader, step: u64, num_ranks: usize) -> Result<Vec<MicroBatch>> {
    let count = config.batch_schedule().rows_of(step) / config.data.micro_batch_size / num_ranks as u64;
    loader.take(count as usize).collect()
}

/// The tokens per second of all ranks together, and the mean of their MFU.
fn rates_of_all(group: &ProcessGroup, own: Rates) -> Result<Rates> {
    let num_ranks = group.world().world_size as f64;
    Ok(Rates { tokens_per_second: group.sum(own.tokens_per_second)?, mfu: group.sum(own.mfu)? / num_ranks })
}

pub(crate) fn training_options(config: &Config, directory: &ShardDirectory) -> Result<TrainingOptions> {
    let vocab_size = directory.manifest().tokenizer.vocab_size;
    let MaskingConfig { probability, decay_probability, mask_share, random_share, whole_word } = config.masking;
    let first_sample = config.batch_schedule().rows_before(config.schedule().first_decay_step());
    Ok(TrainingOptions {
        seed: config.train.seed,
        held_out_rows: config.eval.rows,
        micro_batch_size: config.data.micro_batch_size,
        masking: MaskingShares { probability, mask_share, random_share },
        length_warmup: config.length_warmup(),
        late_masking: (decay_probability > 0.0).then_some(LateMasking { first_sample, probability: decay_probability }),
        starts_word: whole_word.then(|| tokenizer::starts_word(&directory.tokenizer_dir(), vocab_size)).transpose()?,
        scope: config.attention,
    })
}

fn fingerprint(directory: &ShardDirectory) -> DataFingerprint {
    let manifest = directory.manifest();
    DataFingerprint {
        manifest_hash: manifest.manifest_hash,
        tokenizer_hash: manifest.tokenizer.hash,
        num_rows: directory.num_rows(),
        num_tokens: directory.num_tokens(),
    }
}

/// The checkpoint to go on from. A new run does not mix with one that is there already.
fn checkpoint_to_resume(output: &Path, resume: bool) -> Result<Option<Checkpoint>> {
    if resume {
        return checkpoint::newest(output);
    }
    let (found, expected) = (output.display().to_string(), "a folder without checkpoints; continue that run with --resume".into());
    let taken = checkpoint::any(output)?;
    if taken { Err(Error::BadSetting { setting: "train.output", found, expected }) } else { Ok(None) }
}

/// The model that a new run begins from, if it does. A resumed run has its weights in its checkpoint.
fn beginning(config: &Config, checkpoint: Option<&Checkpoint>, directory: &ShardDirectory) -> Result<Option<Beginning>> {
    let begins = checkpoint.is_none() && !config.train.init_from.as_os_str().is_empty();
    begins.then(|| Beginning::read(config, directory)).transpose()
}

/// The state to train from. A resumed run must be the same run as before.
fn new_state(config: &Config, checkpoint: Option<&Checkpoint>, beginning: Option<&Beginning>, directory: &ShardDirectory) -> Result<State> {
    let manifest = directory.manifest();
    let origin = checkpoint.map_or(beginning.map(|beginning| &beginning.origin), |checkpoint| checkpoint.state.origin.as_ref());
    let model = match (checkpoint, beginning) {
        // What the settings leave open is known from the model that the run began from.
        (Some(Checkpoint { state, directory }), _) if origin.is_some() => config.continued_model(&state.model, directory, manifest)?,
        (_, Some(beginning)) => beginning.model.clone(),
        _ => config.fresh_model(manifest)?,
    };
    let state = State { origin: origin.cloned(), ..State::new(config, model, fingerprint(directory)) };
    if let Some(checkpoint) = checkpoint {
        checkpoint.check_resumable(&state)?;
    }
    Ok(state)
}

fn destination(config: &Config, directory: &ShardDirectory) -> Destination {
    let Config { train, checkpoint, .. } = config;
    let retention = Retention { newest: checkpoint.keep, every_steps: checkpoint.keep_every_steps };
    Destination { output: train.output.clone(), tokenizer: directory.tokenizer_dir(), retention }
}

/// Tells of a step that was skipped, and of a loss far above those before it.
fn report_trouble(progress: &Progress, spikes: &mut SpikeDetector, step: u64, result: &StepResult) {
    let StepResult { loss, gradient_norm, is_skipped, .. } = result;
    if *is_skipped {
        progress.message(&format!("step {step}: skipped, for loss {loss} or gradient norm {gradient_norm} is not finite"));
    } else if let Some(usual) = spikes.is_spike(*loss) {
        progress.message(&format!("step {step}: the loss jumped from about {usual:.4} to {loss:.4}"));
    }
}

fn describe(config: &Config, trainer: &Trainer, directory: &ShardDirectory, matmul_rate: f64, world: &World) -> String {
    let tokens_per_row = directory.num_tokens() as f64 / directory.num_rows() as f64;
    [
        format!(
            "device        {}{}, {}, {} kernels, matrix products at {:.2} TFLOP/s",
            if world.world_size > 1 { format!("{} ranks, this one on ", world.world_size) } else { String::new() },
            device::name(trainer.device()),
            config.train.precision,
            trainer.model().kernels(),
            matmul_rate / 1e12
        ),
        format!(
            "data          {}: {} rows, {} tokens; {} rows held out",
            directory.path().display(),
            with_thousands(directory.num_rows()),
            with_thousands(directory.num_tokens()),
            with_thousands(config.eval.rows)
        ),
        format!(
            "step          {} rows in micro-batches of {}, about {} tokens",
            config.data.global_batch_size,
            config.data.micro_batch_size,
            with_thousands((tokens_per_row * config.data.global_batch_size as f64).round() as u64)
        ),
        format!("model         {} parameters", with_thousands(trainer.num_parameters() as u64)),
        format!("output        {}", absolute(&config.train.output).display()),
    ]
    .join("\n")
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
