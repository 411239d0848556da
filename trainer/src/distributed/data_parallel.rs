//! Gradients of all ranks become one: the same on each, the mean over them.
//!
//! In fp32 the model's gradients are the step's, and libtorch's Reducer averages them in buckets while the backward pass of the
//! last micro-batch still runs. Otherwise (bf16 weights, whose gradients are summed apart in fp32, or compression) the flat buffer of
//! the step's gradients is averaged as a whole after that pass.

use std::rc::Rc;

use tch::{Kind, Tensor};

use super::process_group::ProcessGroup;
use crate::{config::GradientCompression, error::Result, ffi, optim::flat::FlatParameters};

/// Training on all ranks of a group.
#[derive(Debug)]
pub struct DataParallel {
    // Before the group that it uses: fields are dropped in order.
    reducer: Option<ffi::Reducer>,
    group: Rc<ProcessGroup>,
    compression: GradientCompression,
}

impl DataParallel {
    pub fn new(group: Rc<ProcessGroup>, parameters: &FlatParameters, compression: GradientCompression) -> Result<Self> {
        let overlaps = !parameters.is_mixed() && compression == GradientCompression::None;
        let reducer = group.peers().filter(|_| overlaps).map(|peers| ffi::Reducer::new(peers, parameters.parameters())).transpose()?;
        Ok(Self { reducer, group, compression })
    }

    pub fn group(&self) -> &ProcessGroup {
        &self.group
    }

    /// Whether gradients are exchanged while the last pass of a step still runs.
    pub fn overlaps(&self) -> bool {
        self.reducer.is_some()
    }

    /// Comes before the forward pass of a step's last micro-batch.
    pub fn prepare_last_pass(&self) -> Result<()> {
        self.reducer.as_ref().map_or(Ok(()), ffi::Reducer::prepare)
    }

    /// Comes after all backward passes of a step: every rank has the mean of the ranks' gradients then.
    pub fn average_gradients(&self, gradients: &Tensor) -> Result<()> {
        if self.reducer.is_some() || self.group.peers().is_none() {
            return Ok(());
        }
        let mut gradients = gradients.shallow_clone();
        gradients.f_div_scalar_(self.group.world().world_size as f64).map(drop)?;
        match self.compression {
            GradientCompression::None => self.group.all_reduce(&gradients),
            GradientCompression::Bf16 => {
                let compressed = gradients.f_to_kind(Kind::BFloat16)?;
                self.group.all_reduce(&compressed)?;
                Ok(gradients.f_copy_(&compressed)?)
            }
        }
    }
}
