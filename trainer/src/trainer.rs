//! One training step: forward and backward over the micro-batches of a global batch, clip, update.

use std::rc::Rc;

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::{
    checkpoint::{Checkpoint, TensorsToSave},
    config::Config,
    data::{batch::Batch, micro_batch::MicroBatch},
    device::Precision,
    distributed::{data_parallel::DataParallel, process_group::ProcessGroup},
    error::{Error, Result},
    model::{
        config::EncoderConfig,
        masked_lm::{MaskedLm, Mode},
        parameters::{initial_parameters, parameter_specs},
    },
    optim::{
        ema::WeightAverage,
        flat::{FlatLayout, FlatParameters},
        loss_scale::LossScale,
        optimizer::Optimizer,
        schedule::Schedule,
    },
    random::{CounterRng, Purpose},
};

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
    step: u64,
    skipped: SkippedSteps,
    /// In fp16.
    loss_scale: Option<LossScale>,
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
    /// Mean cross-entropy over all masked tokens of the global batch.
    pub loss: f64,
    /// Before clipping.
    pub gradient_norm: f64,
    pub learning_rate: f64,
    pub masked_tokens: usize,
    /// The loss or a gradient was not finite, and the step changed nothing.
    pub is_skipped: bool,
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
    pub fn resume(config: &Config, checkpoint: &Checkpoint, device: Device) -> Result<Self> {
        let mut trainer = Self::with_parameters(config, &checkpoint.state.model, &checkpoint.parameters()?, device)?;
        let [exp_avg, exp_avg_sq] = checkpoint.moments()?;
        trainer.step = checkpoint.state.step;
        let layout = trainer.parameters.layout();
        let Progress { num_updates, skipped, loss_scale } = checkpoint.state.progress;
        trainer.optimizer.restore(layout, num_updates, &exp_avg, &exp_avg_sq)?;
        trainer.skipped = skipped;
        trainer.loss_scale = trainer.loss_scale.map(|fresh| loss_scale.unwrap_or(fresh));
        if let (Some(average), Some(saved)) = (&mut trainer.average, checkpoint.average()?) {
            average.restore(layout, &saved)?;
        }
        Ok(trainer)
    }

    /// Starts a model from these parameters, in the order of [`parameter_specs`].
    pub fn with_parameters(config: &Config, model: &EncoderConfig, values: &[Tensor], device: Device) -> Result<Self> {
        let specs = parameter_specs(model);
        let shapes: Vec<(&[i64], bool)> = specs.iter().map(|spec| (spec.shape.as_slice(), spec.role.decays())).collect();
        let layout = FlatLayout::new(&shapes);
        let parameters = FlatParameters::new(layout, values, device, config.train.precision.kind())?;
        let parallel = DataParallel::new(Rc::new(ProcessGroup::alone()), &parameters, config.distributed.gradient_compression)?;
        let mut masked_lm = MaskedLm::new(model.clone(), parameters.parameters()).recomputing_layers(config.train.activation_checkpointing);
        masked_lm.set_kernels(config.train.kernels.resolve(model, config.train.precision.kind(), device)?);
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
            step: 0,
            skipped: SkippedSteps::default(),
            loss_scale: (config.train.precision == Precision::Fp16).then(LossScale::default),
        })
    }

    /// Trains from now on together with the other ranks of a group, each on its part of every global batch.
    pub fn share_with(&mut self, group: &Rc<ProcessGroup>, config: &Config) -> Result<()> {
        self.parallel = DataParallel::new(Rc::clone(group), &self.parameters, config.distributed.gradient_compression)?;
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

    /// Steps taken.
    pub fn step(&self) -> u64 {
        self.step
    }

    pub fn progress(&self) -> Progress {
        Progress { num_updates: self.optimizer.num_updates(), skipped: self.skipped, loss_scale: self.loss_scale }
    }

    /// Takes one step on this rank's micro-batches of a global batch. The loss is the mean over all masked tokens of the global batch,
    /// however they are spread over micro-batches and ranks.
    ///
    /// # Errors
    /// If this was one skipped step too many in a row.
    pub fn train_step(&mut self, micro_batches: &[MicroBatch]) -> Result<StepResult> {
        let group = self.parallel.group();
        let (rank, world_size) = (group.world().rank, group.world().world_size);
        let masked_tokens = group.sum(micro_batches.iter().map(MicroBatch::num_masked).sum::<usize>() as f64)? as usize;
        let loss_scale = self.loss_scale.map_or(1.0, |scale| scale.factor());
        let mut loss = Tensor::f_zeros([], (Kind::Float, self.device))?;
        self.parameters.zero_gradients()?;
        for (index, micro_batch) in micro_batches.iter().enumerate() {
            // Dropout's mask depends on the place in the run alone, so a resumed run draws the same.
            let index_in_step = (index * world_size + rank) as u64;
            tch::manual_seed(CounterRng::new(Purpose::Dropout, self.seed, self.step, index_in_step).next_u64() as i64);
            if index + 1 == micro_batches.len() {
                self.parallel.prepare_last_pass()?;
            }
            let batch = Batch::to_device(micro_batch, self.device)?;
            let hidden = self.model.hidden(&batch.input_ids, &batch.positions, &batch.segment_lengths, Mode::Train)?;
            let summed_loss = self.model.summed_cross_entropy(&hidden, &batch.masked_positions, &batch.labels)?;
            let share_of_loss = summed_loss.f_div_scalar(masked_tokens.max(1) as f64)?;
            // The ranks' gradients are averaged, but their shares of the loss add up.
            share_of_loss.f_mul_scalar(loss_scale * world_size as f64)?.f_backward()?;
            self.parameters.accumulate_gradients()?;
            loss.f_add_(&share_of_loss.f_detach()?).map(drop)?;
        }
        self.parallel.average_gradients(self.parameters.gradients())?;
        self.parallel.group().all_reduce(&loss)?;
        if self.loss_scale.is_some() {
            self.parameters.unscale_gradients(loss_scale)?;
        }
        let gradient_norm = self.parameters.clip_gradients(self.max_gradient_norm)?;
        // The one thing that a step reads back from the device.
        let [loss, gradient_norm] = [0, 1].map({
            let both = Tensor::f_stack(&[loss, gradient_norm], 0)?.f_to_device(Device::Cpu)?;
            move |index| both.double_value(&[index])
        });
        let learning_rate = self.schedule.learning_rate(self.step);
        let is_skipped = !(loss.is_finite() && gradient_norm.is_finite());
        if !is_skipped {
            self.update(learning_rate)?;
        }
        self.step += 1;
        self.count_skipped(is_skipped, loss, gradient_norm)?;
        Ok(StepResult { loss, gradient_norm, learning_rate, masked_tokens, is_skipped })
    }

    fn update(&mut self, learning_rate: f64) -> Result<()> {
        self.optimizer.step(&self.parameters, learning_rate)?;
        if let Some(average) = &mut self.average {
            average.update(self.parameters.masters())?;
        }
        self.parameters.publish()
    }

    fn count_skipped(&mut self, is_skipped: bool, loss: f64, gradient_norm: f64) -> Result<()> {
        if let Some(scale) = &mut self.loss_scale {
            scale.update(!is_skipped);
        }
        let SkippedSteps { total, in_a_row } = self.skipped;
        self.skipped =
            if is_skipped { SkippedSteps { total: total + 1, in_a_row: in_a_row + 1 } } else { SkippedSteps { total, in_a_row: 0 } };
        if self.skipped.in_a_row < self.max_skipped_steps {
            return Ok(());
        }
        Err(Error::NotFinite { step: self.step, skipped: self.skipped.in_a_row, loss, gradient_norm })
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
