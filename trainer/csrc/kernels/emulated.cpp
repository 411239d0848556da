// The kernels for the CPU.

#include "emulation.hpp"

#include "kernels.cu"
