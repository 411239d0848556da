//! The training run: set up, then the loop, with what is done every so many steps.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tch::Device;

use crate::{
    checkpoint::{self, Checkpoint, DataFingerprint, EvaluationRecord, Retention, State},
    checkpoint_writer::{CheckpointWriter, Destination},
    config::{Config, MaskingConfig, ScheduleConfig},
    data::{
        dataset::ShardDirectory,
        loader::Loader,
        masking::MaskingShares,
        micro_batch::{MicroBatch, num_masked},
        padding::Padding,
        samples::{EvaluationSamples, LateMasking, RankSamples, Samples, TrainingOptions, TrainingSamples},
    },
    device,
    distributed::{agreement, process_group::ProcessGroup, world::World},
    error::{AtPath, Error, Result},
    evaluate::evaluate,
    init_from::{Beginning, Origin},
    metrics::{Metrics, ReturnRecord, StepRecord},
    progress::{Progress, with_thousands},
    recovery::{Divergence, Recovery},
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
    let result = train(config, resume, stop, &group, device).map_err(|error| group.explain(error));
    if result.is_err() && device.is_cuda() {
        // NCCL's end would wait for ranks that do not answer any more, and the error with it.
        std::mem::forget(group);
    }
    result
}

fn train(config: &Config, resume: bool, stop: &AtomicBool, group: &Rc<ProcessGroup>, device: Device) -> Result<Outcome> {
    config.check_shared(group.world().world_size)?;
    let directory = Arc::new(ShardDirectory::open(&config.data.shards)?);
    config.check_held_out_rows(directory.num_rows())?;
    let _lock = group.world().is_main().then(|| lock(&config.train.output)).transpose()?;
    let mut checkpoint = checkpoint_to_resume(&config.train.output, resume)?;
    loop {
        match train_from(config, checkpoint, &directory, stop, group, device)? {
            End::Finished(outcome) => return Ok(outcome),
            End::Diverged { good_step, recovery } => checkpoint = Some(checkpoint_to_return_to(config, good_step, recovery, group)?),
        }
    }
}

/// How the part of a run between two returns ended.
enum End {
    Finished(Outcome),
    /// The run goes on from the checkpoint of `good_step` with `recovery`.
    Diverged {
        good_step: u64,
        recovery: Recovery,
    },
}

fn train_from(
    config: &Config,
    checkpoint: Option<Checkpoint>,
    directory: &Arc<ShardDirectory>,
    stop: &AtomicBool,
    group: &Rc<ProcessGroup>,
    device: Device,
) -> Result<End> {
    let mut run = Run::set_up(config, checkpoint, directory, group, device)?;
    match run.take_steps(stop) {
        Err(Error::Diverged(reason)) => run.return_to_good_step(reason),
        result => result.and_then(|()| run.finish()),
    }
}

/// A run, or the part of one between two returns.
struct Run<'a> {
    config: &'a Config,
    group: &'a ProcessGroup,
    /// As of the last step whose result is known.
    state: State,
    trainer: Trainer,
    samples: Arc<TrainingSamples>,
    loader: Loader,
    held_out: Arc<EvaluationSamples>,
    throughput: Throughput,
    progress: Progress,
    /// On the rank that writes, as is the next.
    metrics: Option<Metrics>,
    writer: Option<CheckpointWriter>,
}

impl<'a> Run<'a> {
    fn set_up(
        config: &'a Config,
        checkpoint: Option<Checkpoint>,
        directory: &Arc<ShardDirectory>,
        group: &'a Rc<ProcessGroup>,
        device: Device,
    ) -> Result<Self> {
        let world = group.world();
        let beginning = beginning(config, checkpoint.as_ref(), directory)?;
        let mut state = new_state(config, checkpoint.as_ref(), beginning.as_ref(), directory)?;
        let options = TrainingOptions { skipped_rows: state.recovery.skipped_rows, ..training_options(config, directory)? };
        let samples = Arc::new(TrainingSamples::new(Arc::clone(directory), options));
        let held_out = EvaluationSamples::new(Arc::clone(directory), config.eval.rows, config.data.micro_batch_size, config.attention);

        let mut trainer = match (&checkpoint, &beginning) {
            (Some(checkpoint), _) => Trainer::resume(config, &state.model, checkpoint, device)?,
            (None, Some(beginning)) => Trainer::with_parameters(config, &state.model, &beginning.parameters, device)?,
            (None, None) => Trainer::new(config, &state.model, device)?,
        };
        drop(beginning);
        state.step = trainer.step();
        agreement::check_start(group, &state, trainer.masters())?;
        trainer.share_with(group, config)?;
        let part = RankSamples::new(Arc::clone(&samples), world.rank, world.world_size);
        let loader = start_loader(config, &Arc::new(part), trainer.step(), world.world_size);
        let progress = Progress::start(trainer.step(), config.train.steps, world.is_main());
        let ScheduleConfig { warmup_steps, .. } = config.schedule;
        let never_at_peak = warmup_steps > config.train.steps;
        let warnings = [
            never_at_peak.then(|| {
                format!(
                    "warning: schedule.warmup_steps = {warmup_steps} reaches beyond train.steps = {}: the learning rate never has its peak",
                    config.train.steps
                )
            }),
            choose_kernels(config, &mut trainer, &*samples, group)?,
            start_graphs(config, &mut trainer, directory.manifest().max_seq_len, &*samples, group)?,
        ];
        warnings.iter().flatten().for_each(|warning| progress.message(warning));
        let matmul_rate = device::measure_matmul_rate(device, config.train.precision)?;
        let num_returns = state.recovery.num_returns;
        let metrics = world.is_main().then(|| Metrics::open(&config.train.output, trainer.step(), num_returns)).transpose()?;
        progress.message(&describe(config, &trainer, directory, matmul_rate, world));
        state.origin.iter().for_each(|origin| progress.message(&describe_origin(origin)));
        if let Some(checkpoint) = &checkpoint {
            progress.message(&format!("resuming from {}", checkpoint.directory.display()));
            if world.is_main() {
                checkpoint::set_aside_later(&config.train.output, checkpoint.state.step)?;
            }
            state.last_evaluation.clone_from(&checkpoint.state.last_evaluation);
        }
        let resumed_from = checkpoint.map(|checkpoint| (checkpoint.state.step, checkpoint.directory));
        let writer = world.is_main().then(|| CheckpointWriter::new(destination(config, directory), resumed_from));
        let (held_out, throughput) = (Arc::new(held_out), Throughput::start(matmul_rate));
        Ok(Self { config, group, state, trainer, samples, loader, held_out, throughput, progress, metrics, writer })
    }

    /// Takes steps until the last one, or until `stop` on any rank.
    fn take_steps(&mut self, stop: &AtomicBool) -> Result<()> {
        let Config { train, checkpoint, eval, distributed, .. } = self.config;
        while self.trainer.step() < train.steps {
            let (micro_batches, data_wait) = next_step(self.config, &mut self.loader, &self.trainer, self.group.world().world_size)?;
            let [stops, masked_tokens] = self.group.sum([f64::from(stop.load(Ordering::Relaxed)), num_masked(&micro_batches) as f64])?;
            if stops > 0.0 {
                break;
            }
            let before = self.trainer.train_step(&micro_batches, masked_tokens as usize)?;
            self.throughput.queue(&micro_batches, self.trainer.model().config(), data_wait);
            self.report(before)?;

            let step = self.trainer.step();
            let is_regular = |interval: u64| interval > 0 && step.is_multiple_of(interval);
            let is_due = |interval: u64| step == train.steps || is_regular(interval);
            let is_verified = is_regular(distributed.verify_interval_steps);
            if is_verified || is_due(eval.interval_steps) || is_due(checkpoint.interval_steps) {
                // What looks at the model after a step comes after the step's result.
                let result = self.trainer.finish_step()?;
                self.report(result)?;
            }
            if is_verified {
                self.throughput.without(|| agreement::check_parameters(self.group, step, self.trainer.masters()))?;
            }
            if let Some(metrics) = self.metrics.as_mut().filter(|_| eval.rows > 0 && is_due(eval.interval_steps)) {
                let result = self.throughput.without(|| evaluate(self.trainer.model(), &self.held_out, self.trainer.device()))?;
                let record = EvaluationRecord { step, result };
                metrics.write_evaluation(&record)?;
                self.progress.message(&format!("step {step}: held-out {}", record.result));
                self.state.last_evaluation = Some(record);
            }
            if train.max_returns > 0 && is_regular(checkpoint.interval_steps) {
                self.state.recovery.note_checkpoint(step, self.state.progress.skipped);
            }
            if let Some(writer) = &mut self.writer {
                if is_due(checkpoint.interval_steps) {
                    self.throughput.without(|| writer.save(self.state.clone(), || self.trainer.tensors_to_save()))?;
                }
                writer.check()?;
            }
        }
        let result = self.trainer.finish_step()?;
        self.report(result)
    }

    /// Brings the state up to a step, once its result is known, and tells of it: if it was skipped or its loss jumped at once, else if it is time.
    fn report(&mut self, result: Option<StepResult>) -> Result<()> {
        let Some(result) = result else { return Ok(()) };
        let StepResult { step, loss, gradient_norm, learning_rate, masked_tokens, is_skipped, progress, finished_at } = result;
        (self.state.step, self.state.progress) = (step, progress);
        self.throughput.finish(finished_at);
        self.progress.advance(step);
        if is_skipped {
            self.progress.message(&format!("step {step}: skipped, for loss {loss} or gradient norm {gradient_norm} is not finite"));
        }
        if let Some(usual) = self.state.recovery.observe(&result, &self.config.train)? {
            self.progress.message(&format!("step {step}: the loss jumped from about {usual:.4} to {loss:.4}"));
        }
        let interval = self.config.log.interval_steps;
        if step == self.config.train.steps || interval > 0 && step.is_multiple_of(interval) {
            let record = StepRecord {
                step,
                epoch: self.samples.epochs_before(self.config.batch_schedule().rows_before(step)),
                loss,
                gradient_norm,
                learning_rate,
                masked_tokens: masked_tokens as u64,
                skipped_steps: progress.skipped.total,
                checkpoint_wait_seconds: self.writer.as_mut().map_or(0.0, |writer| writer.take_waited().as_secs_f64()),
                rates: rates_of_all(self.group, self.throughput.take())?,
            };
            self.metrics.as_mut().map_or(Ok(()), |metrics| metrics.write_step(&record))?;
            self.progress.show(&record);
        }
        Ok(())
    }

    /// Ends this part of the run, which has diverged, if it may go on from an earlier step.
    fn return_to_good_step(mut self, reason: Divergence) -> Result<End> {
        let (good_step, recovery) = self.state.recovery.after_return(reason.step(), self.config).ok_or(Error::Diverged(reason))?;
        let Recovery { num_returns: returns, skipped_rows, .. } = recovery;
        self.progress.message(&format!("{reason}: return {returns} to step {good_step}, past the rows since"));
        self.progress.finish();
        let record = ReturnRecord { step: good_step, returns, from_step: reason.step(), skipped_rows, reason: reason.to_string() };
        self.metrics.as_mut().map_or(Ok(()), |metrics| metrics.write_return(&record))?;
        self.writer.map_or(Ok(None), CheckpointWriter::finish)?;
        Ok(End::Diverged { good_step, recovery })
    }

    fn finish(self) -> Result<End> {
        if let Some(mut writer) = self.writer {
            writer.save(self.state, || self.trainer.tensors_to_save())?;
            writer.finish()?;
        }
        // A launcher that sees one rank end may end the others, of which one was writing until now.
        self.group.wait_for_all()?;
        self.progress.finish();
        let (steps, is_main) = (self.trainer.step(), self.group.world().is_main());
        let last_checkpoint = checkpoint::directory(&self.config.train.output, steps);
        Ok(End::Finished(Outcome { last_checkpoint, steps, interrupted: steps < self.config.train.steps, is_main }))
    }
}

/// A loader of everything that one of `num_ranks` ranks has left to train on after `step` steps.
pub(crate) fn start_loader<S: Samples + 'static>(config: &Config, samples: &Arc<S>, step: u64, num_ranks: usize) -> Loader {
    let [start, end] = [step, config.train.steps.max(step)].map(|step| config.micro_batches_before(step) / num_ranks as u64);
    let numbers = start..end;
    Loader::start(samples, numbers, config.data.loader_threads, config.data.prefetch_batches)
}

/// The micro-batches of the next step of one of `num_ranks` ranks, which are the next ones of its loader, and how long the device waited for them:
/// as long as the host did, if the device had nothing left to do by then.
pub(crate) fn next_step(config: &Config, loader: &mut Loader, trainer: &Trainer, num_ranks: usize) -> Result<(Vec<MicroBatch>, Duration)> {
    let count = config.batch_schedule().rows_of(trainer.step()) / config.data.micro_batch_size / num_ranks as u64;
    let begun = Instant::now();
    let micro_batches = loader.take(count as usize).collect::<Result<_>>()?;
    let waited = begun.elapsed();
    Ok((micro_batches, if trainer.is_idle()? { waited } else { Duration::ZERO }))
}

/// Lets the model run on the fastest kernels that every rank finds right on one micro-batch. Returns what to tell a person.
pub(crate) fn choose_kernels(
    config: &Config,
    trainer: &mut Trainer,
    samples: &dyn Samples,
    group: &ProcessGroup,
) -> Result<Option<String>> {
    let candidates = config.train.kernels.candidates(trainer.model().config(), config.train.precision.kind(), trainer.device())?;
    let Some((&last, checked)) = candidates.split_last() else { return Ok(None) };
    let mut warnings = Vec::new();
    for &kernels in checked {
        let micro_batch = samples.micro_batch(config.micro_batches_before(trainer.step()))?;
        let Some(why) = failure_of_any(group, trainer.try_kernels(kernels, &micro_batch))? else { return Ok(in_lines(&warnings)) };
        warnings.push(format!("warning: training without {kernels} kernels, which are faster: {why}"));
    }
    trainer.set_kernels(last);
    Ok(in_lines(&warnings))
}

/// Lets passes be recorded and replayed, if that is asked for and every rank finds it right on one micro-batch. Returns what to tell a person.
pub(crate) fn start_graphs(
    config: &Config,
    trainer: &mut Trainer,
    max_seq_len: usize,
    samples: &dyn Samples,
    group: &ProcessGroup,
) -> Result<Option<String>> {
    if !config.train.cuda_graphs {
        return Ok(None);
    }
    let padding = Padding::new(config.data.micro_batch_size as usize, max_seq_len);
    let micro_batch = samples.micro_batch(config.micro_batches_before(trainer.step()))?;
    let Some(why) = failure_of_any(group, trainer.try_graphs(padding, &micro_batch))? else { return Ok(None) };
    trainer.drop_graphs();
    Ok(Some(format!("warning: training without CUDA graphs: {why}")))
}

/// Why something failed that every rank tried, if it did on any of them.
fn failure_of_any(group: &ProcessGroup, tried: Result<()>) -> Result<Option<String>> {
    let [failures] = group.sum([f64::from(tried.is_err())])?;
    Ok((failures > 0.0).then(|| tried.err().map_or_else(|| "failed on another rank".to_owned(), |error| error.to_string())))
}

pub(crate) fn in_lines(warnings: &[String]) -> Option<String> {
    (!warnings.is_empty()).then(|| warnings.join("\n"))
}

/// The tokens per second of all ranks together, and the means of the rest.
fn rates_of_all(group: &ProcessGroup, own: Rates) -> Result<Rates> {
    let num_ranks = group.world().world_size as f64;
    let [tokens_per_second, mfu, data_wait] = group.sum([own.tokens_per_second, own.mfu, own.data_wait])?;
    Ok(Rates { tokens_per_second, mfu: mfu / num_ranks, data_wait: data_wait / num_ranks })
}

pub(crate) fn training_options(config: &Config, directory: &ShardDirectory) -> Result<TrainingOptions> {
    let vocab_size = directory.manifest().tokenizer.vocab_size;
    let MaskingConfig { probability, decay_probability, mask_share, random_share, whole_word } = config.masking;
    let first_sample = config.batch_schedule().rows_before(config.schedule().first_decay_step());
    Ok(TrainingOptions {
        seed: config.train.seed,
        held_out_rows: config.eval.rows,
        micro_batch_size: config.data.micro_batch_size,
        skipped_rows: 0,
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

/// Keeps another run out of the folder for as long as the file that is returned is open.
fn lock(output: &Path) -> Result<File> {
    fs::create_dir_all(output).at_path(output)?;
    let folder = File::open(output).at_path(output)?;
    match folder.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Error::BadSetting {
            setting: "train.output",
            found: output.display().to_string(),
            expected: "a folder into which no other run is writing".into(),
        }),
        // Not every file system has locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(folder),
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

/// The checkpoint that a run which has diverged returns to, on every rank, with what it goes on with from there. Later ones are removed.
fn checkpoint_to_return_to(config: &Config, step: u64, recovery: Recovery, group: &ProcessGroup) -> Result<Checkpoint> {
    let output = &config.train.output;
    if group.world().is_main() {
        checkpoint::remove_later(output, step)?;
    }
    // Rank 0 may have been writing it until now.
    group.wait_for_all()?;
    let mut checkpoint = checkpoint::open(&checkpoint::directory(output, step))?;
    checkpoint.state.recovery = Recovery { spikes: checkpoint.state.recovery.spikes, ..recovery };
    Ok(checkpoint)
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
    let mut recovery = checkpoint.map(|checkpoint| checkpoint.state.recovery).unwrap_or_default();
    if config.train.max_returns == 0 {
        recovery.last_good_step = None;
    }
    let state = State { origin: origin.cloned(), recovery, ..State::new(config, model, fingerprint(directory)) };
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

fn describe(config: &Config, trainer: &Trainer, directory: &ShardDirectory, matmul_rate: f64, world: &World) -> String {
    let tokens_per_row = directory.num_tokens() as f64 / directory.num_rows() as f64;
    [
        format!(
            "device        {}{}, {}, matrix products at {:.2} TFLOP/s",
            if world.world_size > 1 { format!("{} ranks, this one on ", world.world_size) } else { String::new() },
            device::name(trainer.device()),
            config.train.precision,
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
        format!(
            "model         {} parameters, {} kernels{}",
            with_thousands(trainer.num_parameters() as u64),
            trainer.model().kernels(),
            if trainer.has_graphs() { ", CUDA graphs" } else { "" }
        ),
        format!("output        {}", absolute(&config.train.output).display()),
    ]
    .join("\n")
}

fn describe_origin(Origin { directory, notes, .. }: &Origin) -> String {
    let notes = notes.iter().map(|note| format!("              {note}"));
    [format!("began from    {}", directory.display())].into_iter().chain(notes).collect::<Vec<_>>().join("\n")
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
