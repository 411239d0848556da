// Attention over segments of any lengths that lie end to end: libtorch's FlashAttention (Dao, "FlashAttention-2: faster attention with better
// parallelism and work partitioning", 2023), and cuDNN's fused attention, which is faster on Hopper and later. None of their shapes depends on
// the segments. The rules of shim.hpp hold.

#include "shim.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <tuple>
#include <unordered_map>

#include <ATen/core/Tensor.h>
#include <ATen/ops/_flash_attention_forward.h>
#ifdef DRBERT_CUDNN
#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/cudnn/Handle.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/stack.h>
#include <c10/core/DeviceGuard.h>
#include <dlfcn.h>
#include <torch/csrc/autograd/custom_function.h>
// libtorch holds another version of the same library: ours gets a name of its own. cuDNN itself is the one that libtorch has loaded.
#define cudnn_frontend drbert_cudnn_frontend
#define NV_CUDNN_FRONTEND_USE_DYNAMIC_LOADING
#define CUDNN_FRONTEND_SKIP_JSON_LIB
#include <cudnn_frontend.h>

namespace cudnn_frontend {
void* cudnn_dlhandle = nullptr;
}
#endif

namespace {

#ifdef DRBERT_CUDNN
namespace fe = cudnn_frontend;

constexpr int64_t kLongestMultiple = 128;
// To make a plan takes a tenth of a second: few shapes serve for all. Numbers of tokens differ by about this share of them, numbers of segments by half, as
// empty ones cost nothing.
constexpr int64_t kTokenSteps = 16;
constexpr int64_t kLeastSegments = 32;
// Rows of offsets begin at multiples of 16 bytes.
constexpr int64_t kOffsetsAlignment = 4;

int64_t rounded_up(int64_t number, int64_t multiple) { return (number + multiple - 1) / multiple * multiple; }

int64_t next_power_of_two(int64_t number) {
    int64_t power = 1;
    while (power < number) {
        power *= 2;
    }
    return power;
}

void check(fe::error_object status) { TORCH_CHECK(status.is_good(), "cuDNN: ", status.get_message()); }

// What a plan is made for. Micro-batches with fewer segments and tokens, and with shorter ones, use it too.
struct Shape {
    c10::DeviceIndex device;
    at::ScalarType type;
    int64_t heads, head_size, segments, tokens, longest;
    bool is_deterministic;

    auto as_tuple() const { return std::tuple(device, type, heads, head_size, segments, tokens, longest, is_deterministic); }
    bool operator<(const Shape& other) const { return as_tuple() < other.as_tuple(); }
};

Shape shape_of(const at::Tensor& qkv, const at::Tensor& segments, int64_t longest) {
    const int64_t tokens = qkv.size(0), token_step = std::max<int64_t>(next_power_of_two(tokens) / kTokenSteps, 1);
    return {qkv.device().index(), qkv.scalar_type(), qkv.size(2), qkv.size(3), segments.size(1) - kOffsetsAlignment, rounded_up(tokens, token_step),
            rounded_up(std::max<int64_t>(longest, 1), kLongestMultiple), at::globalContext().deterministicAlgorithms()};
}

enum Uid : int64_t {
    kQuery = 1, kKey, kValue, kOutput, kStats, kOutputGradient, kQueryGradient, kKeyGradient, kValueGradient, kQkvOffsets, kOutputOffsets, kStatsOffsets, kLengths,
};

using Memory = std::unordered_map<int64_t, void*>;

// A graph of cuDNN's with its plan. Matrices lie as in `qkv` [tokens, 3, heads, head size] and `output` [tokens, heads, head size].
class Plan {
  public:
    Plan(const Shape& shape, bool is_backward) : shape_(shape) {
        graph_.set_io_data_type(shape.type == at::kHalf ? fe::DataType_t::HALF : fe::DataType_t::BFLOAT16)
            .set_intermediate_data_type(fe::DataType_t::FLOAT)
            .set_compute_data_type(fe::DataType_t::FLOAT);
        const int64_t qkv_row = 3 * row();
        const auto qkv_offsets = offsets(kQkvOffsets);
        const auto query = packed(kQuery, qkv_row, qkv_offsets), key = packed(kKey, qkv_row, qkv_offsets), value = packed(kValue, qkv_row, qkv_offsets);
        const auto lengths = tensor(kLengths, {shape.segments, 1, 1, 1}, {1, 1, 1, 1}, fe::DataType_t::INT32);
        const auto output_offsets = offsets(kOutputOffsets), stats_offsets = offsets(kStatsOffsets);
        const float scale = 1.0f / std::sqrt(static_cast<float>(shape.head_size));
        if (is_backward) {
            const auto output = packed(kOutput, row(), output_offsets), gradient = packed(kOutputGradient, row(), output_offsets);
            const auto stats = tensor(kStats, {}, {}, fe::DataType_t::FLOAT);
            lay_out_stats(stats, stats_offsets);
            const auto options = fe::graph::SDPA_backward_attributes()
                                     .set_name("attention_backward")
                                     .set_attn_scale(scale)
                                     .set_padding_mask(true)
                                     .set_seq_len_q(lengths)
                                     .set_seq_len_kv(lengths)
                                     .set_max_total_seq_len_q(shape.tokens)
                                     .set_max_total_seq_len_kv(shape.tokens)
                                     .set_deterministic_algorithm(shape.is_deterministic);
            const auto gradients = graph_.sdpa_backward(query, key, value, output, gradient, stats, options);
            lay_out(gradients[0], kQueryGradient, qkv_row, qkv_offsets);
            lay_out(gradients[1], kKeyGradient, qkv_row, qkv_offsets);
            lay_out(gradients[2], kValueGradient, qkv_row, qkv_offsets);
        } else {
            const auto options = fe::graph::SDPA_attributes()
                                     .set_name("attention")
                                     .set_generate_stats(true)
                                     .set_attn_scale(scale)
                                     .set_padding_mask(true)
                                     .set_seq_len_q(lengths)
                                     .set_seq_len_kv(lengths);
            const auto results = graph_.sdpa(query, key, value, options);
            lay_out(results[0], kOutput, row(), output_offsets);
            results[1]->set_output(true).set_uid(kStats).set_data_type(fe::DataType_t::FLOAT);
            lay_out_stats(results[1], stats_offsets);
        }
        const cudnnHandle_t handle = at::native::getCudnnHandle();
        check(graph_.build(handle, {fe::HeurMode_t::A}));
        check(graph_.get_workspace_size(workspace_size_));
    }

    // `memory` holds pointers to all tensors but the offsets and lengths, which are rows of `segments`.
    void run(Memory memory, const at::Tensor& segments) {
        auto* const rows = segments.mutable_data_ptr<int32_t>();
        for (const Uid uid : {kQkvOffsets, kOutputOffsets, kStatsOffsets, kLengths}) {
            memory[uid] = rows + (uid - kQkvOffsets) * segments.size(1);
        }
        const at::Tensor workspace = at::empty({workspace_size_}, segments.options().dtype(at::kByte));
        check(graph_.execute(at::native::getCudnnHandle(), memory, workspace.mutable_data_ptr()));
    }

  private:
    using Attributes = std::shared_ptr<fe::graph::Tensor_attributes>;

    int64_t row() const { return shape_.heads * shape_.head_size; }

    Attributes tensor(Uid uid, std::vector<int64_t> sizes, std::vector<int64_t> strides, fe::DataType_t type) {
        return graph_.tensor(fe::graph::Tensor_attributes().set_name(std::to_string(uid)).set_uid(uid).set_dim(sizes).set_stride(strides).set_data_type(type));
    }

    Attributes offsets(Uid uid) { return tensor(uid, {shape_.segments + 1, 1, 1, 1}, {1, 1, 1, 1}, fe::DataType_t::INT32); }

    void set_rows(const Attributes& matrix, int64_t row_stride, const Attributes& offsets) const {
        matrix->set_dim({shape_.segments, shape_.heads, shape_.longest, shape_.head_size})
            .set_stride({shape_.longest * row_stride, shape_.head_size, row_stride, 1})
            .set_ragged_offset(offsets);
    }

    Attributes packed(Uid uid, int64_t row_stride, const Attributes& offsets) {
        const Attributes matrix = graph_.tensor(fe::graph::Tensor_attributes().set_name(std::to_string(uid)).set_uid(uid));
        set_rows(matrix, row_stride, offsets);
        return matrix;
    }

    void lay_out(const Attributes& result, Uid uid, int64_t row_stride, const Attributes& offsets) const {
        result->set_output(true).set_uid(uid);
        set_rows(result, row_stride, offsets);
    }

    // [tokens, heads]
    void lay_out_stats(const Attributes& stats, const Attributes& offsets) const {
        stats->set_dim({shape_.segments, shape_.heads, shape_.longest, 1}).set_stride({shape_.longest * shape_.heads, 1, shape_.heads, 1}).set_ragged_offset(offsets);
    }

    Shape shape_;
    fe::graph::Graph graph_;
    int64_t workspace_size_ = 0;
};

// Of this thread: the forward and the backward pass have one each.
Plan& plan(const Shape& shape, bool is_backward) {
    thread_local std::map<std::pair<Shape, bool>, std::unique_ptr<Plan>> plans;
    std::unique_ptr<Plan>& found = plans[{shape, is_backward}];
    if (found == nullptr) {
        if (fe::cudnn_dlhandle == nullptr) {
            fe::cudnn_dlhandle = dlopen("libcudnn.so.9", RTLD_NOW);
            TORCH_CHECK(fe::cudnn_dlhandle != nullptr, "libcudnn.so.9 was not found");
        }
        found = std::make_unique<Plan>(shape, is_backward);
    }
    return *found;
}

// Pointers to query, key and value, or to their gradients, the first of which has the number `first`.
void add_qkv(Memory& memory, const at::Tensor& qkv, Uid first) {
    for (int64_t part = 0; part < 3; ++part) {
        memory[first + part] = static_cast<char*>(qkv.mutable_data_ptr()) + part * qkv.stride(1) * qkv.element_size();
    }
}

struct CudnnAttention : torch::autograd::Function<CudnnAttention> {
    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& given, const at::Tensor& segments, int64_t longest) {
        const at::Tensor qkv = given.contiguous();
        const c10::DeviceGuard guard(qkv.device());
        const at::Tensor output = at::empty({qkv.size(0), qkv.size(2), qkv.size(3)}, qkv.options());
        const at::Tensor stats = at::empty({qkv.size(0), qkv.size(2)}, qkv.options().dtype(at::kFloat));
        Memory memory{{kOutput, output.mutable_data_ptr()}, {kStats, stats.mutable_data_ptr()}};
        add_qkv(memory, qkv, kQuery);
        plan(shape_of(qkv, segments, longest), /*is_backward=*/false).run(std::move(memory), segments);
        context->save_for_backward({qkv, output, stats, segments});
        context->saved_data["longest"] = longest;
        return output;
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, const torch::autograd::variable_list& gradients) {
        const torch::autograd::variable_list saved = context->get_saved_variables();
        const at::Tensor &qkv = saved[0], &output = saved[1], &stats = saved[2], &segments = saved[3], gradient = gradients[0].contiguous();
        const c10::DeviceGuard guard(qkv.device());
        const at::Tensor qkv_gradient = at::empty_like(qkv);
        Memory memory{{kOutput, output.mutable_data_ptr()}, {kStats, stats.mutable_data_ptr()}, {kOutputGradient, gradient.mutable_data_ptr()}};
        add_qkv(memory, qkv, kQuery);
        add_qkv(memory, qkv_gradient, kQueryGradient);
        plan(shape_of(qkv, segments, context->saved_data["longest"].toInt()), /*is_backward=*/true).run(std::move(memory), segments);
        return {qkv_gradient, {}, {}};
    }
};
#endif

}  // namespace

extern "C" {

// Query, key and value as `qkv` [tokens, 3, heads, head size], the first token of every segment and the end of the last as int32
// `boundaries` [segments + 1] on the same device, the length of the longest segment. Gives [tokens, heads, head size].
const char* drbert_attention(
    const at::Tensor* qkv, const at::Tensor* boundaries, int64_t longest, double dropout, at::Tensor** attended) {
    return guarded([&] {
        const auto parts = qkv->unbind(1);
        auto result = at::_flash_attention_forward(
            parts[0], parts[1], parts[2], *boundaries, *boundaries, longest, longest, dropout, /*is_causal=*/false,
            /*return_debug_mask=*/false);
        *attended = new at::Tensor(std::move(std::get<0>(result)));
    });
}

// Whether this program was built with the headers that cuDNN's attention needs.
bool drbert_has_cudnn() {
#ifdef DRBERT_CUDNN
    return true;
#else
    return false;
#endif
}

// The segments as cuDNN's attention takes them, from `boundaries` as above: int32 [4, segments with empty ones + 4], where they begin and end in `qkv`, in its
// result and in [tokens, heads], counted in numbers, and their lengths.
const char* drbert_cudnn_segments(const at::Tensor* boundaries, int64_t heads, int64_t head_size, at::Tensor** segments) {
    return guarded([&] {
#ifdef DRBERT_CUDNN
        const int64_t count = boundaries->size(0) - 1, padded = next_power_of_two(std::max(count, kLeastSegments)) + kOffsetsAlignment;
        const at::Tensor tokens = at::cat({*boundaries, boundaries->slice(0, count).expand({padded - count - 1})});
        const at::Tensor lengths = at::constant_pad_nd(tokens.slice(0, 1) - tokens.slice(0, 0, -1), {0, 1});
        *segments = new at::Tensor(at::stack({tokens * (3 * heads * head_size), tokens * (heads * head_size), tokens * heads, lengths}));
#else
        static_cast<void>(boundaries), static_cast<void>(heads), static_cast<void>(head_size), static_cast<void>(segments);
        TORCH_CHECK(false, "built without cuDNN's headers");
#endif
    });
}

// As drbert_attention without dropout, by cuDNN. The tokens times 3 times the numbers of a row are below 2^31.
const char* drbert_cudnn_attention(const at::Tensor* qkv, const at::Tensor* segments, int64_t longest, at::Tensor** attended) {
    return guarded([&] {
#ifdef DRBERT_CUDNN
        TORCH_CHECK(qkv->numel() <= std::numeric_limits<int32_t>::max(), "a micro-batch too large for cuDNN's attention");
        *attended = new at::Tensor(CudnnAttention::apply(*qkv, *segments, longest));
#else
        static_cast<void>(qkv), static_cast<void>(segments), static_cast<void>(longest), static_cast<void>(attended);
        TORCH_CHECK(false, "built without cuDNN's headers");
#endif
    });
}

}  // extern "C"
