//! `AdamW` (Loshchilov and Hutter, 2017) over flat buffers, by libtorch's fused kernel.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::flat::{FlatLayout, FlatParameters};
use crate::{
    error::Result,
    ffi::{self, AdamWStep},
};

/// What `AdamW` is told besides the learning rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdamWOptions {
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    /// Of weight matrices and embeddings; biases and layer norms do not decay.
    pub weight_decay: f64,
}

/// The optimizer's memory: two moments of every parameter.
#[derive(Debug)]
pub struct AdamW {
    options: AdamWOptions,
    exp_avg: Tensor,
    exp_avg_sq: Tensor,
    /// Steps taken, as a tensor on the device.
    step: Tensor,
}

impl AdamW {
    pub fn new(options: AdamWOptions, parameters: &FlatParameters) -> Result<Self> {
        let device = parameters.masters().device();
        let layout = parameters.layout();
        Ok(Self {
            options,
            exp_avg: layout.allocate(Kind::Float, device)?,
            exp_avg_sq: layout.allocate(Kind::Float, device)?,
            step: Tensor::f_zeros([1], (Kind::Float, device))?,
        })
    }

    /// Takes up after `num_steps` steps, with the moments that they left.
    pub fn restore(&mut self, layout: &FlatLayout, num_steps: u64, exp_avg: &[Tensor], exp_avg_sq: &[Tensor]) -> Result<()> {
        for (buffer, values) in [(&self.exp_avg, exp_avg), (&self.exp_avg_sq, exp_avg_sq)] {
            for (mut view, value) in layout.views(buffer)?.into_iter().zip(values) {
                view.f_copy_(value)?;
            }
        }
        self.step.f_fill_(num_steps as f64).map(drop)?;
        Ok(())
    }

    pub fn exp_avg(&self) -> &Tensor {
        &self.exp_avg
    }

    pub fn exp_avg_sq(&self) -> &Tensor {
        &self.exp_avg_sq
    }

    /// Changes the masters by the gradients.
    pub fn step(&mut self, parameters: &FlatParameters, learning_rate: f64) -> Result<()> {
        self.step.f_add_scalar_(1.0).map(drop)?;
        let layout = parameters.layout();
        let buffers = [parameters.masters(), parameters.gradients(), &self.exp_avg, &self.exp_avg_sq];
        let [masters, gradients, exp_avg, exp_avg_sq] = buffers.map(|buffer| layout.ranges(buffer));
        let ranges = masters?.into_iter().zip(gradients?).zip(exp_avg?).zip(exp_avg_sq?);
        for ((((mut masters, gradients), mut exp_avg), mut exp_avg_sq), weight_decay) in ranges.zip([self.options.weight_decay, 0.0]) {
            let AdamWOptions { beta1, beta2, epsilon, .. } = self.options;
            let numbers = AdamWStep { learning_rate, beta1, beta2, epsilon, weight_decay };
            ffi::fused_adamw(&mut masters, &gradients, &mut exp_avg, &mut exp_avg_sq, &self.step, numbers)?;
        }
        Ok(())
    }
}
