// CUDA's language for the C++ compiler: the kernels' own source runs on the CPU, so that it can be checked on machines without a
// GPU. Blocks run one after the other, the threads of a block in turns, each until it waits for others. Slow, and exact.

#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include <ucontext.h>

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#define __global__
#define __device__
#define __shared__ static thread_local
#define __forceinline__
#define __grid_constant__
#define __launch_bounds__(...)

struct dim3 {
    unsigned x, y, z;
    explicit dim3(unsigned x, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

struct [[gnu::may_alias]] alignas(16) uint4 {
    uint32_t x, y, z, w;
};

struct [[gnu::may_alias]] alignas(8) float2 {
    float x, y;
};

struct [[gnu::may_alias]] alignas(16) float4 {
    float x, y, z, w;
};

namespace emulation {

constexpr unsigned kWarpSize = 32;
constexpr std::size_t kStackBytes = std::size_t{64} << 10;

// Threads wait here for each other.
struct Barrier {
    unsigned waiting = 0;
    unsigned generation = 0;
};

// What the threads of a warp hand each other. Two successive exchanges use different memory, so that one barrier each is enough.
struct Warp {
    Barrier barrier;
    unsigned num_lanes = 0;
    uint32_t values[2][kWarpSize] = {};
};

// A thread of a block, with a stack of its own.
struct Thread {
    ucontext_t context = {};
    std::unique_ptr<char[]> stack{new char[kStackBytes]};
    dim3 index{0};
    unsigned exchanges = 0;
    bool is_done = false;
};

// The block that runs in this thread of the operating system.
struct Block {
    dim3 grid_size{0}, size{0}, index{0};
    const std::function<void()>* body = nullptr;
    std::vector<Thread> threads;
    std::vector<Warp> warps;
    Barrier barrier;
    unsigned num_threads = 0;
    unsigned current = 0;
    // Whether any thread got on since the last look.
    bool has_progress = false;
    ucontext_t scheduler = {};
};

inline Block& block() {
    static thread_local Block running;
    return running;
}

// Lets the other threads go on, of which one has to do something before this one can.
inline void yield() {
    Block& running = block();
    swapcontext(&running.threads[running.current].context, &running.scheduler);
}

inline void wait(Barrier& barrier, unsigned num_threads) {
    Block& running = block();
    if (++barrier.waiting == num_threads) {
        barrier.waiting = 0;
        ++barrier.generation;
        running.has_progress = true;
        return;
    }
    const unsigned generation = barrier.generation;
    while (barrier.generation == generation) {
        yield();
    }
}

// What lane `source` hands in at the same call.
template <typename T>
T exchange(T value, unsigned source) {
    static_assert(sizeof(T) == sizeof(uint32_t));
    Block& running = block();
    const unsigned current = running.current;
    Warp& warp = running.warps[current / kWarpSize];
    uint32_t* values = warp.values[running.threads[current].exchanges++ % 2];
    std::memcpy(&values[current % kWarpSize], &value, sizeof value);
    wait(warp.barrier, warp.num_lanes);
    std::memcpy(&value, &values[source], sizeof value);
    return value;
}

inline void run_thread() {
    (*block().body)();
    block().threads[block().current].is_done = true;
}

inline void start_thread(Block& running, unsigned number) {
    Thread& thread = running.threads[number];
    thread.index = dim3(number % running.size.x, number / running.size.x);
    thread.exchanges = 0;
    thread.is_done = false;
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = thread.stack.get();
    thread.context.uc_stack.ss_size = kStackBytes;
    thread.context.uc_link = &running.scheduler;
    makecontext(&thread.context, run_thread, 0);
}

// False if threads wait at a barrier to which others never come.
inline bool run_block(Block& running) {
    running.barrier = Barrier();
    running.warps.assign((running.num_threads + kWarpSize - 1) / kWarpSize, Warp());
    for (unsigned number = 0; number < running.num_threads; ++number) {
        start_thread(running, number);
        ++running.warps[number / kWarpSize].num_lanes;
    }
    unsigned num_done = 0;
    while (num_done < running.num_threads) {
        running.has_progress = false;
        for (running.current = 0; running.current < running.num_threads; ++running.current) {
            Thread& thread = running.threads[running.current];
            if (!thread.is_done) {
                swapcontext(&running.scheduler, &thread.context);
                num_done += thread.is_done;
                running.has_progress |= thread.is_done;
            }
        }
        if (!running.has_progress) {
            return false;
        }
    }
    return true;
}

inline const char* launch(dim3 grid, dim3 size, const std::function<void()>& body) {
    Block& running = block();
    running.grid_size = grid;
    running.size = size;
    running.body = &body;
    running.num_threads = size.x * size.y;
    if (running.threads.size() < running.num_threads) {
        running.threads.resize(running.num_threads);
    }
    for (unsigned number = 0; number < grid.x * grid.y * grid.z; ++number) {
        running.index = dim3(number % grid.x, number / grid.x % grid.y, number / grid.x / grid.y);
        if (!run_block(running)) {
            return "emulated threads wait at a barrier to which others never come";
        }
    }
    return nullptr;
}

}  // namespace emulation

#define gridDim (emulation::block().grid_size)
#define blockDim (emulation::block().size)
#define blockIdx (emulation::block().index)
#define threadIdx (emulation::block().threads[emulation::block().current].index)

using std::isfinite;

template <typename T>
void __stcg(T* place, T value) {
    *place = value;
}

// Threads run in turns.
inline int atomicAdd(int* place, int summand) {
    const int before = *place;
    *place += summand;
    return before;
}

inline void __syncthreads() {
    emulation::wait(emulation::block().barrier, emulation::block().num_threads);
}

template <typename T>
T __shfl_xor_sync(unsigned, T value, int distance) {
    return emulation::exchange(value, emulation::block().current % emulation::kWarpSize ^ static_cast<unsigned>(distance));
}

template <typename T>
T __shfl_sync(unsigned, T value, int lane) {
    return emulation::exchange(value, static_cast<unsigned>(lane));
}

inline void __syncwarp() {
    emulation::Block& running = emulation::block();
    emulation::Warp& warp = running.warps[running.current / emulation::kWarpSize];
    emulation::wait(warp.barrier, warp.num_lanes);
}
