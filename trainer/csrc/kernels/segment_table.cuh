// Where the segments of a micro-batch lie, as cuDNN's attention takes it.

#pragma once

#include "device.cuh"

namespace drbert {
namespace {

constexpr int kSegmentTableThreads = 128;

// A thread takes one column.
__global__ void segment_table(SegmentTable work) {
    const int64_t column = static_cast<int64_t>(blockIdx.x) * kSegmentTableThreads + threadIdx.x;
    if (column >= work.columns) {
        return;
    }
    const int64_t begin = column < work.segments ? column : work.segments, end = begin < work.segments ? begin + 1 : begin;
    const int32_t query = work.query_boundaries[begin], token = work.boundaries[begin];
    const int32_t values[kSegmentRows] = {query * work.query_row, token * work.key_row, query * work.output_row, query * work.stats_row,
                                          work.query_boundaries[end] - query, work.boundaries[end] - token};
#pragma unroll
    for (int row = 0; row < kSegmentRows; ++row) {
        work.table[row * work.columns + column] = values[row];
    }
}

const char* launch_segment_table(const SegmentTable& work, void* stream) {
    const dim3 grid(num_blocks(work.columns, kSegmentTableThreads));
    return DRBERT_LAUNCH(segment_table, grid, dim3(kSegmentTableThreads), stream, work);
}

}  // namespace
}  // namespace drbert
