//! What changes the masters by the gradients: moments in flat buffers, and three rules of what to do with them.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::flat::{FlatLayout, FlatParameters};
use crate::{
    error::Result,
    ffi::{
        self, AdamWStep,
        kernels::{self, AdamWBuffers},
    },
};

/// The rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Loshchilov and Hutter, "Decoupled weight decay regularization", 2017; on CUDA devices a kernel of ours, if there is one, else libtorch's.
    #[default]
    AdamW,
    /// `AdamW` whose rate is lowered for a tensor while its second moment lags behind its gradient: Wortsman et al., "Stable and
    /// low-precision training for large-scale vision-language models", 2023, algorithm 2 (the clipping is that of Adafactor).
    #[serde(rename = "stable-adamw")]
    StableAdamW,
    /// `AdamW`'s direction, as long as the tensor it changes, for very large batches: You et al., "Large batch optimization for deep
    /// learning: training BERT in 76 minutes", 2019. As in its authors' code, what does not decay keeps its own length.
    Lamb,
}

/// What an optimizer is told besides the learning rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptimizerOptions {
    pub kind: OptimizerKind,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    /// Of weight matrices and embeddings; biases and layer norms do not decay.
    pub weight_decay: f64,
}

/// The optimizer's memory: two moments of every parameter. Query, key and value of a layer are one tensor here, and so to the
/// rules that look at whole tensors.
#[derive(Debug)]
pub struct Optimizer {
    options: OptimizerOptions,
    exp_avg: Tensor,
    exp_avg_sq: Tensor,
    /// fp32 `[1]`: updates made, steps without those skipped. Only the device knows which were.
    num_updates: Tensor,
}

impl Optimizer {
    pub fn new(options: OptimizerOptions, parameters: &FlatParameters) -> Result<Self> {
        let device = parameters.masters().device();
        let layout = parameters.layout();
        let [exp_avg, exp_avg_sq] = [layout.allocate(Kind::Float, device)?, layout.allocate(Kind::Float, device)?];
        let num_updates = Tensor::f_zeros([1], (Kind::Float, device))?;
        Ok(Self { options, exp_avg, exp_avg_sq, num_updates })
    }

    /// Takes up after `num_updates` updates, with the moments that they left.
    pub fn restore(&mut self, layout: &FlatLayout, num_updates: u64, exp_avg: &[Tensor], exp_avg_sq: &[Tensor]) -> Result<()> {
        layout.fill(&self.exp_avg, exp_avg)?;
        layout.fill(&self.exp_avg_sq, exp_avg_sq)?;
        self.num_updates.f_fill_(num_updates as f64).map(drop)?;
        Ok(())
    }

    pub fn exp_avg(&self) -> &Tensor {
        &self.exp_avg
    }

    pub fn exp_avg_sq(&self) -> &Tensor {
        &self.exp_avg_sq
    }

    /// Updates made, fp32 `[1]` on the device: steps without those skipped.
    pub fn num_updates(&self) -> &Tensor {
        &self.num_updates
    }

    /// Changes the masters by the gradients times `factor`, fp32 `[1]`, or as they are, and hands them to the model, unless `is_skipped`, fp32 `[1]` on the device,
    /// is 1 instead of 0: then nothing changes, whatever the gradients hold, which may be lost.
    pub fn step(&mut self, parameters: &FlatParameters, factor: Option<&Tensor>, learning_rate: f64, is_skipped: &Tensor) -> Result<()> {
        let number = self.num_updates.f_add_scalar(1.0)?;
        let device = parameters.masters().device();
        let by = |gradients| Step { parameters, gradients, learning_rate, number: &number, is_skipped };
        if self.options.kind == OptimizerKind::AdamW && device.is_cuda() && kernels::exist_for(device) {
            self.adamw(by(parameters.gradients()), factor)?;
        } else {
            let mut gradients = parameters.fp32_gradients()?;
            if let Some(factor) = factor {
                gradients.f_mul_(factor).map(drop)?;
            }
            self.plain_step(by(&gradients))?;
            parameters.publish()?;
        }
        self.num_updates = number.f_sub(is_skipped)?;
        Ok(())
    }

    /// With our kernel, which takes gradients of the weights' kind too.
    fn adamw(&self, step: Step, factor: Option<&Tensor>) -> Result<()> {
        let Step { parameters, gradients, number, is_skipped, .. } = step;
        let buffers = AdamWBuffers {
            masters: parameters.masters(),
            exp_avg: &self.exp_avg,
            exp_avg_sq: &self.exp_avg_sq,
            weights: parameters.separate_weights(),
            num_decaying: parameters.layout().num_decaying(),
        };
        kernels::adamw(&buffers, gradients, factor, number, is_skipped, self.adamw_step(step.learning_rate, self.options.weight_decay))
    }

    fn adamw_step(&self, learning_rate: f64, weight_decay: f64) -> AdamWStep {
        let OptimizerOptions { beta1, beta2, epsilon, .. } = self.options;
        AdamWStep { learning_rate, beta1, beta2, epsilon, weight_decay }
    }

    /// With libtorch's operators, and masters alone.
    fn plain_step(&self, step: Step) -> Result<()> {
        match self.options.kind {
            OptimizerKind::AdamW => self.libtorch_adamw(step),
            OptimizerKind::StableAdamW => self.update_tensors(step, |tensor, update| self.stable_adamw(tensor, update)),
            OptimizerKind::Lamb => self.update_tensors(step, |tensor, update| self.lamb(tensor, update)),
        }
    }

    fn libtorch_adamw(&self, step: Step) -> Result<()> {
        let Step { parameters, gradients, learning_rate, number, is_skipped } = step;
        let layout = parameters.layout();
        let buffers = [parameters.masters(), gradients, &self.exp_avg, &self.exp_avg_sq];
        let [masters, gradients, exp_avg, exp_avg_sq] = buffers.map(|buffer| layout.ranges(buffer));
        let ranges = masters?.into_iter().zip(gradients?).zip(exp_avg?).zip(exp_avg_sq?);
        for ((((mut masters, gradients), mut exp_avg), mut exp_avg_sq), weight_decay) in ranges.zip([self.options.weight_decay, 0.0]) {
            let numbers = self.adamw_step(learning_rate, weight_decay);
            ffi::fused_adamw(&mut masters, &gradients, &mut exp_avg, &mut exp_avg_sq, number, is_skipped, numbers)?;
        }
        Ok(())
    }

    /// Updates both moments, then each tensor by `rule`. What a skipped step is multiplied by is 0, after its gradients became 0 too.
    fn update_tensors(&self, step: Step, rule: impl Fn(TensorInUpdate, &Update) -> Result<()>) -> Result<()> {
        let Step { parameters, gradients, learning_rate, number, is_skipped } = step;
        let OptimizerOptions { beta1, beta2, .. } = self.options;
        let mut gradients = gradients.shallow_clone();
        gradients.f_masked_fill_(&is_skipped.f_to_kind(Kind::Bool)?, 0.0).map(drop)?;
        let counts = is_skipped.f_neg()?.f_add_scalar(1.0)?.f_squeeze()?;
        let weight = |beta: f64| counts.f_mul_scalar(1.0 - beta);
        self.exp_avg.shallow_clone().f_lerp_tensor_(&gradients, &weight(beta1)?).map(drop)?;
        self.exp_avg_sq.shallow_clone().f_lerp_tensor_(&gradients.f_square()?, &weight(beta2)?).map(drop)?;
        let number = number.f_squeeze()?.f_to_kind(Kind::Double)?;
        let correction = |beta: f64| -> Result<Tensor> { Ok(Tensor::f_pow_scalar(beta, &number)?.f_neg()?.f_add_scalar(1.0)?) };
        let corrections = [correction(beta1)?, correction(beta2)?];
        let update = Update { learning_rate: counts.f_mul_scalar(learning_rate)?, corrections };
        let layout = parameters.layout();
        let buffers = [parameters.masters(), &gradients, &self.exp_avg, &self.exp_avg_sq];
        let [masters, gradients, exp_avg, exp_avg_sq] = buffers.map(|buffer| layout.views(buffer));
        let tensors = masters?.into_iter().zip(gradients?).zip(exp_avg?).zip(exp_avg_sq?);
        for ((((master, gradient), exp_avg), exp_avg_sq), decays) in tensors.zip(layout.decays()) {
            rule(TensorInUpdate { master, gradient, exp_avg, exp_avg_sq, decays }, &update)?;
        }
        Ok(())
    }

    fn stable_adamw(&self, mut tensor: TensorInUpdate, update: &Update) -> Result<()> {
        let [exp_avg, exp_avg_sq] = tensor.unbiased(update)?;
        let epsilon = self.options.epsilon;
        let ratio = tensor.gradient.f_square()?.f_div(&exp_avg_sq.f_clamp_min(epsilon * epsilon)?)?.f_mean(Kind::Float)?.f_sqrt()?;
        let rate = ratio.f_clamp_min(1.0)?.f_reciprocal()?.f_mul(&update.learning_rate)?;
        let direction = exp_avg.f_div(&exp_avg_sq.f_sqrt()?.f_add_scalar(epsilon)?)?;
        let kept = rate.f_mul_scalar(-tensor.weight_decay(&self.options))?.f_add_scalar(1.0)?;
        tensor.master.f_mul_(&kept)?.f_sub_(&direction.f_mul(&rate)?).map(drop)?;
        Ok(())
    }

    fn lamb(&self, mut tensor: TensorInUpdate, update: &Update) -> Result<()> {
        let [exp_avg, exp_avg_sq] = tensor.unbiased(update)?;
        let mut change = exp_avg.f_div(&exp_avg_sq.f_sqrt()?.f_add_scalar(self.options.epsilon)?)?;
        if tensor.decays {
            change.f_add_(&tensor.master.f_mul_scalar(self.options.weight_decay)?).map(drop)?;
            let [weight_norm, change_norm] = [tensor.master.f_norm()?, change.f_norm()?];
            let is_defined = weight_norm.f_gt(0.0)?.f_logical_and(&change_norm.f_gt(0.0)?)?;
            let trust = weight_norm.f_div(&change_norm)?.f_where_self(&is_defined, &weight_norm.f_ones_like()?)?;
            change.f_mul_(&trust).map(drop)?;
        }
        tensor.master.f_sub_(&change.f_mul(&update.learning_rate)?).map(drop)?;
        Ok(())
    }
}

/// What one step is told.
#[derive(Clone, Copy)]
struct Step<'a> {
    parameters: &'a FlatParameters,
    /// Flat, in fp32 but for our kernel.
    gradients: &'a Tensor,
    learning_rate: f64,
    /// fp32 `[1]`: updates, with this one.
    number: &'a Tensor,
    /// fp32 `[1]`: 1 if nothing is to change, else 0.
    is_skipped: &'a Tensor,
}

/// What all tensors have in common in one step, on the device.
struct Update {
    /// 0 in a step that is skipped.
    learning_rate: Tensor,
    /// Of either moment: its share of what it would be without its bias towards zero.
    corrections: [Tensor; 2],
}

/// One parameter, its gradient and its moments: views of flat buffers.
struct TensorInUpdate {
    master: Tensor,
    gradient: Tensor,
    exp_avg: Tensor,
    exp_avg_sq: Tensor,
    decays: bool,
}

impl TensorInUpdate {
    /// Both moments without their bias towards zero.
    fn unbiased(&self, update: &Update) -> Result<[Tensor; 2]> {
        let [first, second] = &update.corrections;
        Ok([self.exp_avg.f_div(first)?, self.exp_avg_sq.f_div(second)?])
    }

    fn weight_decay(&self, options: &OptimizerOptions) -> f64 {
        if self.decays { options.weight_decay } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::optim::flat::ParameterShape;

    const LEARNING_RATE: f64 = 0.05;

    /// The papers' rules on plain numbers, for one tensor.
    struct Reference {
        options: OptimizerOptions,
        decays: bool,
        values: Vec<f64>,
        moments: Vec<[f64; 2]>,
    }

    impl Reference {
        fn step(&mut self, gradient: &[f64], num_updates: i32) {
            let OptimizerOptions { kind, beta1, beta2, epsilon, weight_decay } = self.options;
            let decay = if self.decays { weight_decay } else { 0.0 };
            let (mut directions, mut ratios) = (Vec::new(), Vec::new());
            for ([first, second], gradient) in self.moments.iter_mut().zip(gradient) {
                *first = beta1 * *first + (1.0 - beta1) * gradient;
                *second = beta2 * *second + (1.0 - beta2) * gradient * gradient;
                let unbiased = *second / (1.0 - beta2.powi(num_updates));
                directions.push(*first / (1.0 - beta1.powi(num_updates)) / (unbiased.sqrt() + epsilon));
                ratios.push(gradient * gradient / unbiased.max(epsilon * epsilon));
            }
            let norm = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>().sqrt();
            let mut rate = LEARNING_RATE;
            if kind == OptimizerKind::StableAdamW {
                rate /= (ratios.iter().sum::<f64>() / ratios.len() as f64).sqrt().max(1.0);
            }
            let updates: Vec<f64> = directions.iter().zip(&self.values).map(|(direction, value)| direction + decay * value).collect();
            if kind == OptimizerKind::Lamb && self.decays && norm(&self.values) > 0.0 && norm(&updates) > 0.0 {
                rate *= norm(&self.values) / norm(&updates);
            }
            self.values.iter_mut().zip(updates).for_each(|(value, update)| *value -= rate * update);
        }
    }

    /// Ten steps on four tensors, one of which starts at zero; a gradient grows a hundredfold in step 6.
    fn check(kind: OptimizerKind) {
        let options = OptimizerOptions { kind, beta1: 0.9, beta2: 0.98, epsilon: 1e-6, weight_decay: 0.1 };
        let sizes = [12, 6, 5, 70];
        let shapes: [(&[i64], bool); 4] = [(&[3, 4], true), (&[2, 3], true), (&[5], false), (&[70], false)];
        // The last tensor is followed by rows of zeros.
        let places: Vec<ParameterShape> = shapes
            .iter()
            .map(|&(shape, decays)| ParameterShape { shape, rows_in_memory: if shape[0] == 70 { 128 } else { shape[0] }, decays })
            .collect();
        let wave = |tensor: usize, index: usize, step: usize| ((tensor * 31 + index * 7 + step * 13) as f64).sin();
        let start = |tensor: usize| -> Vec<f64> {
            (0..sizes[tensor]).map(|index| if tensor == 1 { 0.0 } else { 2.0 * wave(tensor, index, 0) }).collect()
        };
        let gradient = |tensor: usize, step: usize| -> Vec<f64> {
            let growth = if step == 6 { 100.0 } else { 1.0 };
            (0..sizes[tensor]).map(|index| growth * wave(tensor, index, step)).collect()
        };
        let as_tensor = |values: &[f64], tensor: usize| Tensor::from_slice(values).to_kind(Kind::Float).reshape(shapes[tensor].0);
        let values: Vec<Tensor> = (0..4).map(|tensor| as_tensor(&start(tensor), tensor)).collect();
        let flat = FlatParameters::new(FlatLayout::new(&places), &values, Device::Cpu, Kind::Float).expect("flat parameters");
        let mut optimizer = Optimizer::new(options, &flat).expect("an optimizer");
        let mut references: Vec<Reference> = (0..4)
            .map(|tensor| {
                let (values, decays) = (start(tensor), shapes[tensor].1);
                Reference { options, decays, moments: vec![[0.0; 2]; values.len()], values }
            })
            .collect();
        for step in 1..=10 {
            let gradients: Vec<Tensor> = (0..4).map(|tensor| as_tensor(&gradient(tensor, step), tensor)).collect();
            flat.layout().fill(flat.gradients(), &gradients).expect("gradients");
            optimizer.step(&flat, None, LEARNING_RATE, &Tensor::from_slice(&[0.0_f32])).expect("a step");
            for (tensor, reference) in references.iter_mut().enumerate() {
                reference.step(&gradient(tensor, step), step as i32);
                let found = flat.layout().views(flat.masters()).expect("views").swap_remove(tensor).reshape([-1]);
                let difference = (found - Tensor::from_slice(&reference.values)).abs().max().double_value(&[]);
                assert!(difference < 2e-6, "{kind:?}, step {step}, tensor {tensor}: {difference}");
            }
        }
    }

    #[test]
    fn every_rule_is_that_of_its_paper() {
        [OptimizerKind::AdamW, OptimizerKind::StableAdamW, OptimizerKind::Lamb].into_iter().for_each(check);
    }
}
