// Gradients that our kernels add to where they are kept, instead of handing them to libtorch. The sums of many vectors' are taken at once.

#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "kernels/launchers.hpp"

namespace drbert {

// A leaf's own gradient, where the backward pass under way may add to it what libtorch would add otherwise; else undefined. libtorch, which is handed nothing then, comes to
// the leaf all the same when its uses are done.
at::Tensor leaf_gradient(const at::Tensor& leaf);

// Partial sums that a kernel makes of the columns of gradients, [_, vectors, width].
class ColumnParts {
  public:
    explicit ColumnParts(const at::Tensor& gradient, int64_t vectors = 1);

    Parts place() { return {values_.mutable_data_ptr<float>(), &count_}; }

    // Of one of the vectors, when the kernel was given its work; the sum is to be the vector `gradient`, or to be added to it.
    PartialSums sums(int64_t vector, const at::Tensor& gradient, bool is_added) const;

    // That sum, as a vector of the kind of `like`.
    at::Tensor added_up(const at::Tensor& like, int64_t vector = 0) const;

    const at::Tensor& memory() const { return values_; }

  private:
    at::Tensor values_;
    int64_t count_ = 0;
};

// To `kept`, a leaf's own gradient or a part of it, is added the sum of one of the vectors, before the backward pass ends.
void add_vector_gradient(const at::Tensor& kept, const ColumnParts& parts, int64_t vector = 0);

// The same to the gradient of a vector, if it is kept somewhere, or else that gradient for libtorch. Undefined, too, if nobody asks for it.
at::Tensor vector_gradient(const at::Tensor& vector, const ColumnParts& parts, int64_t index = 0);

// Sees to it that all that the backward passes under way in this thread have added is there, in the order of the stream.
void finish_gradients();

}  // namespace drbert
