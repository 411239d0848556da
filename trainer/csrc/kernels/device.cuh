// What the kernels share: numbers, 16-byte loads and stores, and sums over threads and rows.

#pragma once

#include <limits>
#include <map>
#include <tuple>

#include "launchers.hpp"

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#define DRBERT_LAUNCH_WITH_SHARED(kernel, grid, block, bytes, stream, ...) \
    (kernel<<<(grid), (block), (bytes), static_cast<cudaStream_t>(stream)>>>(__VA_ARGS__), launch_error())
#else
#define DRBERT_LAUNCH_WITH_SHARED(kernel, grid, block, bytes, stream, ...) \
    (static_cast<void>(stream), emulation::launch((grid), (block), [&] { kernel(__VA_ARGS__); }))
#endif
#define DRBERT_LAUNCH(kernel, grid, block, stream, ...) DRBERT_LAUNCH_WITH_SHARED(kernel, grid, block, 0, stream, __VA_ARGS__)

namespace drbert {
namespace {

#ifdef __CUDACC__
using Half = __half;
using BFloat16 = __nv_bfloat16;

// To about two units in the last place, in few instructions.
__device__ inline float fast_exp(float x) { return __expf(x); }
__device__ inline float fast_reciprocal(float x) { return __fdividef(1.0f, x); }

const char* launch_error() {
    const cudaError_t error = cudaGetLastError();
    return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}
#else
using Half = c10::Half;
using BFloat16 = c10::BFloat16;

inline float fast_exp(float x) { return expf(x); }
inline float fast_reciprocal(float x) { return 1.0f / x; }
#endif

constexpr int kWarpSize = 32;
constexpr int kMaxWarps = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

// Of threads that have one vector of a row each: `x` counts the vectors of a row, `y` the rows of a block, as many as make `max_threads` if they fit.
inline dim3 row_block(int64_t width, int vector_size, unsigned max_threads) {
    const int64_t vectors = width / vector_size;
    const unsigned threads = static_cast<unsigned>((vectors + kWarpSize - 1) / kWarpSize * kWarpSize);
    return dim3(threads, threads < max_threads ? max_threads / threads : 1);
}

template <typename T>
constexpr int kVectorSize = kVectorBytes / static_cast<int>(sizeof(T));

// Numbers of one 16-byte access, in fp32.
template <typename T>
struct Vector {
    float values[kVectorSize<T>];
};

template <typename T>
struct alignas(kVectorBytes) Packed {
    T values[kVectorSize<T>];
};

template <typename T>
__device__ Packed<T> load_packed(const void* values, int64_t offset) {
    return *reinterpret_cast<const Packed<T>*>(static_cast<const T*>(values) + offset);
}

template <typename T>
__device__ Vector<T> unpacked(const Packed<T>& packed) {
    Vector<T> result;
#pragma unroll
    for (int i = 0; i < kVectorSize<T>; ++i) {
        result.values[i] = static_cast<float>(packed.values[i]);
    }
    return result;
}

template <typename T>
__device__ Vector<T> load(const void* values, int64_t offset) {
    return unpacked(load_packed<T>(values, offset));
}

template <typename T>
__device__ Vector<T> filled(float value) {
    Vector<T> result;
#pragma unroll
    for (int i = 0; i < kVectorSize<T>; ++i) {
        result.values[i] = value;
    }
    return result;
}

template <typename T>
__device__ void store(void* values, int64_t offset, const Vector<T>& vector) {
    Packed<T> packed;
#pragma unroll
    for (int i = 0; i < kVectorSize<T>; ++i) {
        packed.values[i] = static_cast<T>(vector.values[i]);
    }
    // As one access, which nvcc would not make of a plain assignment of halves.
    uint32_t words[4];
    memcpy(words, packed.values, kVectorBytes);
    __stcg(reinterpret_cast<uint4*>(static_cast<T*>(values) + offset), uint4{words[0], words[1], words[2], words[3]});
}

template <typename T>
__device__ Vector<T> load_or_zeros(const void* values, int64_t offset) {
    return values == nullptr ? filled<T>(0.0f) : load<T>(values, offset);
}

// Partial sums are fp32 whatever T is: one or two accesses.
template <typename T>
__device__ void store_part(float* part, const Vector<T>& vector) {
#pragma unroll
    for (int i = 0; i < kVectorSize<T>; i += kVectorSize<float>) {
        Vector<float> access;
#pragma unroll
        for (int j = 0; j < kVectorSize<float>; ++j) {
            access.values[j] = vector.values[i + j];
        }
        store<float>(part, i, access);
    }
}

template <typename T>
__device__ Vector<T> load_part(const float* part) {
    Vector<T> result;
#pragma unroll
    for (int i = 0; i < kVectorSize<T>; i += kVectorSize<float>) {
        const Vector<float> access = load<float>(part, i);
#pragma unroll
        for (int j = 0; j < kVectorSize<float>; ++j) {
            result.values[i + j] = access.values[j];
        }
    }
    return result;
}

template <typename T>
__device__ void add(Vector<T>& sum, const Vector<T>& summand) {
#pragma unroll
    for (int i = 0; i < kVectorSize<T>; ++i) {
        sum.values[i] += summand.values[i];
    }
}

__device__ inline float warp_sum(float value) {
#pragma unroll
    for (int distance = kWarpSize / 2; distance > 0; distance /= 2) {
        value += __shfl_xor_sync(kAllLanes, value, distance);
    }
    return value;
}

// N sums over the threads of a row. Two successive calls use different memory, so that one barrier each is enough.
template <int N>
struct RowSums {
    float (*memory)[kMaxWarps][N];
    int next = 0;

    __device__ void sum(float (&values)[N]) {
        float(*warps)[N] = memory[next];
        next = 1 - next;
        const int warps_per_row = static_cast<int>(blockDim.x) / kWarpSize;
        const int first = static_cast<int>(threadIdx.y) * warps_per_row;
#pragma unroll
        for (int i = 0; i < N; ++i) {
            values[i] = warp_sum(values[i]);
        }
        if (threadIdx.x % kWarpSize == 0) {
#pragma unroll
            for (int i = 0; i < N; ++i) {
                warps[first + static_cast<int>(threadIdx.x) / kWarpSize][i] = values[i];
            }
        }
        __syncthreads();
#pragma unroll
        for (int i = 0; i < N; ++i) {
            values[i] = 0.0f;
        }
#pragma unroll 1
        for (int warp = first; warp < first + warps_per_row; ++warp) {
#pragma unroll
            for (int i = 0; i < N; ++i) {
                values[i] += warps[warp][i];
            }
        }
    }
};

// How many blocks take so many things, if each takes some.
inline unsigned num_blocks(int64_t count, int64_t each) { return static_cast<unsigned>((count + each - 1) / each); }

// Of a block whose threads have one vector of columns each; `y` counts such blocks.
constexpr int kColumnThreads = 128;

template <typename T>
__device__ int64_t column_of_thread() {
    return (static_cast<int64_t>(blockIdx.y) * kColumnThreads + threadIdx.x) * kVectorSize<T>;
}

template <typename T>
unsigned column_blocks(int64_t width) {
    return num_blocks(width, int64_t{kColumnThreads} * kVectorSize<T>);
}

// Of a block whose threads have one vector of a flat buffer each.
constexpr int kFlatThreads = 256;

template <typename T>
__device__ int64_t place_of_thread() {
    return (static_cast<int64_t>(blockIdx.x) * kFlatThreads + threadIdx.x) * kVectorSize<T>;
}

template <typename T>
dim3 flat_blocks(int64_t count) {
    return dim3(num_blocks(count, int64_t{kFlatThreads} * kVectorSize<T>));
}

#ifdef __CUDACC__
// How many blocks of a kernel the device has room for at once, each with so many bytes of shared memory that its launch asks for, which are made possible. To ask takes longer than to launch one.
template <typename Kernel>
int64_t blocks_at_once(Kernel kernel, dim3 block, int shared_bytes = 0) {
    static thread_local std::map<std::tuple<Kernel, int, unsigned>, int64_t> known;
    int device = 0, multiprocessors = 0, blocks_each = 0;
    cudaGetDevice(&device);
    const auto [found, is_new] = known.try_emplace({kernel, device, block.x * block.y}, int64_t{1});
    if (is_new && (shared_bytes == 0 || cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes) == cudaSuccess) &&
        cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device) == cudaSuccess &&
        cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks_each, kernel, static_cast<int>(block.x * block.y), static_cast<size_t>(shared_bytes)) == cudaSuccess) {
        found->second = int64_t{multiprocessors} * blocks_each;
    }
    return found->second;
}
#else
// As many as there may be.
template <typename Kernel>
int64_t blocks_at_once(Kernel, dim3) {
    return std::numeric_limits<int64_t>::max() / kMaxParts;
}
#endif

// How many partial sums of so many rows a kernel takes whose blocks take `parts_per_block`, with `blocks_per_part` blocks beside each other: what the device has room for at once,
// so that no block is left to the end alone.
template <typename Kernel>
int64_t parts_at_once(Kernel kernel, dim3 block, int64_t parts_per_block, int64_t blocks_per_part, int64_t rows) {
    const int64_t parts = blocks_at_once(kernel, block) / blocks_per_part * parts_per_block, most = num_parts(rows);
    return parts < 1 ? 1 : (parts < most ? parts : most);
}

// Launches a kernel whose threads have one vector of columns each and whose blocks take every gridDim.x-th row, of which they store the sums in `work.parts`.
template <typename T, typename Work>
const char* launch_with_column_sums(void (*kernel)(Work), const Work& work, void* stream) {
    const unsigned blocks = column_blocks<T>(work.width);
    const int64_t parts = parts_at_once(kernel, dim3(kColumnThreads), 1, blocks, work.rows);
    *work.parts.count = parts;
    return DRBERT_LAUNCH(kernel, dim3(static_cast<unsigned>(parts), blocks), dim3(kColumnThreads), stream, work);
}

// Calls `body` with a value of the type of the numbers.
template <typename Body>
const char* with_type(NumberType type, Body&& body) {
    switch (type) {
        case NumberType::kFloat: return body(float());
        case NumberType::kHalf: return body(Half());
        case NumberType::kBFloat16: return body(BFloat16());
    }
    return "numbers of an unknown type";
}

}  // namespace
}  // namespace drbert
