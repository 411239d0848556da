// The gradients of all ranks become their sum while the backward pass that completes them still runs, bucket by bucket: Li et al., "PyTorch
// Distributed: Experiences on Accelerating Data Parallel Training", 2020. Here all gradients lie in one flat buffer in the order in which they
// come, so that a bucket is a range of it, in any precision, and nothing is copied. The rules of shim.hpp hold.

#include "shim.hpp"

#include "gradients.hpp"
#include "group.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

namespace {

using Work = c10::intrusive_ptr<c10d::Work>;

// A range of the flat buffers.
struct Bucket {
    at::Tensor gradients;
    // What the pass adds to, if it computes in fewer bits than the step's gradients have; else undefined.
    at::Tensor weight_gradients;
    std::size_t num_parameters = 0;
    // Of its parameters, those whose gradient the pass has not given yet.
    std::size_t num_missing = 0;
    // While it is under way.
    at::Tensor sent;
    Work work;
};

class Exchange {
  public:
    // `weight_gradients`, of which the parameters' gradients are views, are `gradients` themselves in fp32. `ends` says where in these flat
    // buffers each bucket ends.
    Exchange(
        c10::intrusive_ptr<c10d::ProcessGroup> group, const std::vector<at::Tensor>& parameters, const at::Tensor& gradients,
        const at::Tensor& weight_gradients, const std::vector<int64_t>& ends, bool compresses)
        : group_(std::move(group)), compresses_(compresses), has_come_(parameters.size()) {
        int64_t begin = 0;
        for (const int64_t end : ends) {
            Bucket bucket;
            bucket.gradients = gradients.slice(0, begin, end);
            if (!weight_gradients.is_alias_of(gradients)) {
                bucket.weight_gradients = weight_gradients.slice(0, begin, end);
            }
            buckets_.push_back(std::move(bucket));
            begin = end;
        }
        for (const at::Tensor& parameter : parameters) {
            const at::Tensor& gradient = parameter.grad();
            TORCH_CHECK(gradient.defined() && gradient.is_alias_of(weight_gradients), "a parameter has its gradient elsewhere than in the flat buffer");
            const auto end = std::upper_bound(ends.begin(), ends.end(), gradient.storage_offset() - weight_gradients.storage_offset());
            TORCH_CHECK(end != ends.end(), "a parameter is in no bucket");
            bucket_of_.push_back(end - ends.begin());
            ++buckets_[bucket_of_.back()].num_parameters;
        }
    }

    // From now on, until `end`, gradients that come are those of the step: all of them if the pass is its only one, and the step's are not zeroed.
    void begin(const at::Tensor& loss, bool is_only_pass) {
        TORCH_CHECK(!is_open_, "the backward pass before failed while it exchanged gradients with the other ranks");
        is_open_ = true;
        is_only_pass_ = is_only_pass;
        num_started_ = 0;
        has_come_.assign(has_come_.size(), false);
        for (Bucket& bucket : buckets_) {
            bucket.num_missing = bucket.num_parameters;
        }
        // Of the forward pass: nobody waits for it after the backward one.
        loss_work_ = sum(loss);
    }

    // The pass has given the whole gradient of a parameter. Never called by two threads at once: all parameters are on one device.
    void come(std::size_t parameter) {
        if (!is_open_) {
            return;
        }
        TORCH_CHECK(!has_come_[parameter], "a backward pass gave two gradients of one parameter");
        has_come_[parameter] = true;
        --buckets_[bucket_of_[parameter]].num_missing;
        // Every rank starts them in this order, whatever the order in which they are filled.
        while (num_started_ < buckets_.size() && buckets_[num_started_].num_missing == 0) {
            start_next();
        }
    }

    // The pass is over. On CUDA the stream waits for the sums, not the host. Returns how many buckets were started before.
    std::size_t end() {
        const std::size_t num_started = num_started_;
        // A parameter that the pass did not use has the gradient of the passes before.
        while (num_started_ < buckets_.size()) {
            start_next();
        }
        loss_work_->wait();
        for (Bucket& bucket : buckets_) {
            bucket.work->wait();
            if (compresses_) {
                bucket.gradients.copy_(bucket.sent);
            }
            bucket.sent.reset();
            bucket.work.reset();
        }
        is_open_ = false;
        return num_started;
    }

  private:
    void start_next() {
        drbert::finish_gradients();
        Bucket& bucket = buckets_[num_started_];
        if (bucket.weight_gradients.defined()) {
            is_only_pass_ ? bucket.gradients.copy_(bucket.weight_gradients) : bucket.gradients.add_(bucket.weight_gradients);
            bucket.weight_gradients.zero_();
        }
        bucket.sent = compresses_ ? bucket.gradients.to(at::kBFloat16) : bucket.gradients;
        bucket.work = sum(bucket.sent);
        ++num_started_;
    }

    Work sum(const at::Tensor& tensor) {
        std::vector<at::Tensor> tensors{tensor};
        return group_->allreduce(tensors);
    }

    c10::intrusive_ptr<c10d::ProcessGroup> group_;
    const bool compresses_;
    std::vector<Bucket> buckets_;
    // By parameter, as is the next.
    std::vector<std::size_t> bucket_of_;
    std::vector<bool> has_come_;
    bool is_open_ = false;
    bool is_only_pass_ = false;
    std::size_t num_started_ = 0;
    Work loss_work_;
};

// Tells the exchange, if it is still there, that a parameter's gradient has come. It belongs to the parameter, and is called once in a pass even
// if the parameter is used in several places.
class Arrival : public torch::autograd::PostAccumulateGradHook {
  public:
    Arrival(const std::shared_ptr<Exchange>& exchange, std::size_t parameter) : exchange_(exchange), parameter_(parameter) {}

    void operator()(const at::Tensor&) override {
        if (const auto exchange = exchange_.lock()) {
            exchange->come(parameter_);
        }
    }

  private:
    std::weak_ptr<Exchange> exchange_;
    std::size_t parameter_;
};

}  // namespace

extern "C" {

struct DrbertExchange {
    std::shared_ptr<Exchange> exchange;
};

// An exchange of the gradients of these parameters, which stay where they are. It takes the place of another one of the same parameters.
const char* drbert_exchange_new(
    const DrbertGroup* group, at::Tensor* const* parameters, std::size_t num_parameters, const at::Tensor* gradients,
    const at::Tensor* weight_gradients, const int64_t* bucket_ends, std::size_t num_buckets, bool compresses, DrbertExchange** made) {
    return guarded([&] {
        std::vector<at::Tensor> tensors;
        for (std::size_t index = 0; index < num_parameters; ++index) {
            tensors.push_back(*parameters[index]);
        }
        const std::vector<int64_t> ends(bucket_ends, bucket_ends + num_buckets);
        auto exchange = std::make_shared<Exchange>(group->group, tensors, *gradients, *weight_gradients, ends, compresses);
        for (std::size_t index = 0; index < num_parameters; ++index) {
            torch::autograd::impl::set_post_acc_grad_hooks(tensors[index], std::make_unique<Arrival>(exchange, index));
        }
        *made = new DrbertExchange{std::move(exchange)};
    });
}

const char* drbert_exchange_delete(DrbertExchange* exchange) {
    return guarded([&] { delete exchange; });
}

// The next backward pass exchanges the gradients. `loss` is summed over the ranks, in place, on the way.
const char* drbert_exchange_begin(const DrbertExchange* exchange, const at::Tensor* loss, bool is_only_pass) {
    return guarded([&] { exchange->exchange->begin(*loss, is_only_pass); });
}

// Comes after that pass, if it succeeded. Then loss and gradients are summed over the ranks, or will be in the order of the CUDA stream.
// `num_overlapped` is how many buckets were under way when the pass ended.
const char* drbert_exchange_end(const DrbertExchange* exchange, std::size_t* num_overlapped) {
    return guarded([&] { *num_overlapped = exchange->exchange->end(); });
}

}  // extern "C"
