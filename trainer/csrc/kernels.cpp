// Our own kernels as functions that libtorch's autograd knows, behind a C interface. The rules of shim.hpp hold.

#include "shim.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>
#ifdef DRBERT_CUDA_KERNELS
#include <cuda_runtime_api.h>
#endif

#include "gradients.hpp"
#include "launch.hpp"
#include "pair.hpp"
#include "products.hpp"

namespace {

using drbert::as_matrix;
using drbert::check_indices;
using drbert::ColumnParts;
using drbert::kVectorBytes;
using drbert::launch;
using drbert::leaf_gradient;
using drbert::number_type;
using drbert::optional;
using drbert::scratch;
using drbert::vector_gradient;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Of the numbers of a flat buffer: whole vectors of any type.
constexpr int64_t kMultiple = 8;
constexpr const char* kEpsilon = "epsilon";
constexpr const char* kNumValid = "valid columns";
constexpr const char* kSplit = "split";
constexpr const char* kRows = "rows";
constexpr const char* kFirstIdle = "first idle";
constexpr const char* kPastIdle = "past idle";

// A vector of a matrix's columns; undefined stands for zeros.
void check_vector(const at::Tensor& vector, const at::Tensor& matrix) {
    if (vector.defined()) {
        TORCH_CHECK(vector.dim() == 1 && vector.size(0) == matrix.size(1) && vector.is_contiguous(), "expected ", matrix.size(1), " numbers, found the shape ", vector.sizes());
        TORCH_CHECK(vector.scalar_type() == matrix.scalar_type() && vector.device() == matrix.device(), "tensors of different types or devices");
        TORCH_CHECK(reinterpret_cast<uintptr_t>(vector.const_data_ptr()) % kVectorBytes == 0, "a vector that begins amid 16 bytes");
    }
}

void check_same(const at::Tensor& matrix, const at::Tensor& other) {
    TORCH_CHECK(matrix.size(1) == other.size(1), "rows of ", matrix.size(1), " and of ", other.size(1), " numbers");
    TORCH_CHECK(matrix.scalar_type() == other.scalar_type() && matrix.device() == other.device(), "tensors of different types or devices");
}

const void* data(const at::Tensor& tensor) { return tensor.defined() ? tensor.const_data_ptr() : nullptr; }

// The outputs of a linear layer from `first` on, which are of this input.
struct LinearPart {
    at::Tensor input;
    int64_t first, count;

    at::Tensor of(const at::Tensor& parameter) const { return parameter.defined() ? drbert::part_of(parameter, first, count) : parameter; }
};

// output = input times weight transposed, plus bias, of which idle outputs' get no gradient. With `others`, the outputs from `split` on are those of that input, and a second result.
// The gradient of a weight is added to where it is kept by the product that gives it.
struct Linear : torch::autograd::Function<Linear> {
    static variable_list forward(
        AutogradContext* context, const at::Tensor& input, const std::optional<at::Tensor>& others, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
        int64_t split, int64_t first_idle, int64_t past_idle) {
        TORCH_CHECK(first_idle % kMultiple == 0 && past_idle % kMultiple == 0, "idle outputs that are not whole vectors");
        const variable_list given{input, others.value_or(at::Tensor()), weight, bias.value_or(at::Tensor())};
        context->save_for_backward(given);
        context->saved_data[kSplit] = split;
        context->saved_data[kFirstIdle] = first_idle;
        context->saved_data[kPastIdle] = past_idle;
        variable_list outputs;
        for (const LinearPart& part : parts(given, split)) {
            outputs.push_back(drbert::product(part.input, part.of(weight).t(), part.of(given[3])));
        }
        return outputs;
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients) {
        const variable_list saved = context->get_saved_variables();
        const at::Tensor &weight = saved[2], &bias = saved[3];
        const at::Tensor kept_weight = leaf_gradient(weight);
        variable_list input_gradients(2), weight_gradients, bias_gradients;
        const std::vector<LinearPart> parts = Linear::parts(saved, context->saved_data[kSplit].toInt());
        for (size_t i = 0; i < parts.size(); ++i) {
            const LinearPart& part = parts[i];
            const at::Tensor gradient = as_matrix(gradients[i]);
            if (bias.defined()) {
                ColumnParts sums(gradient);
                const auto idle = [&](const char* key) { return std::clamp<int64_t>(context->saved_data[key].toInt() - part.first, 0, part.count); };
                launch(gradient, &drbert::Launchers::column_sums,
                       drbert::ColumnSums{number_type(gradient), gradient.size(0), gradient.size(1), idle(kFirstIdle), idle(kPastIdle), data(gradient), sums.place()});
                bias_gradients.push_back(vector_gradient(bias, sums, 0, part.first));
            }
            input_gradients[i] = drbert::product(gradient, part.of(weight));
            if (kept_weight.defined()) {
                drbert::add_product(part.of(kept_weight), gradient.t(), part.input);
            } else {
                weight_gradients.push_back(drbert::product(gradient.t(), part.input));
            }
        }
        return {input_gradients[0], input_gradients[1], joined(weight_gradients), joined(bias_gradients), {}, {}, {}};
    }

  private:
    static std::vector<LinearPart> parts(const variable_list& given, int64_t split) {
        const at::Tensor &input = given[0], &others = given[1];
        const int64_t outputs = given[2].size(0);
        if (!others.defined()) {
            return {{input, 0, outputs}};
        }
        return {{input, 0, split}, {others, split, outputs - split}};
    }

    // Undefined, like the pieces, where they were added to what is kept.
    static at::Tensor joined(const variable_list& pieces) {
        if (pieces.empty() || !pieces[0].defined()) {
            return {};
        }
        return pieces.size() == 1 ? pieces[0] : at::cat(pieces);
    }
};

// The rows of a matrix at indices that ascend.
struct ChosenRows : torch::autograd::Function<ChosenRows> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& matrix, const at::Tensor& indices) {
        check_indices("indices", indices, matrix);
        context->save_for_backward({indices});
        context->saved_data[kRows] = matrix.size(0);
        return matrix.index_select(0, indices);
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients) {
        const at::Tensor indices = context->get_saved_variables()[0], gradient = as_matrix(gradients[0]);
        const at::Tensor spread = at::empty({context->saved_data[kRows].toInt(), gradient.size(1)}, gradient.options());
        launch(gradient, &drbert::Launchers::spread_rows,
               drbert::SpreadRows{number_type(gradient), spread.size(0), spread.size(1), indices.size(0), indices.const_data_ptr<int32_t>(), data(gradient), spread.mutable_data_ptr()});
        return {spread, {}};
    }
};

struct BiasGelu : torch::autograd::Function<BiasGelu> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& given, const at::Tensor& bias) {
        const at::Tensor input = as_matrix(given);
        check_vector(bias, input);
        at::Tensor output = at::empty_like(input);
        launch(input, &drbert::Launchers::bias_gelu,
               drbert::BiasGelu{number_type(input), input.size(0), input.size(1), data(input), data(bias), output.mutable_data_ptr()});
        context->save_for_backward({input, bias});
        return output;
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients) {
        const variable_list saved = context->get_saved_variables();
        const at::Tensor &input = saved[0], &bias = saved[1], output_gradient = as_matrix(gradients[0]);
        const at::Tensor input_gradient = at::empty_like(input);
        ColumnParts parts(input);
        launch(input, &drbert::Launchers::bias_gelu_backward,
               drbert::BiasGeluBackward{number_type(input), input.size(0), input.size(1), data(input), data(bias), data(output_gradient),
                                        input_gradient.mutable_data_ptr(), parts.place()});
        return {input_gradient, vector_gradient(bias, parts)};
    }
};

// The summands of a layer norm, and what its two passes share.
struct NormInputs {
    at::Tensor first, first_indices, second, second_indices, bias, norm_weight, norm_bias;

    variable_list to_save(const at::Tensor& mean, const at::Tensor& inverse_deviation) const {
        return {first, first_indices, second, second_indices, bias, norm_weight, norm_bias, mean, inverse_deviation};
    }

    static NormInputs saved(const variable_list& saved) { return {saved[0], saved[1], saved[2], saved[3], saved[4], saved[5], saved[6]}; }

    int64_t num_rows() const { return first_indices.defined() ? first_indices.size(0) : first.size(0); }

    void check() const {
        TORCH_CHECK(first.size(1) * first.element_size() <= drbert::kMaxNormVectors * kVectorBytes, "rows of ", first.size(1), " numbers are too long to normalize");
        if (second.defined()) {
            check_same(second, first);
        }
        for (const auto& [table, indices] : {std::pair(first, first_indices), std::pair(second, second_indices)}) {
            if (indices.defined()) {
                check_indices("indices", indices, first);
            }
            TORCH_CHECK(!table.defined() || (indices.defined() ? indices : table).size(0) == num_rows(), "summands with different numbers of rows");
        }
        TORCH_CHECK(norm_weight.defined() && norm_bias.defined(), "a layer norm without its parameters");
        for (const at::Tensor* vector : {&bias, &norm_weight, &norm_bias}) {
            check_vector(*vector, first);
        }
    }

    static drbert::Rows rows(const at::Tensor& values, const at::Tensor& indices) {
        return {data(values), static_cast<const int32_t*>(data(indices)), values.defined() ? values.size(0) : 0};
    }

    drbert::LayerNorm work(double epsilon, const at::Tensor& mean, const at::Tensor& inverse_deviation) const {
        return {number_type(first), num_rows(), first.size(1), rows(first, first_indices), rows(second, second_indices), data(bias),
                data(norm_weight), data(norm_bias), static_cast<float>(epsilon), mean.mutable_data_ptr<float>(),
                inverse_deviation.mutable_data_ptr<float>(), /*output=*/nullptr};
    }
};

// The result twice, for the next layer and for its residual: so the backward pass hands over both of their gradients instead of a sum that would be
// written and read once more.
variable_list norm_forward(AutogradContext* context, const NormInputs& inputs, double epsilon) {
    inputs.check();
    const at::Tensor mean = scratch(inputs.first, {inputs.num_rows()}), inverse_deviation = at::empty_like(mean);
    at::Tensor output = at::empty({inputs.num_rows(), inputs.first.size(1)}, inputs.first.options());
    drbert::LayerNorm work = inputs.work(epsilon, mean, inverse_deviation);
    work.output = output.mutable_data_ptr();
    launch(inputs.first, &drbert::Launchers::layer_norm, work);
    context->save_for_backward(inputs.to_save(mean, inverse_deviation));
    context->saved_data[kEpsilon] = epsilon;
    context->set_materialize_grads(false);
    return {output, output.variable_data()};
}

struct NormGradients {
    NormInputs inputs;
    // Of every summand.
    at::Tensor sum;
    at::Tensor bias, norm_weight, norm_bias;
};

NormGradients norm_backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    NormGradients result{NormInputs::saved(saved), {}, {}, {}, {}};
    const NormInputs& inputs = result.inputs;
    const bool has_both = gradients[0].defined() && gradients[1].defined();
    const at::Tensor output_gradient = as_matrix(gradients[0].defined() ? gradients[0] : gradients[1]);
    const at::Tensor more_gradient = has_both ? as_matrix(gradients[1]) : at::Tensor();
    result.sum = at::empty_like(output_gradient);
    ColumnParts parts(output_gradient, 3);
    launch(output_gradient, &drbert::Launchers::layer_norm_backward,
           drbert::LayerNormBackward{inputs.work(context->saved_data[kEpsilon].toDouble(), saved[7], saved[8]), data(output_gradient), data(more_gradient),
                                     result.sum.mutable_data_ptr(), parts.place()});
    result.bias = vector_gradient(inputs.bias, parts, 0);
    result.norm_weight = vector_gradient(inputs.norm_weight, parts, 1);
    result.norm_bias = vector_gradient(inputs.norm_bias, parts, 2);
    return result;
}

struct SummedNorm : torch::autograd::Function<SummedNorm> {
    static variable_list forward(
        AutogradContext* context, const at::Tensor& first, const std::optional<at::Tensor>& second, const std::optional<at::Tensor>& bias,
        const at::Tensor& norm_weight, const at::Tensor& norm_bias, double epsilon) {
        const NormInputs inputs{as_matrix(first), {}, second ? as_matrix(*second) : at::Tensor(), {}, bias.value_or(at::Tensor()), norm_weight, norm_bias};
        return norm_forward(context, inputs, epsilon);
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients) {
        const NormGradients result = norm_backward(context, gradients);
        return {result.sum, result.inputs.second.defined() ? result.sum : at::Tensor(), result.bias, result.norm_weight, result.norm_bias, {}};
    }
};

// The gradient of a table, of which the rows at these indices were used.
struct TableUse {
    at::Tensor indices, gradient;
    bool is_kept;

    TableUse(const at::Tensor& table, const at::Tensor& indices) : indices(indices), gradient(leaf_gradient(table)), is_kept(gradient.defined()) {
        if (!is_kept) {
            gradient = at::zeros_like(table);
        }
    }

    // The memory of the others is scratch: of keys, [2, _], and of partial sums.
    drbert::IndexedTable place(const at::Tensor& keys, const at::Tensor& parts) const {
        auto* const chunks = static_cast<uint64_t*>(keys.mutable_data_ptr());
        return {gradient.size(0), indices.const_data_ptr<int32_t>(), gradient.mutable_data_ptr(), chunks, chunks + keys.size(1), parts.mutable_data_ptr<float>()};
    }
};

// gradient[indices] += row_gradients of both tables.
void add_table_gradients(const at::Tensor& row_gradients, const TableUse& first, const TableUse& second) {
    const int64_t rows = row_gradients.size(0), width = row_gradients.size(1);
    const at::Tensor keys = at::empty({drbert::kMaxTables, 2, drbert::num_padded_keys(rows)}, row_gradients.options().dtype(at::kLong));
    const at::Tensor parts = scratch(row_gradients, {drbert::kMaxTables, drbert::num_slices(rows), 2, width});
    launch(row_gradients, &drbert::Launchers::table_gradients,
           drbert::TableGradients{number_type(row_gradients), rows, width, data(row_gradients), {first.place(keys[0], parts[0]), second.place(keys[1], parts[1])}});
}

struct EmbeddingNorm : torch::autograd::Function<EmbeddingNorm> {
    static variable_list forward(
        AutogradContext* context, const at::Tensor& words, const at::Tensor& word_ids, const at::Tensor& positions,
        const at::Tensor& position_ids, const at::Tensor& token_type, const at::Tensor& norm_weight, const at::Tensor& norm_bias,
        double epsilon) {
        return norm_forward(context, {as_matrix(words), word_ids, as_matrix(positions), position_ids, token_type, norm_weight, norm_bias}, epsilon);
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients) {
        const NormGradients result = norm_backward(context, gradients);
        const NormInputs& inputs = result.inputs;
        const TableUse words(inputs.first, inputs.first_indices), positions(inputs.second, inputs.second_indices);
        add_table_gradients(result.sum, words, positions);
        const auto handed = [](const TableUse& use) { return use.is_kept ? at::Tensor() : use.gradient; };
        return {handed(words), {}, handed(positions), {}, result.bias, result.norm_weight, result.norm_bias, {}};
    }
};

struct CrossEntropy : torch::autograd::Function<CrossEntropy> {
    static at::Tensor forward(
        AutogradContext* context, const at::Tensor& given, const std::optional<at::Tensor>& given_bias, const at::Tensor& labels, int64_t num_valid) {
        const at::Tensor logits = as_matrix(given), bias = given_bias.value_or(at::Tensor());
        check_vector(bias, logits);
        check_indices("labels", labels, logits);
        TORCH_CHECK(labels.size(0) == logits.size(0), labels.size(0), " labels for ", logits.size(0), " rows of logits");
        TORCH_CHECK(num_valid >= 1 && num_valid <= logits.size(1) && logits.size(1) < int64_t{1} << 30, num_valid, " valid columns of ", logits.size(1));
        at::Tensor log_sums = scratch(logits, {logits.size(0)}), losses = at::empty_like(log_sums);
        launch(logits, &drbert::Launchers::cross_entropy,
               drbert::CrossEntropy{number_type(logits), logits.size(0), logits.size(1), num_valid, data(logits), data(bias), labels.const_data_ptr<int32_t>(),
                                    log_sums.mutable_data_ptr<float>(), losses.mutable_data_ptr<float>()});
        context->save_for_backward({logits, labels, log_sums, bias});
        context->saved_data[kNumValid] = num_valid;
        return losses.sum();
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients) {
        const variable_list saved = context->get_saved_variables();
        const at::Tensor &labels = saved[1], &log_sums = saved[2], &bias = saved[3], gradient = gradients[0].contiguous();
        // Of the memory of the logits, whose version tells autograd that they are gone.
        at::Tensor logits = saved[0].detach();
        ColumnParts parts(logits);
        launch(logits, &drbert::Launchers::cross_entropy_backward,
               drbert::CrossEntropyBackward{number_type(logits), logits.size(0), logits.size(1), context->saved_data[kNumValid].toInt(),
                                            logits.mutable_data_ptr(), data(bias), labels.const_data_ptr<int32_t>(), log_sums.const_data_ptr<float>(),
                                            gradient.const_data_ptr<float>(), parts.place()});
        logits.unsafeGetTensorImpl()->bump_version();
        return {logits, vector_gradient(bias, parts), {}, {}};
    }
};


}  // namespace

extern "C" {

// Whether this program has our kernels for CUDA.
bool drbert_has_cuda_kernels() {
#ifdef DRBERT_CUDA_KERNELS
    return true;
#else
    return false;
#endif
}

// The compute capability of a CUDA device, times ten.
const char* drbert_compute_capability(int device, int* capability) {
    return guarded([&] {
#ifdef DRBERT_CUDA_KERNELS
        int numbers[2] = {};
        const cudaDeviceAttr attributes[2] = {cudaDevAttrComputeCapabilityMajor, cudaDevAttrComputeCapabilityMinor};
        for (int i = 0; i < 2; ++i) {
            const cudaError_t error = cudaDeviceGetAttribute(&numbers[i], attributes[i], device);
            TORCH_CHECK(error == cudaSuccess, cudaGetErrorString(error));
        }
        *capability = 10 * numbers[0] + numbers[1];
#else
        static_cast<void>(device);
        static_cast<void>(capability);
        TORCH_CHECK(false, "built without our kernels for CUDA");
#endif
    });
}

// The results are tensors on the heap, which the caller deletes. Optional tensors are null.

// One AdamW step in place on flat buffers, of which the first `num_decaying` numbers decay. `weights`, which may be null, gets the masters in its type, and `gradients` are fp32 or of
// that type.
// `gradient_factor`, which may be null, `step` and `is_skipped` are fp32 of one element.
const char* drbert_adamw(
    const at::Tensor* masters, const at::Tensor* gradients, const at::Tensor* exp_avg, const at::Tensor* exp_avg_sq, const at::Tensor* weights,
    int64_t num_decaying, const at::Tensor* gradient_factor, const at::Tensor* step, const at::Tensor* is_skipped, double learning_rate, double beta1,
    double beta2, double weight_decay, double epsilon) {
    return guarded([&] {
        const auto is_like_masters = [&](const at::Tensor* buffer) {
            return buffer->is_contiguous() && buffer->numel() == masters->numel() && buffer->device() == masters->device();
        };
        for (const at::Tensor* buffer : {masters, exp_avg, exp_avg_sq}) {
            TORCH_CHECK(buffer->scalar_type() == at::kFloat && is_like_masters(buffer), "flat buffers of different kinds");
        }
        const bool are_gradients_weights = weights != nullptr && gradients->scalar_type() == weights->scalar_type();
        TORCH_CHECK((are_gradients_weights || gradients->scalar_type() == at::kFloat) && is_like_masters(gradients), "gradients of another kind");
        TORCH_CHECK(masters->numel() % kMultiple == 0 && num_decaying % kMultiple == 0, "flat buffers that are not whole vectors");
        TORCH_CHECK(weights == nullptr || is_like_masters(weights), "weights elsewhere than their masters");
        const auto number = [](const at::Tensor* tensor) { return tensor == nullptr ? nullptr : tensor->const_data_ptr<float>(); };
        launch(*masters, &drbert::Launchers::adamw,
               drbert::AdamW{weights == nullptr ? drbert::NumberType::kFloat : number_type(*weights), masters->numel(), num_decaying,
                             masters->mutable_data_ptr<float>(), exp_avg->mutable_data_ptr<float>(), exp_avg_sq->mutable_data_ptr<float>(),
                             gradients->const_data_ptr(), are_gradients_weights, weights == nullptr ? nullptr : weights->mutable_data_ptr(), number(gradient_factor),
                             number(step), number(is_skipped), static_cast<float>(learning_rate), static_cast<float>(weight_decay),
                             static_cast<float>(epsilon), static_cast<float>(std::log(beta1)), static_cast<float>(std::log(beta2)),
                             static_cast<float>(1.0 - beta1), static_cast<float>(1.0 - beta2)});
    });
}

// sums += gradients in fp32, or = where nothing was added yet, and gradients = 0: flat buffers of one length.
const char* drbert_gradient_sum(const at::Tensor* gradients, const at::Tensor* sums, bool is_first) {
    return guarded([&] {
        TORCH_CHECK(sums->scalar_type() == at::kFloat && sums->is_contiguous() && gradients->is_contiguous(), "buffers of different kinds");
        TORCH_CHECK(gradients->numel() == sums->numel() && sums->numel() % kMultiple == 0 && gradients->device() == sums->device(), "flat buffers that are not whole vectors");
        launch(*sums, &drbert::Launchers::gradient_sum,
               drbert::GradientSum{number_type(*gradients), sums->numel(), gradients->mutable_data_ptr(), sums->mutable_data_ptr<float>(), is_first});
    });
}

// fp32 [4] of a step: its loss, the norm of its flat gradients, 1 if either is not finite and else 0, and what gradients are multiplied by so that their norm is at most
// `max_norm`.
const char* drbert_verdict(const at::Tensor* gradients, const at::Tensor* loss, double max_norm, at::Tensor** numbers) {
    return guarded([&] {
        TORCH_CHECK(gradients->is_contiguous() && gradients->numel() % kMultiple == 0 && gradients->numel() > 0, "a flat buffer that is not whole vectors");
        TORCH_CHECK(loss->scalar_type() == at::kFloat && loss->numel() == 1 && loss->device() == gradients->device(), "a loss that is no number");
        const at::Tensor parts = scratch(*gradients, {drbert::kMaxParts}), made = scratch(*gradients, {4});
        launch(*gradients, &drbert::Launchers::verdict,
               drbert::Verdict{number_type(*gradients), gradients->numel(), data(*gradients), loss->const_data_ptr<float>(), static_cast<float>(max_norm),
                               parts.mutable_data_ptr<float>(), made.mutable_data_ptr<float>()});
        *numbers = new at::Tensor(made);
    });
}

// Without `others` there is no second result.
const char* drbert_linear(
    const at::Tensor* input, const at::Tensor* others, const at::Tensor* weight, const at::Tensor* bias, int64_t split, int64_t first_idle, int64_t past_idle,
    at::Tensor** output, at::Tensor** other_output) {
    return guarded([&] {
        const variable_list made = Linear::apply(*input, optional(others), *weight, optional(bias), split, first_idle, past_idle);
        if (others == nullptr) {
            *output = new at::Tensor(made[0]);
        } else {
            put_both(made, output, other_output);
        }
    });
}

const char* drbert_chosen_rows(const at::Tensor* matrix, const at::Tensor* indices, at::Tensor** output) {
    return guarded([&] { *output = new at::Tensor(ChosenRows::apply(*matrix, *indices)); });
}

const char* drbert_bias_gelu(const at::Tensor* input, const at::Tensor* bias, at::Tensor** output) {
    return guarded([&] { *output = new at::Tensor(BiasGelu::apply(*input, *bias)); });
}

const char* drbert_summed_norm(
    const at::Tensor* first, const at::Tensor* second, const at::Tensor* bias, const at::Tensor* norm_weight, const at::Tensor* norm_bias,
    double epsilon, at::Tensor** output, at::Tensor** residual) {
    return guarded([&] { put_both(SummedNorm::apply(*first, optional(second), optional(bias), *norm_weight, *norm_bias, epsilon), output, residual); });
}

const char* drbert_embedding_norm(
    const at::Tensor* words, const at::Tensor* word_ids, const at::Tensor* positions, const at::Tensor* position_ids,
    const at::Tensor* token_type, const at::Tensor* norm_weight, const at::Tensor* norm_bias, double epsilon, at::Tensor** output, at::Tensor** residual) {
    return guarded([&] {
        put_both(EmbeddingNorm::apply(*words, *word_ids, *positions, *position_ids, *token_type, *norm_weight, *norm_bias, epsilon), output, residual);
    });
}

const char* drbert_cross_entropy(const at::Tensor* logits, const at::Tensor* bias, const at::Tensor* labels, int64_t num_valid, at::Tensor** output) {
    return guarded([&] { *output = new at::Tensor(CrossEntropy::apply(*logits, optional(bias), *labels, num_valid)); });
}

}  // extern "C"
