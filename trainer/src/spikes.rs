//! Notices a loss that is far above what it was, and how long it stays there.

use serde::{Deserialize, Serialize};

/// Weight of a new loss in the running mean and variance.
const WEIGHT: f64 = 0.02;
/// Losses seen before any is called a spike: at first the loss falls too quickly for a mean to mean much.
const FIRST_LOSSES: u32 = 50;
const STANDARD_DEVIATIONS: f64 = 6.0;
/// A jump by less than this share of the mean is none.
const SMALLEST_JUMP: f64 = 0.1;

/// A running mean and variance of the loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SpikeDetector {
    #[serde(with = "as_bits")]
    mean: f64,
    #[serde(with = "as_bits")]
    variance: f64,
    num_seen: u32,
    spike: Option<Spike>,
}

/// A spike that has not subsided.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spike {
    /// The mean before it.
    #[serde(with = "as_bits")]
    pub usual: f64,
    /// It lasts while the loss is above this, wherever the mean goes.
    #[serde(with = "as_bits")]
    bound: f64,
    /// Losses in a row so far.
    pub num_steps: u64,
}

impl SpikeDetector {
    /// The mean so far, if `loss` is a spike above it.
    pub fn is_spike(&mut self, loss: f64) -> Option<f64> {
        let Self { mean, variance, num_seen, spike } = *self;
        let jump = loss - mean;
        let bound = mean + (STANDARD_DEVIATIONS * variance.sqrt()).max(SMALLEST_JUMP * mean);
        let is_spike = num_seen >= FIRST_LOSSES && loss > bound;
        let begun = is_spike.then_some(Spike { usual: mean, bound, num_steps: 0 });
        let lasting = spike.filter(|spike| loss > spike.bound).or(begun);
        let weight = WEIGHT.max(1.0 / f64::from(num_seen + 1));
        *self = Self {
            mean: mean + weight * jump,
            variance: (1.0 - weight) * (variance + weight * jump * jump),
            num_seen: num_seen.saturating_add(1),
            spike: lasting.map(|spike| Spike { num_steps: spike.num_steps + 1, ..spike }),
        };
        is_spike.then_some(mean)
    }

    /// The spike that the last loss belongs to.
    pub fn spike(&self) -> Option<Spike> {
        self.spike
    }
}

/// Numbers in JSON by their bits: decimals would not always come back the same.
mod as_bits {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
    pub(super) fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        number.to_bits().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        u64::deserialize(deserializer).map(f64::from_bits)
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

    #[test]
    fn a_spike_lasts_until_the_loss_is_back_wherever_the_mean_goes() {
        let mut spikes = SpikeDetector::default();
        let mut lasts = |loss: f64| {
            spikes.is_spike(loss);
            // As in a checkpoint.
            spikes = serde_json::from_str(&serde_json::to_string(&spikes).expect("JSON")).expect("JSON");
            spikes.spike().map_or(0, |spike| spike.num_steps)
        };
        assert!((0..60).all(|step| lasts(2.0 + 0.1 * f64::from(step % 3)) == 0));
        assert!((1..=300).all(|step| lasts(4.0) == step));
        assert_eq!([2.1, 2.1, 2.1].map(&mut lasts), [0; 3]);
    }

    #[test]
    fn a_detector_comes_back_from_a_checkpoint_bit_for_bit() {
        let mut spikes = SpikeDetector::default();
        for step in 0..200 {
            spikes.is_spike(1.0 / f64::from(step + 3));
            let again: SpikeDetector = serde_json::from_str(&serde_json::to_string(&spikes).expect("JSON")).expect("JSON");
            assert_eq!(again.mean.to_bits(), spikes.mean.to_bits());
            assert_eq!(again.variance.to_bits(), spikes.variance.to_bits());
        }
    }
}
