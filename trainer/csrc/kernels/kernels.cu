// All kernels for one place to run: nvcc makes `cuda_launchers` of this file, the C++ compiler `emulated_launchers`.

#include "adamw.cuh"
#include "attention_items.cuh"
#include "bias_gelu.cuh"
#include "column_sums.cuh"
#include "cross_entropy.cuh"
#include "gradient_sum.cuh"
#include "layer_norm.cuh"
#include "segment_table.cuh"
#include "spread_rows.cuh"
#include "table_gradients.cuh"
#include "vector_gradients.cuh"
#include "verdict.cuh"

namespace drbert {

#ifdef __CUDACC__
extern const Launchers cuda_launchers;
const Launchers cuda_launchers = {
#else
const Launchers emulated_launchers = {
#endif
    launch_vector_gradients, launch_bias_gelu,              launch_bias_gelu_backward, launch_column_sums,
    launch_layer_norm,       launch_layer_norm_backward,    launch_table_gradients,    launch_spread_rows,
    launch_cross_entropy,    launch_cross_entropy_backward, launch_gradient_sum,       launch_verdict,
    launch_adamw,            launch_segment_table,          launch_attention_items,
    launch_hopper_attention, launch_hopper_attention_backward,
};

}  // namespace drbert
