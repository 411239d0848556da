//! Notices a loss that is far above what it was.

/// Weight of a new loss in the running mean and variance.
const WEIGHT: f64 = 0.02;
/// Losses seen before any is called a spike: at first the loss falls too quickly for a mean to mean much.
const FIRST_LOSSES: u32 = 50;
const STANDARD_DEVIATIONS: f64 = 6.0;
/// A jump by less than this share of the mean is none.
const SMALLEST_JUMP: f64 = 0.1;

/// A running mean and variance of the loss.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SpikeDetector {
    mean: f64,
    variance: f64,
    num_seen: u32,
}

impl SpikeDetector {
    /// The mean so far, if `loss` is a spike above it.
    pub(crate) fn is_spike(&mut self, loss: f64) -> Option<f64> {
        let Self { mean, variance, num_seen } = *self;
        let jump = loss - mean;
        let is_spike = num_seen >= FIRST_LOSSES && jump > (STANDARD_DEVIATIONS * variance.sqrt()).max(SMALLEST_JUMP * mean);
        let weight = WEIGHT.max(1.0 / f64::from(num_seen + 1));
        *self = Self {
            mean: mean + weight * jump,
            variance: (1.0 - weight) * (variance + weight * jump * jump),
            num_seen: num_seen.saturating_add(1),
        };
        is_spike.then_some(mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_no_spike_and_a_jump_is() {
        let mut spikes = SpikeDetector::default();
        let noisy = |step: u32| 10.0 / f64::from(step + 1).sqrt() + 0.2 * f64::from(step).sin();
        assert!((0..400).all(|step| spikes.is_spike(noisy(step)).is_none()));
        let usual = spikes.is_spike(4.0).expect("a spike");
        assert!((0.3..0.8).contains(&usual), "{usual}");
        assert!((401..600).all(|step| spikes.is_spike(noisy(step)).is_none()));
    }
}
