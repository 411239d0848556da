// Copies between host and device that nobody waits for, and the events by which one knows that they are done. The rules of shim.hpp hold.
// Nothing here needs CUDA's headers: c10's virtual guard finds the device's own streams and events at run time.

#include "shim.hpp"

#include <memory>
#include <unordered_map>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#ifdef USE_C10D_NCCL
#include <c10/cuda/CUDAFunctions.h>
#endif

namespace {

using c10::impl::VirtualGuardImpl;

// The stream for copies to a device, always the same one, so that they keep their order.
c10::Stream copy_stream(const VirtualGuardImpl& streams, c10::Device device) {
    thread_local std::unordered_map<c10::DeviceIndex, c10::Stream> chosen;
    const auto found = chosen.find(device.index());
    if (found != chosen.end()) {
        return found->second;
    }
    return chosen.emplace(device.index(), streams.getStreamFromGlobalPool(device)).first->second;
}

}  // namespace

extern "C" {

// Makes a device the current one of this thread.
const char* drbert_use_device(int device_index) {
    return guarded([&] {
        const c10::Device device(c10::kCUDA, static_cast<c10::DeviceIndex>(device_index));
        VirtualGuardImpl(c10::kCUDA).setDevice(device);
    });
}

// Makes a stream of its own the current one of this thread, if that is the default one, of which no graph can be recorded.
const char* drbert_leave_default_stream(int device_index) {
    return guarded([&] {
        const c10::Device device(c10::kCUDA, static_cast<c10::DeviceIndex>(device_index));
        const VirtualGuardImpl streams(c10::kCUDA);
        if (streams.getStream(device) == streams.getDefaultStream(device)) {
            streams.exchangeStream(streams.getStreamFromGlobalPool(device));
        }
    });
}

// Copies `host` to a CUDA device, beside what the device computes; what it is given to compute after this call finds the copy done.
const char* drbert_upload(const at::Tensor* host, int device_index, at::Tensor** uploaded) {
    return guarded([&] {
        const c10::Device device(c10::kCUDA, static_cast<c10::DeviceIndex>(device_index));
        const VirtualGuardImpl streams(c10::kCUDA);
        const c10::Stream compute = streams.getStream(device);
        const c10::Stream copies = copy_stream(streams, device);
        const at::Tensor pinned = host->pin_memory();
        at::Tensor copy;
        {
            c10::StreamGuard on_copies(copies);
            copy = pinned.to(pinned.options().device(device), /*non_blocking=*/true);
        }
        c10::Event copied(c10::kCUDA);
        copied.record(copies);
        copied.block(compute);
        // Its memory belongs to the copies' stream, which must not take it back while it is computed with.
        copy.record_stream(compute);
        *uploaded = new at::Tensor(std::move(copy));
    });
}

// Begins to copy a CUDA tensor to the host. The copy holds nothing before the event has come.
const char* drbert_download(const at::Tensor* tensor, at::Tensor** downloaded, c10::Event** done) {
    return guarded([&] {
        const VirtualGuardImpl streams(c10::kCUDA);
        auto copy = std::make_unique<at::Tensor>(at::empty(tensor->sizes(), tensor->options().device(c10::kCPU).pinned_memory(true)));
        copy->copy_(*tensor, /*non_blocking=*/true);
        auto event = std::make_unique<c10::Event>(c10::kCUDA);
        event->record(streams.getStream(tensor->device()));
        *downloaded = copy.release();
        *done = event.release();
    });
}

const char* drbert_event_query(const c10::Event* event, bool* has_come) {
    return guarded([&] { *has_come = event->query(); });
}

const char* drbert_event_wait(const c10::Event* event) {
    return guarded([&] { event->synchronize(); });
}

const char* drbert_event_delete(c10::Event* event) {
    return guarded([&] { delete event; });
}

// From now on, whether an operation of libtorch that makes the host wait for the CUDA device is an error. Waiting for an event is none.
const char* drbert_forbid_waiting(bool forbidden) {
    return guarded([&] {
#ifdef USE_C10D_NCCL
        using c10::cuda::SyncDebugMode;
        c10::cuda::warning_state().set_sync_debug_mode(forbidden ? SyncDebugMode::L_ERROR : SyncDebugMode::L_DISABLED);
#else
        TORCH_CHECK(!forbidden, "built without CUDA's headers");
#endif
    });
}

}  // extern "C"
