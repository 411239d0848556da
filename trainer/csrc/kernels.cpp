// Our own kernels as functions that libtorch's autograd knows, behind a C interface. The rules of shim.hpp hold.

#include "shim.hpp"

#include <cmath>
#include <optional>
#include <utility>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/graph_task.h>
#include <torch/csrc/autograd/variable.h>
#ifdef DRBERT_CUDA_KERNELS
#include <cuda_runtime_api.h>
#endif

#include "launch.hpp"
#include "pair.hpp"
#include "products.hpp"

namespace {

using drbert::as_matrix;
using drbert::column_parts;
using drbert::kVectorBytes;
using drbert::launch;
using drbert::scratch;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Of the numbers of a flat buffer: whole vectors of any type.
constexpr int64_t kMultiple = 8;
constexpr const char* kEpsilon = "epsilon";
constexpr const char* kNumValid = "valid columns";
constexpr const char* kFirstSkipped = "first skipped";
constexpr const char* kPastSkipped = "past skipped";

drbert::NumberType number_type(const at::Tensor& tensor) {
    switch (tensor.scalar_type()) {
        case at::kFloat: return drbert::NumberType::kFloat;
        case at::kHalf: return drbert::NumberType::kHalf;
        case at::kBFloat16: return drbert::NumberType::kBFloat16;
        default: TORCH_CHECK(false, "our kernels have no code for ", tensor.scalar_type());
    }
}

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

// A leaf's own gradient, where the backward pass under way may add to it what libtorch would add otherwise; else undefined.
at::Tensor leaf_gradient(const at::Tensor& leaf) {
    const auto* executed = torch::autograd::get_current_graph_task_exec_info();
    // A pass that is to hand out gradients instead lists what it executes.
    if (!leaf.is_leaf() || !leaf.requires_grad() || executed == nullptr || !executed->empty()) {
        return {};
    }
    const at::Tensor& gradient = leaf.grad();
    if (!gradient.defined() || !gradient.is_contiguous() || gradient.scalar_type() != leaf.scalar_type()) {
        return {};
    }
    // libtorch adds what the leaf's other uses give in this stream, and waits there for what it is handed, but not for this.
    const std::optional<c10::Stream> stream = torch::autograd::impl::grad_accumulator(leaf)->stream();
    const bool is_ordered = !stream || *stream == c10::impl::VirtualGuardImpl(leaf.device().type()).getStream(leaf.device());
    return is_ordered ? gradient : at::Tensor();
}

// Nothing is handed to libtorch for a leaf whose gradient was added to in place, so libtorch tells nobody.
void tell_of_gradient(const at::Tensor& leaf) {
    if (const auto& hook = torch::autograd::impl::post_acc_grad_hooks(leaf)) {
        (*hook)(leaf);
    }
}

// The gradient of a vector: added to where it is kept, if there is such a place, else new.
class VectorGradient {
  public:
    // Of an undefined vector too, for which nobody asks.
    VectorGradient(const at::Tensor& vector, const at::Tensor& matrix) : vector_(vector) {
        values_ = vector.defined() ? leaf_gradient(vector) : at::Tensor();
        is_added_ = values_.defined();
        if (!is_added_) {
            values_ = at::empty({matrix.size(1)}, matrix.options());
        }
    }

    drbert::VectorGradient place() const { return {values_.mutable_data_ptr(), is_added_}; }

    // What is handed to libtorch when the kernel was given its work.
    at::Tensor result() const {
        if (is_added_) {
            tell_of_gradient(vector_);
            return {};
        }
        return vector_.defined() ? values_ : at::Tensor();
    }

  private:
    at::Tensor vector_, values_;
    bool is_added_;
};

// output = input times weight transposed, plus bias, of which these outputs' get no gradient. That of a weight is added to where it is kept by the product that gives it.
struct Linear : torch::autograd::Function<Linear> {
    static at::Tensor forward(
        AutogradContext* context, const at::Tensor& input, const at::Tensor& weight, const std::optional<at::Tensor>& bias, int64_t first_skipped, int64_t past_skipped) {
        TORCH_CHECK(first_skipped % kMultiple == 0 && past_skipped % kMultiple == 0, "skipped outputs that are not whole vectors");
        context->save_for_backward({input, weight, bias.value_or(at::Tensor())});
        context->saved_data[kFirstSkipped] = first_skipped;
        context->saved_data[kPastSkipped] = past_skipped;
        return drbert::product(input, weight.t(), bias.value_or(at::Tensor()));
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients) {
        const variable_list saved = context->get_saved_variables();
        const at::Tensor &input = saved[0], &weight = saved[1], &bias = saved[2], gradient = as_matrix(gradients[0]);
        at::Tensor bias_gradient;
        if (bias.defined()) {
            const VectorGradient sums(bias, gradient);
            const at::Tensor parts = column_parts(gradient);
            launch(gradient, &drbert::Launchers::column_sums,
                   drbert::ColumnSums{number_type(gradient), gradient.size(0), gradient.size(1), context->saved_data[kFirstSkipped].toInt(),
                                      context->saved_data[kPastSkipped].toInt(), data(gradient), parts.mutable_data_ptr<float>(), sums.place()});
            bias_gradient = sums.result();
        }
        const at::Tensor input_gradient = drbert::product(gradient, weight), weight_gradient = leaf_gradient(weight);
        if (!weight_gradient.defined()) {
            return {input_gradient, drbert::product(gradient.t(), input), bias_gradient, {}, {}};
        }
        drbert::add_product(weight_gradient, gradient.t(), input);
        tell_of_gradient(weight);
        return {input_gradient, {}, bias_gradient, {}, {}};
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
        const VectorGradient bias_gradient(bias, input);
        at::Tensor parts = column_parts(input);
        launch(input, &drbert::Launchers::bias_gelu_backward,
               drbert::BiasGeluBackward{number_type(input), input.size(0), input.size(1), data(input), data(bias), data(output_gradient),
                                        input_gradient.mutable_data_ptr(), parts.mutable_data_ptr<float>(), bias_gradient.place()});
        return {input_gradient, bias_gradient.result()};
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
                TORCH_CHECK(indices.scalar_type() == at::kInt && indices.dim() == 1 && indices.is_contiguous() && indices.device() == first.device(), "indices are not a vector of int32");
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
    const int64_t width = output_gradient.size(1);
    result.sum = at::empty_like(output_gradient);
    const VectorGradient bias(inputs.bias, output_gradient), norm_weight(inputs.norm_weight, output_gradient), norm_bias(inputs.norm_bias, output_gradient);
    at::Tensor parts = scratch(output_gradient, {drbert::num_parts(inputs.num_rows()), 3, width});
    launch(output_gradient, &drbert::Launchers::layer_norm_backward,
           drbert::LayerNormBackward{inputs.work(context->saved_data[kEpsilon].toDouble(), saved[7], saved[8]), data(output_gradient), data(more_gradient),
                                     result.sum.mutable_data_ptr(), parts.mutable_data_ptr<float>(), {bias.place(), norm_weight.place(), norm_bias.place()}});
    result.bias = bias.result();
    result.norm_weight = norm_weight.result();
    result.norm_bias = norm_bias.result();
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

// table_gradient[indices] += row_gradients, without gaps both.
void add_table_gradient(const at::Tensor& indices, const at::Tensor& row_gradients, const at::Tensor& table_gradient) {
    const int64_t rows = row_gradients.size(0), width = row_gradients.size(1);
    at::Tensor keys = at::empty({2, drbert::num_padded_keys(rows)}, row_gradients.options().dtype(at::kLong));
    at::Tensor parts = scratch(row_gradients, {drbert::num_slices(rows), 2, width});
    auto* const chunks = static_cast<uint64_t*>(keys.mutable_data_ptr());
    launch(row_gradients, &drbert::Launchers::table_gradient,
           drbert::TableGradient{number_type(row_gradients), rows, width, table_gradient.size(0), indices.const_data_ptr<int32_t>(),
                                 data(row_gradients), chunks, chunks + keys.size(1), parts.mutable_data_ptr<float>(),
                                 as_matrix(table_gradient).mutable_data_ptr()});
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
        // The words' table is that of the tied decoder too, whose gradient still makes libtorch come to the leaf, after this.
        at::Tensor words = leaf_gradient(inputs.first);
        const bool is_added = words.defined();
        if (!is_added) {
            words = at::zeros_like(inputs.first);
        }
        at::Tensor positions = at::zeros_like(inputs.second);
        add_table_gradient(inputs.first_indices, result.sum, words);
        add_table_gradient(inputs.second_indices, result.sum, positions);
        return {is_added ? at::Tensor() : words, {}, positions, {}, result.bias, result.norm_weight, result.norm_bias, {}};
    }
};

struct CrossEntropy : torch::autograd::Function<CrossEntropy> {
    static at::Tensor forward(
        AutogradContext* context, const at::Tensor& given, const std::optional<at::Tensor>& given_bias, const at::Tensor& labels, int64_t num_valid) {
        const at::Tensor logits = as_matrix(given), bias = given_bias.value_or(at::Tensor());
        check_vector(bias, logits);
        TORCH_CHECK(labels.scalar_type() == at::kInt && labels.dim() == 1 && labels.is_contiguous() && labels.device() == logits.device(), "labels are not a vector of int32");
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
        const VectorGradient bias_gradient(bias, logits);
        at::Tensor parts = column_parts(logits);
        launch(logits, &drbert::Launchers::cross_entropy_backward,
               drbert::CrossEntropyBackward{number_type(logits), logits.size(0), logits.size(1), context->saved_data[kNumValid].toInt(),
                                            logits.mutable_data_ptr(), data(bias), labels.const_data_ptr<int32_t>(), log_sums.const_data_ptr<float>(),
                                            gradient.const_data_ptr<float>(), parts.mutable_data_ptr<float>(), bias_gradient.place()});
        logits.unsafeGetTensorImpl()->bump_version();
        return {logits, bias_gradient.result(), {}, {}};
    }
};

std::optional<at::Tensor> optional(const at::Tensor* tensor) { return tensor == nullptr ? std::nullopt : std::optional(*tensor); }

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

const char* drbert_linear(
    const at::Tensor* input, const at::Tensor* weight, const at::Tensor* bias, int64_t first_skipped, int64_t past_skipped, at::Tensor** output) {
    return guarded([&] { *output = new at::Tensor(Linear::apply(*input, *weight, optional(bias), first_skipped, past_skipped)); });
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
