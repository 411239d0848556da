// How functions of the shim give two tensors.

#pragma once

#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

// Two results on the heap, which the caller deletes.
inline void put_both(const std::vector<at::Tensor>& made, at::Tensor** first, at::Tensor** second) {
    auto held = std::make_unique<at::Tensor>(made[0]);
    *second = new at::Tensor(made[1]);
    *first = held.release();
}
