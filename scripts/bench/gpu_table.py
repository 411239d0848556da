#!/usr/bin/env python3
"""Compares the runs that gpu.sh made, prints its table, and fails if one of them is not what it should be.

    scripts/bench/gpu_table.py WORK
"""

import json
import sys
from pathlib import Path


def losses(work, run):
    with open(f"{work}/{run}/metrics.jsonl", encoding="utf-8") as lines:
        return [record["loss"] for record in map(json.loads, lines) if "learning_rate" in record]


def worst(left, right):
    """The largest relative difference of two runs' losses; infinite if they have different lengths."""
    if len(left) != len(right):
        return float("inf")
    return max(abs(a - b) / abs(b) for a, b in zip(left, right))


def late(work, run):
    """The mean loss of the last quarter of a run."""
    found = losses(work, run)
    found = found[-max(1, len(found) // 4) :]
    return [sum(found) / len(found)]


def tenths(work, run):
    """The mean losses of ten parts of a run."""
    found = losses(work, run)
    parts = [found[len(found) * part // 10 : len(found) * (part + 1) // 10] for part in range(10)]
    return [sum(part) / len(part) for part in parts if part]


def main(work):
    reference = losses(work, "run-reference")
    fast, plain = "run-curve-auto", "run-curve-plain"
    checks = [
        ("fp32 losses against the CPU", worst(losses(work, "run-fp32"), reference), 1e-3),
        ("bf16 losses against fp32 on the CPU", worst(losses(work, "run-bf16"), reference), 2e-2),
        ("resumed against uninterrupted losses", worst(losses(work, "run-parts"), losses(work, "run-whole")), 0.0),
        (f"losses of {len(losses(work, plain))} steps in bf16, fast against plain kernels", worst(losses(work, fast), losses(work, plain)), 2e-2),
        ("their mean over the last quarter", worst(late(work, fast), late(work, plain)), 5e-3),
        ("the same with CUDA graphs against without", worst(losses(work, "run-curve-graphs"), losses(work, fast)), 2e-2),
        ("their mean over the last quarter", worst(late(work, "run-curve-graphs"), late(work, fast)), 5e-3),
    ]
    fp8 = "run-curve-fp8"
    if (Path(work) / fp8).exists():
        checks += [
            ("losses with FP8 products against without", worst(losses(work, fp8), losses(work, fast)), 2e-2),
            ("their mean over the last quarter", worst(late(work, fp8), late(work, fast)), 5e-3),
        ]
    for name, difference, bound in checks:
        print(f"{'ok' if difference <= bound else 'FAILED':<7}{name}: relative difference {difference:.1e}, at most {bound:.0e}")
    if (Path(work) / fp8).exists():
        print("curve  mean loss over a tenth of the run at a time, bf16 and FP8: " + ", ".join(f"{a:.3f} {b:.3f}" for a, b in zip(tenths(work, fast), tenths(work, fp8))))
    right = all(difference <= bound for _, difference, bound in checks)
    for path in sorted(Path(work).glob("sanitizer-*.status")):
        is_clean = path.read_text(encoding="utf-8").strip() == "0"
        print(f"{'ok' if is_clean else 'FAILED':<7}compute-sanitizer, {path.stem.removeprefix('sanitizer-')}: {path.with_suffix('.log')}")
        right = right and is_clean
    for path in sorted(Path(work).glob("step-*.json")):
        step = json.loads(path.read_text(encoding="utf-8"))
        print(
            f"step   12 x 768 {path.stem.removeprefix('step-'):<30} on {step['device']}, {step['kernels']} kernels{', FP8 products' if step['fp8'] else ''}{', CUDA graphs' if step['cuda_graphs'] else ''}: {step['tokens_per_second']:,.0f} tokens/s, "
            f"{step['step_ms']:.1f} ms, MFU {step['mfu']:.1%} of {step['matmul_tflops']:.0f} TFLOP/s, waited for data {step['data_wait']:.2%}"
        )
        for what in ("warning", "host_wait"):
            if step[what]:  # deterministic kernels may wait
                is_allowed = "deterministic" in path.stem
                print(f"{'note' if is_allowed else 'FAILED':<7}{path.stem}: {what}: {step[what]}")
                right = right and is_allowed
    rates = [json.loads(path.read_text(encoding="utf-8"))["tokens_per_second"] for path in (Path(work) / f"step-{name}.json" for name in ("bf16", "bf16-fp8")) if path.exists()]
    if len(rates) == 2:
        print(f"step   with FP8 products {rates[1]:,.0f} tokens/s, without {rates[0]:,.0f}: {rates[1] / rates[0]:.2f}x")
    peer = Path(work) / "step-peer.txt"
    if peer.exists() and (found := peer.read_text(encoding="utf-8").split()):
        own = json.loads((Path(work) / "step-bf16.json").read_text(encoding="utf-8"))["tokens_per_second"]
        print(f"step   Hugging Face Trainer, bf16, SDPA, torch.compile: {float(found[-1]):,.0f} tokens/s; drbert is {own / float(found[-1]):.2f}x")
    else:
        print("step   Hugging Face Trainer: did not run")
    return right


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(0 if main(sys.argv[1]) else 1)
