// The sums of a matrix's columns: the gradient of a bias.

#pragma once

#include "device.cuh"

namespace drbert {
namespace {

// A thread takes one vector of columns, a block every gridDim.x-th row, of which it stores the sum.
template <typename T>
__global__ void column_sums(ColumnSums work) {
    const int64_t column = column_of_thread<T>();
    if (column >= work.width) {
        return;
    }
    Vector<T> sums = filled<T>(0.0f);
    const int64_t rows = column >= work.first_skipped && column < work.past_skipped ? 0 : work.rows;
#pragma unroll 8
    for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
        add(sums, load<T>(work.input, row * work.width + column));
    }
    store_part<T>(work.parts + blockIdx.x * work.width + column, sums);
}

const char* launch_column_sums(const ColumnSums& work, void* stream) {
    return with_type(work.type, [&](auto number) {
        using T = decltype(number);
        const unsigned blocks = column_blocks<T>(work.width);
        const int64_t parts = parts_at_once(column_sums<T>, dim3(kColumnThreads), 1, blocks, work.rows);
        const char* message = DRBERT_LAUNCH(column_sums<T>, dim3(static_cast<unsigned>(parts), blocks), dim3(kColumnThreads), stream, work);
        return message != nullptr ? message : launch_sum_parts<T>(work.parts, parts, work.width, &work.output, 1, stream);
    });
}

}  // namespace
}  // namespace drbert
