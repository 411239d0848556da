//! Dynamic loss scaling: fp16 has too few exponents for gradients, so the loss is multiplied before the backward pass and the gradients
//! are divided after it (Micikevicius et al., "Mixed precision training", 2017).

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::error::Result;

const FIRST_EXPONENT: u32 = 16;
/// Steps without an overflow after which the factor doubles.
const GROWTH_INTERVAL: i64 = 2_000;

/// The factor of the loss as a checkpoint keeps it.
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

    /// From the numbers of [`LossScaler::state`].
    pub fn from_state(factor: f64, steps_since_change: f64) -> Self {
        Self { exponent: factor.log2() as u32, steps_since_change: steps_since_change as u64 }
    }
}

/// The factor on the device, where alone it is known at once whether a step overflowed: a power of two of at least 1, halved by every overflow
/// and doubled after 2,000 steps without one.
#[derive(Debug)]
pub struct LossScaler {
    /// fp32 `[1]`.
    factor: Tensor,
    /// int32 `[1]`.
    steps_since_change: Tensor,
}

impl LossScaler {
    pub fn new(scale: LossScale, device: Device) -> Result<Self> {
        Ok(Self {
            factor: Tensor::f_full([1], scale.factor(), (Kind::Float, device))?,
            steps_since_change: Tensor::f_full([1], scale.steps_since_change as i64, (Kind::Int, device))?,
        })
    }

    pub fn factor(&self) -> &Tensor {
        &self.factor
    }

    /// The factor and the steps since it changed: what [`LossScale::from_state`] takes.
    pub fn state(&self) -> [&Tensor; 2] {
        [&self.factor, &self.steps_since_change]
    }

    /// Takes notice of a step; `overflowed`, fp32 `[1]` on the device, is 1 if it was skipped, else 0.
    pub fn update(&mut self, overflowed: &Tensor) -> Result<()> {
        self.factor.f_internal_amp_update_scale_(&self.steps_since_change, overflowed, 2.0, 0.5, GROWTH_INTERVAL).map(drop)?;
        self.factor.f_clamp_min_(1.0).map(drop)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overflow_halves_and_a_long_calm_doubles() {
        let start = LossScale { exponent: FIRST_EXPONENT, steps_since_change: 0 };
        let mut scaler = LossScaler::new(start, Device::Cpu).expect("a scaler");
        let mut steps = |count: i64, overflowed: f32| {
            let overflowed = Tensor::from_slice(&[overflowed]);
            (0..count).for_each(|_| scaler.update(&overflowed).expect("an update"));
            let [factor, steps] = scaler.state().map(|number| number.double_value(&[0]));
            LossScale::from_state(factor, steps)
        };
        let expect = |exponent, steps_since_change| LossScale { exponent, steps_since_change };
        assert_eq!(steps(1, 1.0), expect(15, 0));
        assert_eq!(steps(GROWTH_INTERVAL - 1, 0.0), expect(15, 1_999));
        assert_eq!(steps(1, 0.0), expect(16, 0));
        steps(GROWTH_INTERVAL - 1, 0.0);
        assert_eq!(steps(1, 1.0), expect(15, 0), "an overflow starts the count anew");
        assert_eq!(steps(1, 0.0), expect(15, 1));
        assert_eq!(steps(40, 1.0), expect(0, 0));
    }
}
