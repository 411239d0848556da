// What libtorch has and tch lacks, behind a C interface. The rules of shim.hpp hold.

#include "shim.hpp"

#include <cstdlib>
#include <optional>

#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_adamw.h>

extern "C" {

// Makes `gradient` the tensor that backward passes add to, so that it may be a view of a flat buffer.
const char* drbert_set_gradient(at::Tensor* parameter, const at::Tensor* gradient) {
    return guarded([&] { parameter->mutable_grad() = *gradient; });
}

// One AdamW step in place; `step` is a float tensor of one element that counts from 1 on. Does nothing if `is_skipped`, another such, is 1.
const char* drbert_fused_adamw(
    at::Tensor* parameters, const at::Tensor* gradients, at::Tensor* exp_avg, at::Tensor* exp_avg_sq, const at::Tensor* step,
    const at::Tensor* is_skipped, double learning_rate, double beta1, double beta2, double weight_decay, double epsilon) {
    return guarded([&] {
        at::_fused_adamw_(
            {*parameters}, {*gradients}, {*exp_avg}, {*exp_avg_sq}, {}, {*step}, learning_rate, beta1, beta2, weight_decay, epsilon,
            /*amsgrad=*/false, /*maximize=*/false, /*grad_scale=*/std::nullopt, /*found_inf=*/*is_skipped);
    });
}

// With `deterministic` only kernels that give the same bits every time; an operation that has none fails. Call before the first CUDA operation.
const char* drbert_set_up(bool deterministic) {
    return guarded([&] {
        // It would make a plan, in a tenth of a second, for every number and length of segments that attention one by one comes to.
        at::globalContext().setSDPUseCuDNN(false);
        if (!deterministic) {
            return;
        }
        setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
        at::globalContext().setBenchmarkCuDNN(false);
        at::globalContext().setDeterministicFillUninitializedMemory(false);
        at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
    });
}

}  // extern "C"
