//! Tokens per second, MFU and waiting for data since they were last asked for.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

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
    /// Share of the time in which the device had nothing to do because no micro-batch was ready.
    pub data_wait: f64,
}

/// What a step did, and what it waited for.
#[derive(Clone, Copy, Debug, Default)]
struct Work {
    tokens: usize,
    flops: f64,
    data_wait: Duration,
}

/// Counts finished work against time.
#[derive(Debug)]
pub struct Throughput {
    matmul_rate: f64,
    since: Instant,
    /// When the step finished last was done.
    until: Instant,
    excluded: Duration,
    finished: Work,
    /// Of steps not finished yet, the oldest first.
    queued: VecDeque<Work>,
}

impl Throughput {
    /// `matmul_rate`: floating-point operations per second that count as an MFU of 1.
    pub fn start(matmul_rate: f64) -> Self {
        let now = Instant::now();
        Self { matmul_rate, since: now, until: now, excluded: Duration::ZERO, finished: Work::default(), queued: VecDeque::new() }
    }

    /// A step on these micro-batches was begun, for which the device had waited so long.
    pub fn queue(&mut self, micro_batches: &[MicroBatch], model: &EncoderConfig, data_wait: Duration) {
        let tokens = micro_batches.iter().map(MicroBatch::num_tokens).sum();
        let flops = |batch: &MicroBatch| FORWARD_AND_BACKWARD * model.forward_flops(&batch.segment_lengths, batch.num_masked());
        self.queued.push_back(Work { tokens, flops: micro_batches.iter().map(flops).sum(), data_wait });
    }

    /// The oldest of the steps begun was done at this time.
    pub fn finish(&mut self, at: Instant) {
        let Work { tokens, flops, data_wait } = self.queued.pop_front().unwrap_or_default();
        self.finished.tokens += tokens;
        self.finished.flops += flops;
        self.finished.data_wait += data_wait;
        self.until = at;
    }

    /// Does something that is not training; its time does not count. No step may be under way.
    pub fn without<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let result = work();
        self.excluded += begun.elapsed();
        result
    }

    /// The rates from the last call to the end of the step finished last.
    pub fn take(&mut self) -> Rates {
        let seconds = self.until.duration_since(self.since).saturating_sub(self.excluded).as_secs_f64();
        let Work { tokens, flops, data_wait } = self.finished;
        let rates = Rates {
            tokens_per_second: tokens as f64 / seconds,
            mfu: flops / seconds / self.matmul_rate,
            data_wait: data_wait.as_secs_f64() / seconds,
        };
        (self.since, self.excluded, self.finished) = (self.until, Duration::ZERO, Work::default());
        rates
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::config::ModelType;

    #[test]
    fn steps_count_when_they_are_done_and_their_time_too() {
        let model = EncoderConfig::base(ModelType::Roberta);
        let batch = |tokens: usize| [MicroBatch { input_ids: vec![0; tokens], ..MicroBatch::default() }];
        let mut throughput = Throughput::start(1.0);
        let start = throughput.since;
        let after = |seconds| start + Duration::from_secs(seconds);
        throughput.queue(&batch(100), &model, Duration::from_secs(1));
        throughput.queue(&batch(50), &model, Duration::from_secs(3));
        throughput.finish(after(4));
        let rates = throughput.take();
        assert_eq!((rates.tokens_per_second, rates.data_wait), (25.0, 0.25));
        throughput.excluded = Duration::from_secs(2);
        throughput.finish(after(11));
        let rates = throughput.take();
        assert_eq!((rates.tokens_per_second, rates.data_wait), (10.0, 0.6));
    }
}
