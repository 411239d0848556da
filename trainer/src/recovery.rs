//! What becomes of a run that diverges: back to the newest checkpoint from before, and on with other rows.
//!
//! The same rows would lead there again, so the stream of samples passes over those of the steps that are undone, as in the training of `PaLM`
//! (Chowdhery et al., 2022, section 5.1). All that decides about a return is the same on every rank and part of every checkpoint,
//! and only a checkpoint of `checkpoint.interval_steps` is returned to, not one that a signal caused: so a run that is interrupted and
//! resumed returns from the same steps to the same ones.

use serde::{Deserialize, Serialize};

use crate::{
    config::{Config, TrainConfig},
    error::{Error, Result},
    spikes::{Spike, SpikeDetector},
    trainer::{SkippedSteps, StepResult},
};

/// What a run knows of its returns, and of whether it needs another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recovery {
    pub num_returns: u64,
    /// Rows of the stream passed over: the run's sample p is the stream's p + this.
    pub skipped_rows: u64,
    /// The steps of the checkpoint to return to.
    pub last_good_step: Option<u64>,
    pub spikes: SpikeDetector,
}

/// Why a run cannot go on from where it is.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Divergence {
    #[error(
        "step {step}: the loss ({loss}) or the norm of the gradients ({gradient_norm}) was not finite in {skipped} steps in a row, which were skipped"
    )]
    NotFinite { step: u64, skipped: u64, loss: f64, gradient_norm: f64 },
    #[error("step {step}: the loss ({loss:.4}) has stayed far above the {usual:.4} before for {num_steps} steps")]
    LastingSpike { step: u64, loss: f64, usual: f64, num_steps: u64 },
}

impl Divergence {
    /// The step that was one too many.
    pub(crate) fn step(&self) -> u64 {
        match self {
            Self::NotFinite { step, .. } | Self::LastingSpike { step, .. } => *step,
        }
    }

    /// The setting that says how much of this is too much.
    pub(crate) fn limit(&self) -> &'static str {
        match self {
            Self::NotFinite { .. } => "train.max_skipped_steps",
            Self::LastingSpike { .. } => "train.max_spike_steps",
        }
    }
}

impl Recovery {
    /// Takes note of a step. Returns the mean loss before it if this one's is far above.
    ///
    /// # Errors
    /// If the loss has been so for too long, in a run with `train.max_returns`.
    pub fn observe(&mut self, result: &StepResult, limits: &TrainConfig) -> Result<Option<f64>> {
        let &StepResult { step, loss, is_skipped, .. } = result;
        if is_skipped {
            return Ok(None);
        }
        let jumped_from = self.spikes.is_spike(loss);
        if let Some(Spike { usual, num_steps, .. }) = self.spikes.spike()
            && limits.max_returns > 0
            && num_steps >= limits.max_spike_steps
        {
            return Err(Error::Diverged(Divergence::LastingSpike { step, loss, usual, num_steps }));
        }
        Ok(jumped_from)
    }

    /// Takes note of a checkpoint after `step` steps, which is one to return to unless there is trouble already.
    pub fn note_checkpoint(&mut self, step: u64, skipped: SkippedSteps) {
        if self.spikes.spike().is_none() && skipped.in_a_row == 0 {
            self.last_good_step = Some(step);
        }
    }

    /// The step to return to and what the run goes on with from there, if it has diverged after `step` steps; none if it may not return.
    pub fn after_return(&self, step: u64, config: &Config) -> Option<(u64, Self)> {
        let good_step = self.last_good_step.filter(|_| self.num_returns < config.train.max_returns)?;
        let [begin, end] = [good_step, step].map(|step| config.batch_schedule().rows_before(step));
        let (num_returns, skipped_rows) = (self.num_returns + 1, self.skipped_rows + end - begin);
        Some((good_step, Self { num_returns, skipped_rows, ..*self }))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::trainer::Progress;

    fn step_with(step: u64, loss: f64) -> StepResult {
        StepResult {
            step,
            loss,
            gradient_norm: 1.0,
            learning_rate: 1.0,
            masked_tokens: 1,
            is_skipped: !loss.is_finite(),
            progress: Progress::default(),
            finished_at: Instant::now(),
        }
    }

    #[test]
    fn a_loss_that_stays_high_diverges_and_its_checkpoints_are_not_good() {
        let mut config = Config::default();
        (config.train.max_returns, config.train.max_spike_steps) = (2, 10);
        let mut recovery = Recovery::default();
        for step in 1..=60 {
            assert_eq!(recovery.observe(&step_with(step, 2.0), &config.train).expect("calm"), None);
            recovery.note_checkpoint(step, SkippedSteps::default());
        }
        for step in 61..70 {
            // A skipped step neither ends a spike nor counts.
            for loss in [4.0, f64::NAN] {
                recovery.observe(&step_with(step, loss), &config.train).expect("it may subside");
            }
            recovery.note_checkpoint(step, SkippedSteps::default());
        }
        let error = { recovery }.observe(&step_with(70, 4.0), &config.train).expect_err("ten in a row").to_string();
        assert!(error.starts_with("step 70: the loss (4.0000) has stayed far above the 2.0000 before for 10 steps; "), "{error}");
        assert!(error.ends_with("raise train.max_spike_steps"), "{error}");
        config.train.max_returns = 0;
        recovery.observe(&step_with(70, 4.0), &config.train).expect("nobody asked");
        assert_eq!(recovery.last_good_step, Some(60));
        recovery.observe(&step_with(71, 2.0), &config.train).expect("calm");
        recovery.note_checkpoint(71, SkippedSteps { total: 3, in_a_row: 1 });
        assert_eq!(recovery.last_good_step, Some(60));
        recovery.note_checkpoint(72, SkippedSteps { total: 3, in_a_row: 0 });
        assert_eq!(recovery.last_good_step, Some(72));
    }

    #[test]
    fn each_return_passes_over_the_rows_of_the_steps_that_it_undoes() {
        let mut config = Config::default();
        config.train.max_returns = 2;
        config.data.global_batch_size = 32;
        (config.schedule.batch_warmup_steps, config.schedule.batch_warmup_start_size) = (4, 8);
        assert_eq!(Recovery::default().after_return(10, &config), None, "there is nothing to return to");
        let begun = Recovery { last_good_step: Some(3), ..Recovery::default() };
        // Steps of 8, 8, 16, 24, then 32 rows.
        let (step, once) = begun.after_return(5, &config).expect("a return");
        assert_eq!((step, once.num_returns, once.skipped_rows), (3, 1, 24 + 32));
        let (step, twice) = once.after_return(4, &config).expect("a return");
        assert_eq!((step, twice.num_returns, twice.skipped_rows), (3, 2, 24 + 32 + 24));
        assert_eq!(twice.after_return(4, &config), None, "there were enough");
    }
}
