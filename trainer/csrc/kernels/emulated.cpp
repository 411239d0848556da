// The kernels for the CPU.

#include "emulation.hpp"

#include "hopper_attention.cu"
#include "kernels.cu"
