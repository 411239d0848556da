//! One training step: forward and backward over the micro-batches of a global batch, clip, `AdamW`.

use tch::{Device, Kind, Tensor};

use crate::{
    checkpoint::{Checkpoint, TensorsToSave},
    config::Config,
    data::{batch::Batch, micro_batch::MicroBatch},
    error::Result,
    evaluate::summed_cross_entropy,
    model::{
        config::RobertaConfig,
        parameters::{initial_parameters, parameter_specs},
        roberta::{Mode, RobertaForMaskedLm},
    },
    optim::{
        adamw::AdamW,
        flat::{FlatLayout, FlatParameters},
        schedule::LinearSchedule,
    },
    random::{CounterRng, Purpose},
};

/// A model, its optimizer, and how far they are.
#[derive(Debug)]
pub struct Trainer {
    device: Device,
    seed: u64,
    schedule: LinearSchedule,
    max_gradient_norm: f64,
    model: RobertaForMaskedLm,
    parameters: FlatParameters,
    optimizer: AdamW,
    step: u64,
}

/// What one step gave. The tensors are scalars still on the device: reading one waits for it.
#[derive(Debug)]
pub struct StepResult {
    /// Mean cross-entropy over all masked tokens of the global batch.
    pub loss: Tensor,
    /// Before clipping.
    pub gradient_norm: Tensor,
    pub learning_rate: f64,
    pub masked_tokens: usize,
}

impl Trainer {
    /// Starts a model from random parameters.
    pub fn new(config: &Config, model: &RobertaConfig, device: Device) -> Result<Self> {
        Self::with_parameters(config, model, &initial_parameters(model, config.train.seed)?, device)
    }

    /// Continues where a checkpoint was saved.
    pub fn resume(config: &Config, checkpoint: &Checkpoint, device: Device) -> Result<Self> {
        let mut trainer = Self::with_parameters(config, &checkpoint.state.model, &checkpoint.parameters()?, device)?;
        let [exp_avg, exp_avg_sq] = checkpoint.moments()?;
        trainer.step = checkpoint.state.step;
        trainer.optimizer.restore(trainer.parameters.layout(), trainer.step, &exp_avg, &exp_avg_sq)?;
        Ok(trainer)
    }

    /// Starts a model from these parameters, in the order of [`parameter_specs`].
    pub fn with_parameters(config: &Config, model: &RobertaConfig, values: &[Tensor], device: Device) -> Result<Self> {
        let specs = parameter_specs(model);
        let shapes: Vec<(&[i64], bool)> = specs.iter().map(|spec| (spec.shape.as_slice(), spec.role.decays())).collect();
        let layout = FlatLayout::new(&shapes);
        let parameters = FlatParameters::new(layout, values, device, config.train.precision.kind())?;
        Ok(Self {
            device,
            seed: config.train.seed,
            schedule: config.schedule(),
            max_gradient_norm: config.optimizer.max_gradient_norm,
            model: RobertaForMaskedLm::new(model.clone(), parameters.parameters()),
            optimizer: AdamW::new(config.adamw(), &parameters)?,
            parameters,
            step: 0,
        })
    }

    pub fn device(&self) -> Device {
        self.device
    }

    pub fn model(&self) -> &RobertaForMaskedLm {
        &self.model
    }

    pub fn num_parameters(&self) -> i64 {
        self.parameters.layout().num_parameters()
    }

    /// Steps taken.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Takes one step on a global batch. The loss is the mean over all its masked tokens, however they are spread over micro-batches.
    pub fn train_step(&mut self, micro_batches: &[MicroBatch]) -> Result<StepResult> {
        let masked_tokens: usize = micro_batches.iter().map(MicroBatch::num_masked).sum();
        let mut loss = Tensor::f_zeros([], (Kind::Float, self.device))?;
        self.parameters.zero_gradients()?;
        for (index, micro_batch) in micro_batches.iter().enumerate() {
            // Dropout's mask depends on the place in the run alone, so a resumed run draws the same.
            tch::manual_seed(CounterRng::new(Purpose::Dropout, self.seed, self.step, index as u64).next_u64() as i64);
            let batch = Batch::to_device(micro_batch, self.device)?;
            let hidden = self.model.hidden(&batch.input_ids, &batch.positions, &batch.segment_lengths, Mode::Train)?;
            let logits = self.model.logits(&hidden, &batch.masked_positions)?.f_to_kind(Kind::Float)?;
            let share_of_loss = summed_cross_entropy(&logits, &batch.labels)?.f_div_scalar(masked_tokens.max(1) as f64)?;
            share_of_loss.f_backward()?;
            self.parameters.accumulate_gradients()?;
            loss.f_add_(&share_of_loss.f_detach()?).map(drop)?;
        }
        let gradient_norm = self.parameters.clip_gradients(self.max_gradient_norm)?;
        let learning_rate = self.schedule.learning_rate(self.step);
        self.optimizer.step(&self.parameters, learning_rate)?;
        self.parameters.publish()?;
        self.step += 1;
        Ok(StepResult { loss, gradient_norm, learning_rate, masked_tokens })
    }

    /// The parameters and the optimizer's moments, each in the order of [`parameter_specs`].
    pub fn tensors_to_save(&self) -> Result<TensorsToSave> {
        let layout = self.parameters.layout();
        Ok(TensorsToSave {
            parameters: layout.views(self.parameters.masters())?,
            exp_avg: layout.views(self.optimizer.exp_avg())?,
            exp_avg_sq: layout.views(self.optimizer.exp_avg_sq())?,
        })
    }
}
