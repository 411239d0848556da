// How tensors get to our kernels.

#pragma once

#include <optional>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/DeviceGuard.h>
#ifdef DRBERT_CUDA_KERNELS
#include <c10/cuda/CUDAStream.h>
#endif

#include "kernels/launchers.hpp"

namespace drbert {

// Puts work on the device of a tensor: on CUDA the kernels that nvcc compiled, on the CPU the same source emulated.
template <typename Work>
void launch(const at::Tensor& tensor, const char* (*Launchers::*launcher)(const Work&, void*), const Work& work) {
    const char* message = nullptr;
    if (tensor.is_cpu()) {
        message = (emulated_launchers.*launcher)(work, nullptr);
    } else {
#ifdef DRBERT_CUDA_KERNELS
        const c10::DeviceGuard guard(tensor.device());
        message = (cuda_launchers.*launcher)(work, c10::cuda::getCurrentCUDAStream(tensor.device().index()).stream());
#else
        message = "built without our kernels for CUDA";
#endif
    }
    TORCH_CHECK(message == nullptr, message);
}

inline NumberType number_type(const at::Tensor& tensor) {
    switch (tensor.scalar_type()) {
        case at::kFloat: return NumberType::kFloat;
        case at::kHalf: return NumberType::kHalf;
        case at::kBFloat16: return NumberType::kBFloat16;
        default: TORCH_CHECK(false, "our kernels have no code for ", tensor.scalar_type());
    }
}

// A matrix as the kernels read it, without gaps.
inline at::Tensor as_matrix(const at::Tensor& tensor) {
    TORCH_CHECK(tensor.dim() == 2, "expected a matrix, found the shape ", tensor.sizes());
    at::Tensor matrix = tensor.contiguous();
    const bool is_aligned = reinterpret_cast<uintptr_t>(matrix.const_data_ptr()) % kVectorBytes == 0;
    TORCH_CHECK(is_aligned && matrix.size(1) * matrix.element_size() % kVectorBytes == 0, "rows of ", matrix.size(1), " numbers are not whole vectors");
    return matrix;
}

// So many rows of it; all of them are the tensor itself, which takes the host less time.
inline at::Tensor part_of(const at::Tensor& whole, int64_t first, int64_t count) { return count == whole.size(0) ? whole : whole.narrow(0, first, count); }

// As autograd functions take what may be missing.
inline std::optional<at::Tensor> optional(const at::Tensor* tensor) { return tensor == nullptr ? std::nullopt : std::optional(*tensor); }

// An int32 vector on the device of these numbers.
inline void check_indices(const char* what, const at::Tensor& indices, const at::Tensor& beside) {
    TORCH_CHECK(indices.scalar_type() == at::kInt && indices.dim() == 1 && indices.is_contiguous() && indices.device() == beside.device(), what, " are not a vector of int32");
}

// fp32 memory of this shape.
inline at::Tensor scratch(const at::Tensor& beside, at::IntArrayRef shape) { return at::empty(shape, beside.options().dtype(at::kFloat)); }

}  // namespace drbert
