// Cross-entropy of logits that stay in their type, in one pass over them (the normalizer as in Milakov and Gimelshein, "Online
// normalizer calculation for softmax", 2018) and, in the backward pass, a second that replaces them by their gradient.

#pragma once

#include "device.cuh"

namespace drbert {
namespace {

constexpr int kEntropyThreads = 512;

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

template <typename T>
__device__ ExponentialSum exponential_sum(const Vector<T>& values, int64_t num_valid) {
    ExponentialSum result{-INFINITY, 0.0f};
#pragma unroll
    for (int i = 0; i < kVectorSize<T>; ++i) {
        if (i < num_valid) {
            result.maximum = fmaxf(result.maximum, values.values[i]);
        }
    }
#pragma unroll
    for (int i = 0; i < kVectorSize<T>; ++i) {
        if (i < num_valid && values.values[i] != -INFINITY) {
            result.sum += expf(values.values[i] - result.maximum);
        }
    }
    return result;
}

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
    for (int64_t column = int64_t{threadIdx.x} * kVectorSize<T>; column < work.num_valid; column += kEntropyThreads * kVectorSize<T>) {
        total.add(exponential_sum<T>(load<T>(work.logits, start + column), work.num_valid - column));
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
        work.losses[row] = is_valid ? log_sum - static_cast<float>(static_cast<const T*>(work.logits)[start + label]) : without_label;
    }
}

template <typename T>
__global__ void cross_entropy_backward(CrossEntropyBackward work) {
    const int64_t row = blockIdx.x, start = row * work.width, label = work.labels[row];
    const float log_sum = work.log_sums[row], scale = label == kIgnoredLabel ? 0.0f : *work.loss_gradient;
    for (int64_t column = int64_t{threadIdx.x} * kVectorSize<T>; column < work.width; column += kEntropyThreads * kVectorSize<T>) {
        Vector<T> values = load<T>(work.logits, start + column);
#pragma unroll
        for (int i = 0; i < kVectorSize<T>; ++i) {
            const float probability = expf(values.values[i] - log_sum);
            values.values[i] = column + i < work.num_valid ? (probability - (column + i == label ? 1.0f : 0.0f)) * scale : 0.0f;
        }
        store<T>(work.logits, start + column, values);
    }
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
    if (work.rows == 0) {
        return nullptr;
    }
    return with_type(work.type, [&](auto number) {
        using T = decltype(number);
        return DRBERT_LAUNCH(cross_entropy_backward<T>, dim3(static_cast<unsigned>(work.rows)), dim3(kEntropyThreads), stream, work);
    });
}

}  // namespace
}  // namespace drbert
