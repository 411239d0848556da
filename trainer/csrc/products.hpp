// The matrix products of linear layers.

#pragma once

#include <ATen/core/Tensor.h>

namespace drbert {

// a b, plus `bias` in every row if it is defined.
at::Tensor product(const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias = {});

// sum += a b.
void add_product(const at::Tensor& sum, const at::Tensor& a, const at::Tensor& b);

}  // namespace drbert
