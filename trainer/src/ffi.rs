//! The C++ shim of `csrc/`: what libtorch has and tch lacks. The only unsafe code of this crate.
#![expect(unsafe_code, reason = "calls into C++ cannot be checked by the compiler; this file keeps them in one place")]

use std::ffi::{CStr, c_char, c_double};

use tch::Tensor;

use crate::error::{Error, Result};

/// An `at::Tensor` on the C++ side.
#[repr(C)]
struct CppTensor {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    fn drbert_set_gradient(parameter: *mut CppTensor, gradient: *const CppTensor) -> *const c_char;
    fn drbert_fused_adamw(
        parameters: *mut CppTensor,
        gradients: *const CppTensor,
        exp_avg: *mut CppTensor,
        exp_avg_sq: *mut CppTensor,
        step: *const CppTensor,
        learning_rate: c_double,
        beta1: c_double,
        beta2: c_double,
        weight_decay: c_double,
        epsilon: c_double,
    ) -> *const c_char;
    fn drbert_use_deterministic_algorithms() -> *const c_char;
}

/// Makes `gradient` the tensor that backward passes add `parameter`'s gradient to.
pub(crate) fn set_gradient(parameter: &mut Tensor, gradient: &Tensor) -> Result<()> {
    // SAFETY: both pointers come from live tch tensors, which are at::Tensor objects; C++ copies the handle of `gradient`.
    check(unsafe { drbert_set_gradient(parameter.as_mut_ptr().cast(), gradient.as_ptr().cast()) })
}

/// The numbers of one `AdamW` step.
#[derive(Clone, Copy)]
pub(crate) struct AdamWStep {
    pub(crate) learning_rate: f64,
    pub(crate) beta1: f64,
    pub(crate) beta2: f64,
    pub(crate) epsilon: f64,
    pub(crate) weight_decay: f64,
}

/// Runs libtorch's fused `AdamW` on one tensor in place. `step` is a float tensor with the number of this step, from 1 on.
pub(crate) fn fused_adamw(
    parameters: &mut Tensor,
    gradients: &Tensor,
    exp_avg: &mut Tensor,
    exp_avg_sq: &mut Tensor,
    step: &Tensor,
    numbers: AdamWStep,
) -> Result<()> {
    // SAFETY: all pointers come from live tch tensors, borrowed for the whole call; C++ checks shapes, kinds and devices.
    check(unsafe {
        drbert_fused_adamw(
            parameters.as_mut_ptr().cast(),
            gradients.as_ptr().cast(),
            exp_avg.as_mut_ptr().cast(),
            exp_avg_sq.as_mut_ptr().cast(),
            step.as_ptr().cast(),
            numbers.learning_rate,
            numbers.beta1,
            numbers.beta2,
            numbers.weight_decay,
            numbers.epsilon,
        )
    })
}

/// Restricts libtorch to kernels that give the same bits every time. Must come before the first CUDA operation.
pub(crate) fn use_deterministic_algorithms() -> Result<()> {
    // SAFETY: the function takes nothing; it sets a variable of the environment before any thread of ours was started.
    check(unsafe { drbert_use_deterministic_algorithms() })
}

fn check(message: *const c_char) -> Result<()> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: a message is a string that ends with a zero byte and stays valid until the next call on this thread.
    let message = unsafe { CStr::from_ptr(message) };
    Err(Error::torch(&message.to_string_lossy()))
}
