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
    const int64_t rows = column >= work.first_idle && column < work.past_idle ? 0 : work.rows;
#pragma unroll 8
    for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
        add(sums, load<T>(work.input, row * work.width + column));
    }
    store_part<T>(work.parts.values + blockIdx.x * work.width + column, sums);
}

const char* launch_column_sums(const ColumnSums& work, void* stream) {
    return with_type(work.type, [&](auto number) {
        using T = decltype(number);
        return launch_with_column_sums<T>(column_sums<T>, work, stream);
    });
}

}  // namespace
}  // namespace drbert
