// Attention over segments of any lengths that lie end to end, of all their tokens or of some as queries: libtorch's FlashAttention (Dao, "FlashAttention-2: faster attention with better
// parallelism and work partitioning", 2023), cuDNN's fused attention, which is faster on Hopper and later, and ours, which is faster still on Hopper. None of their shapes depends on
// the segments. The rules of shim.hpp hold.

#include "shim.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <unordered_map>

#include <ATen/core/Tensor.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/DeviceGuard.h>
#include <torch/csrc/autograd/custom_function.h>
#ifdef DRBERT_CUDNN
#include <ATen/Context.h>
#include <ATen/cudnn/Handle.h>
#include <ATen/ops/zeros_like.h>
#include <dlfcn.h>
// libtorch holds another version of the same library: ours gets a name of its own. cuDNN itself is the one that libtorch has loaded.
#define cudnn_frontend drbert_cudnn_frontend
#define NV_CUDNN_FRONTEND_USE_DYNAMIC_LOADING
#define CUDNN_FRONTEND_SKIP_JSON_LIB
#include <cudnn_frontend.h>

namespace cudnn_frontend {
void* cudnn_dlhandle = nullptr;
}
#endif

#include "launch.hpp"
#include "sizes.hpp"

namespace {

// [tokens, heads, head size] each, as views of what holds them together.
struct Heads {
    at::Tensor query, key, value;

    // Of [tokens, 3, heads, head size], or of queries [queries, heads, head size] and, undefined else, the other two [tokens, 2, heads, head size].
    Heads(const at::Tensor& queries, const at::Tensor& others) {
        if (others.defined()) {
            query = queries, key = others.select(1, 0), value = others.select(1, 1);
        } else {
            query = queries.select(1, 0), key = queries.select(1, 1), value = queries.select(1, 2);
        }
    }
};

// Where the queries and the tokens of the same segments begin.
void check_boundaries(const at::Tensor& query_boundaries, const at::Tensor& boundaries) {
    drbert::check_indices("boundaries", boundaries, boundaries);
    drbert::check_indices("boundaries of queries", query_boundaries, boundaries);
    TORCH_CHECK(query_boundaries.sizes() == boundaries.sizes(), "boundaries of other segments");
}

#ifdef DRBERT_CUDNN
namespace fe = cudnn_frontend;

constexpr int64_t kLongestMultiple = 128;
// To make a plan takes a tenth of a second: few shapes serve for all. Numbers of segments differ by half, as empty ones cost nothing.
constexpr int64_t kLeastSegments = 32;
// Rows of offsets begin at multiples of 16 bytes.
constexpr int64_t kOffsetsAlignment = 4;

void check(fe::error_object status) { TORCH_CHECK(status.is_good(), "cuDNN: ", status.get_message()); }

// The queries of segments, or their keys.
struct Side {
    int64_t tokens, longest;
    // How far a token is from the next, in numbers.
    int64_t row;

    Side(const at::Tensor& matrix, int64_t longest_segment)
        : tokens(drbert::coarse_size(matrix.size(0))), longest(drbert::rounded_up(std::max<int64_t>(longest_segment, 1), kLongestMultiple)), row(matrix.stride(0)) {}

    auto as_tuple() const { return std::tuple(tokens, longest, row); }
};

// What a plan is made for. Micro-batches with fewer segments and tokens, and with shorter ones, use it too.
struct Shape {
    c10::DeviceIndex device;
    at::ScalarType type;
    int64_t heads, head_size, segments;
    Side queries, keys;
    bool is_deterministic;

    auto as_tuple() const { return std::tuple(device, type, heads, head_size, segments, queries.as_tuple(), keys.as_tuple(), is_deterministic); }
    bool operator<(const Shape& other) const { return as_tuple() < other.as_tuple(); }
};

enum Uid : int64_t {
    kQuery = 1, kKey, kValue, kOutput, kStats, kOutputGradient, kQueryGradient, kKeyGradient, kValueGradient,
    // The rows of the table of segments.
    kQueryOffsets, kKeyOffsets, kOutputOffsets, kStatsOffsets, kQueryLengths, kKeyLengths, kPastSegments,
};

using Memory = std::unordered_map<int64_t, void*>;

// A graph of cuDNN's with its plan. What is given and what comes out, [tokens, heads, head size], has its tokens as far from each other as the shape says, or without gaps.
class Plan {
  public:
    Plan(const Shape& shape, bool is_backward) : shape_(shape) {
        graph_.set_io_data_type(shape.type == at::kHalf ? fe::DataType_t::HALF : fe::DataType_t::BFLOAT16)
            .set_intermediate_data_type(fe::DataType_t::FLOAT)
            .set_compute_data_type(fe::DataType_t::FLOAT);
        const Side &queries = shape.queries, &keys = shape.keys;
        const Side outputs = without_gaps(queries);
        const auto query_offsets = offsets(kQueryOffsets), key_offsets = offsets(kKeyOffsets), output_offsets = offsets(kOutputOffsets), stats_offsets = offsets(kStatsOffsets);
        const auto query = given(kQuery, queries, query_offsets), key = given(kKey, keys, key_offsets), value = given(kValue, keys, key_offsets);
        const auto query_lengths = lengths(kQueryLengths), key_lengths = lengths(kKeyLengths);
        const float scale = 1.0f / std::sqrt(static_cast<float>(shape.head_size));
        if (is_backward) {
            const auto output = given(kOutput, outputs, output_offsets), gradient = given(kOutputGradient, outputs, output_offsets);
            const auto stats = tensor(kStats, {}, {}, fe::DataType_t::FLOAT);
            lay_out_stats(stats, stats_offsets);
            const auto options = fe::graph::SDPA_backward_attributes()
                                     .set_name("attention_backward")
                                     .set_attn_scale(scale)
                                     .set_padding_mask(true)
                                     .set_seq_len_q(query_lengths)
                                     .set_seq_len_kv(key_lengths)
                                     .set_max_total_seq_len_q(queries.tokens)
                                     .set_max_total_seq_len_kv(keys.tokens)
                                     .set_deterministic_algorithm(shape.is_deterministic);
            const auto gradients = graph_.sdpa_backward(query, key, value, output, gradient, stats, options);
            lay_out(gradients[0], kQueryGradient, queries, query_offsets);
            lay_out(gradients[1], kKeyGradient, keys, key_offsets);
            lay_out(gradients[2], kValueGradient, keys, key_offsets);
        } else {
            const auto options = fe::graph::SDPA_attributes()
                                     .set_name("attention")
                                     .set_generate_stats(true)
                                     .set_attn_scale(scale)
                                     .set_padding_mask(true)
                                     .set_seq_len_q(query_lengths)
                                     .set_seq_len_kv(key_lengths);
            const auto results = graph_.sdpa(query, key, value, options);
            lay_out(results[0], kOutput, outputs, output_offsets);
            results[1]->set_output(true).set_uid(kStats).set_data_type(fe::DataType_t::FLOAT);
            lay_out_stats(results[1], stats_offsets);
        }
        const cudnnHandle_t handle = at::native::getCudnnHandle();
        check(graph_.build(handle, {fe::HeurMode_t::A}));
        check(graph_.get_workspace_size(workspace_size_));
    }

    // `memory` holds pointers to all tensors but the rows of `segments`.
    void run(Memory memory, const at::Tensor& segments) {
        auto* const rows = segments.mutable_data_ptr<int32_t>();
        for (int64_t uid = kQueryOffsets; uid < kPastSegments; ++uid) {
            memory[uid] = rows + (uid - kQueryOffsets) * segments.size(1);
        }
        const at::Tensor workspace = at::empty({workspace_size_}, segments.options().dtype(at::kByte));
        check(graph_.execute(at::native::getCudnnHandle(), memory, workspace.mutable_data_ptr()));
    }

  private:
    using Attributes = std::shared_ptr<fe::graph::Tensor_attributes>;

    Side without_gaps(Side side) const {
        side.row = shape_.heads * shape_.head_size;
        return side;
    }

    Attributes tensor(Uid uid, std::vector<int64_t> sizes, std::vector<int64_t> strides, fe::DataType_t type) {
        return graph_.tensor(fe::graph::Tensor_attributes().set_name(std::to_string(uid)).set_uid(uid).set_dim(sizes).set_stride(strides).set_data_type(type));
    }

    Attributes offsets(Uid uid) { return tensor(uid, {shape_.segments + 1, 1, 1, 1}, {1, 1, 1, 1}, fe::DataType_t::INT32); }

    Attributes lengths(Uid uid) { return tensor(uid, {shape_.segments, 1, 1, 1}, {1, 1, 1, 1}, fe::DataType_t::INT32); }

    void set_rows(const Attributes& matrix, const Side& side, const Attributes& offsets) const {
        matrix->set_dim({shape_.segments, shape_.heads, side.longest, shape_.head_size})
            .set_stride({side.longest * side.row, shape_.head_size, side.row, 1})
            .set_ragged_offset(offsets);
    }

    Attributes given(Uid uid, const Side& side, const Attributes& offsets) {
        const Attributes matrix = graph_.tensor(fe::graph::Tensor_attributes().set_name(std::to_string(uid)).set_uid(uid));
        set_rows(matrix, side, offsets);
        return matrix;
    }

    void lay_out(const Attributes& result, Uid uid, const Side& side, const Attributes& offsets) const {
        result->set_output(true).set_uid(uid);
        set_rows(result, side, offsets);
    }

    // [queries, heads]
    void lay_out_stats(const Attributes& stats, const Attributes& offsets) const {
        const int64_t longest = shape_.queries.longest;
        stats->set_dim({shape_.segments, shape_.heads, longest, 1}).set_stride({longest * shape_.heads, 1, shape_.heads, 1}).set_ragged_offset(offsets);
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
void add_heads(Memory& memory, const Heads& heads, Uid first) {
    memory[first] = heads.query.mutable_data_ptr(), memory[first + 1] = heads.key.mutable_data_ptr(), memory[first + 2] = heads.value.mutable_data_ptr();
}

struct CudnnAttention : torch::autograd::Function<CudnnAttention> {
    static at::Tensor forward(
        torch::autograd::AutogradContext* context, const at::Tensor& given, const std::optional<at::Tensor>& given_others, const at::Tensor& segments,
        int64_t longest_queries, int64_t longest) {
        const at::Tensor queries = given.contiguous(), others = given_others ? given_others->contiguous() : at::Tensor();
        const c10::DeviceGuard guard(queries.device());
        const Heads heads(queries, others);
        const at::Tensor output = at::empty(heads.query.sizes(), queries.options());
        const at::Tensor stats = at::empty({queries.size(0), output.size(1)}, queries.options().dtype(at::kFloat));
        Memory memory{{kOutput, output.mutable_data_ptr()}, {kStats, stats.mutable_data_ptr()}};
        add_heads(memory, heads, kQuery);
        plan(shape_of(heads, segments, longest_queries, longest), /*is_backward=*/false).run(std::move(memory), segments);
        context->save_for_backward({queries, others, output, stats, segments});
        context->saved_data["longest queries"] = longest_queries;
        context->saved_data["longest"] = longest;
        return output;
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, const torch::autograd::variable_list& gradients) {
        const torch::autograd::variable_list saved = context->get_saved_variables();
        const at::Tensor &queries = saved[0], &others = saved[1], &output = saved[2], &stats = saved[3], &segments = saved[4], gradient = gradients[0].contiguous();
        const c10::DeviceGuard guard(queries.device());
        const at::Tensor queries_gradient = at::empty_like(queries);
        // Keys that no query of their segment sees may be left as they are.
        const at::Tensor others_gradient = others.defined() ? at::zeros_like(others) : at::Tensor();
        const Heads heads(queries, others);
        Memory memory{{kOutput, output.mutable_data_ptr()}, {kStats, stats.mutable_data_ptr()}, {kOutputGradient, gradient.mutable_data_ptr()}};
        add_heads(memory, heads, kQuery);
        add_heads(memory, Heads(queries_gradient, others_gradient), kQueryGradient);
        const Shape shape = shape_of(heads, segments, context->saved_data["longest queries"].toInt(), context->saved_data["longest"].toInt());
        plan(shape, /*is_backward=*/true).run(std::move(memory), segments);
        return {queries_gradient, others_gradient, {}, {}, {}};
    }

    static Shape shape_of(const Heads& heads, const at::Tensor& segments, int64_t longest_queries, int64_t longest) {
        const at::Tensor& query = heads.query;
        return {query.device().index(), query.scalar_type(), query.size(1), query.size(2), segments.size(1) - kOffsetsAlignment,
                Side(query, longest_queries), Side(heads.key, longest), at::globalContext().deterministicAlgorithms()};
    }
};

#endif

// What our attention is to do: int32, two counts, then the items of the queries and those of the keys, each kItemNumbers numbers.
struct ItemTable {
    at::Tensor numbers;
    int64_t segments, query_items;

    static ItemTable make(const at::Tensor& query_boundaries, const at::Tensor& boundaries, int64_t queries, int64_t keys) {
        const int64_t segments = boundaries.size(0) - 1;
        const ItemTable table(queries, keys, at::empty({1 + num_items(queries, keys) + 2 * segments, drbert::kItemNumbers}, boundaries.options()));
        drbert::launch(boundaries, &drbert::Launchers::attention_items,
                       drbert::AttentionItems{segments, query_boundaries.const_data_ptr<int32_t>(), boundaries.const_data_ptr<int32_t>(), table.counts(), table.first_query(), table.first_key()});
        return table;
    }

    ItemTable(int64_t queries, int64_t keys, at::Tensor table)
        : numbers(std::move(table)), segments((numbers.size(0) - 1 - num_items(queries, keys)) / 2), query_items(drbert::num_attention_items(queries, segments)) {}

    int32_t* counts() const { return numbers.mutable_data_ptr<int32_t>(); }
    drbert::AttentionItem* first_query() const { return reinterpret_cast<drbert::AttentionItem*>(counts()) + 1; }
    drbert::AttentionItem* first_key() const { return first_query() + query_items; }

  private:
    // But for those of segments.
    static int64_t num_items(int64_t queries, int64_t keys) { return drbert::num_attention_items(queries, 0) + drbert::num_attention_items(keys, 0); }
};

struct TiledAttention : torch::autograd::Function<TiledAttention> {
    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& given, const std::optional<at::Tensor>& given_others, const at::Tensor& items) {
        const at::Tensor queries = given.contiguous(), others = given_others ? given_others->contiguous() : at::Tensor();
        const Heads heads(queries, others);
        const at::Tensor output = at::empty(heads.query.sizes(), queries.options()), log_sums = drbert::scratch(queries, {queries.size(0), output.size(1)});
        drbert::launch(queries, &drbert::Launchers::attention, work_of(heads, items, output, log_sums));
        context->save_for_backward({queries, others, output, log_sums, items});
        return output;
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, const torch::autograd::variable_list& gradients) {
        const torch::autograd::variable_list saved = context->get_saved_variables();
        const at::Tensor &queries = saved[0], &others = saved[1], &output = saved[2], &log_sums = saved[3], &items = saved[4], gradient = gradients[0].contiguous();
        const at::Tensor queries_gradient = at::empty_like(queries), others_gradient = others.defined() ? at::empty_like(others) : at::Tensor();
        const Heads given(queries_gradient, others_gradient);
        const drbert::Attention work = work_of(Heads(queries, others), items, output, log_sums);
        const int64_t blocks = drbert::num_attention_blocks(work.queries, work.segments);
        const at::Tensor statistics = drbert::scratch(queries, {work.heads, blocks, drbert::kAttentionBlock, 2});
        drbert::launch(queries, &drbert::Launchers::attention_backward,
                       drbert::AttentionBackward{work, gradient.const_data_ptr(), given.query.mutable_data_ptr(), given.key.mutable_data_ptr(), blocks, statistics.mutable_data_ptr<float>()});
        return {queries_gradient, others_gradient, {}};
    }

  private:
    static drbert::Attention work_of(const Heads& heads, const at::Tensor& items, const at::Tensor& output, const at::Tensor& log_sums) {
        const at::Tensor &query = heads.query, &key = heads.key;
        TORCH_CHECK(query.size(2) == drbert::kAttentionHead, "our attention is for heads of ", drbert::kAttentionHead);
        const ItemTable table(query.size(0), key.size(0), items);
        return {drbert::number_type(query), table.segments, query.size(0), key.size(0), query.size(1), query.const_data_ptr(), key.const_data_ptr(), query.stride(0), key.stride(0),
                table.counts(), table.first_query(), table.first_key(), output.mutable_data_ptr(), log_sums.mutable_data_ptr<float>()};
    }
};

}  // namespace

extern "C" {

// Query, key and value of every token as `queries` [tokens, 3, heads, head size], or the queries of some as [queries, heads, head size] and, else null, `others`
// [tokens, 2, heads, head size]. int32 `query_boundaries` and `boundaries` [segments + 1] on the same device say where the queries and the tokens of every segment begin, and where
// those of the last end; no segment has more than `longest_queries` and `longest`. Gives [queries, heads, head size].
const char* drbert_attention(
    const at::Tensor* queries, const at::Tensor* others, const at::Tensor* query_boundaries, const at::Tensor* boundaries, int64_t longest_queries, int64_t longest,
    double dropout, at::Tensor** attended) {
    return guarded([&] {
        const Heads heads(*queries, others == nullptr ? at::Tensor() : *others);
        auto result = at::_flash_attention_forward(
            heads.query, heads.key, heads.value, *query_boundaries, *boundaries, longest_queries, longest, dropout, /*is_causal=*/false,
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

// The segments as cuDNN's attention takes them, from boundaries as above: int32 [6, segments with empty ones + 4], where they begin and end in the queries, in the keys, in
// the result and in [queries, heads], counted in numbers, and their lengths in queries and in keys. The queries may come with keys and values, or without.
const char* drbert_cudnn_segments(
    const at::Tensor* query_boundaries, const at::Tensor* boundaries, bool are_together, int64_t heads, int64_t head_size, at::Tensor** segments) {
    return guarded([&] {
#ifdef DRBERT_CUDNN
        check_boundaries(*query_boundaries, *boundaries);
        const int64_t count = boundaries->size(0) - 1, columns = drbert::next_power_of_two(std::max(count, kLeastSegments)) + kOffsetsAlignment;
        const auto row = static_cast<int32_t>(heads * head_size);
        const at::Tensor table = at::empty({drbert::kSegmentRows, columns}, boundaries->options());
        drbert::launch(*boundaries, &drbert::Launchers::segment_table,
                       drbert::SegmentTable{count, columns, query_boundaries->const_data_ptr<int32_t>(), boundaries->const_data_ptr<int32_t>(), are_together ? 3 * row : row,
                                            are_together ? 3 * row : 2 * row, row, static_cast<int32_t>(heads), table.mutable_data_ptr<int32_t>()});
        *segments = new at::Tensor(table);
#else
        static_cast<void>(query_boundaries), static_cast<void>(boundaries), static_cast<void>(are_together), static_cast<void>(heads), static_cast<void>(head_size);
        static_cast<void>(segments);
        TORCH_CHECK(false, "built without cuDNN's headers");
#endif
    });
}

// As drbert_attention without dropout, by cuDNN. The tokens times 3 times the numbers of a row are below 2^31.
const char* drbert_cudnn_attention(
    const at::Tensor* queries, const at::Tensor* others, const at::Tensor* segments, int64_t longest_queries, int64_t longest, at::Tensor** attended) {
    return guarded([&] {
#ifdef DRBERT_CUDNN
        const auto is_small = [](const at::Tensor* tensor) { return tensor == nullptr || tensor->numel() <= std::numeric_limits<int32_t>::max(); };
        TORCH_CHECK(is_small(queries) && is_small(others), "a micro-batch too large for cuDNN's attention");
        *attended = new at::Tensor(CudnnAttention::apply(*queries, drbert::optional(others), *segments, longest_queries, longest));
#else
        static_cast<void>(queries), static_cast<void>(others), static_cast<void>(segments), static_cast<void>(longest_queries), static_cast<void>(longest);
        static_cast<void>(attended);
        TORCH_CHECK(false, "built without cuDNN's headers");
#endif
    });
}

// What drbert_tiled_attention is to do for so many queries and tokens, from boundaries as above.
const char* drbert_attention_items(const at::Tensor* query_boundaries, const at::Tensor* boundaries, int64_t queries, int64_t tokens, at::Tensor** items) {
    return guarded([&] {
        check_boundaries(*query_boundaries, *boundaries);
        *items = new at::Tensor(ItemTable::make(*query_boundaries, *boundaries, queries, tokens).numbers);
    });
}

// As drbert_attention without dropout, by our kernels: on Hopper, and emulated on the CPU; in bf16, for heads of 64. The segments are all tokens, and all queries are theirs.
const char* drbert_tiled_attention(const at::Tensor* queries, const at::Tensor* others, const at::Tensor* items, at::Tensor** attended) {
    return guarded([&] {
        *attended = new at::Tensor(TiledAttention::apply(*queries, drbert::optional(others), *items));
    });
}

}  // extern "C"
