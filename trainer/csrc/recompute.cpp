// A piece of a model whose inner results are computed again in the backward pass instead of being kept: Chen et al., "Training deep
// nets with sublinear memory cost", 2016. The piece itself is a Rust closure. The rules of shim.hpp hold, and also for what Rust hands
// in: it returns null or a message.

#include "shim.hpp"

#include "pair.hpp"

#include <array>
#include <memory>
#include <mutex>
#include <utility>

#include <ATen/Context.h>
#include <ATen/core/Generator.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// What a piece takes, and what it gives.
using Pair = std::array<at::Tensor, 2>;

constexpr const char* kPiece = "piece";
constexpr const char* kRandomState = "random state";

// Owns the closure, so that it lives as long as the graph that may call it.
class Piece : public torch::CustomClassHolder {
  public:
    // Sets its last two arguments to tensors on the heap, which the caller deletes.
    using Forward = const char* (*)(void*, const at::Tensor*, const at::Tensor*, at::Tensor**, at::Tensor**);
    using Drop = void (*)(void*);

    Piece(void* closure, Forward forward, Drop drop) : closure_(closure, drop), forward_(forward) {}

    Pair forward(const Pair& inputs) const {
        std::array<at::Tensor*, 2> made{};
        const char* message = forward_(closure_.get(), &inputs[0], &inputs[1], &made[0], &made[1]);
        const std::unique_ptr<at::Tensor> first(made[0]), second(made[1]);
        TORCH_CHECK(message == nullptr, message);
        return {*first, *second};
    }

  private:
    std::unique_ptr<void, Drop> closure_;
    Forward forward_;
};

// Draws once more what was drawn from `state` on, then goes on from where the generator was.
class ReplayedRandomness {
  public:
    ReplayedRandomness(at::Device device, const at::Tensor& state)
        : generator_(at::globalContext().defaultGenerator(device)), before_(random_state(generator_)) {
        set_random_state(state);
    }
    ~ReplayedRandomness() { set_random_state(before_); }
    ReplayedRandomness(const ReplayedRandomness&) = delete;
    ReplayedRandomness& operator=(const ReplayedRandomness&) = delete;

    static at::Tensor random_state(at::Generator generator) {
        std::lock_guard<std::mutex> lock(generator.mutex());
        return generator.get_state();
    }

  private:
    void set_random_state(const at::Tensor& state) {
        std::lock_guard<std::mutex> lock(generator_.mutex());
        generator_.set_state(state);
    }

    at::Generator generator_;
    at::Tensor before_;
};

struct Recomputed : torch::autograd::Function<Recomputed> {
    // libtorch records nothing in here.
    static variable_list forward(AutogradContext* context, const at::Tensor& first, const at::Tensor& second, const c10::intrusive_ptr<Piece>& piece) {
        context->save_for_backward({first, second});
        context->set_materialize_grads(false);
        context->saved_data[kPiece] = at::IValue::make_capsule(piece);
        context->saved_data[kRandomState] =
            ReplayedRandomness::random_state(at::globalContext().defaultGenerator(first.device()));
        const Pair outputs = piece->forward({first, second});
        // They may be one tensor; libtorch takes each for one of its own.
        return {outputs[0], outputs[1].variable_data()};
    }

    // A pass of its own through the piece, which adds to the gradients of its parameters as any other, and once.
    static variable_list backward(AutogradContext* context, const variable_list& gradients) {
        const auto piece = c10::static_intrusive_pointer_cast<Piece>(context->saved_data[kPiece].toCapsule());
        const variable_list saved = context->get_saved_variables();
        const Pair inputs{saved[0].detach().requires_grad_(), saved[1].detach().requires_grad_()};
        Pair outputs;
        {
            ReplayedRandomness replayed(inputs[0].device(), context->saved_data[kRandomState].toTensor());
            at::AutoGradMode recorded(true);
            outputs = piece->forward(inputs);
        }
        variable_list used, gradients_of_used;
        for (std::size_t i = 0; i < outputs.size(); ++i) {
            if (gradients[i].defined()) {
                used.push_back(outputs[i]);
                gradients_of_used.push_back(gradients[i]);
            }
        }
        torch::autograd::backward(used, gradients_of_used);
        return {inputs[0].grad(), inputs[1].grad(), at::Tensor()};
    }
};

}  // namespace

extern "C" {

// The two results of a piece for two inputs, which must be part of a graph. Takes over `closure`, calls `drop` on it at the end, and may call
// both functions from libtorch's threads, though never two at once.
const char* drbert_recomputed(
    const at::Tensor* first, const at::Tensor* second, void* closure, Piece::Forward forward, Piece::Drop drop, at::Tensor** first_output,
    at::Tensor** second_output) {
    std::unique_ptr<void, Piece::Drop> owned(closure, drop);
    return guarded([&] {
        const auto piece = c10::make_intrusive<Piece>(owned.get(), forward, drop);
        owned.release();
        TORCH_CHECK(first->requires_grad() && second->requires_grad(), "nothing to differentiate: an input of a recomputed piece is not part of a graph");
        put_both(Recomputed::apply(*first, *second, piece), first_output, second_output);
    });
}

}  // extern "C"
