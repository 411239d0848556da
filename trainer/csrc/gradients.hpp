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

    int64_t width() const { return values_.size(2); }
    const at::Tensor& memory() const { return values_; }

  private:
    at::Tensor values_;
    int64_t count_ = 0;
};

// The gradient of a vector's numbers from `first` on: the sum of one of the vectors of `parts`, for libtorch. Undefined where it is added to what is kept, which happens before
// the backward pass ends, or where nobody asks for it.
at::Tensor vector_gradient(const at::Tensor& vector, const ColumnParts& parts, int64_t index = 0, int64_t first = 0);

// Sees to it that all that the backward passes under way in this thread have added is there, in the order of the stream.
void finish_gradients();

}  // namespace drbert
