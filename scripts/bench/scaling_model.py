#!/usr/bin/env python3
"""How DrBERT's run scales from one GPU to 128, by calculation: what trainer/benches/README.md explains. Prints its tables; of its
rates, what Hopper sustains was measured on one H200.

    scaling_model.py [--layers 12] [--hidden 768] [--vocabulary 32005] [--rows 32] [--length 512] [--masked 0.15] [--hop-microseconds 25]
"""

import argparse
import math
from dataclasses import dataclass

FIRST_BUCKET, BUCKET = 1 << 20, 25 << 20  # bytes of gradients in fp32, as in src/distributed/data_parallel.rs and by default in distributed.bucket_mib
LINK_EFFICIENCY = 0.8  # of a link's rate that an all-reduce reaches
TREE_STEP = 10e-6  # seconds for a short message between two nodes over NCCL
UPDATE_BYTES = 50  # a parameter and step: gradients zeroed, summed and measured; what AdamW reads and writes


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
    Cluster("H100 × 4, 4 × 400 Gb/s", 4, 472, 45, 2900, 400, 4, 400),
    Cluster("H200 × 4, 4 × 400 Gb/s", 4, 472, 45, 4200, 400, 4, 400),
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
        # Elements of the matrices in the order in which a backward pass gives their gradients, each with the share of that pass after which it is there. The word embeddings,
        # used at both ends, are last.
        self.embeddings = h * v
        head_share = head_flops / (head_flops + layers * layer_flops)
        self.arrivals = [(head_share, h * h)]
        for number in range(layers):
            self.arrivals += [(head_share + (1 - head_share) * (number + 1) / layers, size) for size in (h * f, f * h, h * h, 3 * h * h)]
        self.arrivals += [(1.0, size) for size in (h, (length + 2) * h, self.embeddings)]
        # Biases and norms of the head, the layers and the embeddings: with the last bucket.
        self.vectors = v + 3 * h + layers * (9 * h + f) + 2 * h
        self.parameters = sum(size for _, size in self.arrivals) + self.vectors

    def buckets(self) -> list[tuple[float, int]]:
        """When each bucket is full, as a share of the backward pass, and its elements: matrices are put in one until it has its size, by the trainer's rule."""
        made, held = [], 0
        for when, size in self.arrivals[:-1]:
            held += size
            if 4 * held >= (BUCKET if made else FIRST_BUCKET):
                made.append((when, held))
                held = 0
        return made + [(1.0, held + self.embeddings + self.vectors)]

    def exposed(self, compute: float, bytes_per_element: int, all_reduce) -> float:
        """Seconds from the end of the backward pass to the end of the last all-reduce; one runs at a time, from when its bucket is full."""
        backward, end = compute * 2 / 3, 0.0
        for when, elements in self.buckets():
            end = max(end, when * backward) + all_reduce(bytes_per_element * elements)
        return end - backward


# In what the model computes and the gradients travel, and the bytes of one that travels.
MODES = [("fp32", "fp32", 4), ("16 bits", "fp32", 4), ("16 bits", "bf16", 2)]


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
    print("  " + ", ".join(f"{4 * elements / 1e6:.1f} MB at {100 * when:.0f}%" for when, elements in model.buckets()) + " of the backward pass\n")
    print("| cluster | computes in | gradients travel in | GPUs | all-reduced | all-reduce | exposed | compute | update | hosts | step | efficiency |\n|---|---|---|---|---|---|---|---|---|---|---|---|")
    for cluster in CLUSTERS:
        update = UPDATE_BYTES * model.parameters / (cluster.memory * 1e9)
        for precision, travelling, size in MODES:
            compute = model.flops / ((cluster.tflops_fp32 if precision == "fp32" else cluster.tflops) * 1e12)
            for ranks in (32, 128):
                exposed = model.exposed(compute, size, lambda num_bytes: cluster.all_reduce(num_bytes, ranks))
                # The hosts sum two numbers in one exchange, once around the ring to add and once to tell, while the devices are at the step before.
                hosts = 2 * (ranks - 1) * hop
                alone, together = compute + update, max(compute + update + exposed, hosts)
                times = " | ".join(f"{1e3 * seconds:.1f}" for seconds in (cluster.all_reduce(size * model.parameters, ranks), exposed, compute, update, hosts, together))
                print(f"| {cluster.name} | {precision} | {travelling} | {ranks} | {size * model.parameters / 1e6:.0f} MB | {times} | {100 * alone / together:.0f}% |")


if __name__ == "__main__":
    main()
