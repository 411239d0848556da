// The gradients of tables of which rows were gathered: to each row of a table are added the gradients of all that were gathered from it.
// They are first sorted by their row of the table, in order among themselves, then added up over slices of equal length however often a row
// occurs, and at last over the slices that a frequent one spans. Only rows that occur are read and written.

#pragma once

#include "device.cuh"

namespace drbert {
namespace {

// Rows of which a thread loads its part before it adds the first.
constexpr int kRowsAhead = 4;
constexpr unsigned kSliceThreads = 256;
// Threads along the slices of a long run.
constexpr int kRunThreads = 8;
static_assert(kMaxTables == 2 && kSliceRows % kRowsAhead == 0 && (kChunkKeys & (kChunkKeys - 1)) == 0);

// Without an index that only the device knows: arguments would be copied to memory for it.
__device__ inline IndexedTable table_of(const TableGradients& work, unsigned number) { return number == 0 ? work.tables[0] : work.tables[1]; }

// An index into the table above, a row below: no two keys are equal. What fills up the last chunk comes after all others.
__device__ inline uint64_t key(const TableGradients& work, const IndexedTable& table, int64_t row) {
    const int32_t index = row < work.rows ? table.indices[row] : -1;
    return static_cast<uint64_t>(static_cast<uint32_t>(index)) << 32 | static_cast<uint32_t>(row);
}

// Negative indices become large ones, which no table has either.
__device__ inline uint32_t index_of(uint64_t key) { return static_cast<uint32_t>(key >> 32); }

__device__ inline uint32_t row_of(uint64_t key) { return static_cast<uint32_t>(key); }

// A block sorts one chunk: the place of a key is the number of smaller ones.
__global__ void sort_chunks(TableGradients work) {
    const IndexedTable table = table_of(work, blockIdx.y);
    __shared__ uint64_t keys[kChunkKeys];
    const int64_t chunk = static_cast<int64_t>(blockIdx.x) * kChunkKeys;
    const uint64_t own = key(work, table, chunk + threadIdx.x);
    keys[threadIdx.x] = own;
    __syncthreads();
    int place = 0;
#pragma unroll 8
    for (int i = 0; i < kChunkKeys; ++i) {
        place += keys[i] < own ? 1 : 0;
    }
    table.chunks[chunk + place] = own;
}

// Of the keys of a sorted chunk.
__device__ inline int num_smaller(const uint64_t* chunk, uint64_t key) {
    int count = 0;
#pragma unroll
    for (int step = kChunkKeys / 2; step > 0; step /= 2) {
        count += chunk[count + step - 1] < key ? step : 0;
    }
    return count + (chunk[count] < key ? 1 : 0);
}

__global__ void merge_chunks(TableGradients work) {
    const IndexedTable table = table_of(work, blockIdx.y);
    const int64_t num_keys = static_cast<int64_t>(gridDim.x) * kChunkKeys;
    const uint64_t own = table.chunks[static_cast<int64_t>(blockIdx.x) * kChunkKeys + threadIdx.x];
    int64_t place = 0;
#pragma unroll 4
    for (int64_t chunk = 0; chunk < num_keys; chunk += kChunkKeys) {
        place += num_smaller(table.chunks + chunk, own);
    }
    table.keys[place] = own;
}

template <typename T>
__device__ void add_to_table(const IndexedTable& table, int64_t width, uint32_t index, int64_t column, const Vector<T>& sum) {
    if (index < table.table_rows) {
        Vector<T> gradient = load<T>(table.gradient, index * width + column);
        add(gradient, sum);
        store<T>(table.gradient, index * width + column, gradient);
    }
}

// A slice has room for two partial sums: of a run that began in a slice before, and of one that begins here and does not end here.
__device__ inline float* part(const IndexedTable& table, int64_t width, int64_t slice, bool begins_here) {
    return table.parts + (2 * slice + (begins_here ? 1 : 0)) * width;
}

// A row of threads adds up one slice of the sorted rows: runs that begin and end in it right into the table.
template <typename T>
__global__ void sum_slices(TableGradients work) {
    const IndexedTable table = table_of(work, blockIdx.y);
    const int64_t column = static_cast<int64_t>(threadIdx.x) * kVectorSize<T>;
    const int64_t slice = static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
    const int64_t first = slice * kSliceRows;
    const int64_t end = first + kSliceRows < work.rows ? first + kSliceRows : work.rows;
    if (column >= work.width || first >= end) {
        return;
    }
    uint32_t index = index_of(table.keys[first]);
    bool begins_here = first == 0 || index_of(table.keys[first - 1]) != index;
    Vector<T> sum = filled<T>(0.0f);
    const auto finish = [&](bool ends_here) {
        if (begins_here && ends_here) {
            add_to_table<T>(table, work.width, index, column, sum);
        } else {
            store_part<T>(part(table, work.width, slice, begins_here) + column, sum);
        }
    };
    for (int64_t place = first; place < end; place += kRowsAhead) {
        uint64_t keys[kRowsAhead];
        Vector<T> gradients[kRowsAhead];
#pragma unroll
        for (int i = 0; i < kRowsAhead; ++i) {
            // What is beyond the end is loaded, and not added.
            keys[i] = table.keys[place + i < end ? place + i : end - 1];
            gradients[i] = load<T>(work.row_gradients, row_of(keys[i]) * work.width + column);
        }
#pragma unroll
        for (int i = 0; i < kRowsAhead; ++i) {
            if (place + i < end) {
                if (index_of(keys[i]) != index) {
                    finish(true);
                    index = index_of(keys[i]);
                    begins_here = true;
                    sum = filled<T>(0.0f);
                }
                add(sum, gradients[i]);
            }
        }
    }
    finish(end == work.rows || index_of(table.keys[end]) != index);
}

// A block takes kWarpSize vectors of the run that begins in its slice and goes on in the next, if there is one, and adds up its parts.
template <typename T>
__global__ void sum_long_runs(TableGradients work) {
    const IndexedTable table = table_of(work, blockIdx.z);
    __shared__ Vector<T> sums[kRunThreads][kWarpSize];
    const int64_t slice = blockIdx.x, first = slice * kSliceRows, end = first + kSliceRows;
    const auto first_index = [&](int64_t slice) { return index_of(table.keys[slice * kSliceRows]); };
    const uint32_t index = index_of(table.keys[end - 1]);
    // The same for all threads of a block.
    const bool begins_here = first == 0 || index_of(table.keys[first - 1]) != index;
    if (!begins_here || first_index(slice + 1) != index) {
        return;
    }
    // Every slice but the last has its blocks.
    int64_t last = slice + 1, beyond = static_cast<int64_t>(gridDim.x) + 1;
    while (beyond - last > 1) {
        const int64_t middle = last + (beyond - last) / 2;
        (first_index(middle) == index ? last : beyond) = middle;
    }
    const int64_t column = (static_cast<int64_t>(blockIdx.y) * kWarpSize + threadIdx.x) * kVectorSize<T>;
    Vector<T> sum = filled<T>(0.0f);
    if (column < work.width) {
        for (int64_t piece = slice + threadIdx.y; piece <= last; piece += kRunThreads) {
            add(sum, load_part<T>(part(table, work.width, piece, piece == slice) + column));
        }
    }
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y == 0 && column < work.width) {
        for (int y = 1; y < kRunThreads; ++y) {
            add(sum, sums[y][threadIdx.x]);
        }
        add_to_table<T>(table, work.width, index, column, sum);
    }
}

const char* launch_table_gradients(const TableGradients& work, void* stream) {
    if (work.rows == 0) {
        return nullptr;
    }
    return with_type(work.type, [&](auto number) {
        using T = decltype(number);
        const dim3 chunks(static_cast<unsigned>(num_padded_keys(work.rows) / kChunkKeys), kMaxTables);
        const int64_t slices = num_slices(work.rows);
        const dim3 block = row_block(work.width, kVectorSize<T>, kSliceThreads);
        const dim3 grid(num_blocks(slices, block.y), kMaxTables);
        const int64_t vectors = work.width / kVectorSize<T>;
        const dim3 run_grid(static_cast<unsigned>(slices - 1), num_blocks(vectors, kWarpSize), kMaxTables);
        const char* message = DRBERT_LAUNCH(sort_chunks, chunks, dim3(kChunkKeys), stream, work);
        message = message != nullptr ? message : DRBERT_LAUNCH(merge_chunks, chunks, dim3(kChunkKeys), stream, work);
        message = message != nullptr ? message : DRBERT_LAUNCH(sum_slices<T>, grid, block, stream, work);
        // A run in the last slice alone goes on nowhere.
        if (message != nullptr || slices == 1) {
            return message;
        }
        return DRBERT_LAUNCH(sum_long_runs<T>, run_grid, dim3(kWarpSize, kRunThreads), stream, work);
    });
}

}  // namespace
}  // namespace drbert
