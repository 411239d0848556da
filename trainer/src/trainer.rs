//! One training step: forward and backward over the micro-batches of a global batch, clip, update.

use std::{rc::Rc, time::Instant};

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::{
    checkpoint::{Checkpoint, TensorsToSave},
    config::Config,
    data::{batch::Batch, micro_batch::MicroBatch, padding::Padding},
    device::Precision,
    distributed::{data_parallel::DataParallel, process_group::ProcessGroup},
    error::{Error, Result},
    ffi::stream,
    graphs::PassGraphs,
    model::{
        attention::AttentionKernel,
        config::EncoderConfig,
        masked_lm::{MaskedLm, Mode},
        operators::Kernels,
        parameters::{initial_parameters, parameter_specs},
    },
    optim::{
        ema::WeightAverage,
        flat::{FlatLayout, FlatParameters, ParameterShape},
        loss_scale::{LossScale, LossScaler},
        optimizer::Optimizer,
        schedule::Schedule,
        verdict::Verdict,
    },
    random::{CounterRng, Purpose},
    read_back::ReadBack,
    recovery::Divergence,
};

/// By how much losses and gradient norms of the same micro-batch may differ, as a share: in bf16 fast and plain kernels agree to about 0.001.
const PROBE_TOLERANCE: f64 = 0.02;

/// A model, its optimizer, and how far they are.
#[derive(Debug)]
pub struct Trainer {
    device: Device,
    seed: u64,
    schedule: Schedule,
    max_gradient_norm: f64,
    model: MaskedLm,
    parameters: FlatParameters,
    optimizer: Optimizer,
    average: Option<WeightAverage>,
    parallel: DataParallel,
    max_skipped_steps: u64,
    /// If passes are recorded and replayed.
    graphs: Option<PassGraphs>,
    /// fp32 `[]`, of the global batch in hand. Like the next it stays where it is, as a recorded pass knows where that was.
    masked_tokens: Tensor,
    /// fp32 `[]`: this rank's share of the step's.
    loss: Tensor,
    step: u64,
    /// In fp16.
    loss_scaler: Option<LossScaler>,
    /// As of the last step whose result is known.
    progress: Progress,
    /// The last step, while its result is not known.
    queued: Option<QueuedStep>,
}

/// A step that the device was given, and what the host knows of it already.
#[derive(Debug)]
struct QueuedStep {
    step: u64,
    learning_rate: f64,
    masked_tokens: usize,
    /// Loss, gradient norm, 1 if skipped, updates so far, and the state of the loss scaler, if there is one.
    numbers: ReadBack,
}

/// Steps whose loss or gradient was not finite, and which therefore changed nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedSteps {
    pub total: u64,
    /// Those that were the last ones.
    pub in_a_row: u64,
}

/// What one step gave.
#[derive(Clone, Copy, Debug)]
pub struct StepResult {
    /// Steps taken, with this one.
    pub step: u64,
    /// Mean cross-entropy over all masked tokens of the global batch.
    pub loss: f64,
    /// Before clipping.
    pub gradient_norm: f64,
    pub learning_rate: f64,
    pub masked_tokens: usize,
    /// The loss or a gradient was not finite, and the step changed nothing.
    pub is_skipped: bool,
    pub progress: Progress,
    /// When the device was done with it, as far as the host can know.
    pub finished_at: Instant,
}

/// How far a trainer is, besides its step and its tensors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Of the optimizer: steps without those skipped.
    pub num_updates: u64,
    pub skipped: SkippedSteps,
    pub loss_scale: Option<LossScale>,
}

impl Trainer {
    /// Starts a model from random parameters.
    pub fn new(config: &Config, model: &EncoderConfig, device: Device) -> Result<Self> {
        Self::with_parameters(config, model, &initial_parameters(model, config.train.seed)?, device)
    }

    /// Continues where a checkpoint was saved.
    pub fn resume(config: &Config, model: &EncoderConfig, checkpoint: &Checkpoint, device: Device) -> Result<Self> {
        let mut trainer = Self::with_parameters(config, model, &checkpoint.parameters()?, device)?;
        let [exp_avg, exp_avg_sq] = checkpoint.moments()?;
        trainer.step = checkpoint.state.step;
        let layout = trainer.parameters.layout();
        let Progress { num_updates, skipped, loss_scale } = checkpoint.state.progress;
        trainer.optimizer.restore(layout, num_updates, &exp_avg, &exp_avg_sq)?;
        let loss_scale = trainer.progress.loss_scale.map(|fresh| loss_scale.unwrap_or(fresh));
        trainer.loss_scaler = loss_scale.map(|scale| LossScaler::new(scale, device)).transpose()?;
        trainer.progress = Progress { num_updates, skipped, loss_scale };
        if let (Some(average), Some(saved)) = (&mut trainer.average, checkpoint.average()?) {
            average.restore(layout, &saved)?;
        }
        Ok(trainer)
    }

    /// Starts a model from these parameters, in the order of [`parameter_specs`].
    pub fn with_parameters(config: &Config, model: &EncoderConfig, values: &[Tensor], device: Device) -> Result<Self> {
        if let (true, Device::Cuda(index)) = (config.train.cuda_graphs, device) {
            // Before anything is given to the device, so that all of it has one order.
            stream::leave_default(index)?;
        }
        let specs = parameter_specs(model);
        let shapes: Vec<ParameterShape> = specs
            .iter()
            .map(|spec| ParameterShape { shape: &spec.shape, rows_in_memory: spec.rows_in_memory, decays: spec.role.decays() })
            .collect();
        let layout = FlatLayout::new(&shapes);
        let parameters = FlatParameters::new(layout, values, device, config.train.precision.kind())?;
        let loss_scale = (config.train.precision == Precision::Fp16).then(LossScale::default);
        let parallel = DataParallel::new(Rc::new(ProcessGroup::alone()), &parameters, &config.distributed)?;
        let mut masked_lm = MaskedLm::new(model.clone(), parameters.parameters()).recomputing_layers(config.train.activation_checkpointing);
        let kernels = config.train.kernels.candidates(model, config.train.precision.kind(), device)?;
        masked_lm.set_kernels(kernels.last().copied().unwrap_or(Kernels::PLAIN));
        Ok(Self {
            device,
            seed: config.train.seed,
            schedule: config.schedule(),
            max_gradient_norm: config.optimizer.max_gradient_norm,
            model: masked_lm,
            optimizer: Optimizer::new(config.optimizer_options(), &parameters)?,
            average: match config.optimizer.ema_decay {
                0.0 => None,
                decay => Some(WeightAverage::new(decay, parameters.masters())?),
            },
            parameters,
            parallel,
            max_skipped_steps: config.train.max_skipped_steps,
            graphs: None,
            masked_tokens: Tensor::f_ones([], (Kind::Float, device))?,
            loss: Tensor::f_zeros([], (Kind::Float, device))?,
            step: 0,
            loss_scaler: loss_scale.map(|scale| LossScaler::new(scale, device)).transpose()?,
            progress: Progress { loss_scale, ..Progress::default() },
            queued: None,
        })
    }

    /// Trains from now on together with the other ranks of a group, each on its part of every global batch.
    pub fn share_with(&mut self, group: &Rc<ProcessGroup>, config: &Config) -> Result<()> {
        self.parallel = DataParallel::new(Rc::clone(group), &self.parameters, &config.distributed)?;
        Ok(())
    }

    pub fn device(&self) -> Device {
        self.device
    }

    pub fn model(&self) -> &MaskedLm {
        &self.model
    }

    pub fn num_parameters(&self) -> i64 {
        self.parameters.layout().num_parameters()
    }

    /// The fp32 parameters, in one flat buffer.
    pub fn masters(&self) -> &Tensor {
        self.parameters.masters()
    }

    /// Steps begun.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Whether the device has done everything that it was given.
    pub fn is_idle(&self) -> Result<bool> {
        self.queued.as_ref().map_or(Ok(true), |step| step.numbers.has_come())
    }

    pub fn set_kernels(&mut self, kernels: Kernels) {
        self.model.set_kernels(kernels);
    }

    /// Goes over to these kernels, and sees whether they give the loss and the gradient norm of the plain ones on this micro-batch. Comes before the
    /// first step.
    ///
    /// # Errors
    /// If they do not, or fail.
    pub fn try_kernels(&mut self, kernels: Kernels, micro_batch: &MicroBatch) -> Result<()> {
        self.set_kernels(Kernels::PLAIN);
        let plain = self.probe(micro_batch, Mode::Evaluate)?;
        self.set_kernels(kernels);
        let fast = self.probe(micro_batch, Mode::Evaluate)?;
        if is_close(fast, plain) { Ok(()) } else { Err(Error::KernelsDiffer { kernels, fast, plain }) }
    }

    /// Whether passes are recorded and replayed.
    pub fn has_graphs(&self) -> bool {
        self.graphs.is_some()
    }

    /// Does every pass on its own from now on.
    pub fn drop_graphs(&mut self) {
        self.graphs = None;
    }

    /// Records passes and replays them from now on, on micro-batches that are padded, and sees whether this gives the loss and the gradient norm of this micro-batch.
    /// Comes when the kernels are chosen.
    ///
    /// # Errors
    /// If it does not, or fails.
    pub fn try_graphs(&mut self, padding: Padding, micro_batch: &MicroBatch) -> Result<()> {
        if self.device.is_cuda() && self.model.kernels().attention == AttentionKernel::Grouped {
            return Err(Error::AttentionOfFixedShapes);
        }
        self.drop_graphs();
        let plain = self.probe(micro_batch, Mode::Evaluate)?;
        // What a pass with dropout drops depends on the shape too: of a replay only that it is the same again can be seen.
        for (mode, expected) in [(Mode::Evaluate, Some(plain)), (Mode::Train, None)] {
            self.graphs = Some(PassGraphs::new(padding));
            let padded = self.probe(micro_batch, mode)?;
            let replayed = self.probe(micro_batch, mode)?;
            for (what, found, expected) in [("padding", padded, expected.unwrap_or(padded)), ("replaying a pass", replayed, padded)] {
                if !is_close(found, expected) {
                    return Err(Error::PassDiffers { what, found, expected });
                }
            }
        }
        Ok(())
    }

    /// The loss and the gradient norm of a micro-batch alone, with the same dropout each time, or none.
    fn probe(&mut self, micro_batch: &MicroBatch, mode: Mode) -> Result<[f64; 2]> {
        tch::manual_seed(self.seed as i64);
        self.begin_sums(micro_batch.num_masked())?;
        let added = self.add_gradients(micro_batch, mode, false);
        if added.is_err() {
            // What it has added nevertheless goes with the sums.
            self.parameters.accumulate_gradients()?;
        }
        added?;
        self.unscale_gradients()?;
        let gradient_norm = self.parameters.gradient_norm()?;
        Ok([&self.loss, &gradient_norm].map(|number| number.double_value(&[])))
    }

    /// Begins the sums of a step with so many masked tokens: of the loss, and of the gradients.
    fn begin_sums(&mut self, masked_tokens: usize) -> Result<()> {
        self.masked_tokens.f_fill_(masked_tokens.max(1) as f64).map(drop)?;
        self.loss.f_zero_().map(drop)?;
        // A recorded pass adds, whichever it is of a step.
        if self.graphs.is_some() { self.parameters.zero_gradients() } else { self.parameters.await_first_gradients() }
    }

    /// Gives the device one step to do, on this rank's micro-batches of a global batch, and returns the result of the step before, if that is
    /// not known yet: while the host waits for that one, the device has this one to work on.
    ///
    /// The loss is the mean over all `masked_tokens` of the global batch, however they are spread over micro-batches and ranks.
    ///
    /// # Errors
    /// If the step before was one skipped step too many in a row.
    pub fn train_step(&mut self, micro_batches: &[MicroBatch], masked_tokens: usize) -> Result<Option<StepResult>> {
        let group = self.parallel.group();
        let (rank, world_size) = (group.world().rank, group.world().world_size);
        self.begin_sums(masked_tokens)?;
        for (index, micro_batch) in micro_batches.iter().enumerate() {
            // Dropout's mask depends on the place in the run alone, so a resumed run draws the same.
            let index_in_step = (index * world_size + rank) as u64;
            tch::manual_seed(CounterRng::new(Purpose::Dropout, self.seed, self.step, index_in_step).next_u64() as i64);
            self.add_gradients(micro_batch, Mode::Train, index + 1 == micro_batches.len())?;
        }
        self.unscale_gradients()?;
        let learning_rate = self.schedule.learning_rate(self.step);
        let numbers = self.update(learning_rate)?;
        self.step += 1;
        let before = self.finish_step()?;
        self.queued = Some(QueuedStep { step: self.step, learning_rate, masked_tokens, numbers });
        Ok(before)
    }

    /// Waits for the last step. Returns its result, unless that was returned before.
    ///
    /// # Errors
    /// If it was one skipped step too many in a row.
    pub fn finish_step(&mut self) -> Result<Option<StepResult>> {
        self.queued.take().map(|step| self.result_of(step)).transpose()
    }

    /// Adds the loss and the gradients of a micro-batch to the step's, which are summed over the ranks with the last one.
    fn add_gradients(&mut self, micro_batch: &MicroBatch, mode: Mode, is_last: bool) -> Result<()> {
        let Some(mut graphs) = self.graphs.take() else { return self.pass(&Batch::to_device(micro_batch, self.device)?, mode, is_last) };
        // What the ranks exchange is not recorded.
        let is_plain = is_last && self.parallel.overlaps();
        let passed = graphs.pass(micro_batch, self.device, is_plain, |batch| self.pass(batch, mode, is_last));
        self.graphs = Some(graphs);
        passed
    }

    /// One forward and one backward pass. What the host does here may not happen again for a later batch of the same shape, for which the device does the same.
    fn pass(&mut self, batch: &Batch, mode: Mode, is_last: bool) -> Result<()> {
        let (segments, chosen, labels) = (batch.segments(), &batch.masked_positions, &batch.labels);
        let summed_loss = self.model.summed_cross_entropy(&batch.input_ids, &batch.positions, segments, chosen, labels, mode)?;
        let loss = summed_loss.f_div(&self.masked_tokens)?;
        self.loss.f_add_(&loss.f_detach()?).map(drop)?;
        if is_last {
            self.parallel.begin_last_pass(&self.loss, &mut self.parameters)?;
        }
        match self.gradient_scale()? {
            Some(scale) => loss.f_mul(&scale.f_squeeze()?)?.f_backward()?,
            None => loss.f_backward()?,
        }
        if is_last { self.parallel.end_last_pass(&mut self.parameters) } else { self.parameters.accumulate_gradients() }
    }

    fn unscale_gradients(&mut self) -> Result<()> {
        self.gradient_scale()?.map_or(Ok(()), |scale| self.parameters.unscale_gradients(&scale))
    }

    /// In fp16, what gradients are too large by, fp32 `[1]`: a rank's share of the loss is the smaller the more ranks there are, which must not cost
    /// its gradients their digits.
    fn gradient_scale(&self) -> Result<Option<Tensor>> {
        let world_size = self.parallel.group().world().world_size as f64;
        let scale = |scaler: &LossScaler| Ok(scaler.factor().f_mul_scalar(world_size)?);
        self.loss_scaler.as_ref().map(scale).transpose()
    }

    /// Changes the parameters by the gradients, clipped, unless the loss or the gradient norm is not finite, which only the device knows here.
    fn update(&mut self, learning_rate: f64) -> Result<ReadBack> {
        let Verdict { loss_and_norm, is_skipped, factor } = Verdict::of(&self.parameters, &self.loss, self.max_gradient_norm)?;
        self.optimizer.step(&self.parameters, factor.as_ref(), learning_rate, &is_skipped)?;
        if let Some(average) = &mut self.average {
            average.update(self.parameters.masters(), &is_skipped.f_neg()?.f_add_scalar(1.0)?)?;
        }
        let mut numbers = vec![&loss_and_norm, &is_skipped, self.optimizer.num_updates()];
        if let Some(scaler) = &mut self.loss_scaler {
            scaler.update(&is_skipped)?;
            numbers.extend(scaler.state());
        }
        let numbers: Vec<Tensor> = numbers.into_iter().map(|number| number.f_to_kind(Kind::Float)).collect::<Result<_, _>>()?;
        ReadBack::start(&Tensor::f_cat(&numbers, 0)?)
    }

    fn result_of(&mut self, queued: QueuedStep) -> Result<StepResult> {
        let QueuedStep { step, learning_rate, masked_tokens, numbers } = queued;
        let (numbers, finished_at) = numbers.wait()?;
        let [loss, gradient_norm, is_skipped, num_updates] = [0, 1, 2, 3].map(|index| numbers[index]);
        let is_skipped = is_skipped != 0.0;
        let SkippedSteps { total, in_a_row } = self.progress.skipped;
        self.progress = Progress {
            num_updates: num_updates as u64,
            skipped: SkippedSteps { total: total + u64::from(is_skipped), in_a_row: if is_skipped { in_a_row + 1 } else { 0 } },
            loss_scale: self.loss_scaler.as_ref().map(|_| LossScale::from_state(numbers[4], numbers[5])),
        };
        let skipped = self.progress.skipped.in_a_row;
        if skipped >= self.max_skipped_steps {
            return Err(Error::Diverged(Divergence::NotFinite { step, skipped, loss, gradient_norm }));
        }
        Ok(StepResult { step, loss, gradient_norm, learning_rate, masked_tokens, is_skipped, progress: self.progress, finished_at })
    }

    /// How far the trainer is after the last step whose result is known.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Copies in host memory of the parameters, the optimizer's moments and the average, each in the order of [`parameter_specs`].
    pub fn tensors_to_save(&self) -> Result<TensorsToSave> {
        let layout = self.parameters.layout();
        let copy = |buffer: &Tensor| {
            let in_host_memory = buffer.device() == Device::Cpu;
            layout.views(&if in_host_memory { buffer.f_detach_copy()? } else { buffer.f_to_device(Device::Cpu)? })
        };
        Ok(TensorsToSave {
            parameters: copy(self.parameters.masters())?,
            exp_avg: copy(self.optimizer.exp_avg())?,
            exp_avg_sq: copy(self.optimizer.exp_avg_sq())?,
            average: self.average.as_ref().map(|average| copy(average.average())).transpose()?,
        })
    }
}

/// Whether loss and gradient norm are, but for rounding, what is expected. In fp16 both may be infinite, before the loss scale fits.
fn is_close(found: [f64; 2], expected: [f64; 2]) -> bool {
    found.into_iter().zip(expected).all(|(found, expected)| {
        (found.is_infinite() && expected.is_infinite()) || (found - expected).abs() <= PROBE_TOLERANCE * expected.abs()
    })
}
