// The gradients of vectors out of partial sums, those of several kernels at once: each alone is so little work that to launch it takes as long.

#pragma once

#include "device.cuh"

namespace drbert {
namespace {

// Blocks of kWarpSize x kMaxWarps threads, `y` of the grid counts the vectors: a thread takes one column, and every kMaxWarps-th partial sum.
template <typename T>
__global__ void vector_gradients(VectorGradients work) {
    __shared__ float sums[kMaxWarps][kWarpSize];
    const PartialSums& vector = work.vectors[blockIdx.y];
    const int64_t column = static_cast<int64_t>(blockIdx.x) * kWarpSize + threadIdx.x;
    float sum = 0.0f;
    if (column < vector.width) {
#pragma unroll 8
        for (int64_t part = threadIdx.y; part < vector.count; part += kMaxWarps) {
            sum += vector.parts[part * vector.stride + column];
        }
    }
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y == 0 && column < vector.width) {
        for (int y = 1; y < kMaxWarps; ++y) {
            sum += sums[y][threadIdx.x];
        }
        T& place = static_cast<T*>(vector.gradient)[column];
        place = static_cast<T>(vector.is_added ? sum + static_cast<float>(place) : sum);
    }
}

const char* launch_vector_gradients(const VectorGradients& work, void* stream) {
    int64_t width = 0;
    for (int i = 0; i < work.count; ++i) {
        width = work.vectors[i].width > width ? work.vectors[i].width : width;
    }
    return with_type(work.type, [&](auto number) {
        using T = decltype(number);
        const dim3 grid(num_blocks(width, kWarpSize), static_cast<unsigned>(work.count));
        return DRBERT_LAUNCH(vector_gradients<T>, grid, dim3(kWarpSize, kMaxWarps), stream, work);
    });
}

}  // namespace
}  // namespace drbert
