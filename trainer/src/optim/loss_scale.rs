//! Dynamic loss scaling: fp16 has too few exponents for gradients, so the loss is multiplied before the backward pass and the gradients
//! are divided after it (Micikevicius et al., "Mixed precision training", 2017).

use serde::{Deserialize, Serialize};

const FIRST_EXPONENT: u32 = 16;
/// Steps without an overflow after which the factor doubles.
const GROWTH_INTERVAL: u64 = 2_000;

/// The factor of the loss: a power of two of at least 1, halved by every overflow and doubled after 2,000 steps without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossScale {
    /// Of two.
    exponent: u32,
    steps_since_change: u64,
}

impl Default for LossScale {
    fn default() -> Self {
        Self { exponent: FIRST_EXPONENT, steps_since_change: 0 }
    }
}

impl LossScale {
    pub fn factor(&self) -> f64 {
        f64::from(self.exponent).exp2()
    }

    /// Takes notice of a step whose gradients were finite, or not.
    pub fn update(&mut self, finite: bool) {
        self.steps_since_change += 1;
        if !finite {
            *self = Self { exponent: self.exponent.saturating_sub(1), steps_since_change: 0 };
        } else if self.steps_since_change == GROWTH_INTERVAL {
            *self = Self { exponent: self.exponent + 1, steps_since_change: 0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overflow_halves_and_a_long_calm_doubles() {
        let mut scale = LossScale::default();
        scale.update(false);
        assert_eq!(scale.exponent, 15);
        (0..GROWTH_INTERVAL - 1).for_each(|_| scale.update(true));
        assert_eq!(scale.exponent, 15);
        scale.update(true);
        assert_eq!(scale.exponent, 16);
        (0..GROWTH_INTERVAL - 1).for_each(|_| scale.update(true));
        scale.update(false);
        scale.update(true);
        assert_eq!(scale.exponent, 15, "an overflow starts the count anew");
        (0..40).for_each(|_| scale.update(false));
        assert_eq!(scale.exponent, 0);
    }
}
