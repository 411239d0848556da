// One step of AdamW in one pass over the buffers, which also clips the gradients and hands the masters to the model.

#pragma once

#include "device.cuh"

namespace drbert {
namespace {

// A thread takes one vector of weights. T is the type of the weights and maybe of the gradients, all else is fp32.
template <typename T, bool kAreGradientsWeights>
__global__ void adamw(AdamW work) {
    const int64_t first = place_of_thread<T>();
    if (first >= work.count || *work.is_skipped != 0.0f) {
        return;
    }
    const Vector<T> gradients = kAreGradientsWeights ? load<T>(work.gradients, first) : load_part<T>(static_cast<const float*>(work.gradients) + first);
    Vector<T> masters = load_part<T>(work.masters + first);
    Vector<T> exp_avg = load_part<T>(work.exp_avg + first), exp_avg_sq = load_part<T>(work.exp_avg_sq + first);
    const float factor = work.gradient_factor == nullptr ? 1.0f : *work.gradient_factor;
    // What the moments are of what they would be without their bias towards zero: 1 - beta^step.
    const float step = *work.step, share = -expm1f(step * work.log_beta1), share_sq = -expm1f(step * work.log_beta2);
    const float rate = work.learning_rate / share, inverse_root = 1.0f / sqrtf(share_sq);
    const float kept = first < work.num_decaying ? 1.0f - work.learning_rate * work.weight_decay : 1.0f;
#pragma unroll
    for (int i = 0; i < kVectorSize<T>; ++i) {
        const float gradient = gradients.values[i] * factor;
        exp_avg.values[i] += work.one_minus_beta1 * (gradient - exp_avg.values[i]);
        exp_avg_sq.values[i] += work.one_minus_beta2 * (gradient * gradient - exp_avg_sq.values[i]);
        masters.values[i] = masters.values[i] * kept - rate * exp_avg.values[i] / (sqrtf(exp_avg_sq.values[i]) * inverse_root + work.epsilon);
    }
    store_part<T>(work.exp_avg + first, exp_avg);
    store_part<T>(work.exp_avg_sq + first, exp_avg_sq);
    store_part<T>(work.masters + first, masters);
    if (work.weights != nullptr) {
        store<T>(work.weights, first, masters);
    }
}

const char* launch_adamw(const AdamW& work, void* stream) {
    return with_type(work.weight_type, [&](auto number) {
        using T = decltype(number);
        const auto kernel = work.are_gradients_weights ? adamw<T, true> : adamw<T, false>;
        return DRBERT_LAUNCH(kernel, flat_blocks<T>(work.count), dim3(kFlatThreads), stream, work);
    });
}

}  // namespace
}  // namespace drbert
