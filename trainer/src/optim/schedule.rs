//! The learning rate: linear warm-up, then linear decay to zero.

/// A schedule over `num_steps` steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearSchedule {
    pub peak_learning_rate: f64,
    pub warmup_steps: u64,
    pub num_steps: u64,
}

impl LinearSchedule {
    /// The rate of step `step`, counted from 0: peak · (step + 1) / warm-up while that is below 1, then
    /// peak · (steps − step) / (steps − warm-up). Neither the first nor the last step is lost to a rate of zero.
    pub fn learning_rate(&self, step: u64) -> f64 {
        if step < self.warmup_steps {
            return self.peak_learning_rate * (step + 1) as f64 / self.warmup_steps as f64;
        }
        let decay_steps = self.num_steps.saturating_sub(self.warmup_steps).max(1);
        self.peak_learning_rate * self.num_steps.saturating_sub(step) as f64 / decay_steps as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(warmup_steps: u64, num_steps: u64, expected: &[f64]) {
        let schedule = LinearSchedule { peak_learning_rate: 12.0, warmup_steps, num_steps };
        let found: Vec<f64> = (0..expected.len() as u64).map(|step| schedule.learning_rate(step)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_rate_rises_to_the_peak_and_falls_to_zero() {
        check(4, 8, &[3.0, 6.0, 9.0, 12.0, 12.0, 9.0, 6.0, 3.0, 0.0, 0.0]);
        check(0, 4, &[12.0, 9.0, 6.0, 3.0, 0.0]);
        check(10, 4, &[1.2, 2.4, 3.6, 4.8]);
        check(4, 4, &[3.0, 6.0, 9.0, 12.0, 0.0]);
    }
}
