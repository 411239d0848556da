// Gradients that our kernels add to where they are kept.

#pragma once

namespace drbert {

// Sees to it that what the backward passes under way in this thread have computed of them is there, in the order of the stream.
void finish_gradients();

}  // namespace drbert
