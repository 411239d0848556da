// What Hopper's tensor cores and copies do, with bf16: a function for each instruction. On the CPU emulated_hopper.hpp has the same.

#pragma once

#include "device.cuh"

#ifdef __CUDACC__
#include <cuda.h>
#include <cuda_runtime_api.h>
#endif

namespace drbert {
namespace {

// Products are done by groups of four warps, which begin at a multiple of four.
constexpr int kGroupWarps = 4;
constexpr int kGroupThreads = kGroupWarps * kWarpSize;
constexpr int kMaxSharedBytes = 232448;

// Tiles lie in shared memory row by row, 128 bytes each, of which the eight 16-byte parts are exchanged in a pattern that repeats after 8 rows: the 128-byte swizzle, which copies make and
// matrix products take, and which needs this alignment.
constexpr int kRowBytes = kAttentionHead * static_cast<int>(sizeof(BFloat16));
constexpr int kTileBytes = kAttentionBlock * kRowBytes;
constexpr int kTileAlignment = 1024;

// How far descriptors of tiles are from each other.
constexpr uint64_t kSixteenColumns = 32 >> 4;
constexpr uint64_t kSixteenRows = 16 * kRowBytes >> 4;

// A warp has 16 rows of a product's result with 64 rows, a lane two of them, 8 apart, and of each 8 columns two: number i of a lane is in its row i / 2 % 2 and in this column.
__device__ __forceinline__ int result_column(int i, int lane) { return 8 * (i / 4) + 2 * (lane % 4) + i % 2; }

#ifdef __CUDACC__

// ---- Copies and barriers (PTX ISA, "Asynchronous copy" and "mbarrier")

__device__ __forceinline__ uint32_t shared_address(const void* pointer) { return static_cast<uint32_t>(__cvta_generic_to_shared(pointer)); }

// Tells the compiler that all lanes of a warp have the same.
__device__ __forceinline__ int uniform(int number) { return __shfl_sync(kAllLanes, number, 0); }

// Completes a phase when all have arrived and all bytes that they expect are there.
struct Barrier {
    uint64_t state;

    __device__ void init(int arrivals) { asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(this)), "r"(arrivals)); }

    __device__ void arrive() { asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(this)) : "memory"); }

    __device__ void arrive_expecting(int bytes) {
        asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(this)), "r"(bytes) : "memory");
    }

    // Until the phase with this parity is over.
    __device__ void wait(uint32_t parity) {
        uint32_t is_over = 0;
        while (is_over == 0) {
            asm volatile(
                "{\n"
                ".reg .pred over;\n"
                "mbarrier.try_wait.parity.shared::cta.b64 over, [%1], %2;\n"
                "selp.u32 %0, 1, 0, over;\n"
                "}\n"
                : "=r"(is_over)
                : "r"(shared_address(this)), "r"(parity)
                : "memory");
        }
    }
};

// kAttentionBlock rows of one head. What lies after the last row is zero.
__device__ __forceinline__ void copy_tile(uint8_t* tile, const CUtensorMap& map, int head, int row, Barrier& barrier) {
    asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], [%2];" ::"r"(shared_address(tile)), "l"(&map),
                 "r"(shared_address(&barrier)), "r"(0), "r"(head), "r"(row)
                 : "memory");
}

__device__ __forceinline__ void copy_bytes(void* to, const void* from, int bytes, Barrier& barrier) {
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(shared_address(to)), "l"(from), "r"(bytes),
                 "r"(shared_address(&barrier))
                 : "memory");
}

// ---- Matrix products (PTX ISA, "Asynchronous warpgroup level matrix instructions")

__device__ __forceinline__ void begin_products() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }

__device__ __forceinline__ void end_products() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

// Until all but the latest `kPending` groups of products are done.
template <int kPending>
__device__ __forceinline__ void await_products() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

// After waiting for them: keeps the compiler from using numbers before.
template <int N>
__device__ __forceinline__ void settle(float (&numbers)[N]) {
#pragma unroll
    for (int i = 0; i < N; ++i) {
        asm volatile("" : "+f"(numbers[i])::"memory");
    }
}

// Of a tile, or of 16 of its columns or rows: from one 8 rows to the next 1,024 bytes.
__device__ __forceinline__ uint64_t descriptor(const uint8_t* tile) {
    constexpr uint64_t kSwizzle128 = 1ull << 62, kEightRows = uint64_t{8 * kRowBytes >> 4} << 32, kUnused = 1ull << 16;
    return (shared_address(tile) >> 4 & 0x3fff) | kUnused | kEightRows | kSwizzle128;
}

#define DRBERT_NUMBERS_8(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), "+f"(d[i + 7])
#define DRBERT_NUMBERS_32(d, i) DRBERT_NUMBERS_8(d, i), DRBERT_NUMBERS_8(d, i + 8), DRBERT_NUMBERS_8(d, i + 16), DRBERT_NUMBERS_8(d, i + 24)
#define DRBERT_FIRST_32 "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define DRBERT_SECOND_32 "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"

// result (+)= left right^T over 16 columns of both, 64 rows of `left` and 64 or 128 of `right`, which are descriptors.
__device__ __forceinline__ void multiply_rows(float (&result)[32], uint64_t left, uint64_t right, int is_added) {
    asm volatile(
        "{\n"
        ".reg .pred added;\n"
        "setp.ne.b32 added, %34, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {" DRBERT_FIRST_32 "}, %32, %33, added, 1, 1, 0, 0;\n"
        "}\n"
        : DRBERT_NUMBERS_32(result, 0)
        : "l"(left), "l"(right), "r"(is_added));
}

__device__ __forceinline__ void multiply_rows(float (&result)[64], uint64_t left, uint64_t right, int is_added) {
    asm volatile(
        "{\n"
        ".reg .pred added;\n"
        "setp.ne.b32 added, %66, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" DRBERT_FIRST_32 ", " DRBERT_SECOND_32 "}, %64, %65, added, 1, 1, 0, 0;\n"
        "}\n"
        : DRBERT_NUMBERS_32(result, 0), DRBERT_NUMBERS_32(result, 32)
        : "l"(left), "l"(right), "r"(is_added));
}

// result += left right, 16 columns of `left` and 16 rows of `right`, which is a descriptor.
__device__ __forceinline__ void multiply_columns(float (&result)[32], const uint32_t* left, uint64_t right) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {" DRBERT_FIRST_32 "}, {%32, %33, %34, %35}, %36, 1, 1, 1, 1;\n"
                 : DRBERT_NUMBERS_32(result, 0)
                 : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "l"(right));
}

// ---- Numbers

__device__ __forceinline__ float fast_exp2(float x) {
    float result;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
    return result;
}

__device__ __forceinline__ uint32_t packed(float low, float high) {
    uint32_t result;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(result) : "f"(high), "f"(low));
    return result;
}

__device__ __forceinline__ float low_half(uint32_t pair) { return __uint_as_float(pair << 16); }
__device__ __forceinline__ float high_half(uint32_t pair) { return __uint_as_float(pair & 0xffff0000u); }

// Four times two pairs of numbers of the lane's rows of a tile, as a product's left side has them.
__device__ __forceinline__ void load_rows(uint32_t (&pairs)[16], const uint8_t* tile, int warp, int lane) {
    const int row = 16 * warp + lane % 16;
#pragma unroll
    for (int k = 0; k < 4; ++k) {
        const int part = (2 * k + lane / 16) ^ (row % 8);
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(pairs[4 * k]), "=r"(pairs[4 * k + 1]), "=r"(pairs[4 * k + 2]), "=r"(pairs[4 * k + 3])
                     : "r"(shared_address(tile) + row * kRowBytes + part * 16)
                     : "memory");
    }
}

// ---- Blocks

__device__ __forceinline__ uint8_t* dynamic_shared() {
    extern __shared__ uint8_t raw[];
    return raw;
}

// After barriers were made, by the thread that made them.
__device__ __forceinline__ void publish_barriers() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }

// Registers go from the threads that load, where one is enough, to those that compute.
__device__ __forceinline__ void become_loader() { asm volatile("setmaxnreg.dec.sync.aligned.u32 24;"); }
__device__ __forceinline__ void become_computer() { asm volatile("setmaxnreg.inc.sync.aligned.u32 240;"); }

// Of [rows, columns, kAttentionHead] in bf16, with so many numbers from one row to the next; or a message.
const char* make_map(CUtensorMap& map, const void* numbers, int64_t columns, int64_t rows, int64_t row) {
    using Encode = decltype(&cuTensorMapEncodeTiled);
    static const Encode encode = [] {
        void* function = nullptr;
        cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSymbolNotFound;
#if CUDART_VERSION >= 12050
        const cudaError_t error = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &found);
#else
        const cudaError_t error = cudaGetDriverEntryPoint("cuTensorMapEncodeTiled", &function, cudaEnableDefault, &found);
#endif
        return error == cudaSuccess && found == cudaDriverEntryPointSuccess ? reinterpret_cast<Encode>(function) : nullptr;
    }();
    if (encode == nullptr) {
        return "the CUDA driver has no cuTensorMapEncodeTiled";
    }
    const cuuint64_t sizes[] = {kAttentionHead, static_cast<cuuint64_t>(columns), static_cast<cuuint64_t>(rows)};
    const cuuint64_t strides[] = {kRowBytes, static_cast<cuuint64_t>(row) * sizeof(BFloat16)};
    const cuuint32_t box[] = {kAttentionHead, 1, kAttentionBlock}, steps[] = {1, 1, 1};
    const CUresult result =
        encode(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 3, const_cast<void*>(numbers), sizes, strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
               CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    return result == CUDA_SUCCESS ? nullptr : "cuTensorMapEncodeTiled refused a matrix";
}

#endif

}  // namespace
}  // namespace drbert

#ifndef __CUDACC__
#include "emulated_hopper.hpp"
#endif
