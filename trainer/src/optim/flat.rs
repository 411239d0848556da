//! Parameters and gradients as views into a few flat buffers, so that zeroing, norm, clipping and the optimizer are few, large operations.
//!
//! A buffer has two ranges: parameters that decay, then those that do not, each in the order in which backward passes give their gradients:
//! from the last one that the model uses to the first. In bf16 or fp16 the model reads weights and writes
//! gradients of that kind, while the optimizer works on fp32 masters and on gradients summed in fp32; in fp32 both are the same memory.

use tch::{Device, Kind, Tensor};

use crate::{
    error::Result,
    ffi::{self, kernels},
};

/// Every parameter starts at a multiple of this many elements, as vector instructions and tensor cores like it.
const ALIGNMENT: i64 = 64;
/// A buffer is a whole number of blocks of this many elements. The norm is taken of each block and then of the blocks' norms:
/// libtorch's CPU kernel adds a whole buffer up in one fp32 sum, which is wrong in the fourth digit for ten million elements.
const NORM_BLOCK: i64 = 4_096;

/// Where each parameter lies in a flat buffer.
#[derive(Clone, Debug)]
pub struct FlatLayout {
    places: Vec<Place>,
    decaying_len: i64,
    len: i64,
}

#[derive(Clone, Debug)]
struct Place {
    offset: i64,
    shape: Vec<i64>,
    /// With the rows of zeros that follow.
    shape_in_memory: Vec<i64>,
}

/// A parameter to be laid out.
#[derive(Clone, Copy, Debug)]
pub struct ParameterShape<'a> {
    pub shape: &'a [i64],
    /// At least those of `shape`. What is more stays zero, and belongs to the parameter in the eyes of the model alone.
    pub rows_in_memory: i64,
    pub decays: bool,
}

impl FlatLayout {
    pub fn new(parameters: &[ParameterShape]) -> Self {
        let place = |parameter: &ParameterShape| {
            let shape_in_memory = [&[parameter.rows_in_memory], &parameter.shape[1..]].concat();
            Place { offset: 0, shape: parameter.shape.to_vec(), shape_in_memory }
        };
        let mut places: Vec<Place> = parameters.iter().map(place).collect();
        let mut len = 0;
        let mut decaying_len = 0;
        for decaying in [true, false] {
            for (place, _) in places.iter_mut().zip(parameters).rev().filter(|(_, parameter)| parameter.decays == decaying) {
                place.offset = len;
                len = round_up(len + num_elements(&place.shape_in_memory), ALIGNMENT);
            }
            if decaying {
                decaying_len = len;
            }
        }
        Self { places, decaying_len, len: round_up(len, NORM_BLOCK) }
    }

    pub fn num_parameters(&self) -> i64 {
        self.places.iter().map(|place| num_elements(&place.shape)).sum()
    }

    /// A zeroed buffer.
    pub fn allocate(&self, kind: Kind, device: Device) -> Result<Tensor> {
        Ok(Tensor::f_zeros([self.len], (kind, device))?)
    }

    /// The parameters in a buffer, in their order and shapes, sharing its memory.
    pub fn views(&self, buffer: &Tensor) -> Result<Vec<Tensor>> {
        self.places.iter().map(|place| view(buffer, place.offset, &place.shape)).collect()
    }

    /// The same with the rows of zeros, as the model has them.
    fn views_in_memory(&self, buffer: &Tensor) -> Result<Vec<Tensor>> {
        self.places.iter().map(|place| view(buffer, place.offset, &place.shape_in_memory)).collect()
    }

    /// Copies `values`, which are in the order of [`Self::views`], into a buffer.
    pub fn fill(&self, buffer: &Tensor, values: &[Tensor]) -> Result<()> {
        for (mut view, value) in self.views(buffer)?.into_iter().zip(values) {
            view.f_copy_(value)?;
        }
        Ok(())
    }

    /// The ends of the ranges, in elements, in which gradients travel between ranks: whole parameters, at least `first_len` elements of them and
    /// then at least `len`. What does not decay, small vectors from all over the model, comes with the last one that does.
    pub(crate) fn bucket_ends(&self, first_len: i64, len: i64) -> Vec<i64> {
        let mut cuts: Vec<i64> = self.places.iter().map(|place| place.offset).filter(|cut| (1..self.decaying_len).contains(cut)).collect();
        cuts.sort_unstable();
        let (mut ends, mut begin) = (Vec::new(), 0);
        for cut in cuts {
            if cut - begin >= if ends.is_empty() { first_len } else { len } {
                ends.push(cut);
                begin = cut;
            }
        }
        ends.push(self.len);
        ends
    }

    /// Whether each parameter decays, in their order.
    pub(super) fn decays(&self) -> impl Iterator<Item = bool> {
        self.places.iter().map(|place| place.offset < self.decaying_len)
    }

    /// How many numbers of a buffer decay: the first ones.
    pub(super) fn num_decaying(&self) -> i64 {
        self.decaying_len
    }

    /// The decaying and the other range of a buffer.
    pub(super) fn ranges(&self, buffer: &Tensor) -> Result<[Tensor; 2]> {
        Ok([buffer.f_narrow(0, 0, self.decaying_len)?, buffer.f_narrow(0, self.decaying_len, self.len - self.decaying_len)?])
    }
}

fn round_up(length: i64, multiple: i64) -> i64 {
    (length + multiple - 1) / multiple * multiple
}

fn num_elements(shape: &[i64]) -> i64 {
    shape.iter().product()
}

fn view(buffer: &Tensor, offset: i64, shape: &[i64]) -> Result<Tensor> {
    Ok(buffer.f_narrow(0, offset, num_elements(shape))?.f_view(shape)?)
}

/// The parameters of a model in training.
#[derive(Debug)]
pub struct FlatParameters {
    layout: FlatLayout,
    /// fp32, what the optimizer changes.
    masters: Tensor,
    /// What the model reads: the masters' memory in fp32, else a copy of lower precision.
    weights: Tensor,
    /// fp32, summed over the micro-batches of a step.
    gradients: Tensor,
    /// What a backward pass adds to: the memory of `gradients` in fp32.
    weight_gradients: Tensor,
    /// The model's parameters: leaves of the autograd graph, views of `weights`.
    parameters: Vec<Tensor>,
    /// What `gradients` holds is of the step before.
    awaits_first: bool,
    /// The step's gradients are those of its only pass, and still where that left them, in `weight_gradients`.
    has_one_pass: bool,
}

impl FlatParameters {
    /// Copies `values` into flat buffers on `device`; the model computes in `kind`.
    pub fn new(layout: FlatLayout, values: &[Tensor], device: Device, kind: Kind) -> Result<Self> {
        let masters = layout.allocate(Kind::Float, device)?;
        layout.fill(&masters, values)?;
        let gradients = layout.allocate(Kind::Float, device)?;
        // In fp32 these share the memory of what they are converted from.
        let weights = masters.f_to_kind(kind)?;
        let weight_gradients = gradients.f_to_kind(kind)?;
        let mut parameters = layout.views_in_memory(&weights)?;
        for (parameter, gradient) in parameters.iter_mut().zip(layout.views_in_memory(&weight_gradients)?) {
            *parameter = parameter.f_detach()?.f_set_requires_grad(true)?;
            ffi::set_gradient(parameter, &gradient)?;
        }
        Ok(Self { layout, masters, weights, gradients, weight_gradients, parameters, awaits_first: false, has_one_pass: false })
    }

    pub fn layout(&self) -> &FlatLayout {
        &self.layout
    }

    /// What the model computes with.
    pub fn parameters(&self) -> &[Tensor] {
        &self.parameters
    }

    /// The fp32 buffer that the optimizer changes.
    pub fn masters(&self) -> &Tensor {
        &self.masters
    }

    /// The gradients of the step: in fp32 or, as the only pass gave them, in bf16.
    pub fn gradients(&self) -> &Tensor {
        if self.has_one_pass { &self.weight_gradients } else { &self.gradients }
    }

    /// The same in fp32.
    pub(super) fn fp32_gradients(&self) -> Result<Tensor> {
        let mut gradients = self.gradients.shallow_clone();
        if self.has_one_pass {
            gradients.f_copy_(&self.weight_gradients)?;
        }
        Ok(gradients)
    }

    /// What backward passes add to.
    pub(crate) fn weight_gradients(&self) -> &Tensor {
        &self.weight_gradients
    }

    /// Whether the model reads weights of lower precision, and writes such gradients.
    pub fn is_mixed(&self) -> bool {
        self.weights.kind() != Kind::Float
    }

    pub fn zero_gradients(&mut self) -> Result<()> {
        self.gradients.f_zero_().map(drop)?;
        self.awaits_first = false;
        self.forget_one_pass()
    }

    /// As [`Self::zero_gradients`], if the next that is done with the gradients is [`Self::accumulate_gradients`], [`Self::finish_gradients`] or `take_first`: its first
    /// pass is then not added to zeros.
    pub fn await_first_gradients(&mut self) -> Result<()> {
        self.awaits_first = self.is_mixed();
        if self.awaits_first { self.forget_one_pass() } else { self.zero_gradients() }
    }

    fn forget_one_pass(&mut self) -> Result<()> {
        if std::mem::take(&mut self.has_one_pass) {
            self.weight_gradients.f_zero_().map(drop)?;
        }
        Ok(())
    }

    /// As [`Self::accumulate_gradients`] after the last pass of a step: gradients of an only pass in bf16, which has the range of fp32, stay where they are.
    pub fn finish_gradients(&mut self) -> Result<()> {
        self.has_one_pass = self.awaits_first && self.weights.kind() == Kind::BFloat16;
        if self.has_one_pass { Ok(()) } else { self.accumulate_gradients() }
    }

    /// Whether the next gradients that are added to the step's are its first, and to be put in their place instead.
    pub(crate) fn take_first(&mut self) -> bool {
        std::mem::take(&mut self.awaits_first)
    }

    /// Adds the gradients of the backward pass just done to the step's. In fp32 that pass has done so itself.
    pub fn accumulate_gradients(&mut self) -> Result<()> {
        if !self.is_mixed() {
            return Ok(());
        }
        let is_first = self.take_first();
        let device = self.gradients.device();
        if device.is_cuda() && kernels::exist_for(device) {
            return kernels::gradient_sum(&self.weight_gradients, &self.gradients, is_first);
        }
        if is_first {
            self.gradients.f_copy_(&self.weight_gradients)?;
        } else {
            self.gradients.f_add_(&self.weight_gradients).map(drop)?;
        }
        self.weight_gradients.f_zero_().map(drop)?;
        Ok(())
    }

    /// Divides the gradients by the factor that the loss was multiplied by.
    pub fn unscale_gradients(&mut self, factor: &Tensor) -> Result<()> {
        self.gradients.f_div_(factor).map(drop)?;
        Ok(())
    }

    /// The global norm of the gradients, fp32 `[]`.
    pub fn gradient_norm(&self) -> Result<Tensor> {
        let blocks = self.gradients().f_view([-1, NORM_BLOCK])?;
        Ok(blocks.f_norm_scalaropt_dim_dtype(2, [1_i64].as_slice(), false, Kind::Float)?.f_norm()?)
    }

    /// Hands the masters that the optimizer changed to the model.
    pub(super) fn publish(&self) -> Result<()> {
        if let Some(weights) = self.separate_weights() {
            weights.shallow_clone().f_copy_(&self.masters)?;
        }
        Ok(())
    }

    /// What the model reads, if that is not the masters themselves.
    pub(super) fn separate_weights(&self) -> Option<&Tensor> {
        self.is_mixed().then_some(&self.weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(values: &[Tensor], kind: Kind) -> FlatParameters {
        let shapes: Vec<Vec<i64>> = values.iter().map(Tensor::size).collect();
        let described: Vec<ParameterShape> =
            shapes.iter().map(|shape| ParameterShape { shape, rows_in_memory: shape[0], decays: shape.len() > 1 }).collect();
        FlatParameters::new(FlatLayout::new(&described), values, Device::Cpu, kind).expect("flat parameters")
    }

    fn ramp(shape: &[i64]) -> Tensor {
        Tensor::arange(shape.iter().product::<i64>(), (Kind::Float, Device::Cpu)).reshape(shape) / 7.0
    }

    #[test]
    fn backward_passes_add_to_the_flat_gradients_in_either_precision() {
        let values = [ramp(&[3]), ramp(&[5, 2]), ramp(&[70])];
        for kind in [Kind::Float, Kind::BFloat16] {
            let mut flat = parameters(&values, kind);
            for _ in 0..2 {
                let loss: Tensor = flat.parameters().iter().map(|parameter| (parameter * 2.0).sum(Kind::Float)).sum();
                loss.backward();
                flat.accumulate_gradients().expect("sums");
            }
            let gradients = flat.layout().views(flat.gradients()).expect("views");
            for (gradient, value) in gradients.iter().zip(&values) {
                assert!(gradient.equal(&(value.zeros_like() + 4.0)), "{kind:?}");
            }
            let norm = flat.gradient_norm().expect("a norm");
            assert!((norm.double_value(&[]) - (83.0_f64 * 16.0).sqrt()).abs() < 1e-5);
            flat.await_first_gradients().expect("nothing to do");
            for times in [1.0, 2.0] {
                let loss: Tensor = flat.parameters().iter().map(|parameter| parameter.sum(Kind::Float)).sum();
                loss.backward();
                flat.accumulate_gradients().expect("sums");
                let gradients = flat.layout().views(flat.gradients()).expect("views");
                assert!(gradients.iter().all(|gradient| gradient.equal(&(gradient.zeros_like() + times))), "{kind:?}");
            }
            flat.zero_gradients().expect("zeroed");
            assert!(!flat.gradients().any().double_value(&[]).is_normal());
        }
    }

    #[test]
    fn gradients_of_an_only_pass_stay_where_they_are_and_are_forgotten_with_the_step() {
        for kind in [Kind::Float, Kind::BFloat16, Kind::Half] {
            let mut flat = parameters(&[ramp(&[3]), ramp(&[5, 2])], kind);
            for times in [1.0, 3.0] {
                flat.await_first_gradients().expect("nothing to do");
                let loss: Tensor = flat.parameters().iter().map(|parameter| (parameter * times).sum(Kind::Float)).sum();
                loss.backward();
                flat.finish_gradients().expect("gradients");
                let stays = kind == Kind::BFloat16;
                assert_eq!((flat.has_one_pass, flat.gradients().kind()), (stays, if stays { kind } else { Kind::Float }), "{kind:?}");
                let gradients = flat.layout().views(&flat.fp32_gradients().expect("fp32")).expect("views");
                assert!(gradients.iter().all(|gradient| gradient.equal(&(gradient.zeros_like() + times))), "{kind:?}");
                let norm = flat.gradient_norm().expect("a norm");
                assert!(norm.kind() == Kind::Float && (norm.double_value(&[]) - times * 13_f64.sqrt()).abs() < 1e-5, "{kind:?}");
            }
            flat.zero_gradients().expect("zeroed");
            assert!([flat.gradients(), flat.weight_gradients()].iter().all(|gradients| !gradients.any().double_value(&[]).is_normal()));
        }
    }

    #[test]
    fn buckets_are_ranges_of_whole_parameters_in_the_order_of_backward_passes() {
        // In memory: 3, 2, 0, which decay, then 4, 1.
        let parameter = |shape, decays| ParameterShape { shape, rows_in_memory: shape[0], decays };
        let [matrix, vector, large]: [&[i64]; 3] = [&[8, 16], &[16], &[64, 16]];
        let described = [(large, true), (vector, false), (matrix, true), (matrix, true), (vector, false)];
        let layout = FlatLayout::new(&described.map(|(shape, decays)| parameter(shape, decays)));
        assert_eq!(layout.places.iter().map(|place| place.offset).collect::<Vec<_>>(), [256, 1344, 128, 0, 1280]);
        let check = |first_len, len, expected: &[i64]| assert_eq!(layout.bucket_ends(first_len, len), expected, "{first_len} and {len}");
        check(1, 1, &[128, 256, NORM_BLOCK]);
        check(128, 128, &[128, 256, NORM_BLOCK]);
        check(128, 129, &[128, NORM_BLOCK]);
        check(129, 1, &[256, NORM_BLOCK]);
        check(257, 1, &[NORM_BLOCK]);
        let nothing_decays = FlatLayout::new(&[parameter(vector, false)]);
        assert_eq!(nothing_decays.bucket_ends(1, 1), [NORM_BLOCK]);
    }

    #[test]
    fn the_model_sees_changed_masters_after_they_are_published() {
        for kind in [Kind::Float, Kind::BFloat16] {
            let flat = parameters(&[ramp(&[4]), ramp(&[2, 2])], kind);
            assert!(flat.masters().shallow_clone().fill_(0.5).defined());
            flat.publish().expect("published");
            assert!(flat.parameters().iter().all(|parameter| parameter.kind() == kind && parameter.eq(0.5).all().double_value(&[]) > 0.0));
        }
    }

    #[test]
    fn the_norm_of_a_large_buffer_is_exact_to_rounding() {
        tch::manual_seed(1);
        let flat = parameters(&[Tensor::zeros([3_000_000], (Kind::Float, Device::Cpu))], Kind::Float);
        let gradients = flat.gradients().shallow_clone().normal_(0.0, 1e-3);
        let expected = gradients.to_kind(Kind::Double).norm().double_value(&[]);
        let found = flat.gradient_norm().expect("a norm").double_value(&[]);
        assert!((found - expected).abs() < 1e-6 * expected, "{found} and {expected}");
    }
}
