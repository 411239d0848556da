#!/usr/bin/env python3
"""Counts what ranks send each other in a step, and measures how much of that time the backward pass hides, beside what scaling_model.py says.

    exchange.py SHARDS WORK [MBIT]

SHARDS is a shard directory, WORK a folder for the runs. The ranks are processes of this machine with one thread each, over Gloo, in a network namespace of their own, whose loopback
carries MBIT (200) megabits a second. The model is that of small.toml with LAYERS layers, a step has ROWS rows of each rank. DRBERT names the program (default target/release/drbert). Needs
`unshare`, `ip` and `tc`, and a kernel that lets this user make network namespaces.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # nothing is left beside the scripts

from scaling_model import Model

ROOT = Path(__file__).resolve().parents[2]
DRBERT = os.environ.get("DRBERT", str(ROOT / "target/release/drbert"))
LAYERS, ROWS, STEPS, SHORT_STEPS = 12, 2, 10, 3


def start(name: str, shards: Path, ranks: int, steps: int, compression: str) -> subprocess.Popen:
    length = json.loads((shards / "manifest.json").read_text())["max_seq_len"]
    shutil.rmtree(name, ignore_errors=True)
    settings = {
        "data.shards": f'"{shards}"', "data.micro_batch_size": ROWS, "data.global_batch_size": ROWS * ranks, "data.loader_threads": 1, "train.output": f'"{name}"', "train.steps": steps,
        "model.num_hidden_layers": LAYERS, "model.max_position_embeddings": length + 2, "train.device": '"cpu"', "train.threads": 1, "eval.rows": 0, "log.interval_steps": 1, "distributed.gradient_compression": f'"{compression}"',
    }
    flags = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    launch = ["--nproc-per-node", str(ranks)] if ranks > 1 else []
    return subprocess.Popen([DRBERT, "train", *launch, "--config", str(ROOT / "trainer/configs/small.toml"), *flags], stderr=subprocess.DEVNULL)


def finish(*runs: subprocess.Popen) -> None:
    if any(run.wait() != 0 for run in runs):
        sys.exit("a run failed")


def milliseconds(name: str, tokens: int) -> float:
    """Median time of a step of so many tokens, without the first ones."""
    records = [json.loads(line) for line in Path(name, "metrics.jsonl").read_text().splitlines()]
    return 1e3 * statistics.median(tokens / record["tokens_per_second"] for record in records[SHORT_STEPS:])


def bytes_sent() -> int:
    """Over the loopback of this namespace, since it is there."""
    [loopback] = [line for line in Path("/proc/self/net/dev").read_text().splitlines() if line.strip().startswith("lo:")]
    return int(loopback.split()[9])


def bytes_of_a_step(shards: Path, ranks: int, compression: str) -> float:
    """What goes over the loopback in a step: what a longer run sends more than a shorter one."""
    sent = []
    for steps in (SHORT_STEPS, STEPS):
        before = bytes_sent()
        finish(start("run", shards, ranks, steps, compression))
        sent.append(bytes_sent() - before)
    return (sent[1] - sent[0]) / (STEPS - SHORT_STEPS)


def main() -> None:
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    if "INSIDE" not in os.environ:
        os.environ["INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--net", "--map-root-user", sys.executable, *sys.argv])
    shards, work, mbit = Path(sys.argv[1]).resolve(), Path(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) == 4 else 200.0
    work.mkdir(parents=True, exist_ok=True)
    os.chdir(work)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    manifest = json.loads((shards / "manifest.json").read_text())
    model = Model(LAYERS, 256, manifest["tokenizer"]["vocab_size"], ROWS, manifest["max_seq_len"], 0.15)

    print("| ranks | gradients travel in | bytes over the loopback a step | 2 (n − 1) · gradients |\n|---|---|---|---|")
    for ranks, compression, size in ((2, "none", 4), (4, "none", 4), (2, "bf16", 2)):
        print(f"| {ranks} | {'fp32' if size == 4 else 'bf16'} | {bytes_of_a_step(shards, ranks, compression):,.0f} | {2 * (ranks - 1) * size * model.parameters:,} |", flush=True)

    # Two processes at a time, so that they have what two ranks have of the machine.
    finish(*(start(name, shards, 1, STEPS, "none") for name in ("alone-1", "alone-2")))
    compute = statistics.mean(milliseconds(name, model.tokens) for name in ("alone-1", "alone-2"))
    subprocess.run(["tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", f"{mbit}mbit", "burst", "256kb", "latency", "100ms"], check=True)
    print(f"\n| | ms a step | all-reduce by the link's rate | waited for | hidden | the model |\n|---|---|---|---|---|---|\n| one rank alone | {compute:.0f} | | | | |")

    def all_reduce(num_bytes: float) -> float:
        return 2 * num_bytes * 8 / (mbit * 1e6)

    for travelling, compression, size in (("fp32", "none", 4), ("bf16", "bf16", 2)):
        finish(start("together", shards, 2, STEPS, compression))
        step, whole = milliseconds("together", 2 * model.tokens), 1e3 * all_reduce(size * model.parameters)
        exposed = 1e3 * model.exposed(1e-3 * compute, size, all_reduce)
        print(f"| 2 ranks, gradients in {travelling} | {step:.0f} | {whole:.0f} | {step - compute:.0f} | {100 * (1 - (step - compute) / whole):.0f}% | {100 * (1 - exposed / whole):.0f}% |", flush=True)


if __name__ == "__main__":
    main()
