#include "gradients.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <ATen/ops/empty.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/graph_task.h>
#include <torch/csrc/autograd/variable.h>

#include "launch.hpp"

namespace drbert {
namespace {

c10::Stream stream_of(const at::Tensor& tensor) { return c10::impl::VirtualGuardImpl(tensor.device().type()).getStream(tensor.device()); }

void add_up(const at::Tensor& gradient, const PartialSums* sums, int count) {
    VectorGradients work{number_type(gradient), count, {}};
    std::copy(sums, sums + count, work.vectors);
    launch(gradient, &Launchers::vector_gradients, work);
}

// The partial sums of a backward pass that are still to be added up: when it ends, or sooner if they take much memory or the gradients are to be read.
class PendingSums {
  public:
    // Of the pass that is under way in this thread.
    static PendingSums& of_this_pass() {
        const int pass = torch::autograd::get_current_graph_task_id();
        auto& passes = PendingSums::passes();
        passes.erase(std::remove_if(passes.begin(), passes.end(), [](const auto& other) { return other.second.expired(); }), passes.end());
        for (const auto& [id, pending] : passes) {
            if (id == pass) {
                return *pending.lock();
            }
        }
        const auto pending = std::make_shared<PendingSums>();
        // Which owns them: those of a pass that fails are forgotten with it.
        torch::autograd::Engine::get_default_engine().queue_callback([pending] { pending->finish(); });
        passes.emplace_back(pass, pending);
        return *pending;
    }

    static void finish_all() {
        for (const auto& pass : passes()) {
            if (const auto pending = pass.second.lock()) {
                pending->finish();
            }
        }
    }

    void add(const at::Tensor& gradient, const ColumnParts& parts, int64_t vector) {
        const auto is_place = [&](const PartialSums& sums) { return sums.gradient == gradient.data_ptr(); };
        const bool fits = sums_.empty() || (sums_.size() < kMaxVectors && gradient.scalar_type() == gradients_[0].scalar_type());
        if (!fits || std::any_of(sums_.begin(), sums_.end(), is_place)) {
            finish();
        }
        stream_ = stream_of(gradient);
        sums_.push_back(parts.sums(vector, gradient, /*is_added=*/true));
        gradients_.push_back(gradient);
        if (memory_.empty() || !memory_.back().is_same(parts.memory())) {
            memory_.push_back(parts.memory());
            bytes_ += parts.memory().nbytes();
        }
        if (bytes_ > kMostBytes) {
            finish();
        }
    }

    void finish() {
        if (!sums_.empty()) {
            const c10::StreamGuard guard(*stream_);
            add_up(gradients_[0], sums_.data(), static_cast<int>(sums_.size()));
        }
        sums_.clear(), gradients_.clear(), memory_.clear();
        bytes_ = 0;
    }

  private:
    static constexpr size_t kMostBytes = 64 << 20;

    // The passes of this thread, by libtorch's numbers: there may be one within another.
    static std::vector<std::pair<int, std::weak_ptr<PendingSums>>>& passes() {
        thread_local std::vector<std::pair<int, std::weak_ptr<PendingSums>>> passes;
        return passes;
    }

    std::optional<c10::Stream> stream_;
    std::vector<PartialSums> sums_;
    // As many, and what holds the partial sums.
    std::vector<at::Tensor> gradients_, memory_;
    size_t bytes_ = 0;
};

}  // namespace

at::Tensor leaf_gradient(const at::Tensor& leaf) {
    const auto* executed = torch::autograd::get_current_graph_task_exec_info();
    // A pass that is to hand out gradients instead lists what it executes.
    if (!leaf.is_leaf() || !leaf.requires_grad() || executed == nullptr || !executed->empty()) {
        return {};
    }
    const at::Tensor& gradient = leaf.grad();
    if (!gradient.defined() || !gradient.is_contiguous() || gradient.scalar_type() != leaf.scalar_type()) {
        return {};
    }
    // libtorch adds what the leaf's other uses give in this stream, and waits there for what it is handed, but not for this.
    const std::optional<c10::Stream> stream = torch::autograd::impl::grad_accumulator(leaf)->stream();
    return !stream || *stream == stream_of(leaf) ? gradient : at::Tensor();
}

ColumnParts::ColumnParts(const at::Tensor& gradient, int64_t vectors) : values_(scratch(gradient, {num_parts(gradient.size(0)), vectors, gradient.size(1)})) {}

PartialSums ColumnParts::sums(int64_t vector, const at::Tensor& gradient, bool is_added) const {
    return {values_.const_data_ptr<float>() + vector * width(), count_, values_.size(1) * width(), width(), gradient.mutable_data_ptr(), is_added};
}

at::Tensor vector_gradient(const at::Tensor& vector, const ColumnParts& parts, int64_t index, int64_t first) {
    if (!vector.defined()) {
        return {};
    }
    if (const at::Tensor kept = leaf_gradient(vector); kept.defined()) {
        PendingSums::of_this_pass().add(part_of(kept, first, parts.width()), parts, index);
        return {};
    }
    const at::Tensor gradient = at::empty({parts.width()}, vector.options());
    const PartialSums sums = parts.sums(index, gradient, /*is_added=*/false);
    add_up(gradient, &sums, 1);
    return gradient;
}

void finish_gradients() { PendingSums::finish_all(); }

}  // namespace drbert
