// What attention's blocks are to do, from where the segments lie.

#pragma once

#include "device.cuh"

namespace drbert {
namespace {

constexpr int kItemThreads = 1024;
// All that cost more cost as much to us.
constexpr int kCosts = 128;

// Of an item with so many rows, which meet so many: of two blocks of rows one does not take half of the time.
__device__ inline int cost(int rows, int others) {
    const int tiles = (others + kAttentionBlock - 1) / kAttentionBlock + 1, cost = tiles * (rows > kAttentionBlock ? 4 : 3);
    return cost < kCosts ? cost : kCosts - 1;
}

// The first block takes the queries' items, the second those of the keys. Which of equal cost comes first is open.
__global__ void attention_items(AttentionItems work) {
    __shared__ int counts[kCosts];
    __shared__ int places[kCosts];
    const bool are_queries = blockIdx.x == 0;
    const int32_t *const own = are_queries ? work.query_boundaries : work.boundaries, *const others = are_queries ? work.boundaries : work.query_boundaries;
    const int thread = static_cast<int>(threadIdx.x), segments = static_cast<int>(work.segments);
    if (thread < kCosts) {
        counts[thread] = 0;
    }
    __syncthreads();
    for (int segment = thread; segment < segments; segment += kItemThreads) {
        const int rows = own[segment + 1] - own[segment], met = others[segment + 1] - others[segment];
        atomicAdd(&counts[cost(kItemRows, met)], rows / kItemRows);
        atomicAdd(&counts[cost(rows % kItemRows, met)], rows % kItemRows > 0 ? 1 : 0);
    }
    __syncthreads();
    if (thread < kCosts) {
        int place = 0;
        for (int costlier = thread + 1; costlier < kCosts; ++costlier) {
            place += counts[costlier];
        }
        places[thread] = place;
        if (thread == 0) {
            work.counts[blockIdx.x] = place + counts[0];
        }
    }
    __syncthreads();
    AttentionItem* const items = are_queries ? work.queries : work.keys;
    for (int segment = thread; segment < segments; segment += kItemThreads) {
        const int begin = own[segment], end = own[segment + 1], first_block = work.query_boundaries[segment] / kAttentionBlock + segment;
        for (int row = begin; row < end; row += kItemRows) {
            const int place = atomicAdd(&places[cost(end - row, others[segment + 1] - others[segment])], 1);
            items[place] = {row, end, others[segment], others[segment + 1], first_block + (are_queries ? (row - begin) / kAttentionBlock : 0)};
        }
    }
}

const char* launch_attention_items(const AttentionItems& work, void* stream) {
    return DRBERT_LAUNCH(attention_items, dim3(2), dim3(kItemThreads), stream, work);
}

}  // namespace
}  // namespace drbert
