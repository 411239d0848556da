// libtorch's groups of processes (c10d) behind a C interface. The rules of shim.hpp hold. Built without the headers of a backend, a
// function that needs it says so.

#include "shim.hpp"

#include "group.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/util/Logging.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#ifdef USE_C10D_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#endif
#ifdef USE_C10D_NCCL
#include <torch/csrc/cuda/nccl.h>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

namespace {

using Group = c10d::ProcessGroup;

#ifdef USE_C10D_GLOO
c10::intrusive_ptr<c10d::Backend> gloo_backend(
    const c10::intrusive_ptr<c10d::Store>& store, int rank, int world_size, std::chrono::milliseconds timeout,
    const char* address) {
    auto options = c10d::ProcessGroupGloo::Options::create(timeout);
    options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(address));
    auto prefixed = c10::make_intrusive<c10d::PrefixStore>("gloo", store);
    return c10::make_intrusive<c10d::ProcessGroupGloo>(prefixed, rank, world_size, options);
}
#else
c10::intrusive_ptr<c10d::Backend> gloo_backend(
    const c10::intrusive_ptr<c10d::Store>&, int, int, std::chrono::milliseconds, const char*) {
    TORCH_CHECK(false, "built without Gloo");
}
#endif

#ifdef USE_C10D_NCCL
c10::intrusive_ptr<c10d::Backend> nccl_backend(
    const c10::intrusive_ptr<c10d::Store>& store, int rank, int world_size, std::chrono::milliseconds timeout) {
    // A rank that is lost is reported at once; libtorch would first collect what every rank did, and wait for those that do not answer.
    setenv("TORCH_NCCL_DUMP_ON_TIMEOUT", "0", /*overwrite=*/0);
    setenv("TORCH_NCCL_WAIT_TIMEOUT_DUMP_MILSEC", "500", /*overwrite=*/0);
    auto options = c10d::ProcessGroupNCCL::Options::create();
    options->timeout = timeout;
    auto prefixed = c10::make_intrusive<c10d::PrefixStore>("nccl", store);
    return c10::make_intrusive<c10d::ProcessGroupNCCL>(prefixed, rank, world_size, options);
}
#else
c10::intrusive_ptr<c10d::Backend> nccl_backend(
    const c10::intrusive_ptr<c10d::Store>&, int, int, std::chrono::milliseconds) {
    TORCH_CHECK(false, "built without NCCL");
}
#endif

// libtorch logs what it throws, with its C++ stack. What is thrown reaches the user once, in one line.
void log_only_fatal_errors() {
    if (std::getenv("TORCH_CPP_LOG_LEVEL") == nullptr) {
        FLAGS_caffe2_log_level = 3;
    }
}

// Waits until every rank has come to the store, so that it can be said who has not. Whoever keeps the store leaves last, for the others to say it too.
void meet(c10d::Store& store, int rank, int world_size, bool keeps_store, std::chrono::steady_clock::time_point end) {
    using std::chrono::milliseconds;
    const auto left = std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now());
    // No time at all would be taken for no limit.
    const milliseconds timeout = std::max(left, milliseconds(1)) + milliseconds(keeps_store ? 1000 : 0);
    store.set("rank " + std::to_string(rank), std::string());
    std::vector<std::string> ranks;
    for (int other = 0; other < world_size; ++other) {
        ranks.push_back("rank " + std::to_string(other));
    }
    try {
        store.wait(ranks, timeout);
    } catch (const std::exception&) {
        std::string absent;
        for (const std::string& other : ranks) {
            if (!store.check({other})) {
                absent += (absent.empty() ? "" : ", ") + other;
            }
        }
        TORCH_CHECK(!absent.empty(), "the ranks did not find each other in time");
        TORCH_CHECK(false, "waited in vain for ", absent);
    }
}

}  // namespace

extern "C" {

// Fails if this program was built without what its ranks would talk over.
const char* drbert_group_check([[maybe_unused]] bool with_cuda) {
    return guarded([&] {
#ifndef USE_C10D_GLOO
        TORCH_CHECK(false, "this program was built without Gloo's headers, so it cannot train on several ranks: run scripts/setup.sh run and build again");
#endif
#ifdef USE_C10D_NCCL
        // The options that are made here have a part of NCCL's in them.
        const uint64_t found = torch::cuda::nccl::version() >> 16;
        constexpr uint64_t built_for = (uint64_t{NCCL_MAJOR} << 16) | NCCL_MINOR;
        TORCH_CHECK(!with_cuda || found == built_for, "this program was built for NCCL ", NCCL_MAJOR, ".", NCCL_MINOR, ", and libtorch has NCCL ", found >> 16, ".", found & 0xffff,
                    ": build it with the nccl.h of that version");
#else
        TORCH_CHECK(!with_cuda, "this program was built without the headers of NCCL and CUDA, so it cannot train on several GPUs: run scripts/setup.sh run and build again");
#endif
    });
}

// Meets the other ranks at host:port, where one of them or what started them listens, and connects to them from `address`. Ranks of
// another `attempt` are not seen. Tensors on the CPU go over Gloo, those on CUDA devices, if `with_cuda`, over NCCL.
const char* drbert_group_join(
    const char* host, uint16_t port, bool listens, const char* attempt, const char* address, int rank, int world_size,
    int64_t timeout_ms, bool with_cuda, DrbertGroup** joined) {
    return guarded([&] {
        log_only_fatal_errors();
        const std::chrono::milliseconds timeout(timeout_ms);
        const auto end = std::chrono::steady_clock::now() + timeout;
        c10d::TCPStoreOptions options;
        options.port = port;
        options.isServer = listens;
        options.waitWorkers = false;
        options.timeout = timeout;
        auto result = std::make_unique<DrbertGroup>();
        result->store = c10::make_intrusive<c10d::PrefixStore>(attempt, c10::make_intrusive<c10d::TCPStore>(host, options));
        meet(*result->store, rank, world_size, listens, end);
        result->group = c10::make_intrusive<Group>(result->store, rank, world_size);
        result->group->setBackend(c10::DeviceType::CPU, Group::GLOO, gloo_backend(result->store, rank, world_size, timeout, address));
        result->group->setDefaultBackend(Group::GLOO);
        if (with_cuda) {
            result->group->setBackend(c10::DeviceType::CUDA, Group::NCCL, nccl_backend(result->store, rank, world_size, timeout));
        }
        *joined = result.release();
    });
}

const char* drbert_group_leave(DrbertGroup* group) {
    return guarded([&] { delete group; });
}

// Sums `tensor` over the ranks, in place, on all of them.
const char* drbert_group_sum(const DrbertGroup* group, const at::Tensor* tensor) {
    return guarded([&] {
        std::vector<at::Tensor> tensors{*tensor};
        group->group->allreduce(tensors)->wait();
    });
}

// Leaves a note for the other ranks.
const char* drbert_group_tell(const DrbertGroup* group, const char* key, const char* note) {
    return guarded([&] { group->store->set(key, std::string(note)); });
}

// Calls `receive` with the note under `key`, if there is one; waits for none, and for the store's answer no longer than `limit_ms`.
const char* drbert_group_ask(
    const DrbertGroup* group, const char* key, int64_t limit_ms, void (*receive)(void*, const char*, std::size_t), void* receiver) {
    return guarded([&] {
        using Note = std::vector<uint8_t>;
        std::packaged_task<Note()> task([store = group->store, key = std::string(key)] { return store->check({key}) ? store->get(key) : Note(); });
        std::future<Note> answer = task.get_future();
        // A store that is cut off never answers, and libtorch waits for it without end: in a thread of its own, which is left to itself.
        std::thread(std::move(task)).detach();
        TORCH_CHECK(answer.wait_for(std::chrono::milliseconds(limit_ms)) == std::future_status::ready, "the store does not answer");
        const Note note = answer.get();
        if (!note.empty()) {
            receive(receiver, reinterpret_cast<const char*>(note.data()), note.size());
        }
    });
}

}  // extern "C"
