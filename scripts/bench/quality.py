#!/usr/bin/env python3
"""Trains one model in two ways and compares their held-out losses; see quality.sh, which calls it in the folder for what is written.

    quality.py SHARDS DRBERT SECONDS [DEVICE]

The Hugging Face Trainer has SECONDS for its steps alone, with DrBERT's recipe: its rate as published, then drbert's, or those in RATES. `drbert train` has a third of what the
Trainer took. Both take the same rows a step instead of 4,096, and the warm-up and decay of their recipes as shares of the steps that fit. How many fit is known from a few
steps before, which do not count.

DEVICE cpu, which it is unless told otherwise: a small model, seconds of processor time, and drbert's hold the start of the program, the evaluation at its end and the checkpoint. DEVICE cuda: the
base model in bf16, seconds of the steps, the Trainer's as fast as in train_peers.py step-cuda.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HELD_OUT = 256
PUBLISHED_RATE = 5e-5
TRIAL_STEPS = 50
# Shares of the steps in trainer/configs/drbert-modern.toml.
WARMUP, DECAY = 5_000 / 80_000, 12_000 / 80_000


@dataclass(frozen=True)
class Setting:
    device: str
    precision: str
    shape: dict
    rows: int
    rate: float
    # Which of an arm's numbers the two are to be compared by.
    clock: str
    at_once: int


SETTINGS = {
    # The word embeddings' share of a step is that of a base model with 32,005 entries if the shards have 1,000. The weights begin as large as a base model's, for their width. At once, so
    # that the machine is as busy for the one as for the other.
    "cpu": Setting(
        "cpu", "fp32", {"num_hidden_layers": 2, "hidden_size": 128, "num_attention_heads": 2, "intermediate_size": 512, "initializer_range": 0.08}, 4, 1e-3, "cpu_seconds", 2
    ),
    "cuda": Setting("cuda", "bf16", {"num_hidden_layers": 12, "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072}, 64, 6e-4, "seconds", 1),
}


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
    def __init__(self, shards: Path, drbert: Path, setting: Setting):
        self.shards, self.drbert, self.setting = shards, drbert, setting
        manifest = json.loads((shards / "manifest.json").read_text())
        self.vocab_size = manifest["tokenizer"]["vocab_size"]
        self.mean_tokens = sum(shard["tokens"] for shard in manifest["shards"]) / sum(shard["rows"] for shard in manifest["shards"])
        self.shape = setting.shape | {"max_position_embeddings": manifest["max_seq_len"] + 2}

    def loss(self, model: Path, attention: str) -> float:
        found, *_ = run(self.drbert, "evaluate", "--model", model, "--shards", self.shards, "--rows", HELD_OUT, "--attention", attention, "--json")
        return json.loads(found)["loss"]

    def peer(self, name: str, rate: float, seconds: float) -> dict:
        model = Path(name)
        shutil.rmtree(model, ignore_errors=True)
        told, *_ = run(sys.executable, ROOT / "scripts/bench/train_peers.py", "train", self.shards, model, json.dumps(self.shape), rate, self.setting.rows, seconds, HELD_OUT, self.setting.device)
        # With the attention that it was trained with, or with ours if it does better so.
        return json.loads(told.splitlines()[-1]) | {"loss": min(self.loss(model, attention) for attention in ("sequence", "document"))}

    def settings(self, steps: int) -> list[str]:
        rows, rate, device = self.setting.rows, self.setting.rate, self.setting.device
        settings = {
            "data.shards": f'"{self.shards}"', "data.micro_batch_size": rows, "data.global_batch_size": rows, "data.loader_threads": 1, "data.prefetch_batches": 8,
            "model.vocab_size": self.vocab_size, **{f"model.{key}": value for key, value in self.shape.items()},
            "optimizer.peak_learning_rate": rate, "schedule.warmup_steps": int(WARMUP * steps), "schedule.decay_steps": int(DECAY * steps),
            "train.steps": steps, "train.precision": f'"{self.setting.precision}"', "train.device": f'"{device}"',
            "checkpoint.interval_steps": 0, "eval.interval_steps": 0, "eval.rows": HELD_OUT, "log.interval_steps": 1,
        }
        flags = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        return ["--config", str(ROOT / "trainer/configs/drbert-modern.toml"), *flags]

    def train(self, output: Path, steps: int) -> tuple[float, float]:
        """Processor time and wall time of the whole program."""
        shutil.rmtree(output, ignore_errors=True)
        return run(self.drbert, "train", *self.settings(steps), "--set", f'train.output="{output}"')[1:]

    def num_steps(self, seconds: float) -> int:
        if self.setting.device == "cpu":
            (short, _), (long, _) = (self.train(Path("trial"), steps) for steps in (TRIAL_STEPS, 2 * TRIAL_STEPS))
            return int(TRIAL_STEPS * (1 + (seconds - short) / (long - short)))
        told, *_ = run(self.drbert, "bench", "step", *self.settings(TRIAL_STEPS), "--json")
        return int(seconds / (json.loads(told)["step_ms"] / 1000))

    def seconds_of_steps(self, output: Path) -> float:
        records = map(json.loads, (output / "metrics.jsonl").read_text().splitlines())
        return sum(self.setting.rows * self.mean_tokens / record["tokens_per_second"] for record in records if "tokens_per_second" in record)

    def drbert_modern(self, seconds: float) -> dict:
        # 3% in hand, so as not to take more than was given.
        steps = self.num_steps(0.97 * seconds)
        output, model = Path("drbert"), Path("drbert-model")
        shutil.rmtree(model, ignore_errors=True)
        cpu_seconds, wall_seconds = self.train(output, steps)
        run(self.drbert, "export", next((output / "checkpoints").iterdir()), "--output", model)
        seconds = wall_seconds if self.setting.device == "cpu" else self.seconds_of_steps(output)
        return {"steps": steps, "rows": steps * self.setting.rows, "cpu_seconds": cpu_seconds, "seconds": seconds, "loss": self.loss(model, "document")}


def main() -> None:
    device = sys.argv[4] if len(sys.argv) > 4 else "cpu"
    if len(sys.argv) not in (4, 5) or device not in SETTINGS:
        sys.exit(__doc__)
    setting = SETTINGS[device]
    comparison, seconds = Comparison(Path(sys.argv[1]), Path(sys.argv[2]).resolve(), setting), float(sys.argv[3])
    rates = [float(rate) for rate in os.environ.get("RATES", f"{PUBLISHED_RATE} {setting.rate}").split()]
    with ThreadPoolExecutor(setting.at_once) as pool:
        peers = {rate: pool.submit(comparison.peer, f"peer-{rate:g}", rate, seconds) for rate in rates}
        arms = {f"Hugging Face Trainer, DrBERT's recipe, rate {rate:g}": peer.result() for rate, peer in peers.items()}
    print(json.dumps(arms), file=sys.stderr)
    third = min(arm[setting.clock] for arm in arms.values()) / 3
    arms[f"`drbert`, `drbert-modern.toml`, rate {setting.rate:g}"] = comparison.drbert_modern(third)
    print("| | steps | rows | processor time | wall time | held-out loss |\n|---|---|---|---|---|---|")
    for name, arm in arms.items():
        print(f"| {name} | {arm['steps']:,} | {arm['rows']:,} | {arm['cpu_seconds']:.0f} s | {arm['seconds']:.0f} s | {arm['loss']:.3f} |")


if __name__ == "__main__":
    main()
