// What is to be known of a step's loss and gradients before its update: two kernels instead of one for every operation on a number.

#pragma once

#include "device.cuh"

namespace drbert {
namespace {

// A thread loads so many vectors before it uses the first.
constexpr int kNormVectorsAhead = 4;
constexpr int kVerdictThreads = 1024;
static_assert(kMaxParts <= kVerdictThreads && kVerdictThreads == kWarpSize * kMaxWarps);

// A block takes every gridDim.x-th piece of the gradients, of whose squares it stores the sum.
template <typename T>
__global__ void square_sums(Verdict work) {
    __shared__ float memory[2][kMaxWarps][1];
    float sum[1] = {0.0f};
    const int64_t step = static_cast<int64_t>(gridDim.x) * kFlatThreads * kVectorSize<T>;
    for (int64_t first = place_of_thread<T>(); first < work.count; first += kNormVectorsAhead * step) {
        Packed<T> gradients[kNormVectorsAhead];
#pragma unroll
        for (int i = 0; i < kNormVectorsAhead; ++i) {
            gradients[i] = load_packed<T>(work.gradients, first + i * step < work.count ? first + i * step : first);
        }
#pragma unroll
        for (int i = 0; i < kNormVectorsAhead; ++i) {
            if (first + i * step < work.count) {
                const Vector<T> values = unpacked(gradients[i]);
#pragma unroll
                for (int j = 0; j < kVectorSize<T>; ++j) {
                    sum[0] += values.values[j] * values.values[j];
                }
            }
        }
    }
    RowSums<1>{memory}.sum(sum);
    if (threadIdx.x == 0) {
        work.parts[blockIdx.x] = sum[0];
    }
}

// One block.
__global__ void verdict(Verdict work, int num_parts) {
    __shared__ float memory[2][kMaxWarps][1];
    const int number = static_cast<int>(threadIdx.x);
    float sum[1] = {number < num_parts ? work.parts[number] : 0.0f};
    RowSums<1>{memory}.sum(sum);
    if (number == 0) {
        const float loss = *work.loss, norm = sqrtf(sum[0]), factor = work.max_norm / (norm + 1e-6f);
        work.numbers[0] = loss;
        work.numbers[1] = norm;
        work.numbers[2] = isfinite(loss) && isfinite(norm) ? 0.0f : 1.0f;
        work.numbers[3] = factor < 1.0f ? factor : 1.0f;
    }
}

const char* launch_verdict(const Verdict& work, void* stream) {
    return with_type(work.type, [&](auto number) {
        using T = decltype(number);
        const int64_t parts = parts_at_once(square_sums<T>, dim3(kFlatThreads), 1, 1, flat_blocks<T>(work.count).x);
        const char* message = DRBERT_LAUNCH(square_sums<T>, dim3(static_cast<unsigned>(parts)), dim3(kFlatThreads), stream, work);
        return message != nullptr ? message : DRBERT_LAUNCH(verdict, dim3(1), dim3(kVerdictThreads), stream, work, static_cast<int>(parts));
    });
}

}  // namespace
}  // namespace drbert
