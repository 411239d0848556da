//! Our own kernels, for each of which there is a plain path of libtorch's operators: elementwise work that would otherwise read and
//! write the activations several times. On CUDA devices they run if nvcc was there when this program was built ([`exist_for`]); on the
//! CPU the same source is emulated, thread by thread, which is exact and slow.
//!
//! They take fp32, fp16 and bf16, compute in fp32, and give the same bits every time. Rows must be whole 16-byte vectors.

use std::{
    ffi::{c_char, c_int},
    ops::Range,
    ptr,
};

use tch::{Device, Kind, Tensor};

use super::{AdamWStep, CppTensor, both_made, check, made, pointer};
use crate::error::Result;

unsafe extern "C" {
    fn drbert_has_cuda_kernels() -> bool;
    fn drbert_compute_capability(device: c_int, capability: *mut c_int) -> *const c_char;
    fn drbert_adamw(
        masters: *const CppTensor,
        gradients: *const CppTensor,
        exp_avg: *const CppTensor,
        exp_avg_sq: *const CppTensor,
        weights: *const CppTensor,
        num_decaying: i64,
        gradient_factor: *const CppTensor,
        step: *const CppTensor,
        is_skipped: *const CppTensor,
        learning_rate: f64,
        beta1: f64,
        beta2: f64,
        weight_decay: f64,
        epsilon: f64,
    ) -> *const c_char;
    fn drbert_gradient_sum(gradients: *const CppTensor, sums: *const CppTensor, is_first: bool) -> *const c_char;
    fn drbert_verdict(gradients: *const CppTensor, loss: *const CppTensor, max_norm: f64, numbers: *mut *mut CppTensor) -> *const c_char;
    fn drbert_linear(
        input: *const CppTensor,
        others: *const CppTensor,
        weight: *const CppTensor,
        bias: *const CppTensor,
        split: i64,
        first_idle: i64,
        past_idle: i64,
        output: *mut *mut CppTensor,
        other_output: *mut *mut CppTensor,
    ) -> *const c_char;
    fn drbert_chosen_rows(matrix: *const CppTensor, indices: *const CppTensor, output: *mut *mut CppTensor) -> *const c_char;
    fn drbert_bias_gelu(input: *const CppTensor, bias: *const CppTensor, output: *mut *mut CppTensor) -> *const c_char;
    fn drbert_summed_norm(
        first: *const CppTensor,
        second: *const CppTensor,
        bias: *const CppTensor,
        norm_weight: *const CppTensor,
        norm_bias: *const CppTensor,
        epsilon: f64,
        output: *mut *mut CppTensor,
        residual: *mut *mut CppTensor,
    ) -> *const c_char;
    fn drbert_embedding_norm(
        words: *const CppTensor,
        word_ids: *const CppTensor,
        positions: *const CppTensor,
        position_ids: *const CppTensor,
        token_type: *const CppTensor,
        norm_weight: *const CppTensor,
        norm_bias: *const CppTensor,
        epsilon: f64,
        output: *mut *mut CppTensor,
        residual: *mut *mut CppTensor,
    ) -> *const c_char;
    fn drbert_cross_entropy(
        logits: *const CppTensor,
        bias: *const CppTensor,
        labels: *const CppTensor,
        num_valid: i64,
        output: *mut *mut CppTensor,
    ) -> *const c_char;
}

/// Whether this program has the kernels for a device.
pub(crate) fn exist_for(device: Device) -> bool {
    // SAFETY: the function takes nothing and touches nothing.
    !device.is_cuda() || unsafe { drbert_has_cuda_kernels() }
}

/// The compute capability of a CUDA device, times ten. Known where our kernels exist.
pub(crate) fn compute_capability(device: usize) -> Result<i32> {
    let mut capability = 0;
    // SAFETY: the place for the result lives until the call returns.
    check(unsafe { drbert_compute_capability(device as c_int, &raw mut capability) }).map(|()| capability)
}

/// Rows are whole vectors of every kind.
const COLUMNS_MULTIPLE: i64 = 8;
/// A row that is normalized is no longer.
const MAX_NORM_BYTES: usize = 8192;

/// Whether our kernels take rows of this many numbers.
pub(crate) fn suit_columns(width: i64) -> bool {
    width > 0 && width % COLUMNS_MULTIPLE == 0
}

/// Whether rows of this many numbers can be normalized.
pub(crate) fn suit_norm(width: i64, kind: Kind) -> bool {
    suit_columns(width) && width as usize * kind.elt_size_in_bytes() <= MAX_NORM_BYTES
}

/// Flat buffers that a step of `AdamW` changes, all of one length.
pub(crate) struct AdamWBuffers<'a> {
    /// fp32, as are the moments.
    pub(crate) masters: &'a Tensor,
    pub(crate) exp_avg: &'a Tensor,
    pub(crate) exp_avg_sq: &'a Tensor,
    /// What gets the masters in its own kind.
    pub(crate) weights: Option<&'a Tensor>,
    /// So many numbers decay, the first ones.
    pub(crate) num_decaying: i64,
}

/// One step of `AdamW` with gradients, in fp32 or of the kind of the weights, times `factor`, fp32 `[1]`, or as they are. `step` and `is_skipped` are as for [`super::fused_adamw`].
pub(crate) fn adamw(
    buffers: &AdamWBuffers<'_>,
    gradients: &Tensor,
    factor: Option<&Tensor>,
    step: &Tensor,
    is_skipped: &Tensor,
    numbers: AdamWStep,
) -> Result<()> {
    let AdamWBuffers { masters, exp_avg, exp_avg_sq, weights, num_decaying } = *buffers;
    let AdamWStep { learning_rate, beta1, beta2, epsilon, weight_decay } = numbers;
    // SAFETY: all pointers are null, where C++ allows that, or of live tensors; C++ checks shapes, kinds and devices.
    check(unsafe {
        drbert_adamw(
            pointer(masters),
            pointer(gradients),
            pointer(exp_avg),
            pointer(exp_avg_sq),
            weights.map_or(ptr::null(), pointer),
            num_decaying,
            factor.map_or(ptr::null(), pointer),
            pointer(step),
            pointer(is_skipped),
            learning_rate,
            beta1,
            beta2,
            weight_decay,
            epsilon,
        )
    })
}

/// Adds flat gradients of any kind to fp32 `sums`, or puts them there if they are the first, and zeroes them.
pub(crate) fn gradient_sum(gradients: &Tensor, sums: &Tensor, is_first: bool) -> Result<()> {
    // SAFETY: both tensors live until the call returns; C++ checks shapes, kinds and devices.
    check(unsafe { drbert_gradient_sum(pointer(gradients), pointer(sums), is_first) })
}

/// fp32 `[4]` of a step: its loss, fp32 `[]`, the norm of its flat gradients of any kind, 1 if either is not finite and else 0, and what gradients are multiplied by so
/// that their norm is at most `max_norm`.
pub(crate) fn verdict(gradients: &Tensor, loss: &Tensor, max_norm: f64) -> Result<Tensor> {
    // SAFETY: both tensors live until the call returns; C++ checks shapes, kinds and devices.
    made(|numbers| unsafe { drbert_verdict(pointer(gradients), pointer(loss), max_norm, numbers) })
}

/// `input · weightᵀ + bias` of `[rows, inputs]`, `[outputs, inputs]` and `[outputs]`: products of libtorch's or, large ones on CUDA in 16 bits, of cuBLASLt's with the kernel
/// that was the fastest, of which the one that gives the weight's gradient adds it to where it is kept. The bias of the `idle` outputs, multiples of 8, gets zeros for its gradient.
pub(crate) fn linear(input: &Tensor, weight: &Tensor, bias: Option<&Tensor>, idle: Range<i64>) -> Result<Tensor> {
    let bias = bias.map_or(ptr::null(), pointer);
    let (none, Range { start, end }) = (ptr::null(), idle);
    // SAFETY: all pointers are null, where C++ allows that, or of live tensors; C++ checks shapes, kinds and devices.
    made(|output| unsafe { drbert_linear(pointer(input), none, pointer(weight), bias, 0, start, end, output, ptr::null_mut()) })
}

/// As [`linear`], with the outputs up to `split` of the rows of `input`, and the others of those of `others`.
pub(crate) fn split_linear(
    [input, others]: [&Tensor; 2],
    weight: &Tensor,
    bias: &Tensor,
    split: i64,
    idle: Range<i64>,
) -> Result<[Tensor; 2]> {
    let Range { start, end } = idle;
    // SAFETY: all pointers are of live tensors; C++ checks shapes, kinds and devices.
    both_made(|[output, other_output]| unsafe {
        drbert_linear(pointer(input), pointer(others), pointer(weight), pointer(bias), split, start, end, output, other_output)
    })
}

/// The rows of `[rows, width]` at int32 indices that ascend, each of which comes but once.
pub(crate) fn chosen_rows(matrix: &Tensor, indices: &Tensor) -> Result<Tensor> {
    // SAFETY: both tensors live until the call returns; C++ checks shapes, kinds and devices.
    made(|output| unsafe { drbert_chosen_rows(pointer(matrix), pointer(indices), output) })
}

/// GELU(input + bias) of `[rows, width]` and `[width]`, with the error function (Hendrycks and Gimpel, 2016).
pub(crate) fn bias_gelu(input: &Tensor, bias: &Tensor) -> Result<Tensor> {
    // SAFETY: all pointers are of live tensors; C++ checks shapes, kinds and devices.
    made(|output| unsafe { drbert_bias_gelu(pointer(input), pointer(bias), output) })
}

/// The parameters of a layer normalization (Ba et al., 2016).
#[derive(Clone, Copy)]
pub(crate) struct NormParameters<'a> {
    /// `[width]`
    pub(crate) weight: &'a Tensor,
    /// `[width]`
    pub(crate) bias: &'a Tensor,
    pub(crate) epsilon: f64,
}

/// The layer norm of `first + second + bias`: `[rows, width]` each, and `[width]`. Twice, for two readers: the backward pass adds their gradients as it
/// reads them.
pub(crate) fn summed_norm(first: &Tensor, second: Option<&Tensor>, bias: Option<&Tensor>, norm: NormParameters<'_>) -> Result<[Tensor; 2]> {
    let (second, bias) = (second.map_or(ptr::null(), pointer), bias.map_or(ptr::null(), pointer));
    // SAFETY: all pointers are null, where C++ allows that, or of live tensors; C++ checks shapes, kinds and devices.
    both_made(|[output, residual]| unsafe {
        drbert_summed_norm(pointer(first), second, bias, pointer(norm.weight), pointer(norm.bias), norm.epsilon, output, residual)
    })
}

/// The layer norm of `words[word_ids] + positions[position_ids] + token_type`: tables `[_, width]`, int32 indices `[rows]`, and `[width]`. An
/// index that the table does not have gives a row of NaN. Twice, as from [`summed_norm`].
pub(crate) fn embedding_norm(
    [words, word_ids]: [&Tensor; 2],
    [positions, position_ids]: [&Tensor; 2],
    token_type: &Tensor,
    norm: NormParameters<'_>,
) -> Result<[Tensor; 2]> {
    // SAFETY: all pointers are of live tensors; C++ checks shapes, kinds and devices.
    both_made(|[output, residual]| unsafe {
        drbert_embedding_norm(
            pointer(words),
            pointer(word_ids),
            pointer(positions),
            pointer(position_ids),
            pointer(token_type),
            pointer(norm.weight),
            pointer(norm.bias),
            norm.epsilon,
            output,
            residual,
        )
    })
}

/// The sum, in fp32, of the cross-entropies of logits plus bias, `[rows, width]` and `[width]`, of which the first `num_valid` columns count, and int32 labels `[rows]`. The
/// backward pass, of which there can be but one, writes their gradient over the logits. The label
/// [`crate::model::operators::IGNORED_LABEL`] gives nothing, any other outside those columns NaN.
pub(crate) fn cross_entropy(logits: &Tensor, bias: Option<&Tensor>, labels: &Tensor, num_valid: i64) -> Result<Tensor> {
    let bias = bias.map_or(ptr::null(), pointer);
    // SAFETY: all pointers are null, where C++ allows that, or of live tensors; C++ checks shapes, kinds and devices.
    made(|output| unsafe { drbert_cross_entropy(pointer(logits), bias, pointer(labels), num_valid, output) })
}

#[cfg(test)]
mod tests;
