// Bias, residual and layer normalization in one pass over the activations, forward and backward. The two summands may also be rows of
// tables: so the embeddings of tokens and positions are gathered, summed and normalized. The backward pass adds the summands again
// instead of reading their sum: the same traffic, less memory, and no rounding in between.

#pragma once

#include "device.cuh"

namespace drbert {
namespace {

// Rows that a row of threads takes at a time: their loads are under way together, and their sums meet at one barrier.
constexpr int kNormRows = 2;
// A barrier is for as few threads as make a row.
constexpr unsigned kNormThreads = 64;

// What a thread loads of the summands of a row, before any of it is used.
template <typename T, bool kGathers>
struct Summands {
    Packed<T> first, second;
    bool are_missing;

    __device__ Summands(const LayerNorm& work, int64_t row, int64_t column) : first{}, second{}, are_missing(false) {
        first = load_packed<T>(work.first.values, place(work.first, row) * work.width + column);
        if (work.second.values != nullptr) {
            second = load_packed<T>(work.second.values, place(work.second, row) * work.width + column);
        }
    }

    __device__ Vector<T> sum(const Vector<T>& bias) const {
        if (kGathers && are_missing) {
            return filled<T>(NAN);
        }
        Vector<T> sum = unpacked(first);
        add(sum, unpacked(second));
        add(sum, bias);
        return sum;
    }

  private:
    // Where the row lies.
    __device__ int64_t place(const Rows& rows, int64_t row) {
        if (!kGathers) {
            return row;
        }
        const int32_t index = rows.indices[row];
        const bool exists = index >= 0 && index < rows.table_rows;
        are_missing = are_missing || !exists;
        return exists ? index : 0;
    }
};

template <typename T, bool kGathers>
__global__ __launch_bounds__(kMaxNormVectors) void layer_norm(LayerNorm work) {
    __shared__ float memory[2][kMaxWarps][kNormRows];
    RowSums<kNormRows> row_sums{memory};
    // Every thread takes part in the barriers, and loads what is there.
    const bool has_columns = static_cast<int64_t>(threadIdx.x) * kVectorSize<T> < work.width;
    const int64_t column = has_columns ? static_cast<int64_t>(threadIdx.x) * kVectorSize<T> : 0;
    const int64_t first = static_cast<int64_t>(blockIdx.x) * kNormRows * blockDim.y + threadIdx.y;
    const auto row_of = [&](int i) { return first + i * static_cast<int64_t>(blockDim.y); };
    const auto existing = [&](int64_t row) { return row < work.rows ? row : work.rows - 1; };
    const Summands<T, kGathers> summands[kNormRows] = {{work, existing(row_of(0)), column}, {work, existing(row_of(1)), column}};
    const Vector<T> bias = load_or_zeros<T>(work.bias, column);
    Vector<T> values[kNormRows];
    float sums[kNormRows], means[kNormRows];
#pragma unroll
    for (int i = 0; i < kNormRows; ++i) {
        values[i] = summands[i].sum(bias);
        sums[i] = 0.0f;
#pragma unroll
        for (int j = 0; j < kVectorSize<T>; ++j) {
            sums[i] += values[i].values[j];
        }
        sums[i] = has_columns ? sums[i] : 0.0f;
    }
    row_sums.sum(sums);
    const float inverse_width = 1.0f / static_cast<float>(work.width);
#pragma unroll
    for (int i = 0; i < kNormRows; ++i) {
        means[i] = sums[i] * inverse_width;
        sums[i] = 0.0f;
#pragma unroll
        for (int j = 0; j < kVectorSize<T>; ++j) {
            values[i].values[j] -= means[i];
            sums[i] += values[i].values[j] * values[i].values[j];
        }
        sums[i] = has_columns ? sums[i] : 0.0f;
    }
    row_sums.sum(sums);
    if (!has_columns) {
        return;
    }
    const Vector<T> norm_weight = load<T>(work.norm_weight, column);
    const Vector<T> norm_bias = load<T>(work.norm_bias, column);
#pragma unroll
    for (int i = 0; i < kNormRows; ++i) {
        if (row_of(i) >= work.rows) {
            return;
        }
        const float inverse_deviation = 1.0f / sqrtf(sums[i] * inverse_width + work.epsilon);
#pragma unroll
        for (int j = 0; j < kVectorSize<T>; ++j) {
            values[i].values[j] = values[i].values[j] * inverse_deviation * norm_weight.values[j] + norm_bias.values[j];
        }
        store<T>(work.output, row_of(i) * work.width + column, values[i]);
        if (threadIdx.x == 0) {
            work.mean[row_of(i)] = means[i];
            work.inverse_deviation[row_of(i)] = inverse_deviation;
        }
    }
}

// What a thread loads of a row of the backward pass.
template <typename T, bool kGathers>
struct NormRow {
    Summands<T, kGathers> summands;
    Packed<T> gradient, more_gradient;
    float mean, inverse_deviation;

    __device__ NormRow(const LayerNormBackward& work, int64_t row, int64_t column) : summands(work.forward, row, column), more_gradient{} {
        const int64_t offset = row * work.forward.width + column;
        gradient = load_packed<T>(work.output_gradient, offset);
        if (work.more_gradient != nullptr) {
            more_gradient = load_packed<T>(work.more_gradient, offset);
        }
        mean = work.forward.mean[row];
        inverse_deviation = work.forward.inverse_deviation[row];
    }
};

// Each of the num_parts rows of threads takes every num_parts-th row and stores the sums of its vectors' gradients.
template <typename T, bool kGathers>
__global__ __launch_bounds__(kMaxNormVectors) void layer_norm_backward(LayerNormBackward work, int64_t num_parts) {
    // Of each row the sum of its gradients, and of their products with what was normalized.
    __shared__ float memory[2][kMaxWarps][2 * kNormRows];
    RowSums<2 * kNormRows> row_sums{memory};
    const LayerNorm& forward = work.forward;
    const int64_t width = forward.width;
    const float inverse_width = 1.0f / static_cast<float>(width);
    const int64_t part = static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
    const bool has_columns = static_cast<int64_t>(threadIdx.x) * kVectorSize<T> < width && part < num_parts;
    const int64_t column = has_columns ? static_cast<int64_t>(threadIdx.x) * kVectorSize<T> : 0;
    const Vector<T> bias = load_or_zeros<T>(forward.bias, column), weight = load<T>(forward.norm_weight, column);
    Vector<T> bias_sums = filled<T>(0.0f), norm_weight_sums = filled<T>(0.0f), norm_bias_sums = filled<T>(0.0f);
    // The loop ends for all threads of a block at once: they meet at its barriers.
    for (int64_t first = 0; first < forward.rows; first += kNormRows * num_parts) {
        const auto row_of = [&](int i) { return first + i * num_parts + part; };
        const auto existing = [&](int64_t row) { return row < forward.rows ? row : forward.rows - 1; };
        const NormRow<T, kGathers> rows[kNormRows] = {{work, existing(row_of(0)), column}, {work, existing(row_of(1)), column}};
        Vector<T> normalized[kNormRows], gradients[kNormRows];
        float sums[2 * kNormRows];
#pragma unroll
        for (int i = 0; i < kNormRows; ++i) {
            const float shift = -rows[i].mean * rows[i].inverse_deviation;
            normalized[i] = rows[i].summands.sum(bias);
            gradients[i] = unpacked(rows[i].gradient);
            add(gradients[i], unpacked(rows[i].more_gradient));
            if (!has_columns || row_of(i) >= forward.rows) {
                gradients[i] = filled<T>(0.0f);
            }
            float sum = 0.0f, product = 0.0f;
#pragma unroll
            for (int j = 0; j < kVectorSize<T>; ++j) {
                normalized[i].values[j] = normalized[i].values[j] * rows[i].inverse_deviation + shift;
                norm_weight_sums.values[j] += gradients[i].values[j] * normalized[i].values[j];
                norm_bias_sums.values[j] += gradients[i].values[j];
                gradients[i].values[j] *= weight.values[j];
                sum += gradients[i].values[j];
                product += gradients[i].values[j] * normalized[i].values[j];
            }
            sums[2 * i] = sum;
            sums[2 * i + 1] = product;
        }
        row_sums.sum(sums);
#pragma unroll
        for (int i = 0; i < kNormRows; ++i) {
            if (has_columns && row_of(i) < forward.rows) {
                const float mean_gradient = sums[2 * i] * inverse_width, mean_product = sums[2 * i + 1] * inverse_width;
#pragma unroll
                for (int j = 0; j < kVectorSize<T>; ++j) {
                    gradients[i].values[j] = (gradients[i].values[j] - mean_gradient - normalized[i].values[j] * mean_product) * rows[i].inverse_deviation;
                    bias_sums.values[j] += gradients[i].values[j];
                }
                store<T>(work.sum_gradient, row_of(i) * width + column, gradients[i]);
            }
        }
    }
    if (has_columns) {
        float* parts = work.parts.values + part * 3 * width + column;
        store_part<T>(parts, bias_sums);
        store_part<T>(parts + width, norm_weight_sums);
        store_part<T>(parts + 2 * width, norm_bias_sums);
    }
}

bool gathers(const LayerNorm& work) { return work.first.indices != nullptr; }

const char* launch_layer_norm(const LayerNorm& work, void* stream) {
    if (work.rows == 0) {
        return nullptr;
    }
    return with_type(work.type, [&](auto number) {
        using T = decltype(number);
        const dim3 block = row_block(work.width, kVectorSize<T>, kNormThreads);
        const dim3 grid(num_blocks(work.rows, int64_t{kNormRows} * block.y));
        return gathers(work) ? DRBERT_LAUNCH((layer_norm<T, true>), grid, block, stream, work)
                             : DRBERT_LAUNCH((layer_norm<T, false>), grid, block, stream, work);
    });
}

const char* launch_layer_norm_backward(const LayerNormBackward& work, void* stream) {
    return with_type(work.forward.type, [&](auto number) {
        using T = decltype(number);
        const int64_t width = work.forward.width;
        const dim3 block = row_block(width, kVectorSize<T>, kNormThreads);
        const auto kernel = gathers(work.forward) ? layer_norm_backward<T, true> : layer_norm_backward<T, false>;
        const int64_t parts = parts_at_once(kernel, block, block.y, 1, work.forward.rows);
        const dim3 grid(num_blocks(parts, block.y));
        *work.parts.count = parts;
        return DRBERT_LAUNCH(kernel, grid, block, stream, work, parts);
    });
}

}  // namespace
}  // namespace drbert
