// The gradients of a backward pass, added in fp32 to those of a step and zeroed for the next pass, in one pass over both.

#pragma once

#include "device.cuh"

namespace drbert {
namespace {

// A thread takes one vector of gradients.
template <typename T>
__global__ void gradient_sum(GradientSum work) {
    const int64_t first = place_of_thread<T>();
    if (first >= work.count) {
        return;
    }
    Vector<T> sums = load<T>(work.gradients, first);
    if (!work.is_first) {
        add(sums, load_part<T>(work.sums + first));
    }
    store_part<T>(work.sums + first, sums);
    store<T>(work.gradients, first, filled<T>(0.0f));
}

const char* launch_gradient_sum(const GradientSum& work, void* stream) {
    return with_type(work.type, [&](auto number) {
        using T = decltype(number);
        return DRBERT_LAUNCH(gradient_sum<T>, flat_blocks<T>(work.count), dim3(kFlatThreads), stream, work);
    });
}

}  // namespace
}  // namespace drbert
