// What our kernels do and on what memory: the interface between the autograd functions of kernels.cpp and kernels.cu, which is
// compiled twice, by nvcc for CUDA devices and by the C++ compiler for the CPU (emulation.hpp). Neither side needs libtorch here.
//
// Matrices lie row by row without gaps, rows begin at multiples of 16 bytes, and a row's elements fill whole 16 bytes. All
// arithmetic is in fp32. Every sum is taken in an order that depends on shapes, indices and the kind of device alone, so two runs give the same bits.

#pragma once

#include <cstdint>

namespace drbert {

enum class NumberType { kFloat, kHalf, kBFloat16 };

constexpr int kVectorBytes = 16;

// Sums over the rows are taken in two stages: at most this many partial sums, or as many as the device has room for at once, then their sum.
constexpr int64_t kMaxParts = 1024;
constexpr int64_t kRowsPerPart = 8;

// Rows that are normalized are as many 16-byte vectors as a block has threads at most.
constexpr int kMaxNormVectors = 512;

// How many partial sums of a column there are at most.
constexpr int64_t num_parts(int64_t rows) {
    const int64_t parts = (rows + kRowsPerPart - 1) / kRowsPerPart;
    return parts < 1 ? 1 : (parts < kMaxParts ? parts : kMaxParts);
}

// Memory for partial sums of the columns of gradients, which a launcher says how much of it has used.
struct Parts {
    float* values;  // [num_parts(rows), ...], scratch
    int64_t* count;  // on the host: gets the number of partial sums
};

// Partial sums of columns, and what becomes of them: the gradient of a vector.
struct PartialSums {
    const float* parts;
    int64_t count;
    int64_t stride;  // in numbers, from one to the next
    int64_t width;
    void* gradient;  // [width]
    bool is_added;  // to what is there, or else put in its place
};

// So many vectors' at a time, as a kernel's arguments hold.
constexpr int kMaxVectors = 48;

struct VectorGradients {
    NumberType type;
    int count;
    PartialSums vectors[kMaxVectors];
};

// output = GELU(input + bias), with the error function (Hendrycks and Gimpel, 2016).
struct BiasGelu {
    NumberType type;
    int64_t rows;
    int64_t width;
    const void* input;  // [rows, width]
    const void* bias;  // [width]
    void* output;  // [rows, width]
};

struct BiasGeluBackward {
    NumberType type;
    int64_t rows;
    int64_t width;
    const void* input;
    const void* bias;
    const void* output_gradient;
    void* input_gradient;
    Parts parts;  // [_, width], of the gradient of the bias
};

// The sums of all rows of input, or zeros for idle columns.
struct ColumnSums {
    NumberType type;
    int64_t rows;
    int64_t width;
    int64_t first_idle, past_idle;  // multiples of 8
    const void* input;  // [rows, width]
    Parts parts;  // [_, width]
};

// Rows of a matrix, or of a table at these indices. A row of the table that does not exist reads as NaN.
struct Rows {
    const void* values;  // [rows, width], or [table_rows, width] with indices; null stands for zeros
    const int32_t* indices;  // [rows], or null
    int64_t table_rows;
};

// output = norm((first + second) + bias), layer normalization (Ba et al., 2016) with weight and bias.
struct LayerNorm {
    NumberType type;
    int64_t rows;
    int64_t width;
    Rows first;
    Rows second;
    const void* bias;  // [width], or null for zeros
    const void* norm_weight;  // [width]
    const void* norm_bias;  // [width]
    float epsilon;
    float* mean;  // [rows], for the backward pass
    float* inverse_deviation;  // [rows], for the backward pass
    void* output;  // [rows, width]
};

struct LayerNormBackward {
    LayerNorm forward;  // as it was, without its output
    const void* output_gradient;
    const void* more_gradient;  // [rows, width], to be added to the former, or null
    void* sum_gradient;  // [rows, width], of first + second + bias, and so of each of them
    Parts parts;  // [_, 3, width], of the gradients of bias, norm_weight, norm_bias
};

// Indices are sorted in chunks of so many, then merged.
constexpr int kChunkKeys = 512;
// How many rows of equal or successive indices are added up together.
constexpr int64_t kSliceRows = 32;

constexpr int64_t num_padded_keys(int64_t rows) { return (rows + kChunkKeys - 1) / kChunkKeys * kChunkKeys; }
constexpr int64_t num_slices(int64_t rows) { return (rows + kSliceRows - 1) / kSliceRows; }

// gradient[indices[row]] += row_gradients[row], for all rows whose index the table has.
struct IndexedTable {
    int64_t table_rows;
    const int32_t* indices;  // [rows]
    void* gradient;  // [table_rows, width]
    uint64_t* chunks;  // [num_padded_keys(rows)], scratch
    uint64_t* keys;  // [num_padded_keys(rows)], scratch
    float* parts;  // [num_slices(rows), 2, width], scratch
};

constexpr int kMaxTables = 2;

// The same for two tables at once: each alone leaves most of a device idle.
struct TableGradients {
    NumberType type;
    int64_t rows;  // below 2^31
    int64_t width;
    const void* row_gradients;  // [rows, width]
    IndexedTable tables[kMaxTables];
};

// output[indices[i]] = chosen[i], and all other rows are zeros.
struct SpreadRows {
    NumberType type;
    int64_t rows;
    int64_t width;
    int64_t num_chosen;
    const int32_t* indices;  // [num_chosen], ascending, each but once
    const void* chosen;  // [num_chosen, width]
    void* output;  // [rows, width]
};

// A row with this label has no loss and no gradient.
constexpr int64_t kIgnoredLabel = -100;

// losses[row] = log(sum(exp(x[:num_valid]))) - x[labels[row]], where x = logits[row] + bias. Any other label that is none gives NaN.
struct CrossEntropy {
    NumberType type;
    int64_t rows;
    int64_t width;  // below 2^30
    int64_t num_valid;
    const void* logits;  // [rows, width]
    const void* bias;  // [width], or null for zeros
    const int32_t* labels;  // [rows]
    float* log_sums;  // [rows], for the backward pass
    float* losses;  // [rows]
};

struct CrossEntropyBackward {
    NumberType type;
    int64_t rows;
    int64_t width;
    int64_t num_valid;
    void* logits;  // replaced by their gradient; that of columns from num_valid on is zero
    const void* bias;
    const int32_t* labels;
    const float* log_sums;
    const float* loss_gradient;  // [1], of the sum of the losses
    Parts parts;  // [_, width], of the gradient of the bias
};

// sums += gradients, and gradients = 0.
struct GradientSum {
    NumberType type;
    int64_t count;  // a multiple of 8
    void* gradients;  // [count]
    float* sums;  // [count]
    bool is_first;  // what sums holds is of no account
};

// Of a step, before its update.
struct Verdict {
    NumberType type;
    int64_t count;  // a multiple of 8, above 0
    const void* gradients;  // [count]
    const float* loss;  // [1]
    float max_norm;
    float* parts;  // [kMaxParts], scratch
    float* numbers;  // [4]: the loss, the norm of the gradients, 1 if either is not finite and else 0, and what gradients are multiplied by so that their norm is at most max_norm
};

// One step of AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", 2017) on flat buffers.
struct AdamW {
    NumberType weight_type;
    int64_t count;  // a multiple of 8
    int64_t num_decaying;  // the first ones; a multiple of 8
    float* masters;  // [count]
    float* exp_avg;
    float* exp_avg_sq;
    const void* gradients;  // [count]
    bool are_gradients_weights;  // of the type of the weights, or else fp32
    void* weights;  // [count], gets the masters in its type; or null
    const float* gradient_factor;  // [1], what gradients are multiplied by; or null
    const float* step;  // [1], from 1 on
    const float* is_skipped;  // [1]: nothing changes unless it is 0
    float learning_rate, weight_decay, epsilon;
    float log_beta1, log_beta2;
    float one_minus_beta1, one_minus_beta2;
};

constexpr int kSegmentRows = 6;

// Where segments begin in their queries, in their keys, in the result and in the statistics, counted in numbers, and how many queries and keys they have. What follows the
// last segment is empty.
struct SegmentTable {
    int64_t segments;
    int64_t columns;  // more than segments
    const int32_t* query_boundaries;  // [segments + 1], in tokens: where each begins, and where the last ends
    const int32_t* boundaries;  // the same of the keys
    int32_t query_row, key_row, output_row, stats_row;  // the numbers from one token to the next
    int32_t* table;  // [kSegmentRows, columns]
};

// Attention's heads have so many numbers, and its rows are taken in blocks and items of so many.
constexpr int kAttentionHead = 64;
constexpr int kAttentionBlock = 64;
constexpr int kItemRows = 128;

// Rows of one segment, queries or keys, and the rows of the other kind that they meet.
struct alignas(32) AttentionItem {
    int32_t row, row_end;  // up to kItemRows of them from the first on, before the segment's end
    int32_t other, other_end;
    int32_t block;  // of the statistics of the first query: the item's if it has queries, else the segment's
};

constexpr int kItemNumbers = sizeof(AttentionItem) / sizeof(int32_t);

constexpr int64_t num_attention_items(int64_t rows, int64_t segments) { return rows / kItemRows + segments; }

// Statistics lie in blocks of their own, as each segment begins one.
constexpr int64_t num_attention_blocks(int64_t queries, int64_t segments) { return queries / kAttentionBlock + segments; }

// The items of queries and those of keys, the costliest first. A segment may have keys and no queries, but not queries and no keys.
struct AttentionItems {
    int64_t segments;
    const int32_t* query_boundaries;  // [segments + 1], in tokens: where each begins, and where the last ends
    const int32_t* boundaries;  // the same of the keys
    int32_t* counts;  // [2], how many items of either there are
    AttentionItem* queries;  // [num_attention_items(queries, segments)]
    AttentionItem* keys;
};

// Attention of queries to the keys of their segments, with scores divided by the root of kAttentionHead (Dao, "FlashAttention-2: faster attention with better parallelism
// and work partitioning", 2023).
struct Attention {
    NumberType type;
    int64_t segments, queries, keys, heads;
    const void* query;  // [queries, heads, kAttentionHead], with `query_row` numbers from one token to the next
    const void* key;  // [keys, 2, heads, kAttentionHead], a token's keys and then its values, with `key_row` numbers from one to the next
    int64_t query_row, key_row;
    const int32_t* counts;
    const AttentionItem *query_items, *key_items;
    void* output;  // [queries, heads, kAttentionHead]
    float* log_sums;  // [queries, heads], the logarithms to base 2 of the weights' sums
};

struct AttentionBackward {
    Attention forward;
    const void* output_gradient;  // as the output
    void* query_gradient;  // as the queries
    void* key_gradient;  // as the keys and values
    int64_t blocks;  // num_attention_blocks(queries, segments)
    float* statistics;  // [heads, blocks, kAttentionBlock, 2], scratch
};

// Each puts its work in a stream, which on the CPU is ignored, and returns null or a message.
struct Launchers {
    const char* (*vector_gradients)(const VectorGradients&, void* stream);
    const char* (*bias_gelu)(const BiasGelu&, void* stream);
    const char* (*bias_gelu_backward)(const BiasGeluBackward&, void* stream);
    const char* (*column_sums)(const ColumnSums&, void* stream);
    const char* (*layer_norm)(const LayerNorm&, void* stream);
    const char* (*layer_norm_backward)(const LayerNormBackward&, void* stream);
    const char* (*table_gradients)(const TableGradients&, void* stream);
    const char* (*spread_rows)(const SpreadRows&, void* stream);
    const char* (*cross_entropy)(const CrossEntropy&, void* stream);
    const char* (*cross_entropy_backward)(const CrossEntropyBackward&, void* stream);
    const char* (*gradient_sum)(const GradientSum&, void* stream);
    const char* (*verdict)(const Verdict&, void* stream);
    const char* (*adamw)(const AdamW&, void* stream);
    const char* (*segment_table)(const SegmentTable&, void* stream);
    const char* (*attention_items)(const AttentionItems&, void* stream);
    // In bf16, and on CUDA for Hopper alone.
    const char* (*attention)(const Attention&, void* stream);
    const char* (*attention_backward)(const AttentionBackward&, void* stream);
};

#ifdef __CUDACC__
// Of hopper_attention.cu, which nvcc compiles apart.
const char* launch_hopper_attention(const Attention&, void* stream);
const char* launch_hopper_attention_backward(const AttentionBackward&, void* stream);
#endif

#ifdef DRBERT_CUDA_KERNELS
extern const Launchers cuda_launchers;
#endif
extern const Launchers emulated_launchers;

}  // namespace drbert
