// Attention within segments on Hopper: FlashAttention-2 (Dao, 2023) with that chip's asynchronous matrix products and copies, as in FlashAttention-3 (Shah et al., 2024), for bf16 and heads
// of 64. nvcc compiles this file for sm_90a alone, the C++ compiler for the CPU, where hopper.cuh has what takes the place of its instructions.
//
// A block stays and takes items in turn: rows of one head and segment, 64 for each of two groups of four warps. One more thread loads the rows of the
// item and, tile by tile, the rows that they meet; it is ahead of those who compute. The backward pass has two kernels, one with queries as an item's rows and one with keys, so that every
// result is summed in registers by one group: the weights are computed twice, but there is nothing to add up in memory, nothing to convert afterwards, and the same bits come every time.

#include "hopper.cuh"

namespace drbert {
namespace {

constexpr int kGroups = kItemRows / kAttentionBlock;
constexpr int kThreads = (kGroups + 1) * kGroupThreads;
// Statistics of a block of queries.
constexpr int kStatisticsBytes = kAttentionBlock * 2 * sizeof(float);

constexpr float kAttentionScale = 0.125f;
static_assert(kAttentionScale * kAttentionScale * kAttentionHead == 1.0f);
constexpr float kScoreScale = kAttentionScale * 1.44269504f;  // of scores to base 2

struct Maps {
    CUtensorMap queries, keys, output, output_gradient;
};

// A warp's part of an arrival of all warps.
__device__ __forceinline__ void release(Barrier& barrier, int lane) {
    __syncwarp();
    if (lane == 0) {
        barrier.arrive();
    }
}

// Which of N places comes next, and the parity of its phase.
template <int N>
struct Turn {
    int place = 0;
    uint32_t parity = 0;

    __device__ void advance() {
        if (++place == N) {
            place = 0;
            parity ^= 1;
        }
    }
};

// ---- Products of tiles

// result = left right^T, of a group's own tile and one of N rows. The former comes from shared memory too: what stays in registers over a loop as a product's left side, nvcc 13.0 overwrites.
template <int N>
__device__ __forceinline__ void begin_scores(float (&result)[N / 2], const uint8_t* left, const uint8_t* right) {
    const uint64_t left_rows = descriptor(left), right_rows = descriptor(right);
#pragma unroll
    for (int k = 0; k < kAttentionHead / 16; ++k) {
        multiply_rows(result, left_rows + k * kSixteenColumns, right_rows + k * kSixteenColumns, k > 0);
    }
    end_products();
}

// result += left right, for N columns of `left` and N rows of `right`.
template <int N>
__device__ __forceinline__ void begin_sum(float (&result)[32], const uint32_t (&left)[N / 4], const uint8_t* right) {
    const uint64_t right_rows = descriptor(right);
    begin_products();
#pragma unroll
    for (int k = 0; k < N / 16; ++k) {
        multiply_columns(result, left + 4 * k, right_rows + k * kSixteenRows);
    }
    end_products();
}

// ---- Numbers

// A result becomes the left side of a product.
template <int N>
__device__ __forceinline__ void pack(uint32_t (&to)[N], const float (&from)[2 * N]) {
#pragma unroll
    for (int i = 0; i < N; ++i) {
        to[i] = packed(from[2 * i], from[2 * i + 1]);
    }
}

template <int N>
__device__ __forceinline__ void clear(float (&numbers)[N]) {
#pragma unroll
    for (int i = 0; i < N; ++i) {
        numbers[i] = 0.0f;
    }
}

// Over the four lanes that have the same rows.
__device__ __forceinline__ float quad_sum(float x) {
    x += __shfl_xor_sync(kAllLanes, x, 1);
    return x + __shfl_xor_sync(kAllLanes, x, 2);
}

__device__ __forceinline__ float quad_max(float x) {
    x = fmaxf(x, __shfl_xor_sync(kAllLanes, x, 1));
    return fmaxf(x, __shfl_xor_sync(kAllLanes, x, 2));
}

// Lane j of four gets number j of all four.
__device__ __forceinline__ void transpose_quad(uint32_t (&numbers)[4], int lane) {
    const bool is_odd = lane % 2 == 1, is_upper = lane % 4 >= 2;
#pragma unroll
    for (int i = 0; i < 4; i += 2) {
        const uint32_t received = __shfl_xor_sync(kAllLanes, is_odd ? numbers[i] : numbers[i + 1], 1);
        (is_odd ? numbers[i] : numbers[i + 1]) = received;
    }
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        const uint32_t received = __shfl_xor_sync(kAllLanes, is_upper ? numbers[i] : numbers[i + 2], 2);
        (is_upper ? numbers[i] : numbers[i + 2]) = received;
    }
}

// A warp's rows of a result, of which the lane has `row` and `row + 8`, as far as they come before `end`. `to` is the first row's head, `stride` the numbers from one row to the next.
__device__ __forceinline__ void store_rows(const float (&result)[32], float2 factors, BFloat16* to, int64_t stride, int row, int end, int lane) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const float factor = half == 0 ? factors.x : factors.y;
#pragma unroll
        for (int part = 0; part < 2; ++part) {
            uint32_t pairs[4];
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const int first = 4 * (4 * part + i) + 2 * half;
                pairs[i] = packed(result[first] * factor, result[first + 1] * factor);
            }
            transpose_quad(pairs, lane);
            if (row + 8 * half < end) {
                *reinterpret_cast<uint4*>(to + (row + 8 * half) * stride + 8 * (4 * part + lane % 4)) = uint4{pairs[0], pairs[1], pairs[2], pairs[3]};
            }
        }
    }
}

// ---- What blocks do

struct HeadItem {
    AttentionItem item;
    int head;
};

// A block's items. They come costliest first and are dealt to the blocks there and back again.
struct Deal {
    int num_items, round = 0;

    __device__ static unsigned place_in(unsigned round) { return round % 2 == 0 ? blockIdx.x : gridDim.x - 1 - blockIdx.x; }

    __device__ int place() const { return static_cast<int>(static_cast<unsigned>(round) * gridDim.x + place_in(static_cast<unsigned>(round))); }

    __device__ int num_rounds() const {
        const unsigned items = static_cast<unsigned>(num_items), full = items / gridDim.x;
        return static_cast<int>(full + (place_in(full) < items % gridDim.x ? 1 : 0));
    }
};

// A block's shared memory: the `kOwn` tiles of each group for two items, then stages with two tiles of N rows each, that items' rows meet.
template <int kOwnTiles, int N, bool kHasStatistics>
struct Memory {
    static constexpr int kOwn = kOwnTiles, kRows = N, kStages = 512 / N;
    static constexpr bool kStatistics = kHasStatistics;
    static constexpr int kOwnBytes = kOwn * kGroups * kTileBytes, kMatrixBytes = N * kRowBytes;
    static constexpr int kStatisticsStart = 2 * kOwnBytes + kStages * 2 * kMatrixBytes;
    static constexpr int kBarriersStart = kStatisticsStart + (kStatistics ? kStages * kStatisticsBytes : 0);
    static constexpr int kItemsStart = kBarriersStart + (2 * kStages + 4) * static_cast<int>(sizeof(Barrier));
    static constexpr int kBytes = kTileAlignment + kItemsStart + 2 * static_cast<int>(sizeof(HeadItem)) + 32;
    static_assert(kBytes <= kMaxSharedBytes);

    uint8_t* start;

    __device__ explicit Memory(uint8_t* raw) : start(raw + (kTileAlignment - shared_address(raw) % kTileAlignment) % kTileAlignment) {}

    __device__ uint8_t* own(int place, int matrix, int group) const { return start + place * kOwnBytes + (matrix * kGroups + group) * kTileBytes; }
    __device__ uint8_t* other(int stage, int matrix) const { return start + 2 * kOwnBytes + (2 * stage + matrix) * kMatrixBytes; }
    __device__ float4* statistics(int stage) const { return reinterpret_cast<float4*>(start + kStatisticsStart + stage * kStatisticsBytes); }
    __device__ HeadItem& item(int place) const { return reinterpret_cast<HeadItem*>(start + (kItemsStart + 31) / 32 * 32)[place]; }

    __device__ Barrier& barrier(int number) const { return reinterpret_cast<Barrier*>(start + kBarriersStart)[number]; }
    __device__ Barrier& filled(int stage) const { return barrier(stage); }
    __device__ Barrier& freed(int stage) const { return barrier(kStages + stage); }
    __device__ Barrier& own_filled(int place) const { return barrier(2 * kStages + place); }
    __device__ Barrier& own_freed(int place) const { return barrier(2 * kStages + 2 + place); }

    __device__ void init() const {
        if (threadIdx.x == 0) {
            for (int stage = 0; stage < kStages; ++stage) {
                filled(stage).init(1);
                freed(stage).init(kGroups * kGroupWarps);
            }
            for (int place = 0; place < 2; ++place) {
                own_filled(place).init(1);
                own_freed(place).init(kGroups * kGroupWarps);
            }
            publish_barriers();
        }
        __syncthreads();
    }

    __device__ static int stage_before(int stage) { return stage == 0 ? kStages - 1 : stage - 1; }
};

// Heads from the first on, of what a map shows.
struct Matrix {
    const CUtensorMap* map;
    int first_head;
};

// What the loading thread does: for each item its rows of `own`, and tile by tile the rows of `others` that they meet, if asked for with the statistics of their blocks.
template <typename M>
__device__ void load_items(const M& memory, const AttentionItem* items, int count, int heads, const Matrix (&own)[M::kOwn], const Matrix (&others)[2], const float* statistics, int64_t blocks) {
    Turn<M::kStages> stage;
    Turn<2> place;
    for (Deal deal{count * heads}; deal.place() < deal.num_items; ++deal.round, place.advance()) {
        const AttentionItem item = items[deal.place() / heads];
        const int head = deal.place() % heads, groups = item.row_end - item.row > kAttentionBlock ? 2 : 1;
        memory.own_freed(place.place).wait(place.parity ^ 1);
        memory.item(place.place) = {item, head};
        Barrier& own_filled = memory.own_filled(place.place);
        own_filled.arrive_expecting(M::kOwn * groups * kTileBytes);
        for (int matrix = 0; matrix < M::kOwn; ++matrix) {
            for (int group = 0; group < groups; ++group) {
                copy_tile(memory.own(place.place, matrix, group), *own[matrix].map, own[matrix].first_head + head, item.row + group * kAttentionBlock, own_filled);
            }
        }
        int64_t block = head * blocks + item.block;
        for (int other = item.other; other < item.other_end; other += M::kRows, stage.advance()) {
            Barrier& filled = memory.filled(stage.place);
            memory.freed(stage.place).wait(stage.parity ^ 1);
            filled.arrive_expecting(2 * M::kMatrixBytes + (M::kStatistics ? kStatisticsBytes : 0));
            for (int matrix = 0; matrix < 2; ++matrix) {
                for (int row = 0; row < M::kRows; row += kAttentionBlock) {
                    copy_tile(memory.other(stage.place, matrix) + row * kRowBytes, *others[matrix].map, others[matrix].first_head + head, other + row, filled);
                }
            }
            if (M::kStatistics) {
                copy_bytes(memory.statistics(stage.place), statistics + block++ * 2 * kAttentionBlock, kStatisticsBytes, filled);
            }
        }
    }
}

// What a group has of an item, to its lanes.
struct Part {
    int group, warp, lane;
    int head, tiles;
    int last_rows;  // of the last tile
    int first, end, row;  // the group's first row, the segment's end, and the lane's first row
    int block;

    // The columns of a tile that are beyond the rows that the item meets.
    template <int N>
    __device__ __forceinline__ void fill_invalid(float (&numbers)[N], int tile, float with) const {
        if (tile + 1 == tiles && last_rows < 2 * N) {
#pragma unroll
            for (int i = 0; i < N; ++i) {
                if (result_column(i, lane) >= last_rows) {
                    numbers[i] = with;
                }
            }
        }
    }
};

// What the warps that compute do: call `compute` for each item of which their group has rows.
template <typename M, typename Compute>
__device__ __forceinline__ void compute_items(const M& memory, int num_items, int group, Compute&& compute) {
    Turn<M::kStages> stage;
    Turn<2> place;
    const int rounds = uniform(Deal{num_items}.num_rounds());
    for (int round = 0; round < rounds; ++round, place.advance()) {
        memory.own_filled(place.place).wait(place.parity);
        const HeadItem& entry = memory.item(place.place);
        Part part;
        part.group = group, part.warp = threadIdx.x / kWarpSize % kGroupWarps, part.lane = threadIdx.x % kWarpSize;
        const int others = uniform(entry.item.other_end - entry.item.other);
        part.head = uniform(entry.head), part.end = uniform(entry.item.row_end), part.block = uniform(entry.item.block) + group;
        part.first = uniform(entry.item.row) + group * kAttentionBlock, part.row = part.first + 16 * part.warp + part.lane / 4;
        part.tiles = (others + M::kRows - 1) / M::kRows, part.last_rows = others - (part.tiles - 1) * M::kRows;
        if (part.first < part.end) {
            compute(memory, part, place.place, stage);
            release(memory.own_freed(place.place), part.lane);
            continue;
        }
        release(memory.own_freed(place.place), part.lane);
        for (int tile = 0; tile < part.tiles; ++tile, stage.advance()) {
            memory.filled(stage.place).wait(stage.parity);
            release(memory.freed(stage.place), part.lane);
        }
    }
}

// A block's whole work: one thread loads, and eight warps call `compute(memory, part, place, stage)`, which takes the stages of the tiles in turn from `stage` on and frees them.
template <typename M, typename Compute>
__device__ __forceinline__ void run_block(const AttentionItem* items, const int32_t* count, int heads, const Matrix (&own)[M::kOwn], const Matrix (&others)[2], const float* statistics, int64_t blocks,
                                          Compute&& compute) {
    const M memory(dynamic_shared());
    memory.init();
    const int group = uniform(threadIdx.x / kGroupThreads);
    if (group == kGroups) {
        become_loader();
        if (threadIdx.x == kGroups * kGroupThreads) {
            load_items(memory, items, *count, heads, own, others, statistics, blocks);
        }
        return;
    }
    become_computer();
    compute_items(memory, uniform(*count) * heads, group, compute);
}

// The softmax of two rows whose scores come tile by tile.
struct Softmax {
    float maxima[2] = {-INFINITY, -INFINITY};  // of the scores to base 2
    float sums[2] = {0.0f, 0.0f};  // the lane's part

    // Scores become weights. What was computed with earlier weights is to be multiplied by the factors.
    template <int N>
    __device__ __forceinline__ void take(float (&scores)[N], float (&factors)[2]) {
        float largest[2] = {scores[0], scores[2]};
#pragma unroll
        for (int i = 0; i < N; ++i) {
            largest[i / 2 % 2] = fmaxf(largest[i / 2 % 2], scores[i]);
        }
#pragma unroll
        for (int row = 0; row < 2; ++row) {
            const float maximum = fmaxf(maxima[row], quad_max(largest[row]) * kScoreScale);
            factors[row] = fast_exp2(maxima[row] - maximum);
            maxima[row] = maximum;
            sums[row] *= factors[row];
        }
#pragma unroll
        for (int i = 0; i < N; ++i) {
            scores[i] = fast_exp2(scores[i] * kScoreScale - maxima[i / 2 % 2]);
            sums[i / 2 % 2] += scores[i];
        }
    }
};

using ForwardMemory = Memory<1, 128, false>;

__global__ __launch_bounds__(kThreads, 1) void forward(const __grid_constant__ Maps maps, const __grid_constant__ Attention work) {
    constexpr int N = ForwardMemory::kRows;
    const int heads = static_cast<int>(work.heads);
    const Matrix own[] = {{&maps.queries, 0}}, others[] = {{&maps.keys, 0}, {&maps.keys, heads}};
    run_block<ForwardMemory>(work.query_items, work.counts, heads, own, others, nullptr, 0, [&](const ForwardMemory& memory, const Part& part, int place, Turn<ForwardMemory::kStages>& stage) {
        const uint8_t* const query = memory.own(place, 0, part.group);
        Softmax softmax;
        float output[32], scores[N / 2], factors[2];
        uint32_t weights[N / 4];
        clear(output);
        memory.filled(stage.place).wait(stage.parity);
        begin_products();
        begin_scores<N>(scores, query, memory.other(stage.place, 0));
        await_products<0>();
        settle(scores);
        part.fill_invalid(scores, 0, -INFINITY);
        softmax.take(scores, factors);
        pack(weights, scores);
        for (int tile = 1; tile < part.tiles; ++tile) {
            const int before = stage.place;
            stage.advance();
            memory.filled(stage.place).wait(stage.parity);
            begin_products();
            begin_scores<N>(scores, query, memory.other(stage.place, 0));
            begin_sum<N>(output, weights, memory.other(before, 1));
            await_products<1>();
            settle(scores);
            part.fill_invalid(scores, tile, -INFINITY);
            softmax.take(scores, factors);
            await_products<0>();
            settle(output);
            release(memory.freed(before), part.lane);
#pragma unroll
            for (int i = 0; i < 32; ++i) {
                output[i] *= factors[i / 2 % 2];
            }
            pack(weights, scores);
        }
        begin_sum<N>(output, weights, memory.other(stage.place, 1));
        await_products<0>();
        settle(output);
        release(memory.freed(stage.place), part.lane);
        stage.advance();
        const float2 sums = {quad_sum(softmax.sums[0]), quad_sum(softmax.sums[1])};
        store_rows(output, {__frcp_rn(sums.x), __frcp_rn(sums.y)}, static_cast<BFloat16*>(work.output) + part.head * kAttentionHead, work.heads * kAttentionHead, part.row, part.end, part.lane);
        if (part.lane % 4 == 0) {
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                const int row = part.row + 8 * half;
                if (row < part.end) {
                    work.log_sums[row * work.heads + part.head] = softmax.maxima[half] + log2f(half == 0 ? sums.x : sums.y);
                }
            }
        }
    });
}

// The gradients of queries, and the statistics of their rows for the kernel below.
using QueryMemory = Memory<3, 128, false>;

__global__ __launch_bounds__(kThreads, 1) void query_gradient(const __grid_constant__ Maps maps, const __grid_constant__ AttentionBackward work) {
    constexpr int N = QueryMemory::kRows;
    const Attention& forward = work.forward;
    const int heads = static_cast<int>(forward.heads);
    const Matrix own[] = {{&maps.queries, 0}, {&maps.output_gradient, 0}, {&maps.output, 0}}, others[] = {{&maps.keys, 0}, {&maps.keys, heads}};
    run_block<QueryMemory>(forward.query_items, forward.counts, heads, own, others, nullptr, 0, [&](const QueryMemory& memory, const Part& part, int place, Turn<QueryMemory::kStages>& stage) {
        const uint8_t *const query = memory.own(place, 0, part.group), *const gradient = memory.own(place, 1, part.group);
        float log_sums[2], deltas[2] = {0.0f, 0.0f};
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int row = part.row + 8 * half;
            // Weights of rows after the segment's end are zero.
            log_sums[half] = row < part.end ? forward.log_sums[row * forward.heads + part.head] : INFINITY;
        }
        {
            uint32_t gradients[16], outputs[16];
            load_rows(gradients, gradient, part.warp, part.lane);
            load_rows(outputs, memory.own(place, 2, part.group), part.warp, part.lane);
#pragma unroll
            for (int i = 0; i < 16; ++i) {
                deltas[i % 2] += low_half(gradients[i]) * low_half(outputs[i]) + high_half(gradients[i]) * high_half(outputs[i]);
            }
        }
        deltas[0] = quad_sum(deltas[0]), deltas[1] = quad_sum(deltas[1]);
        float result[32], scores[N / 2], weight_gradients[N / 2];
        clear(result);
        for (int tile = 0; tile < part.tiles; ++tile) {
            memory.filled(stage.place).wait(stage.parity);
            begin_products();
            begin_scores<N>(scores, query, memory.other(stage.place, 0));
            begin_scores<N>(weight_gradients, gradient, memory.other(stage.place, 1));
            await_products<1>();
            settle(scores);
            if (tile > 0) {
                release(memory.freed(memory.stage_before(stage.place)), part.lane);
            }
#pragma unroll
            for (int i = 0; i < N / 2; ++i) {
                scores[i] = fast_exp2(scores[i] * kScoreScale - log_sums[i / 2 % 2]);
            }
            part.fill_invalid(scores, tile, 0.0f);
            await_products<0>();
            settle(weight_gradients);
#pragma unroll
            for (int i = 0; i < N / 2; ++i) {
                scores[i] *= weight_gradients[i] - deltas[i / 2 % 2];
            }
            uint32_t score_gradients[N / 4];
            pack(score_gradients, scores);
            begin_sum<N>(result, score_gradients, memory.other(stage.place, 0));
            stage.advance();
        }
        await_products<0>();
        settle(result);
        release(memory.freed(memory.stage_before(stage.place)), part.lane);
        if (part.lane % 4 == 0) {
            float2* const statistics = reinterpret_cast<float2*>(work.statistics) + (part.head * work.blocks + part.block) * kAttentionBlock + part.row - part.first;
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                statistics[8 * half] = {log_sums[half], part.row + 8 * half < part.end ? deltas[half] : 0.0f};
            }
        }
        store_rows(result, {kAttentionScale, kAttentionScale}, static_cast<BFloat16*>(work.query_gradient) + part.head * kAttentionHead, forward.query_row, part.row, part.end, part.lane);
    });
}

// The gradients of keys and values. Scores and weights are transposed: a row is a key, a column a query.
using KeyMemory = Memory<2, 64, true>;

__global__ __launch_bounds__(kThreads, 1) void key_gradient(const __grid_constant__ Maps maps, const __grid_constant__ AttentionBackward work) {
    constexpr int N = KeyMemory::kRows;
    const Attention& forward = work.forward;
    const int heads = static_cast<int>(forward.heads);
    const Matrix own[] = {{&maps.keys, 0}, {&maps.keys, heads}}, others[] = {{&maps.queries, 0}, {&maps.output_gradient, 0}};
    run_block<KeyMemory>(forward.key_items, forward.counts + 1, heads, own, others, work.statistics, work.blocks, [&](const KeyMemory& memory, const Part& part, int place, Turn<KeyMemory::kStages>& stage) {
        const uint8_t *const key = memory.own(place, 0, part.group), *const value = memory.own(place, 1, part.group);
        float key_result[32], value_result[32], scores[N / 2], weight_gradients[N / 2];
        clear(key_result);
        clear(value_result);
        for (int tile = 0; tile < part.tiles; ++tile) {
            memory.filled(stage.place).wait(stage.parity);
            // Of two of the lane's columns: log sum and delta, log sum and delta.
            float4 statistics[N / 8];
#pragma unroll
            for (int i = 0; i < N / 8; ++i) {
                statistics[i] = memory.statistics(stage.place)[4 * i + part.lane % 4];
            }
            begin_products();
            begin_scores<N>(scores, key, memory.other(stage.place, 0));
            begin_scores<N>(weight_gradients, value, memory.other(stage.place, 1));
            await_products<1>();
            settle(scores);
            if (tile > 0) {
                release(memory.freed(memory.stage_before(stage.place)), part.lane);
            }
#pragma unroll
            for (int i = 0; i < N / 2; ++i) {
                scores[i] = fast_exp2(scores[i] * kScoreScale - (i % 2 == 0 ? statistics[i / 4].x : statistics[i / 4].z));
            }
            uint32_t weights[N / 4], score_gradients[N / 4];
            pack(weights, scores);
            begin_sum<N>(value_result, weights, memory.other(stage.place, 1));
            await_products<1>();
            settle(weight_gradients);
#pragma unroll
            for (int i = 0; i < N / 2; ++i) {
                scores[i] *= weight_gradients[i] - (i % 2 == 0 ? statistics[i / 4].y : statistics[i / 4].w);
            }
            pack(score_gradients, scores);
            begin_sum<N>(key_result, score_gradients, memory.other(stage.place, 0));
            stage.advance();
        }
        await_products<0>();
        settle(key_result);
        settle(value_result);
        // A segment may have no query.
        if (part.tiles > 0) {
            release(memory.freed(memory.stage_before(stage.place)), part.lane);
        }
        BFloat16* const to = static_cast<BFloat16*>(work.key_gradient) + part.head * kAttentionHead;
        store_rows(key_result, {kAttentionScale, kAttentionScale}, to, forward.key_row, part.row, part.end, part.lane);
        store_rows(value_result, {1.0f, 1.0f}, to + forward.heads * kAttentionHead, forward.key_row, part.row, part.end, part.lane);
    });
}

// ---- Launches

const char* make_maps(Maps& maps, const Attention& work, const void* output_gradient) {
    if (work.type != NumberType::kBFloat16) {
        return "attention on Hopper is for bf16";
    }
    const int64_t output_row = work.heads * kAttentionHead;
    const char* message = make_map(maps.queries, work.query, work.heads, work.queries, work.query_row);
    message = message != nullptr ? message : make_map(maps.keys, work.key, 2 * work.heads, work.keys, work.key_row);
    if (output_gradient == nullptr) {
        return message;
    }
    message = message != nullptr ? message : make_map(maps.output, work.output, work.heads, work.queries, output_row);
    return message != nullptr ? message : make_map(maps.output_gradient, output_gradient, work.heads, work.queries, output_row);
}

template <typename M, typename Work>
const char* launch(void (*kernel)(Maps, Work), const Maps& maps, const Work& work, int64_t most_items, void* stream) {
#ifdef __CUDACC__
    const int64_t at_once = blocks_at_once(kernel, dim3(kThreads), M::kBytes);
#else
    // So that each has several items in turn.
    constexpr int64_t at_once = 3;
#endif
    const int64_t blocks = most_items < at_once ? most_items : at_once;
    return most_items == 0 ? nullptr : DRBERT_LAUNCH_WITH_SHARED(kernel, dim3(static_cast<unsigned>(blocks)), dim3(kThreads), M::kBytes, stream, maps, work);
}

}  // namespace

// The kernels for the CPU are one object with the others, which nvcc's are not.
#ifdef __CUDACC__
#define DRBERT_LINKAGE
#else
#define DRBERT_LINKAGE static
#endif

DRBERT_LINKAGE const char* launch_hopper_attention(const Attention& work, void* stream) {
    Maps maps;
    if (const char* message = make_maps(maps, work, nullptr)) {
        return message;
    }
    return launch<ForwardMemory>(forward, maps, work, num_attention_items(work.queries, work.segments) * work.heads, stream);
}

DRBERT_LINKAGE const char* launch_hopper_attention_backward(const AttentionBackward& work, void* stream) {
    Maps maps;
    if (const char* message = make_maps(maps, work.forward, work.output_gradient)) {
        return message;
    }
    const Attention& forward = work.forward;
    if (const char* message = launch<QueryMemory>(query_gradient, maps, work, num_attention_items(forward.queries, forward.segments) * forward.heads, stream)) {
        return message;
    }
    return launch<KeyMemory>(key_gradient, maps, work, num_attention_items(forward.keys, forward.segments) * forward.heads, stream);
}

}  // namespace drbert
