//! Our own kernels, for each of which there is a plain path of libtorch's operators: elementwise work that would otherwise read and
//! write the activations several times. On CUDA devices they run if nvcc was there when this program was built ([`exist_for`]); on the
//! CPU the same source is emulated, thread by thread, which is exact and slow.
//!
//! They take fp32, fp16 and bf16, compute in fp32, and give the same bits every time. Rows must be whole 16-byte vectors.

use std::{ffi::c_char, ptr};

use tch::{Device, Kind, Tensor};

use super::{CppTensor, made, pointer};
use crate::error::Result;

unsafe extern "C" {
    fn drbert_has_cuda_kernels() -> bool;
    fn drbert_bias_gelu(input: *const CppTensor, bias: *const CppTensor, output: *mut *mut CppTensor) -> *const c_char;
    fn drbert_summed_norm(
        first: *const CppTensor,
        second: *const CppTensor,
        bias: *const CppTensor,
        norm_weight: *const CppTensor,
        norm_bias: *const CppTensor,
        epsilon: f64,
        output: *mut *mut CppTensor,
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
    ) -> *const c_char;
    fn drbert_cross_entropy(
        logits: *const CppTensor,
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

const VECTOR_BYTES: usize = 16;
/// A row that is normalized has no more vectors than a block may have threads.
const MAX_NORM_VECTORS: usize = 1024;

/// Whether rows of this many numbers are whole vectors.
pub(crate) fn suit_columns(width: i64, kind: Kind) -> bool {
    width > 0 && (width as usize * kind.elt_size_in_bytes()).is_multiple_of(VECTOR_BYTES)
}

/// Whether rows of this many numbers can be normalized.
pub(crate) fn suit_norm(width: i64, kind: Kind) -> bool {
    suit_columns(width, kind) && width as usize * kind.elt_size_in_bytes() <= MAX_NORM_VECTORS * VECTOR_BYTES
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

/// The layer norm of `first + second + bias`: `[rows, width]` each, and `[width]`.
pub(crate) fn summed_norm(first: &Tensor, second: Option<&Tensor>, bias: Option<&Tensor>, norm: NormParameters<'_>) -> Result<Tensor> {
    let (second, bias) = (second.map_or(ptr::null(), pointer), bias.map_or(ptr::null(), pointer));
    // SAFETY: all pointers are null, where C++ allows that, or of live tensors; C++ checks shapes, kinds and devices.
    made(|output| unsafe {
        drbert_summed_norm(pointer(first), second, bias, pointer(norm.weight), pointer(norm.bias), norm.epsilon, output)
    })
}

/// The layer norm of `words[word_ids] + positions[position_ids] + token_type`: tables `[_, width]`, int32 indices `[rows]`, and `[width]`. An
/// index that the table does not have gives a row of NaN.
pub(crate) fn embedding_norm(
    [words, word_ids]: [&Tensor; 2],
    [positions, position_ids]: [&Tensor; 2],
    token_type: &Tensor,
    norm: NormParameters<'_>,
) -> Result<Tensor> {
    // SAFETY: all pointers are of live tensors; C++ checks shapes, kinds and devices.
    made(|output| unsafe {
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
        )
    })
}

/// The sum, in fp32, of the cross-entropies of logits `[rows, width]`, of which the first `num_valid` columns count, and int32 labels `[rows]`. The
/// backward pass, of which there can be but one, writes their gradient over the logits. The label
/// [`crate::model::operators::IGNORED_LABEL`] gives nothing, any other outside those columns NaN.
pub(crate) fn cross_entropy(logits: &Tensor, labels: &Tensor, num_valid: i64) -> Result<Tensor> {
    // SAFETY: all pointers are of live tensors; C++ checks shapes, kinds and devices.
    made(|output| unsafe { drbert_cross_entropy(pointer(logits), pointer(labels), num_valid, output) })
}

#[cfg(test)]
pub(in crate::ffi) mod tests;
