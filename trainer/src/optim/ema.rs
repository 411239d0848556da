//! An exponential moving average of the weights, which often predicts better than the last ones (Polyak and Juditsky, 1992; Tarvainen and
//! Valpola, 2017).

use tch::Tensor;

use super::flat::FlatLayout;
use crate::error::Result;

/// The average, as a flat fp32 buffer: average ← decay · average + (1 − decay) · masters after every update. It starts at the first weights.
#[derive(Debug)]
pub struct WeightAverage {
    decay: f64,
    average: Tensor,
}

impl WeightAverage {
    /// Begins with a copy of `masters`.
    pub fn new(decay: f64, masters: &Tensor) -> Result<Self> {
        Ok(Self { decay, average: masters.f_detach_copy()? })
    }

    /// Takes up with the average that a run left.
    pub fn restore(&mut self, layout: &FlatLayout, average: &[Tensor]) -> Result<()> {
        layout.fill(&self.average, average)
    }

    /// After a step that counts fully (`counts`, on the same device, is 1), or not at all (0).
    pub fn update(&mut self, masters: &Tensor, counts: &Tensor) -> Result<()> {
        self.average.f_lerp_tensor_(masters, &counts.f_mul_scalar(1.0 - self.decay)?).map(drop)?;
        Ok(())
    }

    pub fn average(&self) -> &Tensor {
        &self.average
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_follows_the_closed_form() {
        let mut masters = Tensor::from_slice(&[4.0_f32, -2.0]);
        let mut average = WeightAverage::new(0.75, &masters).expect("an average");
        let mut expected = [4.0_f64, -2.0];
        for step in 1..=5 {
            masters += 1.0;
            average.update(&masters, &Tensor::from(1.0_f32)).expect("an update");
            expected = [0, 1].map(|index| 0.75 * expected[index] + 0.25 * ([4.0, -2.0][index] + f64::from(step)));
        }
        average.update(&(&masters + 1.0), &Tensor::from(0.0_f32)).expect("no update");
        let difference = (average.average() - Tensor::from_slice(&expected)).abs().max().double_value(&[]);
        assert!(difference < 1e-6, "{difference}");
    }
}
