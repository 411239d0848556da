// Matrices in FP8: bf16 scaled by a power of two, in rows and, for products over the rows, transposed too.

#pragma once

#include "device.cuh"

#ifdef __CUDACC__
#include <cuda_fp8.h>
#endif

namespace drbert {
namespace {

constexpr int kFp8Threads = 256;
// A block casts a tile of so many rows and columns, a warp a quarter of either side at a time.
constexpr int kTile = 128;
constexpr int kWarpTile = 32;
constexpr int kWarpTilesPerSide = kTile / kWarpTile;
// A thread casts a vector of columns of so many rows: the bytes of a column are a word.
constexpr int kWordRows = 4;
constexpr int kThreadColumns = kVectorSize<BFloat16>;
constexpr int kTileWords = kTile / kWordRows;

__device__ inline uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

__device__ inline float of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

// NaN is larger than any number.
__device__ inline float larger(float one, float other) { return other > one || other != other ? other : one; }

// The largest of the values of a block's threads, for all of them.
__device__ inline float block_largest(float value) {
    constexpr int kWarps = kFp8Threads / kWarpSize;
    __shared__ float of_warps[kWarps];
#pragma unroll
    for (int distance = kWarpSize / 2; distance > 0; distance /= 2) {
        value = larger(value, __shfl_xor_sync(kAllLanes, value, distance));
    }
    if (threadIdx.x % kWarpSize == 0) {
        of_warps[threadIdx.x / kWarpSize] = value;
    }
    __syncthreads();
    for (int warp = 0; warp < kWarps; ++warp) {
        value = larger(value, of_warps[warp]);
    }
    return value;
}

// Every block stores the largest magnitude of its share of the vectors.
__global__ void largest_magnitudes(const void* input, int64_t vectors, float* largest) {
    float found = 0.0f;
    const int64_t step = static_cast<int64_t>(gridDim.x) * kFp8Threads;
#pragma unroll 4
    for (int64_t vector = static_cast<int64_t>(blockIdx.x) * kFp8Threads + threadIdx.x; vector < vectors; vector += step) {
        const Vector<BFloat16> values = load<BFloat16>(input, vector * kThreadColumns);
#pragma unroll
        for (int i = 0; i < kThreadColumns; ++i) {
            found = larger(found, fabsf(values.values[i]));
        }
    }
    found = block_largest(found);
    if (threadIdx.x == 0) {
        largest[blockIdx.x] = found;
    }
}

struct Scale {
    float factor;
    float inverse;
};

// The largest power of two by which `largest` does not become more than the format's largest number, which is 1.75 times a power of two.
template <Fp8Format kFormat>
__device__ Scale scale_for(float largest) {
    constexpr int kBias = 127, kFractionBits = 23;
    constexpr int kTopExponent = kFormat == Fp8Format::kE4M3 ? 8 : 15;
    constexpr uint32_t kThreeQuarters = 0x600000u, kFraction = 0x7fffffu, kInfinity = 0x7f800000u, kNan = 0x7fc00000u;
    const uint32_t bits = bits_of(largest);
    if (bits >= kInfinity) {
        return Scale{1.0f, of_bits(kNan)};
    }
    const int exponent = kTopExponent - (static_cast<int>(bits >> kFractionBits) - kBias) - ((bits & kFraction) > kThreeQuarters ? 1 : 0);
    const int most = kBias - 1;  // the inverse is a normal number
    const int bounded = exponent < most ? exponent : most;
    return Scale{of_bits(static_cast<uint32_t>(kBias + bounded) << kFractionBits), of_bits(static_cast<uint32_t>(kBias - bounded) << kFractionBits)};
}

// Four numbers as bytes, the first one lowest.
template <Fp8Format kFormat>
__device__ uint32_t four_bytes(const float* values, float factor) {
    constexpr auto kInterpretation = kFormat == Fp8Format::kE4M3 ? __NV_E4M3 : __NV_E5M2;
    const uint32_t low = __nv_cvt_float2_to_fp8x2(float2{values[0] * factor, values[1] * factor}, __NV_SATFINITE, kInterpretation);
    const uint32_t high = __nv_cvt_float2_to_fp8x2(float2{values[2] * factor, values[3] * factor}, __NV_SATFINITE, kInterpretation);
    return low | high << 16;
}

// Four words as the rows of a matrix of bytes, transposed.
__device__ inline void transpose_bytes(uint32_t (&words)[kWordRows]) {
    const uint32_t low01 = __byte_perm(words[0], words[1], 0x5140), high01 = __byte_perm(words[0], words[1], 0x7362);
    const uint32_t low23 = __byte_perm(words[2], words[3], 0x5140), high23 = __byte_perm(words[2], words[3], 0x7362);
    words[0] = __byte_perm(low01, low23, 0x5410);
    words[1] = __byte_perm(low01, low23, 0x7632);
    words[2] = __byte_perm(high01, high23, 0x5410);
    words[3] = __byte_perm(high01, high23, 0x7632);
}

template <Fp8Format kFormat>
__global__ void fp8_cast(Fp8Cast work, int64_t num_parts, int64_t padded_rows) {
    // A column's bytes lie together, and what the lanes of a warp touch at once lies in different banks.
    __shared__ uint32_t columns[kTile][kTileWords + 1];
    static_assert(kMaxLargest <= kFp8Threads, "a thread reads one of them");
    const float largest = threadIdx.x < num_parts ? work.largest[threadIdx.x] : 0.0f;
    const Scale scale = scale_for<kFormat>(block_largest(largest));
    if (blockIdx.x == 0 && blockIdx.y == 0 && threadIdx.x == 0) {
        *work.inverse_scale = scale.inverse;
    }
    const int64_t first_row = static_cast<int64_t>(blockIdx.x) * kTile, first_column = static_cast<int64_t>(blockIdx.y) * kTile;
    const int lane = threadIdx.x % kWarpSize, warp = threadIdx.x / kWarpSize;
    constexpr int kLanesAcross = kWarpTile / kThreadColumns;
#pragma unroll
    for (int warp_tile = warp; warp_tile < kWarpTilesPerSide * kWarpTilesPerSide; warp_tile += kFp8Threads / kWarpSize) {
        const int tile_row = warp_tile / kWarpTilesPerSide * kWarpTile + lane / kLanesAcross * kWordRows;
        const int tile_column = warp_tile % kWarpTilesPerSide * kWarpTile + lane % kLanesAcross * kThreadColumns;
        const int64_t column = first_column + tile_column;
        Vector<BFloat16> rows[kWordRows];
#pragma unroll
        for (int i = 0; i < kWordRows; ++i) {
            const int64_t row = first_row + tile_row + i;
            rows[i] = row < work.rows && column < work.width ? load<BFloat16>(work.input, row * work.width + column) : filled<BFloat16>(0.0f);
        }
        uint32_t left[kWordRows], right[kWordRows];
#pragma unroll
        for (int i = 0; i < kWordRows; ++i) {
            left[i] = four_bytes<kFormat>(rows[i].values, scale.factor);
            right[i] = four_bytes<kFormat>(rows[i].values + kThreadColumns / 2, scale.factor);
            const int64_t row = first_row + tile_row + i;
            if (row < work.rows && column < work.width) {
                __stcg(reinterpret_cast<uint2*>(static_cast<uint8_t*>(work.output) + row * work.width + column), uint2{left[i], right[i]});
            }
        }
        transpose_bytes(left);
        transpose_bytes(right);
#pragma unroll
        for (int i = 0; i < kThreadColumns / 2; ++i) {
            columns[tile_column + i][tile_row / kWordRows] = left[i];
            columns[tile_column + kThreadColumns / 2 + i][tile_row / kWordRows] = right[i];
        }
    }
    if (work.transposed == nullptr) {
        return;
    }
    __syncthreads();
    constexpr int kAccesses = kTile / kVectorBytes;
#pragma unroll
    for (int access = threadIdx.x; access < kTile * kAccesses; access += kFp8Threads) {
        const int tile_column = access / kAccesses, tile_row = access % kAccesses * kVectorBytes;
        const int64_t column = first_column + tile_column, row = first_row + tile_row;
        if (column < work.width && row < padded_rows) {
            const uint32_t* words = &columns[tile_column][tile_row / kWordRows];
            __stcg(reinterpret_cast<uint4*>(static_cast<uint8_t*>(work.transposed) + column * padded_rows + row), uint4{words[0], words[1], words[2], words[3]});
        }
    }
}

const char* launch_fp8_cast(const Fp8Cast& work, void* stream) {
    const int64_t count = work.rows * work.width, parts = num_largest(count), padded_rows = num_padded_rows(work.rows);
    const char* message = DRBERT_LAUNCH(largest_magnitudes, dim3(static_cast<unsigned>(parts)), dim3(kFp8Threads), stream, work.input, count / kThreadColumns, work.largest);
    if (message != nullptr) {
        return message;
    }
    // One tile at least, which sets the scale.
    const auto tiles = [](int64_t length) { return static_cast<unsigned>(length > kTile ? (length + kTile - 1) / kTile : 1); };
    const dim3 grid(tiles(work.rows), tiles(work.width));
    return work.format == Fp8Format::kE4M3 ? DRBERT_LAUNCH(fp8_cast<Fp8Format::kE4M3>, grid, dim3(kFp8Threads), stream, work, parts, padded_rows)
                                           : DRBERT_LAUNCH(fp8_cast<Fp8Format::kE5M2>, grid, dim3(kFp8Threads), stream, work, parts, padded_rows);
}

}  // namespace
}  // namespace drbert
