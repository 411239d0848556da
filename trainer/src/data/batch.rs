//! A micro-batch as tensors on the device that trains.

use tch::{Device, Tensor};

use super::micro_batch::MicroBatch;
use crate::error::Result;

/// The tensors of a [`MicroBatch`]; the segment lengths stay on the host, where attention is laid out.
#[derive(Debug)]
pub struct Batch {
    /// int32 `[tokens]`.
    pub input_ids: Tensor,
    /// int32 `[tokens]`.
    pub positions: Tensor,
    pub segment_lengths: Vec<i64>,
    /// int32 `[masked]`.
    pub masked_positions: Tensor,
    /// int64 `[masked]`.
    pub labels: Tensor,
}

impl Batch {
    pub fn to_device(micro_batch: &MicroBatch, device: Device) -> Result<Self> {
        Ok(Self {
            input_ids: Tensor::f_from_slice(&micro_batch.input_ids)?.f_to_device(device)?,
            positions: Tensor::f_from_slice(&micro_batch.positions)?.f_to_device(device)?,
            segment_lengths: micro_batch.segment_lengths.clone(),
            masked_positions: Tensor::f_from_slice(&micro_batch.masked_positions)?.f_to_device(device)?,
            labels: Tensor::f_from_slice(&micro_batch.labels)?.f_to_device(device)?,
        })
    }
}
