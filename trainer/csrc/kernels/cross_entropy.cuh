// Cross-entropy of logits that stay in their type, in one pass over them (the normalizer as in Milakov and Gimelshein, "Online
// normalizer calculation for softmax", 2018) and, in the backward pass, a second that replaces them by their gradient. Their bias comes apart from them.

#pragma once

#include "device.cuh"

namespace drbert {
namespace {

constexpr int kEntropyThreads = 512;
// A thread loads so many vectors before it uses the first.
constexpr int kEntropyVectors = 4;

// sum = Σ exp(x - maximum) over some x. A NaN among them makes the sum NaN.
struct ExponentialSum {
    float maximum;
    float sum;

    // A maximum of minus infinity has nothing but zeros to add up.
    __device__ float scaled_to(float other_maximum) const { return maximum == -INFINITY ? sum : sum * expf(maximum - other_maximum); }

    __device__ void add(const ExponentialSum& other) {
        const float larger = fmaxf(maximum, other.maximum);
        sum = scaled_to(larger) + other.scaled_to(larger);
        maximum = larger;
    }
};

// Vectors of a row that a thread takes: the first begins at `column`, each further one where those of the block's other threads end.
template <typename T>
struct EntropyVectors {
    static constexpr int kStride = kEntropyThreads * kVectorSize<T>;
    static constexpr int kAll = kEntropyVectors * kStride;

    // With their bias, and minus infinity for what is not valid.
    Vector<T> numbers[kEntropyVectors];

    __device__ EntropyVectors(const CrossEntropy& work, int64_t start, int column) {
        // How many columns are valid from the first vector on. What is not valid is never looked at.
        const int valid = static_cast<int>(work.num_valid) - column;
        const auto first = [&](int i) { return column + (i * kStride < valid ? i * kStride : 0); };
        Packed<T> logits[kEntropyVectors], bias[kEntropyVectors] = {};
#pragma unroll
        for (int i = 0; i < kEntropyVectors; ++i) {
            logits[i] = load_packed<T>(work.logits, start + first(i));
        }
        if (work.bias != nullptr) {
#pragma unroll
            for (int i = 0; i < kEntropyVectors; ++i) {
                bias[i] = load_packed<T>(work.bias, first(i));
            }
        }
#pragma unroll
        for (int i = 0; i < kEntropyVectors; ++i) {
            numbers[i] = unpacked(logits[i]);
            add(numbers[i], unpacked(bias[i]));
            if (i * kStride + kVectorSize<T> > valid) {
#pragma unroll
                for (int j = 0; j < kVectorSize<T>; ++j) {
                    numbers[i].values[j] = i * kStride + j < valid ? numbers[i].values[j] : -INFINITY;
                }
            }
        }
    }

    __device__ ExponentialSum exponential_sum() const {
        ExponentialSum result{-INFINITY, 0.0f};
#pragma unroll
        for (int i = 0; i < kEntropyVectors; ++i) {
#pragma unroll
            for (int j = 0; j < kVectorSize<T>; ++j) {
                result.maximum = fmaxf(result.maximum, numbers[i].values[j]);
            }
        }
        const float shift = result.maximum == -INFINITY ? 0.0f : result.maximum;
#pragma unroll
        for (int i = 0; i < kEntropyVectors; ++i) {
#pragma unroll
            for (int j = 0; j < kVectorSize<T>; ++j) {
                result.sum += fast_exp(numbers[i].values[j] - shift);
            }
        }
        return result;
    }
};

__device__ inline ExponentialSum warp_sum(ExponentialSum value) {
#pragma unroll
    for (int distance = kWarpSize / 2; distance > 0; distance /= 2) {
        const float maximum = __shfl_xor_sync(kAllLanes, value.maximum, distance);
        const float sum = __shfl_xor_sync(kAllLanes, value.sum, distance);
        value.add({maximum, sum});
    }
    return value;
}

// A block takes one row.
template <typename T>
__global__ void cross_entropy(CrossEntropy work) {
    __shared__ float maxima[kMaxWarps];
    __shared__ float sums[kMaxWarps];
    const int64_t row = blockIdx.x, start = row * work.width;
    ExponentialSum total{-INFINITY, 0.0f};
    for (int column = static_cast<int>(threadIdx.x) * kVectorSize<T>; column < work.num_valid; column += EntropyVectors<T>::kAll) {
        total.add(EntropyVectors<T>(work, start, column).exponential_sum());
    }
    total = warp_sum(total);
    if (threadIdx.x % kWarpSize == 0) {
        maxima[threadIdx.x / kWarpSize] = total.maximum;
        sums[threadIdx.x / kWarpSize] = total.sum;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        for (int warp = 1; warp < kEntropyThreads / kWarpSize; ++warp) {
            total.add({maxima[warp], sums[warp]});
        }
        const int32_t label = work.labels[row];
        const bool is_valid = label >= 0 && label < work.num_valid;
        const float without_label = label == kIgnoredLabel ? 0.0f : NAN;
        const float log_sum = total.maximum + logf(total.sum);
        work.log_sums[row] = log_sum;
        const auto number = [&](const void* values, int64_t index) { return static_cast<float>(static_cast<const T*>(values)[index]); };
        const float bias = is_valid && work.bias != nullptr ? number(work.bias, label) : 0.0f;
        work.losses[row] = is_valid ? log_sum - (number(work.logits, start + label) + bias) : without_label;
    }
}

// A thread takes one vector of columns, a block every gridDim.x-th row, of whose bias gradients it stores the sum.
template <typename T>
__global__ void cross_entropy_backward(CrossEntropyBackward work) {
    const int64_t column = column_of_thread<T>();
    if (column >= work.width) {
        return;
    }
    const Vector<T> bias = load_or_zeros<T>(work.bias, column);
    const int first = static_cast<int>(column), valid = static_cast<int>(work.num_valid) - first;
    const float loss_gradient = *work.loss_gradient;
    Vector<T> sums = filled<T>(0.0f);
#pragma unroll 4
    for (int64_t row = blockIdx.x; row < work.rows; row += gridDim.x) {
        const int label = work.labels[row];
        const float log_sum = work.log_sums[row], scale = label == kIgnoredLabel ? 0.0f : loss_gradient;
        Vector<T> values = load<T>(work.logits, row * work.width + column);
#pragma unroll
        for (int i = 0; i < kVectorSize<T>; ++i) {
            const float probability = fast_exp(values.values[i] + bias.values[i] - log_sum);
            values.values[i] = i < valid ? (probability - (first + i == label ? 1.0f : 0.0f)) * scale : 0.0f;
            sums.values[i] += values.values[i];
        }
        store<T>(work.logits, row * work.width + column, values);
    }
    store_part<T>(work.parts.values + blockIdx.x * work.width + column, sums);
}

const char* launch_cross_entropy(const CrossEntropy& work, void* stream) {
    if (work.rows == 0) {
        return nullptr;
    }
    return with_type(work.type, [&](auto number) {
        using T = decltype(number);
        return DRBERT_LAUNCH(cross_entropy<T>, dim3(static_cast<unsigned>(work.rows)), dim3(kEntropyThreads), stream, work);
    });
}

const char* launch_cross_entropy_backward(const CrossEntropyBackward& work, void* stream) {
    return with_type(work.type, [&](auto number) {
        using T = decltype(number);
        return launch_with_column_sums<T>(cross_entropy_backward<T>, work, stream);
    });
}

}  // namespace
}  // namespace drbert
