#!/usr/bin/env python3
"""Compares the runs that gpu.sh made, prints its table, and fails if one of them is not what it should be.

    scripts/bench/gpu_table.py WORK
"""

import json
import sys


def losses(work, run):
    with open(f"{work}/{run}/metrics.jsonl", encoding="utf-8") as lines:
        return [record["loss"] for record in map(json.loads, lines) if "learning_rate" in record]


def worst(left, right):
    """The largest relative difference of two runs' losses; infinite if they have different lengths."""
    if len(left) != len(right):
        return float("inf")
    return max(abs(a - b) / abs(b) for a, b in zip(left, right))


def main(work):
    reference = losses(work, "run-reference")
    checks = [
        ("fp32 losses against the CPU", worst(losses(work, "run-fp32"), reference), 1e-3),
        ("bf16 losses against fp32 on the CPU", worst(losses(work, "run-bf16"), reference), 2e-2),
        ("our kernels' bf16 losses against the plain operators'", worst(losses(work, "run-fused"), losses(work, "run-plain")), 2e-2),
        ("resumed against uninterrupted losses", worst(losses(work, "run-parts"), losses(work, "run-whole")), 0.0),
    ]
    for name, difference, bound in checks:
        print(f"{'ok' if difference <= bound else 'FAILED':<7}{name}: relative difference {difference:.1e}, at most {bound:.0e}")
    for run in ("fp32-plain", "fp32-fused", "bf16-plain", "bf16-fused"):
        with open(f"{work}/step-{run}.json", encoding="utf-8") as file:
            step = json.load(file)
        print(f"step   12 x 768 {step['precision']}, {step['kernels']} kernels, on {step['device']}: {step['tokens_per_second']:,.0f} tokens/s, {step['step_ms']:.1f} ms, MFU {step['mfu']:.1%}")
    return all(difference <= bound for _, difference, bound in checks)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(0 if main(sys.argv[1]) else 1)
