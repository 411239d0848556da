#!/usr/bin/env python3
"""Compares the runs that gpu.sh made, prints its table, and fails if one of them is not what it should be.

    scripts/bench/gpu_table.py WORK
"""

import json
import sys
from pathlib import Path


def losses(work, run):
    """Those of a run's steps; none if it failed."""
    path = Path(work) / run / "metrics.jsonl"
    if not path.exists():
        return []
    with open(path, encoding="utf-8") as lines:
        return [record["loss"] for record in map(json.loads, lines) if "learning_rate" in record]


def worst(left, right):
    """The largest relative difference of two runs' losses; infinite if one failed."""
    if not left or len(left) != len(right):
        return float("inf")
    return max(abs(a - b) / abs(b) for a, b in zip(left, right))


def means(found, count):
    """The means of so many parts of a run's losses."""
    parts = [found[len(found) * part // count : len(found) * (part + 1) // count] for part in range(count)]
    return [sum(part) / len(part) for part in parts if part]


def tokens_per_second(work, name):
    """Of a timed step; 0 if it failed or was left out."""
    path = Path(work) / f"step-{name}.json"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return json.loads(text)["tokens_per_second"] if text else 0.0


def compared_runs(work):
    """What is compared: a name, the relative difference found, and the largest one allowed."""
    run = lambda name: losses(work, f"run-{name}")
    checks = [
        ("fp32 losses against the CPU", worst(run("fp32"), run("reference")), 1e-3),
        ("bf16 losses against fp32 on the CPU", worst(run("bf16"), run("reference")), 2e-2),
        ("resumed against uninterrupted losses, deterministic", worst(run("parts"), run("whole")), 0.0),
        ("bf16 losses of two runs, deterministic, fast kernels", worst(run("again"), run("fast")), 0.0),
    ]
    # Step by step they part, as any two orders of sums do: at first by rounding alone, later by where each leaves the plateau, which differs by 1 % between runs in fp32 and bf16.
    for name, left, right in [("fast against plain kernels", "auto", "plain"), ("with CUDA graphs against without", "graphs", "auto")]:
        left, right = (means(losses(work, f"run-curve-{kind}"), 10) for kind in (left, right))
        checks += [
            (f"bf16 losses, {name}, means over the first two tenths of a run", worst(left[:2], right[:2]), 1e-3),
            ("the same, over all tenths", worst(left, right), 2e-2),
        ]
    return checks


def main(work):
    checks = compared_runs(work) if (Path(work) / "run-reference.log").exists() else []
    for name, difference, bound in checks:
        print(f"{'ok' if difference <= bound else 'FAILED':<7}{name}: relative difference {difference:.1e}, at most {bound:.0e}")
    for name in ("fp32", "plain", "auto", "graphs"):
        if parts := means(losses(work, f"run-curve-{name}"), 10):
            print(f"curve  {name:<6} mean loss over a tenth of the run at a time: " + " ".join(f"{part:.3f}" for part in parts))
    right = all(difference <= bound for _, difference, bound in checks)
    for path in sorted(Path(work).glob("sanitizer-*.status")):
        is_clean = path.read_text(encoding="utf-8").strip() == "0"
        print(f"{'ok' if is_clean else 'FAILED':<7}compute-sanitizer, {path.stem.removeprefix('sanitizer-')}: {path.with_suffix('.log')}")
        right = right and is_clean
    for path in sorted(Path(work).glob("step-*.json")):
        if not (text := path.read_text(encoding="utf-8")):
            print(f"FAILED {path.stem}: {path.with_suffix('.log')}")
            right = False
            continue
        step = json.loads(text)
        print(
            f"step   12 x 768 {path.stem.removeprefix('step-'):<30} on {step['device']}, {step['kernels']} kernels{', CUDA graphs' if step['cuda_graphs'] else ''}: {step['tokens_per_second']:,.0f} tokens/s, "
            f"{step['step_ms']:.1f} ms, MFU {step['mfu']:.1%} of {step['matmul_tflops']:.0f} TFLOP/s, waited for data {step['data_wait']:.2%}"
        )
        for what in ("warning", "host_wait"):
            if step[what]:  # deterministic kernels may wait
                is_allowed = "deterministic" in path.stem
                print(f"{'note' if is_allowed else 'FAILED':<7}{path.stem}: {what}: {step[what]}")
                right = right and is_allowed
    peers = sorted(Path(work).glob("peer-rows-*.txt"), key=lambda path: int(path.stem.removeprefix("peer-rows-")))
    for path in peers:
        rows = path.stem.removeprefix("peer-rows-")
        if found := path.read_text(encoding="utf-8").split():
            own = tokens_per_second(work, f"bf16-rows-{rows}")
            print(f"step   Hugging Face Trainer, bf16, SDPA, torch.compile, {rows} rows: {float(found[-1]):,.0f} tokens/s" + (f"; drbert is {own / float(found[-1]):.2f}x" if own else ""))
        else:
            print(f"note   Hugging Face Trainer with {rows} rows did not run: {path.with_suffix('.log')}")
    return right


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(0 if main(sys.argv[1]) else 1)
