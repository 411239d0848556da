#!/usr/bin/env python3
"""Does with other people's programs what `drbert` does, on the same shards.

    train_peers.py step       SHARDS   Hugging Face Trainer: 4 × 256, 8 rows a step, fp32, no dropout, on the CPU
    train_peers.py step-cuda  SHARDS   the same on a CUDA device: 12 × 768, ROWS (64) rows a step, bf16, SDPA, torch.compile
    train_peers.py dataloader SHARDS   datasets, torch's DataLoader and transformers' collator for masking, 2 workers
    train_peers.py streaming  SHARDS   MosaicML Streaming in the place of datasets
    train_peers.py train      SHARDS MODEL SHAPE RATE ROWS SECONDS HELD_OUT DEVICE

The first four print tokens a second. `train` trains a RoBERTa of SHAPE (JSON, as in its config.json) with the rest of DrBERT's recipe (trainer/configs/drbert-7gb.toml) for
so many seconds, ROWS rows a step, never on the rows that `drbert evaluate --rows HELD_OUT` takes, saves it in MODEL, and prints what was done as JSON. DEVICE is cpu, where the seconds
are those of processors, or cuda, where they are those of the steps after the first few, which compile, and where it trains as in step-cuda.
"""

import itertools
import json
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")

import numpy
import pyarrow.parquet as pq
import torch
from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerFast, RobertaConfig, RobertaForMaskedLM, Trainer, TrainerCallback, TrainingArguments
from transformers.utils import logging

logging.set_verbosity_error()
logging.disable_progress_bar()

ROWS, WARMUP_STEPS, STEPS = 8, 3, 12
SMALL = {"num_hidden_layers": 4, "hidden_size": 256, "num_attention_heads": 4, "intermediate_size": 1024, "max_position_embeddings": 514}
BASE = {"num_hidden_layers": 12, "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072, "max_position_embeddings": 514}
CUDA_ROWS, CUDA_STEPS = int(os.environ.get("ROWS", 64)), 30
CUDA = {"bf16": True, "torch_compile": True, "dataloader_num_workers": 4}
RECIPE_WARMUP = 10_000 / 80_000
LOADER_ROWS, LOADER_SECONDS = 20_000, 8


def rows_of(shards: Path, count: int | None) -> list[list[int]]:
    return pq.ParquetFile(shards / "shard-00000.parquet").read(columns=["input_ids"])["input_ids"][:count].to_pylist()


def collator(shards: Path) -> DataCollatorForLanguageModeling:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(shards / "tokenizer")
    return DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)


class Clock(TrainerCallback):
    """Counts wall time and processor time of the steps after `after`."""

    def __init__(self, after: int):
        self.after = after

    def now(self):
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return numpy.array([time.perf_counter(), time.process_time()])

    def on_train_begin(self, arguments, state, control, **_):
        self.begun = self.now()

    def on_step_end(self, arguments, state, control, **_):
        if state.global_step == self.after:
            self.begun = self.now()
        elif state.global_step == state.max_steps:
            self.seconds, self.cpu_seconds = self.now() - self.begun


def trained(shards: Path, work: Path, rows: list[list[int]], clock: Clock, shape: dict, dropout: float, **arguments) -> Trainer:
    manifest = json.loads((shards / "manifest.json").read_text())
    torch.manual_seed(1)
    config = RobertaConfig(
        vocab_size=manifest["tokenizer"]["vocab_size"], pad_token_id=manifest["special_tokens"]["pad"], type_vocab_size=1, hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout, **shape,
    )
    arguments = TrainingArguments(
        output_dir=str(work), report_to="none", save_strategy="no", logging_strategy="no", disable_tqdm=True, **arguments
    )
    model = RobertaForMaskedLM._from_config(config, attn_implementation="sdpa")
    trainer = Trainer(model, arguments, train_dataset=[{"input_ids": row} for row in rows], data_collator=collator(shards), callbacks=[clock])
    trainer.train()
    return trainer


def step(shards: Path, work: Path) -> float:
    return tokens_per_second_of_steps(shards, work, SMALL, ROWS, STEPS, use_cpu=True)


def step_cuda(shards: Path, work: Path) -> float:
    return tokens_per_second_of_steps(shards, work, BASE, CUDA_ROWS, CUDA_STEPS, **CUDA)


def tokens_per_second_of_steps(shards: Path, work: Path, shape: dict, batch: int, steps: int, **how) -> float:
    steps += WARMUP_STEPS
    rows, clock = list(itertools.islice(itertools.cycle(rows_of(shards, batch * steps)), batch * steps)), Clock(after=WARMUP_STEPS)
    trained(shards, work, rows, clock, shape, dropout=0.0, per_device_train_batch_size=batch, max_steps=steps, train_sampling_strategy="sequential", **how)
    return sum(map(len, rows[batch * WARMUP_STEPS :])) / clock.seconds


def train(shards: Path, model: Path, shape: dict, rate: float, batch: int, seconds: float, held_out: int, device: str) -> dict:
    rows = rows_of(shards, None)
    kept = [row for number, row in enumerate(rows) if (number + 1) * held_out // len(rows) == number * held_out // len(rows)]
    recipe = {
        "dropout": 0.1, "per_device_train_batch_size": batch, "learning_rate": rate, "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-8, "weight_decay": 0.0,
        "max_grad_norm": 1.0, "lr_scheduler_type": "linear", **({"use_cpu": True} if device == "cpu" else CUDA),
    }
    spent, unmeasured = ("cpu_seconds", 0) if device == "cpu" else ("seconds", WARMUP_STEPS)
    clock = Clock(after=WARMUP_STEPS)
    trained(shards, model, kept, clock, shape, max_steps=WARMUP_STEPS + STEPS, **recipe)
    steps = max(int(seconds / (getattr(clock, spent) / STEPS)), 1) + unmeasured
    clock = Clock(after=unmeasured)
    trainer = trained(shards, model, kept, clock, shape, max_steps=steps, warmup_steps=int(steps * RECIPE_WARMUP), **recipe)
    trainer.save_model(str(model))
    PreTrainedTokenizerFast.from_pretrained(shards / "tokenizer").save_pretrained(model)
    return {"steps": steps, "rows": steps * batch, "cpu_seconds": clock.cpu_seconds, "seconds": clock.seconds}


def tokens_per_second(batches) -> float:
    """Of a loader that has begun: the first batches pay for the start of its workers."""
    batches = iter(batches)
    for _ in itertools.islice(batches, 4):
        pass
    begun, tokens = time.perf_counter(), 0
    for batch in batches:
        tokens += int(batch["attention_mask"].sum())
        if time.perf_counter() - begun > LOADER_SECONDS:
            break
    return tokens / (time.perf_counter() - begun)


def dataloader(shards: Path, _: Path) -> float:
    from datasets import Dataset

    dataset = Dataset.from_dict({"input_ids": rows_of(shards, LOADER_ROWS)})
    loader = torch.utils.data.DataLoader(dataset, batch_size=32, shuffle=True, num_workers=2, collate_fn=collator(shards))
    return tokens_per_second(loader)


def streaming(shards: Path, work: Path) -> float:
    from streaming import MDSWriter, StreamingDataset

    class Rows(StreamingDataset):
        def __getitem__(self, index):
            return {"input_ids": super().__getitem__(index)["ids"].astype(numpy.int64).tolist()}

    with MDSWriter(out=str(work / "mds"), columns={"ids": "ndarray:uint16"}, compression="zstd") as writer:
        for row in rows_of(shards, LOADER_ROWS):
            writer.write({"ids": numpy.array(row, dtype=numpy.uint16)})
    dataset = Rows(local=str(work / "mds"), shuffle=True, batch_size=32)
    return tokens_per_second(torch.utils.data.DataLoader(dataset, batch_size=32, num_workers=2, collate_fn=collator(shards)))


def main() -> None:
    programs = {"step": step, "step-cuda": step_cuda, "dataloader": dataloader, "streaming": streaming}
    match sys.argv[1:]:
        case [program, shards] if program in programs:
            with tempfile.TemporaryDirectory(prefix="train-peers-") as work:
                print(f"{programs[program](Path(shards), Path(work)):.0f}")
        case ["train", shards, model, shape, rate, batch, seconds, held_out, device]:
            print(json.dumps(train(Path(shards), Path(model), json.loads(shape), float(rate), int(batch), float(seconds), int(held_out), device)))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
