// The functions of hopper.cuh for the CPU. What is asynchronous there is done at once here, by each thread for its own part of a result: the kernels are tested for what they compute, where
// they find it and whom they wait for, not for waiting too little for products.

#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "hopper.cuh"

namespace drbert {
namespace {

inline uint32_t shared_address(const void* pointer) { return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(pointer)); }

inline int uniform(int number) { return __shfl_sync(kAllLanes, number, 0); }

struct Barrier {
    int32_t missing_bytes;
    int16_t missing;
    int8_t arrivals;
    uint8_t phase;

    void init(int number) { *this = {0, static_cast<int16_t>(number), static_cast<int8_t>(number), 0}; }

    void arrive() { arrive_expecting(0); }

    void arrive_expecting(int bytes) {
        --missing;
        come(-bytes);
    }

    void come(int bytes) {
        missing_bytes -= bytes;
        if (missing == 0 && missing_bytes == 0) {
            missing = arrivals;
            phase ^= 1;
            emulation::block().has_progress = true;
        }
    }

    void wait(uint32_t parity) const {
        while (phase == parity) {
            emulation::yield();
        }
    }
};

// [rows, columns, kAttentionHead] in bf16, with so many numbers from one row to the next.
struct CUtensorMap {
    const BFloat16* numbers;
    int64_t columns, rows, row;
};

inline const char* make_map(CUtensorMap& map, const void* numbers, int64_t columns, int64_t rows, int64_t row) {
    map = {static_cast<const BFloat16*>(numbers), columns, rows, row};
    return nullptr;
}

// Where the swizzle puts what would be at this address: three bits of it, the parts of a row, are exchanged by those that count eight rows.
inline uint8_t* swizzled(uintptr_t address) { return reinterpret_cast<uint8_t*>(address ^ (address >> 7 & 7) << 4); }

inline void copy_tile(uint8_t* tile, const CUtensorMap& map, int head, int row, Barrier& barrier) {
    for (int i = 0; i < kTileBytes; i += kVectorBytes) {
        const int64_t from = row + i / kRowBytes;
        uint8_t* const to = swizzled(reinterpret_cast<uintptr_t>(tile) + static_cast<uintptr_t>(i));
        if (from < map.rows && head < map.columns) {
            std::memcpy(to, map.numbers + from * map.row + head * kAttentionHead + i % kRowBytes / static_cast<int>(sizeof(BFloat16)), kVectorBytes);
        } else {
            std::memset(to, 0, kVectorBytes);
        }
    }
    barrier.come(kTileBytes);
}

inline void copy_bytes(void* to, const void* from, int bytes, Barrier& barrier) {
    std::memcpy(to, from, static_cast<size_t>(bytes));
    barrier.come(bytes);
}

inline void begin_products() {}
inline void end_products() {}
template <int kPending>
void await_products() {}
template <int N>
void settle(float (&)[N]) {}

inline uint64_t descriptor(const uint8_t* tile) { return reinterpret_cast<uintptr_t>(tile) >> 4; }

// Of what a descriptor shows.
inline float tile_number(uint64_t descriptor, int row, int column) {
    BFloat16 number;
    std::memcpy(&number, swizzled((descriptor << 4) + static_cast<uintptr_t>(row * kRowBytes + column * static_cast<int>(sizeof number))), sizeof number);
    return static_cast<float>(number);
}

// Of number i of the lane.
inline int result_row(int i) {
    const int thread = static_cast<int>(threadIdx.x) % kGroupThreads;
    return thread / kWarpSize * 16 + thread % kWarpSize / 4 + 8 * (i / 2 % 2);
}

// Adds products of the lane's two rows of one matrix, 16 numbers each, and columns of another, of which `number(k, column)` is one. Numbers i and i + 2 are in one column.
template <int N, typename Number>
void add_products(float (&result)[N], const float (&rows)[2][16], Number&& number) {
    for (int i = 0; i < N; i += i % 2 == 0 ? 1 : 3) {
        for (int k = 0; k < 16; ++k) {
            const float factor = number(k, result_column(i, static_cast<int>(threadIdx.x) % kWarpSize));
            result[i] += rows[0][k] * factor;
            result[i + 2] += rows[1][k] * factor;
        }
    }
}

template <int N>
void multiply_rows(float (&result)[N], uint64_t left, uint64_t right, int is_added) {
    float rows[2][16];
    for (int k = 0; k < 16; ++k) {
        rows[0][k] = tile_number(left, result_row(0), k);
        rows[1][k] = tile_number(left, result_row(2), k);
    }
    for (int i = 0; i < N && is_added == 0; ++i) {
        result[i] = 0.0f;
    }
    add_products(result, rows, [&](int k, int column) { return tile_number(right, column, k); });
}

inline float low_half(uint32_t pair) {
    pair <<= 16;
    float number;
    std::memcpy(&number, &pair, sizeof number);
    return number;
}

inline float high_half(uint32_t pair) { return low_half(pair >> 16); }

inline void multiply_columns(float (&result)[32], const uint32_t* left, uint64_t right) {
    // The 16 columns of the lane's two rows.
    float rows[2][16];
    const unsigned quad = threadIdx.x % kWarpSize / 4 * 4;
    for (int i = 0; i < 4; ++i) {
        for (int lane = 0; lane < 4; ++lane) {
            const uint32_t pair = __shfl_sync(kAllLanes, left[i], static_cast<int>(quad) + lane);
            rows[i % 2][8 * (i / 2) + 2 * lane] = low_half(pair);
            rows[i % 2][8 * (i / 2) + 2 * lane + 1] = high_half(pair);
        }
    }
    add_products(result, rows, [&](int k, int column) { return tile_number(right, k, column); });
}

inline float fast_exp2(float x) { return exp2f(x); }

inline float __frcp_rn(float x) { return 1.0f / x; }

inline uint32_t packed(float low, float high) {
    const BFloat16 pair[2] = {static_cast<BFloat16>(low), static_cast<BFloat16>(high)};
    uint32_t result;
    std::memcpy(&result, pair, sizeof result);
    return result;
}

inline void load_rows(uint32_t (&pairs)[16], const uint8_t* tile, int, int lane) {
    for (int i = 0; i < 16; ++i) {
        const int column = 16 * (i / 4) + 8 * (i / 2 % 2) + 2 * (lane % 4), row = result_row(2 * i);
        pairs[i] = packed(tile_number(descriptor(tile), row, column), tile_number(descriptor(tile), row, column + 1));
    }
}

inline uint8_t* dynamic_shared() {
    static thread_local std::vector<uint8_t> memory(kMaxSharedBytes);
    return memory.data();
}

inline void publish_barriers() {}
inline void become_loader() {}
inline void become_computer() {}

}  // namespace
}  // namespace drbert
