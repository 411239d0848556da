// Bias, residual and layer normalization in one pass over the activations, forward and backward. The two summands may also be rows of
// tables: so the embeddings of tokens and positions are gathered, summed and normalized. The backward pass adds the summands again
// instead of reading their sum: the same traffic, less memory, and no rounding in between.

#pragma once

#include "device.cuh"

namespace drbert {
namespace {

// Sums over the threads of a row. Two successive sums use different memory, so that one barrier each is enough.
struct RowSums {
    float (*memory)[kMaxWarps];
    int next = 0;

    __device__ float sum(float value) {
        float* warps = memory[next];
        next = 1 - next;
        const int warps_per_row = static_cast<int>(blockDim.x) / kWarpSize;
        const int first = static_cast<int>(threadIdx.y) * warps_per_row;
        value = warp_sum(value);
        if (threadIdx.x % kWarpSize == 0) {
            warps[first + static_cast<int>(threadIdx.x) / kWarpSize] = value;
        }
        __syncthreads();
        float total = 0.0f;
        for (int warp = first; warp < first + warps_per_row; ++warp) {
            total += warps[warp];
        }
        return total;
    }
};

template <typename T>
__device__ void add_row(const Rows& rows, int64_t row, int64_t width, int64_t column, Vector<T>& sum) {
    if (rows.values == nullptr) {
        return;
    }
    if (rows.indices != nullptr) {
        row = rows.indices[row];
        if (row < 0 || row >= rows.table_rows) {
            sum = filled<T>(NAN);
            return;
        }
    }
    add(sum, load<T>(rows.values, row * width + column));
}

template <typename T>
__device__ Vector<T> summed_row(const LayerNorm& work, int64_t row, int64_t column, const Vector<T>& bias) {
    Vector<T> sum = filled<T>(0.0f);
    add_row<T>(work.first, row, work.width, column, sum);
    add_row<T>(work.second, row, work.width, column, sum);
    add(sum, bias);
    return sum;
}

template <typename T>
__global__ void layer_norm(LayerNorm work) {
    __shared__ float memory[2][kMaxWarps];
    RowSums sums{memory};
    const int64_t column = static_cast<int64_t>(threadIdx.x) * kVectorSize<T>;
    const int64_t row = static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
    // Every thread takes part in the barriers.
    const bool is_active = column < work.width && row < work.rows;
    Vector<T> values = filled<T>(0.0f);
    float sum = 0.0f;
    if (is_active) {
        values = summed_row<T>(work, row, column, work.bias == nullptr ? values : load<T>(work.bias, column));
#pragma unroll
        for (int i = 0; i < kVectorSize<T>; ++i) {
            sum += values.values[i];
        }
    }
    const float mean = sums.sum(sum) / static_cast<float>(work.width);
    float squares = 0.0f;
    if (is_active) {
#pragma unroll
        for (int i = 0; i < kVectorSize<T>; ++i) {
            values.values[i] -= mean;
            squares += values.values[i] * values.values[i];
        }
    }
    const float variance = sums.sum(squares) / static_cast<float>(work.width);
    const float inverse_deviation = 1.0f / sqrtf(variance + work.epsilon);
    if (!is_active) {
        return;
    }
    const Vector<T> weight = load<T>(work.norm_weight, column);
    const Vector<T> bias = load<T>(work.norm_bias, column);
#pragma unroll
    for (int i = 0; i < kVectorSize<T>; ++i) {
        values.values[i] = values.values[i] * inverse_deviation * weight.values[i] + bias.values[i];
    }
    store<T>(work.output, row * work.width + column, values);
    if (threadIdx.x == 0) {
        work.mean[row] = mean;
        work.inverse_deviation[row] = inverse_deviation;
    }
}

// Each of the num_parts rows of threads takes every num_parts-th row and stores the sums of its vectors' gradients.
template <typename T>
__global__ void layer_norm_backward(LayerNormBackward work, int64_t num_parts) {
    __shared__ float memory[2][kMaxWarps];
    RowSums sums{memory};
    const LayerNorm& forward = work.forward;
    const int64_t width = forward.width;
    const int64_t column = static_cast<int64_t>(threadIdx.x) * kVectorSize<T>;
    const int64_t part = static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
    const bool has_columns = column < width && part < num_parts;
    Vector<T> bias = filled<T>(0.0f), weight = filled<T>(0.0f);
    if (has_columns) {
        weight = load<T>(forward.norm_weight, column);
        if (forward.bias != nullptr) {
            bias = load<T>(forward.bias, column);
        }
    }
    Vector<T> bias_sums = filled<T>(0.0f), norm_weight_sums = filled<T>(0.0f), norm_bias_sums = filled<T>(0.0f);
    // The loop ends for all threads of a block at once: they meet at its barriers.
    for (int64_t first = 0; first < forward.rows; first += num_parts) {
        const int64_t row = first + part;
        const bool is_active = has_columns && row < forward.rows;
        Vector<T> normalized = filled<T>(0.0f), gradients = filled<T>(0.0f);
        float inverse_deviation = 0.0f, sum = 0.0f, product = 0.0f;
        if (is_active) {
            normalized = summed_row<T>(forward, row, column, bias);
            gradients = load<T>(work.output_gradient, row * width + column);
            const float mean = forward.mean[row];
            inverse_deviation = forward.inverse_deviation[row];
#pragma unroll
            for (int i = 0; i < kVectorSize<T>; ++i) {
                normalized.values[i] = (normalized.values[i] - mean) * inverse_deviation;
                norm_weight_sums.values[i] += gradients.values[i] * normalized.values[i];
                norm_bias_sums.values[i] += gradients.values[i];
                gradients.values[i] *= weight.values[i];
                sum += gradients.values[i];
                product += gradients.values[i] * normalized.values[i];
            }
        }
        const float mean_gradient = sums.sum(sum) / static_cast<float>(width);
        const float mean_product = sums.sum(product) / static_cast<float>(width);
        if (is_active) {
#pragma unroll
            for (int i = 0; i < kVectorSize<T>; ++i) {
                gradients.values[i] = (gradients.values[i] - mean_gradient - normalized.values[i] * mean_product) * inverse_deviation;
                bias_sums.values[i] += gradients.values[i];
            }
            store<T>(work.sum_gradient, row * width + column, gradients);
        }
    }
    if (has_columns) {
        float* parts = work.parts + part * 3 * width + column;
        store_part<T>(parts, bias_sums);
        store_part<T>(parts + width, norm_weight_sums);
        store_part<T>(parts + 2 * width, norm_bias_sums);
    }
}

const char* launch_layer_norm(const LayerNorm& work, void* stream) {
    if (work.rows == 0) {
        return nullptr;
    }
    return with_type(work.type, [&](auto number) {
        using T = decltype(number);
        const dim3 block = row_block(work.width, kVectorSize<T>);
        const dim3 grid(static_cast<unsigned>((work.rows + block.y - 1) / block.y));
        return DRBERT_LAUNCH(layer_norm<T>, grid, block, stream, work);
    });
}

const char* launch_layer_norm_backward(const LayerNormBackward& work, void* stream) {
    return with_type(work.forward.type, [&](auto number) {
        using T = decltype(number);
        const int64_t width = work.forward.width, parts = num_parts(work.forward.rows);
        const dim3 block = row_block(width, kVectorSize<T>);
        const dim3 grid(static_cast<unsigned>((parts + block.y - 1) / block.y));
        const char* message = DRBERT_LAUNCH(layer_norm_backward<T>, grid, block, stream, work, parts);
        return message != nullptr ? message : launch_sum_parts<T>(work.parts, parts, 3 * width, work.vector_gradients, stream);
    });
}

}  // namespace
}  // namespace drbert
