// A piece of a model whose inner results are computed again in the backward pass instead of being kept: Chen et al., "Training deep
// nets with sublinear memory cost", 2016. The piece itself is a Rust closure. The rules of shim.hpp hold, and also for what Rust hands
// in: it returns null or a message.

#include "shim.hpp"

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

constexpr const char* kPiece = "piece";
constexpr const char* kRandomState = "random state";

// Owns the closure, so that it lives as long as the graph that may call it.
class Piece : public torch::CustomClassHolder {
  public:
    // Sets its last argument to a tensor on the heap, which the caller deletes.
    using Forward = const char* (*)(void*, const at::Tensor*, at::Tensor**);
    using Drop = void (*)(void*);

    Piece(void* closure, Forward forward, Drop drop) : closure_(closure, drop), forward_(forward) {}

    at::Tensor forward(const at::Tensor& input) const {
        at::Tensor* made = nullptr;
        const char* message = forward_(closure_.get(), &input, &made);
        std::unique_ptr<at::Tensor> output(made);
        TORCH_CHECK(message == nullptr, message);
        return std::move(*output);
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
    static at::Tensor forward(AutogradContext* context, const at::Tensor& input, const c10::intrusive_ptr<Piece>& piece) {
        context->save_for_backward({input});
        context->saved_data[kPiece] = at::IValue::make_capsule(piece);
        context->saved_data[kRandomState] =
            ReplayedRandomness::random_state(at::globalContext().defaultGenerator(input.device()));
        return piece->forward(input);
    }

    // A pass of its own through the piece, which adds to the gradients of its parameters as any other, and once.
    static variable_list backward(AutogradContext* context, const variable_list& gradients) {
        const auto piece = c10::static_intrusive_pointer_cast<Piece>(context->saved_data[kPiece].toCapsule());
        const at::Tensor input = context->get_saved_variables()[0].detach().requires_grad_();
        at::Tensor output;
        {
            ReplayedRandomness replayed(input.device(), context->saved_data[kRandomState].toTensor());
            at::AutoGradMode recorded(true);
            output = piece->forward(input);
        }
        torch::autograd::backward({output}, {gradients[0]});
        return {input.grad(), at::Tensor()};
    }
};

}  // namespace

extern "C" {

// The result of a piece for `input`, which must be part of a graph. Takes over `closure`, calls `drop` on it at the end, and may call
// both functions from libtorch's threads, though never two at once.
const char* drbert_recomputed(
    const at::Tensor* input, void* closure, Piece::Forward forward, Piece::Drop drop, at::Tensor** output) {
    std::unique_ptr<void, Piece::Drop> owned(closure, drop);
    return guarded([&] {
        const auto piece = c10::make_intrusive<Piece>(owned.get(), forward, drop);
        owned.release();
        TORCH_CHECK(input->requires_grad(), "nothing to differentiate: the input of a recomputed piece is not part of a graph");
        *output = new at::Tensor(Recomputed::apply(*input, piece));
    });
}

}  // extern "C"
