// All that is compiled against libtorch, as one file: its headers are read once.

#include "attention.cpp"
#include "distributed.cpp"
#include "exchange.cpp"
#include "gradients.cpp"
#include "graph.cpp"
#include "kernels.cpp"
#include "products.cpp"
#include "recompute.cpp"
#include "shim.cpp"
#include "stream.cpp"
