// libtorch's FlashAttention over segments of any lengths that lie end to end (Dao, "FlashAttention-2: faster attention with better
// parallelism and work partitioning", 2023). It has a derivative, and none of its shapes depends on the segments. The rules of shim.hpp hold.

#include "shim.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/_flash_attention_forward.h>

extern "C" {

// Query, key and value as `qkv` [tokens, 3, heads, head size], the first token of every segment and the end of the last as int32
// `boundaries` [segments + 1] on the same device, the length of the longest segment. Gives [tokens, heads, head size].
const char* drbert_attention(
    const at::Tensor* qkv, const at::Tensor* boundaries, int64_t longest, double dropout, at::Tensor** attended) {
    return guarded([&] {
        const auto parts = qkv->unbind(1);
        auto result = at::_flash_attention_forward(
            parts[0], parts[1], parts[2], *boundaries, *boundaries, longest, longest, dropout, /*is_causal=*/false,
            /*return_debug_mask=*/false);
        *attended = new at::Tensor(std::move(std::get<0>(result)));
    });
}

}  // extern "C"
