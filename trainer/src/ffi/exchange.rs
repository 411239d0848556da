//! The sum of all ranks' gradients, begun while the backward pass still gives them.

use std::{ffi::c_char, ptr::NonNull};

use tch::Tensor;

use super::{CppGroup, CppTensor, Group, check, ended, object};
use crate::error::Result;

#[repr(C)]
struct CppExchange {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    fn drbert_exchange_new(
        group: *const CppGroup,
        parameters: *const *mut CppTensor,
        num_parameters: usize,
        gradients: *const CppTensor,
        weight_gradients: *const CppTensor,
        bucket_ends: *const i64,
        num_buckets: usize,
        compresses: bool,
        made: *mut *mut CppExchange,
    ) -> *const c_char;
    fn drbert_exchange_delete(exchange: *mut CppExchange) -> *const c_char;
    fn drbert_exchange_begin(exchange: *const CppExchange, loss: *const CppTensor, is_only_pass: bool) -> *const c_char;
    fn drbert_exchange_end(exchange: *const CppExchange, num_overlapped: *mut usize) -> *const c_char;
}

/// The exchange of gradients that lie in a flat buffer, on every rank with the same layout.
#[derive(Debug)]
pub(crate) struct Exchange(NonNull<CppExchange>);

impl Exchange {
    /// `gradients`, fp32, are what a step sums. Passes add to `weight_gradients`, of which those of `parameters` are views: the same memory, or
    /// a buffer of the same layout in fewer bits. `bucket_ends` are the ends of the ranges that travel together, ascending, the last that of the
    /// buffer; they travel in bf16 if `compresses`.
    pub(crate) fn new(
        group: &Group,
        parameters: &[Tensor],
        gradients: &Tensor,
        weight_gradients: &Tensor,
        bucket_ends: &[i64],
        compresses: bool,
    ) -> Result<Self> {
        let pointers: Vec<*mut CppTensor> = parameters.iter().map(|parameter| parameter.as_ptr().cast_mut().cast()).collect();
        // SAFETY: the pointers are of live tensors, whose handles C++ copies, and of lists that live until the call returns; it keeps a reference
        // of its own to the group.
        let made = object("exchange", |made| unsafe {
            drbert_exchange_new(
                group.0.as_ptr(),
                pointers.as_ptr(),
                pointers.len(),
                gradients.as_ptr().cast(),
                weight_gradients.as_ptr().cast(),
                bucket_ends.as_ptr(),
                bucket_ends.len(),
                compresses,
                made,
            )
        });
        made.map(Self)
    }

    /// Makes the next backward pass exchange the gradients, and begins to sum `loss` over the ranks, in place. If it is the only pass of a step, what the step's gradients
    /// hold is of no account where they are not what a pass adds to.
    pub(crate) fn begin(&self, loss: &Tensor, is_only_pass: bool) -> Result<()> {
        // SAFETY: the object lives as long as this handle, and no pass runs; C++ copies the handle of `loss`.
        check(unsafe { drbert_exchange_begin(self.0.as_ptr(), loss.as_ptr().cast(), is_only_pass) })
    }

    /// Ends what that pass began: loss and gradients are sums over the ranks then. Returns how many buckets were under way when the pass ended.
    pub(crate) fn end(&self) -> Result<usize> {
        let mut num_overlapped = 0;
        // SAFETY: the object lives as long as this handle, and the place for the result until the call returns.
        check(unsafe { drbert_exchange_end(self.0.as_ptr(), &raw mut num_overlapped) })?;
        Ok(num_overlapped)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        // SAFETY: the object was made by drbert_exchange_new and is deleted here only. Hooks of the parameters find it gone.
        ended("deleting an exchange", unsafe { drbert_exchange_delete(self.0.as_ptr()) });
    }
}
