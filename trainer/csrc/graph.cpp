// CUDA graphs: work that is recorded while it is given to the device, and given to it again in one call. The rules of shim.hpp hold.

#include "shim.hpp"

#include <memory>

#include <c10/util/Exception.h>
#ifdef USE_C10D_NCCL
#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#endif

namespace {

#ifdef USE_C10D_NCCL
template <typename Body>
void ignoring_errors(Body&& body) noexcept {
    try {
        body();
    } catch (...) {
    }
}

class Graph : public at::cuda::CUDAGraph {
  public:
    // Takes its memory from the pool of `beside`, if there is one: graphs that are replayed one after the other, and leave nothing there for later, need
    // no more than the largest of them.
    void begin(const Graph* beside) {
        // What libtorch keeps for later is of no use to the graph's pool, and during the recording nothing can be freed.
        c10::cuda::CUDACachingAllocator::emptyCache();
        // Other threads, such as NCCL's, may ask the device for anything meanwhile.
        capture_begin(beside == nullptr ? at::cuda::graph_pool_handle() : beside->mempool_id_, cudaStreamCaptureModeThreadLocal);
    }

    void end() {
        try {
            capture_end();
        } catch (...) {
            abandon();
            throw;
        }
    }

  private:
    // What capture_end leaves undone when it fails: without this, memory and random numbers would stay as they are during a recording.
    void abandon() noexcept {
        if (capture_ended_) {
            return;  // Everything was done but for the instance, and the destructor knows.
        }
        at::HostAllocator* const host = at::getHostAllocator(at::kCUDA);
        ignoring_errors([&] { c10::cuda::CUDACachingAllocator::endAllocateToPool(capture_dev_, mempool_id_); });
        ignoring_errors([&] { c10::cuda::CUDACachingAllocator::releasePool(capture_dev_, mempool_id_); });
        ignoring_errors([&] { host->end_allocate_to_pool(mempool_id_); });
        ignoring_errors([&] { host->release_pool(mempool_id_); });
        for (const auto& recorded : captured_generator_states_) {
            recorded.first->capturing_ = false;
        }
    }
};
#else
class Graph {
  public:
    void begin(const Graph*) { TORCH_CHECK(false, "built without CUDA's headers"); }
    void end() {}
    void replay() {}
};
#endif

}  // namespace

extern "C" {

// Begins to record what the current stream, which is not the default one, is given: none of it is done. To be ended on the same thread. `beside` may be null.
const char* drbert_graph_begin(const Graph* beside, Graph** begun) {
    return guarded([&] {
        auto graph = std::make_unique<Graph>();
        graph->begin(beside);
        *begun = graph.release();
    });
}

const char* drbert_graph_end(Graph* graph) {
    return guarded([&] { graph->end(); });
}

// Gives the current stream what was recorded. Dropout draws from the generator as if the work were done now.
const char* drbert_graph_replay(Graph* graph) {
    return guarded([&] { graph->replay(); });
}

const char* drbert_graph_delete(Graph* graph) {
    return guarded([&] { delete graph; });
}

}  // extern "C"
