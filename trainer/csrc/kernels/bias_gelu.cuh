// Bias and GELU in one pass over the activations, forward and backward. The input is kept, not the sum.

#pragma once

#include "device.cuh"

namespace drbert {
namespace {

// A block takes so many rows, whose numbers are all loaded before the first is used; in the backward pass as many at a time.
constexpr int kGeluRows = 8;
constexpr int kGeluBackwardRows = 2;

// Of the normal distribution at x.
struct Normal {
    float density, distribution;
};

// The complementary error function by formula 7.1.26 of Abramowitz and Stegun, "Handbook of mathematical functions", 1964, whose exponential is that
// of the density too. The distribution is right to 1e-7.
__device__ inline Normal normal(float x) {
    constexpr float kInverseSqrt2 = 0.70710678118654752f, kInverseSqrt2Pi = 0.39894228040143268f;
    const float t = fast_reciprocal(1.0f + 0.3275911f * kInverseSqrt2 * fabsf(x));
    const float exponential = fast_exp(-0.5f * x * x);
    const float tail = 0.5f * exponential * t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
    return {kInverseSqrt2Pi * exponential, x < 0.0f ? tail : 1.0f - tail};
}

// A thread takes one vector of columns, a block some successive rows.
template <typename T>
__global__ void bias_gelu(BiasGelu work) {
    const int64_t column = column_of_thread<T>();
    if (column >= work.width) {
        return;
    }
    const Vector<T> bias = load<T>(work.bias, column);
    const int64_t first = static_cast<int64_t>(blockIdx.x) * kGeluRows;
    Packed<T> inputs[kGeluRows];
#pragma unroll
    for (int i = 0; i < kGeluRows; ++i) {
        inputs[i] = load_packed<T>(work.input, (first + i < work.rows ? first + i : first) * work.width + column);
    }
#pragma unroll
    for (int i = 0; i < kGeluRows; ++i) {
        if (first + i >= work.rows) {
            return;
        }
        Vector<T> values = unpacked(inputs[i]);
#pragma unroll
        for (int j = 0; j < kVectorSize<T>; ++j) {
            const float x = values.values[j] + bias.values[j];
            values.values[j] = x * normal(x).distribution;
        }
        store<T>(work.output, (first + i) * work.width + column, values);
    }
}

// A thread takes one vector of columns, a block every gridDim.x-th row, of whose bias gradients it stores the sum.
template <typename T>
__global__ void bias_gelu_backward(BiasGeluBackward work) {
    const int64_t column = column_of_thread<T>();
    if (column >= work.width) {
        return;
    }
    const Vector<T> bias = load<T>(work.bias, column);
    Vector<T> sums = filled<T>(0.0f);
    for (int64_t first = blockIdx.x; first < work.rows; first += kGeluBackwardRows * gridDim.x) {
        const auto row_of = [&](int i) { return first + i * static_cast<int64_t>(gridDim.x); };
        Packed<T> inputs[kGeluBackwardRows], output_gradients[kGeluBackwardRows];
#pragma unroll
        for (int i = 0; i < kGeluBackwardRows; ++i) {
            const int64_t offset = (row_of(i) < work.rows ? row_of(i) : first) * work.width + column;
            inputs[i] = load_packed<T>(work.input, offset);
            output_gradients[i] = load_packed<T>(work.output_gradient, offset);
        }
#pragma unroll
        for (int i = 0; i < kGeluBackwardRows; ++i) {
            if (row_of(i) < work.rows) {
                const Vector<T> values = unpacked(inputs[i]);
                Vector<T> gradients = unpacked(output_gradients[i]);
#pragma unroll
                for (int j = 0; j < kVectorSize<T>; ++j) {
                    const float x = values.values[j] + bias.values[j];
                    const Normal at_x = normal(x);
                    gradients.values[j] *= at_x.distribution + x * at_x.density;
                    sums.values[j] += gradients.values[j];
                }
                store<T>(work.input_gradient, row_of(i) * work.width + column, gradients);
            }
        }
    }
    store_part<T>(work.parts.values + blockIdx.x * work.width + column, sums);
}

const char* launch_bias_gelu(const BiasGelu& work, void* stream) {
    if (work.rows == 0) {
        return nullptr;
    }
    return with_type(work.type, [&](auto number) {
        using T = decltype(number);
        const dim3 grid(num_blocks(work.rows, kGeluRows), column_blocks<T>(work.width));
        return DRBERT_LAUNCH(bias_gelu<T>, grid, dim3(kColumnThreads), stream, work);
    });
}

const char* launch_bias_gelu_backward(const BiasGeluBackward& work, void* stream) {
    return with_type(work.type, [&](auto number) {
        using T = decltype(number);
        return launch_with_column_sums<T>(bias_gelu_backward<T>, work, stream);
    });
}

}  // namespace
}  // namespace drbert
