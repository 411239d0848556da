#!/usr/bin/env python3
"""How DrBERT's run scales from one GPU to 128, by calculation: what trainer/benches/README.md explains. Prints its tables; nothing here was measured on a GPU.

    scaling_model.py [--layers 12] [--hidden 768] [--vocabulary 32005] [--rows 32] [--length 512] [--masked 0.15] [--hop-microseconds 25]
"""

import argparse
import math
from dataclasses import dataclass

FIRST_BUCKET, BUCKET = 1 << 20, 25 << 20  # bytes, as in csrc/distributed.cpp
LINK_EFFICIENCY = 0.8  # of a link's rate that an all-reduce reaches
TREE_STEP = 10e-6  # seconds for a short message between two nodes over NCCL
UPDATE_BYTES = 60  # a parameter and step: gradients zeroed, summed, measured and clipped; optimizer's reads and writes


@dataclass
class Cluster:
    name: str
    gpus_per_node: int
    tflops: float  # that a step of this model is taken to sustain in bf16 or fp16
    tflops_fp32: float
    memory: float  # GB/s
    nvlink: float  # GB/s and direction of a GPU to the others of its node
    links: int  # of a node
    link_gbit: float

    def all_reduce(self, num_bytes: float, ranks: int) -> float:
        """Seconds of a ring over all ranks: each sends 2(n - 1)/n of the bytes, and so does each node, over all its links together."""
        if ranks == 1:
            return 0.0
        sent = 2 * (ranks - 1) / ranks * num_bytes
        nodes = math.ceil(ranks / self.gpus_per_node)
        within = sent / (self.nvlink * 1e9)
        between = sent / (self.links * self.link_gbit * 1e9 / 8) if nodes > 1 else 0.0
        return max(within, between) / LINK_EFFICIENCY + 2 * math.ceil(math.log2(ranks)) * TREE_STEP


CLUSTERS = [
    Cluster("V100 × 4, 1 × 100 Gb/s", 4, 45, 12, 810, 120, 1, 100),
    Cluster("V100 × 4, 4 × 100 Gb/s", 4, 45, 12, 810, 120, 4, 100),
    Cluster("H100 × 4, 4 × 400 Gb/s", 4, 475, 45, 2900, 400, 4, 400),
    Cluster("H200 × 4, 4 × 400 Gb/s", 4, 475, 45, 4200, 400, 4, 400),
]


class Model:
    """RoBERTa, with `rows` rows of `length` tokens a rank and step in one micro-batch, of which the share `masked` is predicted."""

    def __init__(self, layers: int, hidden: int, vocabulary: int, rows: int, length: int, masked: float):
        h, f, v, tokens = hidden, 4 * hidden, vocabulary, rows * length
        self.tokens = tokens
        # Forward; backward is twice that.
        head_flops = tokens * masked * 2 * (h * h + h * v)
        layer_flops = tokens * (2 * (4 * h * h + 2 * h * f) + 4 * h * length)
        self.flops = 3 * (head_flops + layers * layer_flops)
        # Elements of the parameters in the order in which a backward pass gives their gradients, each with the share of that pass after which it is there. The word embeddings,
        # used at both ends, are last.
        self.embeddings = h * v
        head = [v, h, h, h, h * h]
        layer = [h, h, h, h * f, f, f * h, h, h, h, h * h, 3 * h, 3 * h * h]
        head_share = head_flops / (head_flops + layers * layer_flops)
        self.arrivals = [(head_share, size) for size in head]
        for number in range(layers):
            self.arrivals += [(head_share + (1 - head_share) * (number + 1) / layers, size) for size in layer]
        self.arrivals += [(1.0, size) for size in (h, h, h, (length + 2) * h, self.embeddings)]
        self.parameters = sum(size for _, size in self.arrivals)

    def buckets(self, bytes_per_element: int) -> list[tuple[float, int]]:
        """When each bucket is full, as a share of the backward pass, and its bytes: tensors are put in one until it has its size, by libtorch's rule."""
        made, held = [], 0
        for when, size in self.arrivals:
            held += bytes_per_element * size
            if held >= (FIRST_BUCKET if not made else BUCKET):
                made.append((when, held))
                held = 0
        return made + [(1.0, held)] if held else made

    def exposed_of_buckets(self, compute: float, bytes_per_element: int, all_reduce) -> float:
        """Seconds from the end of the backward pass to the end of the last all-reduce; one runs at a time, from when its bucket is full."""
        backward, end = compute * 2 / 3, 0.0
        for when, num_bytes in self.buckets(bytes_per_element):
            end = max(end, when * backward) + all_reduce(num_bytes)
        return end - backward


MODES = ["fp32, buckets", "bf16, one fp32 buffer", "the same, compressed to bf16", "not written: bf16, buckets"]


def exchange(mode: str, model: Model, compute: float, all_reduce) -> tuple[float, float]:
    """Bytes that are all-reduced in a step, and the seconds of that which the step waits for."""
    size = model.parameters
    if mode == MODES[0]:
        return 4 * size, model.exposed_of_buckets(compute, 4, all_reduce)
    if mode == MODES[1]:
        return 4 * size, all_reduce(4 * size)
    if mode == MODES[2]:
        return 2 * size, all_reduce(2 * size)
    return 2 * size, model.exposed_of_buckets(compute, 2, all_reduce)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name, value in {"layers": 12, "hidden": 768, "vocabulary": 32_005, "rows": 32, "length": 512}.items():
        arguments.add_argument(f"--{name}", type=int, default=value)
    arguments.add_argument("--masked", type=float, default=0.15)
    arguments.add_argument("--hop-microseconds", type=float, default=25.0)
    given = vars(arguments.parse_args())
    hop = given.pop("hop_microseconds") * 1e-6
    model = Model(**given)
    print(f"{model.parameters / 1e6:.1f} M parameters, {model.flops / model.tokens / 1e6:.1f} MFLOP a token, {model.flops / 1e12:.2f} TFLOP a GPU and step of {model.tokens:,} tokens")
    print(f"gradients {4 * model.parameters / 1e6:.0f} MB in fp32, of which the word embeddings {4 * model.embeddings / 1e6:.0f} MB; buckets in fp32:")
    print("  " + ", ".join(f"{num_bytes / 1e6:.1f} MB at {100 * when:.0f}%" for when, num_bytes in model.buckets(4)) + " of the backward pass\n")
    print("| cluster | gradients | GPUs | all-reduced | compute | update | exposed | hosts | step | efficiency |\n|---|---|---|---|---|---|---|---|---|---|")
    for cluster in CLUSTERS:
        update = UPDATE_BYTES * model.parameters / (cluster.memory * 1e9)
        for mode in MODES:
            compute = model.flops / ((cluster.tflops_fp32 if mode == MODES[0] else cluster.tflops) * 1e12)
            for ranks in (32, 128):
                num_bytes, exposed = exchange(mode, model, compute, lambda size: cluster.all_reduce(size, ranks))
                # The hosts sum two numbers in one exchange, once around the ring to add and once to tell, while the devices are at the step before.
                hosts = 2 * (ranks - 1) * hop
                alone, together = compute + update, max(compute + update + exposed, hosts)
                times = " | ".join(f"{1e3 * seconds:.1f}" for seconds in (compute, update, exposed, hosts, together))
                print(f"| {cluster.name} | {mode} | {ranks} | {num_bytes / 1e6:.0f} MB | {times} | {100 * alone / together:.0f}% |")


if __name__ == "__main__":
    main()
