//! Attention within segments that lie end to end, on CUDA in bf16 or fp16: libtorch's `FlashAttention`, and cuDNN's, which is faster on Hopper and later
//! and was left out of programs that were built without its headers.

use std::ffi::{c_char, c_double};

use tch::{Device, Tensor};

use super::{CppTensor, kernels::compute_capability, made, pointer};
use crate::error::Result;

unsafe extern "C" {
    fn drbert_attention(
        qkv: *const CppTensor,
        boundaries: *const CppTensor,
        longest: i64,
        dropout: c_double,
        attended: *mut *mut CppTensor,
    ) -> *const c_char;
    fn drbert_has_cudnn() -> bool;
    fn drbert_cudnn_segments(boundaries: *const CppTensor, heads: i64, head_size: i64, segments: *mut *mut CppTensor) -> *const c_char;
    fn drbert_cudnn_attention(
        qkv: *const CppTensor,
        segments: *const CppTensor,
        longest: i64,
        attended: *mut *mut CppTensor,
    ) -> *const c_char;
}

/// Times ten: Hopper.
const CUDNN_LEAST_COMPUTE_CAPABILITY: i32 = 90;
const CUDNN_LARGEST_HEAD: i64 = 128;
const CUDNN_HEAD_MULTIPLE: i64 = 8;

/// `FlashAttention`: [tokens, 3, heads, head size] → [tokens, heads, head size]. `boundaries`, int32 [segments + 1] on the same device, says where each
/// segment begins and where the last ends; `longest` is the length of the longest.
pub(crate) fn flash(qkv: &Tensor, boundaries: &Tensor, longest: i64, dropout: f64) -> Result<Tensor> {
    // SAFETY: the tensors and the place for the result live until the call returns.
    made(|attended| unsafe { drbert_attention(pointer(qkv), pointer(boundaries), longest, dropout, attended) })
}

/// Whether cuDNN's attention is there for heads of this size on a device.
pub(crate) fn cudnn_suits(head_size: i64, device: Device) -> bool {
    let Device::Cuda(index) = device else { return false };
    // SAFETY: the function takes nothing and touches nothing.
    let is_built = unsafe { drbert_has_cudnn() };
    let fits = head_size <= CUDNN_LARGEST_HEAD && head_size % CUDNN_HEAD_MULTIPLE == 0;
    is_built && fits && compute_capability(index).is_ok_and(|capability| capability >= CUDNN_LEAST_COMPUTE_CAPABILITY)
}

/// What [`cudnn`] wants to know of the segments, from `boundaries` as above.
pub(crate) fn cudnn_segments(boundaries: &Tensor, heads: i64, head_size: i64) -> Result<Tensor> {
    // SAFETY: the tensor and the place for the result live until the call returns.
    made(|segments| unsafe { drbert_cudnn_segments(pointer(boundaries), heads, head_size, segments) })
}

/// As [`flash`] without dropout, by cuDNN.
pub(crate) fn cudnn(qkv: &Tensor, segments: &Tensor, longest: i64) -> Result<Tensor> {
    // SAFETY: the tensors and the place for the result live until the call returns.
    made(|attended| unsafe { drbert_cudnn_attention(pointer(qkv), pointer(segments), longest, attended) })
}
