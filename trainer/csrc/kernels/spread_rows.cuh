// The gradient of a matrix of which some rows were chosen: theirs, and zeros.

#pragma once

#include "device.cuh"

namespace drbert {
namespace {

constexpr unsigned kSpreadThreads = 256;
// A row of threads writes so many successive rows, of which it looks up the first alone.
constexpr int kSpreadRows = 8;

template <typename T>
__global__ void spread_rows(SpreadRows work) {
    const int64_t column = static_cast<int64_t>(threadIdx.x) * kVectorSize<T>;
    const int64_t first = (static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y) * kSpreadRows;
    if (column >= work.width || first >= work.rows) {
        return;
    }
    // How many of the chosen rows come before the first of ours.
    int64_t place = 0, beyond = work.num_chosen;
    while (place < beyond) {
        const int64_t middle = place + (beyond - place) / 2;
        if (work.indices[middle] < first) {
            place = middle + 1;
        } else {
            beyond = middle;
        }
    }
    const int64_t end = first + kSpreadRows < work.rows ? first + kSpreadRows : work.rows;
    for (int64_t row = first; row < end; ++row) {
        const bool is_chosen = place < work.num_chosen && work.indices[place] == row;
        store<T>(work.output, row * work.width + column, is_chosen ? load<T>(work.chosen, place * work.width + column) : filled<T>(0.0f));
        place += is_chosen ? 1 : 0;
    }
}

const char* launch_spread_rows(const SpreadRows& work, void* stream) {
    if (work.rows == 0) {
        return nullptr;
    }
    return with_type(work.type, [&](auto number) {
        using T = decltype(number);
        const dim3 block = row_block(work.width, kVectorSize<T>, kSpreadThreads);
        return DRBERT_LAUNCH(spread_rows<T>, dim3(num_blocks(work.rows, int64_t{kSpreadRows} * block.y)), block, stream, work);
    });
}

}  // namespace
}  // namespace drbert
