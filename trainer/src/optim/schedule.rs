//! What changes in the course of a run: the learning rate, and the number of rows in a step.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// The course of the learning rate after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// Falls in a straight line.
    #[default]
    Linear,
    /// Falls along half a cosine wave (Loshchilov and Hutter, 2016, without restarts).
    Cosine,
    /// Stays at the peak, then falls in the last `decay_steps` (Hägele et al., 2024: "warmup-stable-decay").
    Trapezoidal,
    /// Falls with the square root of the step's number (Vaswani et al., 2017).
    InverseSqrt,
}

/// How the trapezoidal schedule falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecayShape {
    /// 1 − √progress (Hägele et al., 2024).
    #[default]
    OneMinusSqrt,
    Linear,
    Cosine,
}

impl DecayShape {
    /// The share of the fall that is still to come, from 1 to 0, when `progress` (0 to 1) of it has passed.
    fn rest(self, progress: f64) -> f64 {
        match self {
            Self::OneMinusSqrt => 1.0 - progress.sqrt(),
            Self::Linear => 1.0 - progress,
            Self::Cosine => f64::midpoint(1.0, (PI * progress).cos()),
        }
    }
}

/// The learning rate over `num_steps` steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    pub kind: ScheduleKind,
    pub peak_learning_rate: f64,
    pub warmup_steps: u64,
    /// Of the trapezoidal schedule.
    pub decay_steps: u64,
    pub decay_shape: DecayShape,
    /// The rate after the last step, as a share of the peak; the inverse square root does not fall below it.
    pub final_ratio: f64,
    pub num_steps: u64,
}

impl Schedule {
    /// The rate of step `step`, counted from 0: peak · (step + 1) / warm-up in the warm-up, the peak in the step after it, then as
    /// [`ScheduleKind`] says. Neither the first nor the last step is lost to a rate of zero.
    pub fn learning_rate(&self, step: u64) -> f64 {
        if step < self.warmup_steps {
            return self.peak_learning_rate * (step + 1) as f64 / self.warmup_steps as f64;
        }
        let rest = match self.kind {
            ScheduleKind::Linear => DecayShape::Linear.rest(self.progress(self.warmup_steps, step)),
            ScheduleKind::Cosine => DecayShape::Cosine.rest(self.progress(self.warmup_steps, step)),
            ScheduleKind::Trapezoidal => self.decay_shape.rest(self.progress(self.first_decay_step(), step)),
            ScheduleKind::InverseSqrt => {
                let ratio = (self.warmup_steps.max(1) as f64 / step.max(1) as f64).sqrt();
                return self.peak_learning_rate * ratio.max(self.final_ratio);
            }
        };
        self.peak_learning_rate * (self.final_ratio + (1.0 - self.final_ratio) * rest)
    }

    /// The first step of the trapezoidal schedule's decay.
    pub fn first_decay_step(&self) -> u64 {
        self.num_steps.saturating_sub(self.decay_steps).max(self.warmup_steps)
    }

    /// How much of the way from step `first` to the end of the run has passed before step `step`, from 0 to 1.
    fn progress(&self, first: u64, step: u64) -> f64 {
        if step >= self.num_steps {
            return 1.0;
        }
        step.saturating_sub(first) as f64 / (self.num_steps - first) as f64
    }
}

/// The number of rows of each step: it may grow from `first_rows` to `rows` in the first `warmup_steps` steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSchedule {
    /// Divides `rows`; every step has a multiple of it.
    pub first_rows: u64,
    pub rows: u64,
    pub warmup_steps: u64,
}

impl BatchSchedule {
    /// Rows of step `step`, counted from 0: a step of the warm-up has first · (1 + ⌊step · (rows / first − 1) / warm-up⌋).
    pub fn rows_of(&self, step: u64) -> u64 {
        if step >= self.warmup_steps {
            return self.rows;
        }
        self.first_rows * (1 + step * self.num_increases() / self.warmup_steps)
    }

    /// Rows of all steps before `step`: where that step begins in the stream of samples.
    pub fn rows_before(&self, step: u64) -> u64 {
        let warmup = step.min(self.warmup_steps);
        let in_warmup: u64 = (0..warmup).map(|step| self.rows_of(step)).sum();
        in_warmup + (step - warmup) * self.rows
    }

    fn num_increases(&self) -> u64 {
        self.rows / self.first_rows - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(kind: ScheduleKind, warmup_steps: u64, num_steps: u64) -> Schedule {
        let (decay_steps, decay_shape, final_ratio) = (0, DecayShape::OneMinusSqrt, 0.0);
        Schedule { kind, peak_learning_rate: 12.0, warmup_steps, decay_steps, decay_shape, final_ratio, num_steps }
    }

    fn check(schedule: Schedule, expected: &[f64]) {
        let found: Vec<f64> = (0..expected.len() as u64).map(|step| schedule.learning_rate(step)).collect();
        let near = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-12);
        assert!(near, "{schedule:?}: {found:?}, expected {expected:?}");
    }

    #[test]
    fn the_linear_rate_rises_to_the_peak_and_falls_to_zero() {
        let check = |warmup, steps, expected: &[f64]| check(schedule(ScheduleKind::Linear, warmup, steps), expected);
        check(4, 8, &[3.0, 6.0, 9.0, 12.0, 12.0, 9.0, 6.0, 3.0, 0.0, 0.0]);
        check(0, 4, &[12.0, 9.0, 6.0, 3.0, 0.0]);
        check(10, 4, &[1.2, 2.4, 3.6, 4.8]);
        check(4, 4, &[3.0, 6.0, 9.0, 12.0, 0.0]);
    }

    #[test]
    fn the_cosine_rate_is_that_of_the_closed_form() {
        let root = 3.0_f64.sqrt();
        let expected = [6.0, 12.0, 12.0, 6.0 + 3.0 * root, 9.0, 6.0, 3.0, 6.0 - 3.0 * root, 0.0, 0.0];
        check(schedule(ScheduleKind::Cosine, 2, 8), &expected);
        check(Schedule { final_ratio: 0.5, ..schedule(ScheduleKind::Cosine, 0, 2) }, &[12.0, 9.0, 6.0, 6.0]);
    }

    #[test]
    fn the_trapezoid_stays_at_the_peak_and_falls_in_each_shape() {
        let falling = |decay_shape| Schedule { decay_steps: 4, decay_shape, ..schedule(ScheduleKind::Trapezoidal, 2, 9) };
        let plateau = [6.0, 12.0, 12.0, 12.0, 12.0];
        let check = |shape, fall: [f64; 5]| check(falling(shape), &[plateau.as_slice(), &fall].concat());
        check(DecayShape::Linear, [12.0, 9.0, 6.0, 3.0, 0.0]);
        check(DecayShape::OneMinusSqrt, [12.0, 6.0, 12.0 * (1.0 - 0.5_f64.sqrt()), 12.0 * (1.0 - 0.75_f64.sqrt()), 0.0]);
        check(DecayShape::Cosine, [12.0, 6.0 + 3.0 * 2.0_f64.sqrt(), 6.0, 6.0 - 3.0 * 2.0_f64.sqrt(), 0.0]);
        assert_eq!(falling(DecayShape::Linear).first_decay_step(), 5);
    }

    #[test]
    fn the_inverse_square_root_starts_at_the_peak_and_has_a_floor() {
        let sqrt = schedule(ScheduleKind::InverseSqrt, 4, 100);
        check(sqrt, &[3.0, 6.0, 9.0, 12.0, 12.0, 12.0 * 0.8_f64.sqrt()]);
        check(Schedule { final_ratio: 0.9, ..sqrt }, &[3.0, 6.0, 9.0, 12.0, 12.0, 10.8]);
        assert!((sqrt.learning_rate(64) - 3.0).abs() < 1e-12);
        check(schedule(ScheduleKind::InverseSqrt, 0, 9), &[12.0, 12.0, 12.0 * 0.5_f64.sqrt()]);
    }

    /// The multipliers of transformers 5.23's `get_linear_schedule_with_warmup` and `get_cosine_schedule_with_warmup` for 5 of 17 steps. In the
    /// warm-up that function is one step behind, for it gives the first step a rate of zero.
    #[test]
    fn linear_and_cosine_agree_with_transformers() {
        const LINEAR: [f64; 17] = [
            0.0,
            0.2,
            0.4,
            0.6,
            0.8,
            1.0,
            0.916_666_666_666_666_6,
            0.833_333_333_333_333_4,
            0.75,
            0.666_666_666_666_666_6,
            0.583_333_333_333_333_4,
            0.5,
            0.416_666_666_666_666_7,
            0.333_333_333_333_333_3,
            0.25,
            0.166_666_666_666_666_66,
            0.083_333_333_333_333_33,
        ];
        const COSINE: [f64; 17] = [
            0.0,
            0.2,
            0.4,
            0.6,
            0.8,
            1.0,
            0.982_962_913_144_534_1,
            0.933_012_701_892_219_4,
            0.853_553_390_593_273_7,
            0.75,
            0.629_409_522_551_260_4,
            0.5,
            0.370_590_477_448_739_6,
            0.250_000_000_000_000_1,
            0.146_446_609_406_726_27,
            0.066_987_298_107_780_65,
            0.017_037_086_855_465_9,
        ];
        for (kind, theirs) in [(ScheduleKind::Linear, LINEAR), (ScheduleKind::Cosine, COSINE)] {
            let ours = Schedule { peak_learning_rate: 1.0, ..schedule(kind, 5, 17) };
            for (step, &expected) in theirs.iter().enumerate() {
                let step = step as u64;
                let found = ours.learning_rate(if step == 0 {
                    continue;
                } else if step < 5 {
                    step - 1
                } else {
                    step
                });
                assert!((found - expected).abs() < 1e-12, "{kind:?}, step {step}: {found} and {expected}");
            }
        }
    }

    #[test]
    fn the_batch_grows_by_its_first_size_and_no_sample_is_skipped() {
        let batch = BatchSchedule { first_rows: 4, rows: 16, warmup_steps: 5 };
        let rows: Vec<u64> = (0..8).map(|step| batch.rows_of(step)).collect();
        assert_eq!(rows, [4, 4, 8, 8, 12, 16, 16, 16]);
        for step in 0..=8 {
            assert_eq!(batch.rows_before(step), rows[..step as usize].iter().sum::<u64>());
        }
        let constant = BatchSchedule { first_rows: 16, rows: 16, warmup_steps: 0 };
        assert_eq!((constant.rows_of(0), constant.rows_before(3)), (16, 48));
    }
}
