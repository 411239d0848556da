// Bias and GELU in one pass over the activations, forward and backward. The input is kept, not the sum.

#pragma once

#include "device.cuh"

namespace drbert {
namespace {

constexpr int kGeluThreads = 128;
constexpr int kGeluRowsPerBlock = 8;

__device__ inline float normal_distribution(float x) {
    constexpr float kInverseSqrt2 = 0.70710678118654752f;
    return 0.5f * (1.0f + erff(x * kInverseSqrt2));
}

__device__ inline float normal_density(float x) {
    constexpr float kInverseSqrt2Pi = 0.39894228040143268f;
    return kInverseSqrt2Pi * expf(-0.5f * x * x);
}

template <typename T>
__device__ int64_t gelu_column() {
    return (static_cast<int64_t>(blockIdx.y) * kGeluThreads + threadIdx.x) * kVectorSize<T>;
}

// A thread takes one vector of columns, a block some successive rows.
template <typename T>
__global__ void bias_gelu(BiasGelu work) {
    const int64_t column = gelu_column<T>();
    if (column >= work.width) {
        return;
    }
    const Vector<T> bias = load<T>(work.bias, column);
    const int64_t first = static_cast<int64_t>(blockIdx.x) * kGeluRowsPerBlock;
#pragma unroll 4
    for (int64_t row = first; row < first + kGeluRowsPerBlock; ++row) {
        if (row >= work.rows) {
            return;
        }
        Vector<T> values = load<T>(work.input, row * work.width + column);
#pragma unroll
        for (int i = 0; i < kVectorSize<T>; ++i) {
            const float x = values.values[i] + bias.values[i];
            values.values[i] = x * normal_distribution(x);
        }
        store<T>(work.output, row * work.width + column, values);
    }
}

// A thread takes one vector of columns, a block every num_parts-th row, of whose bias gradients it stores the sum.
template <typename T>
__global__ void bias_gelu_backward(BiasGeluBackward work) {
    const int64_t column = gelu_column<T>();
    if (column >= work.width) {
        return;
    }
    const Vector<T> bias = load<T>(work.bias, column);
    Vector<T> sums = filled<T>(0.0f);
#pragma unroll 2
    for (int64_t row = blockIdx.x; row < work.rows; row += gridDim.x) {
        const Vector<T> values = load<T>(work.input, row * work.width + column);
        Vector<T> gradients = load<T>(work.output_gradient, row * work.width + column);
#pragma unroll
        for (int i = 0; i < kVectorSize<T>; ++i) {
            const float x = values.values[i] + bias.values[i];
            gradients.values[i] *= normal_distribution(x) + x * normal_density(x);
            sums.values[i] += gradients.values[i];
        }
        store<T>(work.input_gradient, row * work.width + column, gradients);
    }
    store_part<T>(work.parts + blockIdx.x * work.width + column, sums);
}

template <typename T>
unsigned gelu_column_blocks(int64_t width) {
    constexpr int64_t kColumns = int64_t{kGeluThreads} * kVectorSize<T>;
    return static_cast<unsigned>((width + kColumns - 1) / kColumns);
}

const char* launch_bias_gelu(const BiasGelu& work, void* stream) {
    if (work.rows == 0) {
        return nullptr;
    }
    return with_type(work.type, [&](auto number) {
        using T = decltype(number);
        const dim3 grid(static_cast<unsigned>((work.rows + kGeluRowsPerBlock - 1) / kGeluRowsPerBlock), gelu_column_blocks<T>(work.width));
        return DRBERT_LAUNCH(bias_gelu<T>, grid, dim3(kGeluThreads), stream, work);
    });
}

const char* launch_bias_gelu_backward(const BiasGeluBackward& work, void* stream) {
    return with_type(work.type, [&](auto number) {
        using T = decltype(number);
        const int64_t parts = num_parts(work.rows);
        const dim3 grid(static_cast<unsigned>(parts), gelu_column_blocks<T>(work.width));
        const char* message = DRBERT_LAUNCH(bias_gelu_backward<T>, grid, dim3(kGeluThreads), stream, work);
        return message != nullptr ? message : launch_sum_parts<T>(work.parts, parts, work.width, work.bias_gradient, stream);
    });
}

}  // namespace
}  // namespace drbert
