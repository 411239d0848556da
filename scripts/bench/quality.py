#!/usr/bin/env python3
"""Trains one small model in two ways and compares their held-out losses; see quality.sh, which calls it in the folder for what is written.

    quality.py SHARDS DRBERT SECONDS

The Hugging Face Trainer has SECONDS of processor time for its steps alone, with DrBERT's recipe: its rate as published, then drbert's. `drbert train` has a third of
what the Trainer took, with the start of the program, the evaluation at its end and the checkpoint in it. Both take ROWS rows a step instead of 4,096, and the
warm-up and decay of their recipes as shares of the steps that fit. How many fit is known from a few steps before, which do not count.
"""

import json
import resource
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The word embeddings' share of a step is that of a base model with 32,005 entries if the shards have 1,000. The weights begin as large as a base model's, for their width.
SHAPE = {"num_hidden_layers": 2, "hidden_size": 128, "num_attention_heads": 2, "intermediate_size": 512, "initializer_range": 0.08}
HELD_OUT = 256
PUBLISHED_RATE, OUR_RATE = 5e-5, 1e-3
ROWS = 4
TRIAL_STEPS = 50
# Shares of the steps in trainer/configs/drbert-modern.toml.
WARMUP, DECAY = 5_000 / 80_000, 12_000 / 80_000


def run(*command) -> tuple[str, float, float]:
    """Standard output, processor time and wall time of a program."""

    def processor_time():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before, begun = processor_time(), time.perf_counter()
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout, processor_time() - before, time.perf_counter() - begun


class Comparison:
    def __init__(self, shards: Path, drbert: Path):
        self.shards, self.drbert = shards, drbert
        manifest = json.loads((shards / "manifest.json").read_text())
        self.vocab_size = manifest["tokenizer"]["vocab_size"]
        self.shape = SHAPE | {"max_position_embeddings": manifest["max_seq_len"] + 2}

    def loss(self, model: Path, attention: str) -> float:
        found, *_ = run(self.drbert, "evaluate", "--model", model, "--shards", self.shards, "--rows", HELD_OUT, "--attention", attention, "--json")
        return json.loads(found)["loss"]

    def peer(self, name: str, rate: float, seconds: float) -> dict:
        model = Path(name)
        shutil.rmtree(model, ignore_errors=True)
        told, *_ = run(sys.executable, ROOT / "scripts/bench/train_peers.py", "train", self.shards, model, json.dumps(self.shape), rate, ROWS, seconds, HELD_OUT)
        # With the attention that it was trained with, or with ours if it does better so.
        return json.loads(told.splitlines()[-1]) | {"loss": min(self.loss(model, attention) for attention in ("sequence", "document"))}

    def train(self, output: Path, steps: int) -> tuple[float, float]:
        shutil.rmtree(output, ignore_errors=True)
        settings = {
            "data.shards": f'"{self.shards}"', "data.micro_batch_size": ROWS, "data.global_batch_size": ROWS, "data.loader_threads": 1, "data.prefetch_batches": 8,
            "model.vocab_size": self.vocab_size, **{f"model.{key}": value for key, value in self.shape.items()},
            "optimizer.peak_learning_rate": OUR_RATE, "schedule.warmup_steps": int(WARMUP * steps), "schedule.decay_steps": int(DECAY * steps),
            "train.steps": steps, "train.output": f'"{output}"', "train.precision": '"fp32"', "train.device": '"cpu"',
            "checkpoint.interval_steps": 0, "eval.interval_steps": 0, "eval.rows": HELD_OUT,
        }
        flags = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        return run(self.drbert, "train", "--config", ROOT / "trainer/configs/drbert-modern.toml", *flags)[1:]

    def drbert_modern(self, seconds: float) -> dict:
        (short, _), (long, _) = (self.train(Path("trial"), steps) for steps in (TRIAL_STEPS, 2 * TRIAL_STEPS))
        # 3% in hand, so as not to take more than was given.
        steps = int(TRIAL_STEPS * (1 + (0.97 * seconds - short) / (long - short)))
        output, model = Path("drbert"), Path("drbert-model")
        shutil.rmtree(model, ignore_errors=True)
        cpu_seconds, wall_seconds = self.train(output, steps)
        run(self.drbert, "export", next((output / "checkpoints").iterdir()), "--output", model)
        return {"steps": steps, "rows": steps * ROWS, "cpu_seconds": cpu_seconds, "seconds": wall_seconds, "loss": self.loss(model, "document")}


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    comparison, seconds = Comparison(Path(sys.argv[1]), Path(sys.argv[2])), float(sys.argv[3])
    # At once, so that the machine is as busy for the one as for the other.
    with ThreadPoolExecutor() as pool:
        peers = {rate: pool.submit(comparison.peer, f"peer-{rate:g}", rate, seconds) for rate in (PUBLISHED_RATE, OUR_RATE)}
        arms = {f"Hugging Face Trainer, DrBERT's recipe, rate {rate:g}": peer.result() for rate, peer in peers.items()}
    print(json.dumps(arms), file=sys.stderr)
    third = min(arm["cpu_seconds"] for arm in arms.values()) / 3
    arms[f"`drbert`, `drbert-modern.toml`, rate {OUR_RATE:g}"] = comparison.drbert_modern(third)
    print("| | steps | rows | processor time | wall time | held-out loss |\n|---|---|---|---|---|---|")
    for name, arm in arms.items():
        print(f"| {name} | {arm['steps']:,} | {arm['rows']:,} | {arm['cpu_seconds']:.0f} s | {arm['seconds']:.0f} s | {arm['loss']:.3f} |")


if __name__ == "__main__":
    main()
