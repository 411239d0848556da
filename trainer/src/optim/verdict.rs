//! What is to be known of a step before its update.

use tch::{Kind, Tensor};

use super::flat::FlatParameters;
use crate::{error::Result, ffi::kernels};

/// What the device finds of a step's loss and gradients. The host does not know it when it gives the device the update to do.
#[derive(Debug)]
pub struct Verdict {
    /// fp32 `[2]`: the loss, and the norm of all gradients.
    pub loss_and_norm: Tensor,
    /// fp32 `[1]`: 1 if either is not finite, so that nothing is to change, else 0.
    pub is_skipped: Tensor,
    /// fp32 `[1]`: what gradients are multiplied by so that their norm is at most what is allowed, if there is a bound.
    pub factor: Option<Tensor>,
}

impl Verdict {
    /// Of the parameters' gradients and of `loss`, fp32 `[]`. The norm is bounded if `max_norm` is not 0.
    pub fn of(parameters: &FlatParameters, loss: &Tensor, max_norm: f64) -> Result<Self> {
        let gradients = parameters.gradients();
        let device = gradients.device();
        if device.is_cuda() && kernels::exist_for(device) {
            Self::at_once(gradients, loss, max_norm)
        } else {
            Self::in_steps(parameters, loss, max_norm)
        }
    }

    /// With our kernel.
    fn at_once(gradients: &Tensor, loss: &Tensor, max_norm: f64) -> Result<Self> {
        let numbers = kernels::verdict(gradients, loss, max_norm)?;
        let part = |start, length| numbers.f_narrow(0, start, length);
        let factor = if max_norm > 0.0 { Some(part(3, 1)?) } else { None };
        Ok(Self { loss_and_norm: part(0, 2)?, is_skipped: part(2, 1)?, factor })
    }

    /// With libtorch's operators.
    fn in_steps(parameters: &FlatParameters, loss: &Tensor, max_norm: f64) -> Result<Self> {
        let norm = parameters.gradient_norm()?;
        let loss_and_norm = Tensor::f_stack(&[loss, &norm], 0)?;
        let is_skipped = loss_and_norm.f_isfinite()?.f_all()?.f_logical_not()?.f_to_kind(Kind::Float)?.f_view([1])?;
        let factor = || norm.f_add_scalar(1e-6)?.f_reciprocal()?.f_mul_scalar(max_norm)?.f_clamp_max(1.0)?.f_view([1]);
        let factor = if max_norm > 0.0 { Some(factor()?) } else { None };
        Ok(Self { loss_and_norm, is_skipped, factor })
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::optim::flat::{FlatLayout, ParameterShape};

    /// The numbers of a verdict, with a factor of 0 for none.
    fn numbers(verdict: &Verdict) -> [f64; 4] {
        let Verdict { loss_and_norm, is_skipped, factor } = verdict;
        let factor = factor.as_ref().map_or(0.0, |factor| factor.double_value(&[0]));
        [loss_and_norm.double_value(&[0]), loss_and_norm.double_value(&[1]), is_skipped.double_value(&[0]), factor]
    }

    #[test]
    fn our_kernel_finds_what_libtorchs_operators_find() {
        for kind in [Kind::Float, Kind::BFloat16] {
            for size in [8, 5_000, 70_000] {
                let shape = [size];
                let layout = FlatLayout::new(&[ParameterShape { shape: &shape, rows_in_memory: size, decays: true }]);
                let values = [Tensor::zeros(shape, (Kind::Float, Device::Cpu))];
                let mut parameters = FlatParameters::new(layout, &values, Device::Cpu, kind).expect("flat parameters");
                for (loss, gradient, max_norm) in [
                    (2.5, 0.25, 1.0),
                    (2.5, 0.25, 1e3),
                    (2.5, 0.25, 0.0),
                    (f64::NAN, 0.25, 1.0),
                    (1.0, f64::INFINITY, 1.0),
                    (1.0, f64::NAN, 0.0),
                ] {
                    parameters.await_first_gradients().expect("nothing to do");
                    let ramp = Tensor::arange_start_step(1.0, 2.0, 1.0 / size as f64, (Kind::Float, Device::Cpu)).narrow(0, 0, size);
                    (&parameters.parameters()[0] * ramp * gradient).sum(Kind::Float).backward();
                    parameters.finish_gradients().expect("gradients");
                    let loss = Tensor::from(loss as f32);
                    let [plain, ours] =
                        [Verdict::in_steps(&parameters, &loss, max_norm), Verdict::at_once(parameters.gradients(), &loss, max_norm)]
                            .map(|verdict| numbers(&verdict.expect("a verdict")));
                    let is_close = |(ours, plain): (&f64, &f64)| {
                        ours.to_bits() == plain.to_bits() || (ours.is_nan() && plain.is_nan()) || (ours - plain).abs() < 1e-5 * plain.abs()
                    };
                    // The factor of a step that is skipped is of no account.
                    let counting = if plain[2] == 0.0 { 4 } else { 3 };
                    assert!(ours.iter().zip(&plain).take(counting).all(is_close), "{kind:?} {size}: {ours:?} instead of {plain:?}");
                    assert_eq!(plain[2] == 0.0, loss.isfinite().int64_value(&[]) == 1 && gradient.is_finite());
                    assert!(plain[2] != 0.0 || max_norm == 0.0 || plain[1] * plain[3] <= max_norm * 1.000_01, "{plain:?}");
                }
            }
        }
    }
}
