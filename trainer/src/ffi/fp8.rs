//! Matrix products in FP8 for linear layers: Micikevicius et al., "FP8 formats for deep learning", 2022. Activations and weights are e4m3, gradients
//! of outputs e5m2; results are bf16, and sums fp32.
//!
//! A matrix has one scale, which is taken from its largest magnitude as it is, on its device: nothing is remembered, so that a resumed run needs nothing
//! to go on with. Scales are powers of two, which cost no digits. Casting is our kernels' work ([`super::kernels::exist_for`]), the products libtorch's.

use std::{ffi::c_char, ptr};

use tch::Tensor;

use super::{CppTensor, check, made, pointer, taken};
use crate::error::{Error, Result};

unsafe extern "C" {
    fn drbert_fp8_empty(
        matrix: *const CppTensor,
        is_e5m2: bool,
        rows: *mut *mut CppTensor,
        columns: *mut *mut CppTensor,
        inverse_scale: *mut *mut CppTensor,
    ) -> *const c_char;
    fn drbert_fp8_cast(
        matrix: *const CppTensor,
        rows: *const CppTensor,
        columns: *const CppTensor,
        inverse_scale: *const CppTensor,
    ) -> *const c_char;
    fn drbert_fp8_linear(
        input: *const CppTensor,
        weight: *const CppTensor,
        bias: *const CppTensor,
        weight_rows: *const CppTensor,
        weight_columns: *const CppTensor,
        weight_scale: *const CppTensor,
        output: *mut *mut CppTensor,
    ) -> *const c_char;
}

/// The inner dimension of a product, and the columns of its result, are multiples of this.
pub(crate) const MULTIPLE: i64 = 16;
/// Times ten: Ada has 8.9, Hopper 9.0.
pub(crate) const LEAST_COMPUTE_CAPABILITY: i32 = 89;

/// How the eight bits are shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Up to 448, with three fraction bits.
    E4m3,
    /// Up to 57,344, with two.
    E5m2,
}

/// A matrix in FP8: each number is that of the matrix divided by `inverse_scale`, and rounded.
#[derive(Debug)]
pub(crate) struct Fp8Matrix {
    /// `[rows, width]`
    rows: Tensor,
    /// `[width, rows, and zeros up to a multiple of 16]`
    columns: Tensor,
    /// fp32 `[1]`; NaN if a number of the matrix is not finite.
    inverse_scale: Tensor,
}

impl Fp8Matrix {
    /// Casts a bf16 matrix, whose width is a multiple of 16.
    pub(crate) fn new(matrix: &Tensor, format: Format) -> Result<Self> {
        let [mut rows, mut columns, mut inverse_scale] = [ptr::null_mut(); 3];
        // SAFETY: the tensor and the places for the results live until the call returns.
        check(unsafe {
            drbert_fp8_empty(pointer(matrix), format == Format::E5m2, &raw mut rows, &raw mut columns, &raw mut inverse_scale)
        })?;
        let mut made = Self { rows: taken(rows), columns: taken(columns), inverse_scale: taken(inverse_scale) };
        made.cast(matrix)?;
        Ok(made)
    }

    /// Casts a matrix of the same shape into the same memory.
    pub(crate) fn cast(&mut self, matrix: &Tensor) -> Result<()> {
        if matrix.size() != self.rows.size() {
            return Err(Error::torch(&format!("a matrix of {:?} instead of {:?}", matrix.size(), self.rows.size())));
        }
        let Self { rows, columns, inverse_scale } = self;
        // SAFETY: all pointers are of live tensors, and the shapes fit; C++ checks kinds and devices.
        check(unsafe { drbert_fp8_cast(pointer(matrix), pointer(rows), pointer(columns), pointer(inverse_scale)) })
    }

    /// Another handle of the same memory.
    pub(crate) fn shallow_clone(&self) -> Self {
        let [rows, columns, inverse_scale] = [&self.rows, &self.columns, &self.inverse_scale].map(Tensor::shallow_clone);
        Self { rows, columns, inverse_scale }
    }
}

/// `input · weightᵀ + bias` of bf16 `[rows, inputs]`, `[outputs, inputs]` and `[outputs]`: `cast` is what the weight is in FP8, and its gradient is the weight's.
pub(crate) fn linear(input: &Tensor, weight: &Tensor, cast: &Fp8Matrix, bias: Option<&Tensor>) -> Result<Tensor> {
    let bias = bias.map_or(ptr::null(), pointer);
    let Fp8Matrix { rows, columns, inverse_scale } = cast;
    // SAFETY: all pointers are null, where C++ allows that, or of live tensors; C++ checks shapes, kinds and devices.
    made(|output| unsafe {
        drbert_fp8_linear(pointer(input), pointer(weight), bias, pointer(rows), pointer(columns), pointer(inverse_scale), output)
    })
}

#[cfg(test)]
mod tests;
