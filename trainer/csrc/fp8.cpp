// Linear layers whose three matrix products are in FP8 (Micikevicius et al., "FP8 formats for deep learning", 2022): activations and weights as e4m3, gradients of outputs as
// e5m2, each with a scale of its own that is taken from the matrix as it is. Nothing is remembered from step to step. The rules of shim.hpp hold.

#include "shim.hpp"

#include <optional>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_scaled_mm.h>
#include <torch/csrc/autograd/custom_function.h>

#include "launch.hpp"

namespace {

using drbert::Fp8Format;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr const char* kFp8HasBias = "has bias";

// A matrix in FP8. What its numbers are to be multiplied by lies on its device.
struct Fp8Matrix {
    at::Tensor rows;  // [rows, width]
    at::Tensor columns;  // [width, padded rows], or undefined
    at::Tensor inverse_scale;  // fp32 [1]
};

Fp8Matrix empty_fp8(const at::Tensor& matrix, Fp8Format format, bool transposes) {
    const auto options = matrix.options().dtype(format == Fp8Format::kE4M3 ? at::kFloat8_e4m3fn : at::kFloat8_e5m2).requires_grad(false);
    return {at::empty(matrix.sizes(), options),
            transposes ? at::empty({matrix.size(1), drbert::num_padded_rows(matrix.size(0))}, options) : at::Tensor(),
            at::empty({1}, options.dtype(at::kFloat))};
}

void cast_into(const Fp8Matrix& place, const at::Tensor& given) {
    const at::Tensor matrix = drbert::as_matrix(given);
    TORCH_CHECK(matrix.scalar_type() == at::kBFloat16, "only bf16 is cast to FP8, not ", matrix.scalar_type());
    TORCH_CHECK(matrix.size(1) % drbert::kFp8Multiple == 0, "rows of ", matrix.size(1), " numbers, which is no multiple of ", drbert::kFp8Multiple);
    const Fp8Format format = place.rows.scalar_type() == at::kFloat8_e4m3fn ? Fp8Format::kE4M3 : Fp8Format::kE5M2;
    const at::Tensor largest = drbert::scratch(matrix, {drbert::num_largest(matrix.numel())});
    drbert::launch(matrix, &drbert::Launchers::fp8_cast,
                   drbert::Fp8Cast{format, matrix.size(0), matrix.size(1), matrix.const_data_ptr(), largest.mutable_data_ptr<float>(),
                                   place.rows.mutable_data_ptr(), place.columns.defined() ? place.columns.mutable_data_ptr() : nullptr,
                                   place.inverse_scale.mutable_data_ptr<float>()});
}

Fp8Matrix cast(const at::Tensor& given, Fp8Format format, bool transposes) {
    const at::Tensor matrix = drbert::as_matrix(given);
    const Fp8Matrix result = empty_fp8(matrix, format, transposes);
    cast_into(result, matrix);
    return result;
}

struct Operand {
    const at::Tensor& matrix;
    const at::Tensor& inverse_scale;
};

// left [m, k] times right [n, k] transposed, plus bias [n], in bf16. k and n are multiples of 16.
at::Tensor product(const Operand& left, const Operand& right, const std::optional<at::Tensor>& bias, bool is_fast) {
    return at::_scaled_mm(left.matrix, right.matrix.t(), left.inverse_scale, right.inverse_scale, bias, /*scale_result=*/std::nullopt, at::kBFloat16, is_fast);
}

struct Fp8Linear : torch::autograd::Function<Fp8Linear> {
    static at::Tensor forward(
        AutogradContext* context, const at::Tensor& given, const at::Tensor& /*weight*/, const std::optional<at::Tensor>& bias, const at::Tensor& weight_rows,
        const at::Tensor& weight_columns, const at::Tensor& weight_scale, bool is_recorded) {
        const Fp8Matrix input = cast(given, Fp8Format::kE4M3, is_recorded);
        context->save_for_backward({input.columns, input.inverse_scale, weight_columns, weight_scale});
        context->saved_data[kFp8HasBias] = bias.has_value();
        // Tensor cores add up with fewer digits where that is fast: enough for activations, too little for gradients.
        return product({input.rows, input.inverse_scale}, {weight_rows, weight_scale}, bias, /*is_fast=*/true);
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients) {
        const variable_list saved = context->get_saved_variables();
        const Operand input{saved[0], saved[1]}, weight{saved[2], saved[3]};
        const Fp8Matrix gradient = cast(gradients[0], Fp8Format::kE5M2, /*transposes=*/true);
        return {product({gradient.rows, gradient.inverse_scale}, weight, std::nullopt, /*is_fast=*/false),
                product({gradient.columns, gradient.inverse_scale}, input, std::nullopt, /*is_fast=*/false),
                context->saved_data[kFp8HasBias].toBool() ? gradients[0].sum(0) : at::Tensor(), {}, {}, {}, {}};
    }
};

}  // namespace

extern "C" {

// The results are tensors on the heap, which the caller deletes. Optional tensors are null.

// Memory for a bf16 matrix [rows, width] in FP8, with e5m2 if so asked and else e4m3: [rows, width], [width, padded rows] and fp32 [1].
const char* drbert_fp8_empty(const at::Tensor* matrix, bool is_e5m2, at::Tensor** rows, at::Tensor** columns, at::Tensor** inverse_scale) {
    return guarded([&] {
        const Fp8Matrix made = empty_fp8(drbert::as_matrix(*matrix), is_e5m2 ? Fp8Format::kE5M2 : Fp8Format::kE4M3, /*transposes=*/true);
        *rows = new at::Tensor(made.rows);
        *columns = new at::Tensor(made.columns);
        *inverse_scale = new at::Tensor(made.inverse_scale);
    });
}

// Casts a bf16 matrix into memory that drbert_fp8_empty has made for it.
const char* drbert_fp8_cast(const at::Tensor* matrix, const at::Tensor* rows, const at::Tensor* columns, const at::Tensor* inverse_scale) {
    return guarded([&] { cast_into({*rows, *columns, *inverse_scale}, *matrix); });
}

// input [rows, inputs] times weight [outputs, inputs] transposed, plus bias [outputs] if there is one. `weight` is what the weight's gradient is for; the other three are what was
// cast of it.
const char* drbert_fp8_linear(
    const at::Tensor* input, const at::Tensor* weight, const at::Tensor* bias, const at::Tensor* weight_rows, const at::Tensor* weight_columns,
    const at::Tensor* weight_scale, at::Tensor** output) {
    return guarded([&] {
        const bool is_recorded = at::GradMode::is_enabled() && (input->requires_grad() || weight->requires_grad());
        const auto bias_or_none = bias == nullptr ? std::nullopt : std::optional(*bias);
        *output = new at::Tensor(Fp8Linear::apply(*input, *weight, bias_or_none, *weight_rows, *weight_columns, *weight_scale, is_recorded));
    });
}

}  // extern "C"
