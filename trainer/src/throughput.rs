//! Tokens per second and MFU since they were last asked for.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::{data::micro_batch::MicroBatch, model::config::EncoderConfig};

/// A backward pass costs twice the forward.
const FORWARD_AND_BACKWARD: f64 = 3.0;

/// How fast the training went.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    pub tokens_per_second: f64,
    /// Model FLOPs utilisation: the model's floating-point operations per second over the measured matrix rate.
    pub mfu: f64,
}

/// Counts work against time.
#[derive(Debug)]
pub struct Throughput {
    matmul_rate: f64,
    since: Instant,
    excluded: Duration,
    tokens: usize,
    flops: f64,
}

impl Throughput {
    /// `matmul_rate`: floating-point operations per second that count as an MFU of 1.
    pub fn start(matmul_rate: f64) -> Self {
        Self { matmul_rate, since: Instant::now(), excluded: Duration::ZERO, tokens: 0, flops: 0.0 }
    }

    pub fn add(&mut self, micro_batches: &[MicroBatch], model: &EncoderConfig) {
        for batch in micro_batches {
            self.tokens += batch.num_tokens();
            self.flops += FORWARD_AND_BACKWARD * model.forward_flops(&batch.segment_lengths, batch.num_masked());
        }
    }

    /// Does something that is not training; its time does not count.
    pub fn without<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let result = work();
        self.excluded += begun.elapsed();
        result
    }

    /// The rates since the last call.
    pub fn take(&mut self) -> Rates {
        let seconds = self.since.elapsed().saturating_sub(self.excluded).as_secs_f64();
        let rates = Rates { tokens_per_second: self.tokens as f64 / seconds, mfu: self.flops / seconds / self.matmul_rate };
        *self = Self::start(self.matmul_rate);
        rates
    }
}
