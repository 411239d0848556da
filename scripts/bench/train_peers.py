#!/usr/bin/env python3
"""Does with other people's programs what `drbert bench` measures, on the same shards; prints tokens a second.

    train_peers.py step       SHARDS   Hugging Face Trainer: 4 × 256, 8 rows a step, fp32, no dropout, on the CPU
    train_peers.py step-cuda  SHARDS   the same on a CUDA device: 12 × 768, ROWS (64) rows a step, bf16, SDPA, torch.compile
    train_peers.py dataloader SHARDS   datasets, torch's DataLoader and transformers' collator for masking, 2 workers
    train_peers.py streaming  SHARDS   MosaicML Streaming in the place of datasets
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
CUDA_ROWS, CUDA_STEPS = int(os.environ.get("ROWS", 64)), 30
LOADER_ROWS, LOADER_SECONDS = 20_000, 8


def rows_of(shards: Path, count: int) -> list[list[int]]:
    return pq.ParquetFile(shards / "shard-00000.parquet").read(columns=["input_ids"])["input_ids"][:count].to_pylist()


def collator(shards: Path) -> DataCollatorForLanguageModeling:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(shards / "tokenizer")
    return DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)


class Clock(TrainerCallback):
    """Measures the time of the steps after the warm-up."""

    def __init__(self, steps: int):
        self.steps = steps

    def on_step_end(self, arguments, state, control, **_):
        if state.global_step in (WARMUP_STEPS, WARMUP_STEPS + self.steps) and torch.cuda.is_available():
            torch.cuda.synchronize()
        if state.global_step == WARMUP_STEPS:
            self.begun = time.perf_counter()
        elif state.global_step == WARMUP_STEPS + self.steps:
            self.seconds = time.perf_counter() - self.begun


def step(shards: Path, work: Path) -> float:
    return trainer_step(shards, work, (4, 256, 4), ROWS, STEPS, use_cpu=True, dataloader_num_workers=0)


def step_cuda(shards: Path, work: Path) -> float:
    return trainer_step(shards, work, (12, 768, 12), CUDA_ROWS, CUDA_STEPS, bf16=True, torch_compile=True, dataloader_num_workers=4)


def trainer_step(shards: Path, work: Path, shape: tuple[int, int, int], batch: int, steps: int, **how) -> float:
    layers, hidden, heads = shape
    rows = rows_of(shards, batch * (WARMUP_STEPS + steps))
    if len(rows) < batch * (WARMUP_STEPS + steps):
        rows = list(itertools.islice(itertools.cycle(rows), batch * (WARMUP_STEPS + steps)))
    manifest = json.loads((shards / "manifest.json").read_text())
    config = RobertaConfig(
        vocab_size=manifest["tokenizer"]["vocab_size"], hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=4 * hidden,
        max_position_embeddings=514, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, type_vocab_size=1, pad_token_id=manifest["special_tokens"]["pad"],
    )
    clock = Clock(steps)
    arguments = TrainingArguments(
        output_dir=str(work), per_device_train_batch_size=batch, max_steps=WARMUP_STEPS + steps, report_to="none", save_strategy="no", logging_strategy="no",
        disable_tqdm=True, train_sampling_strategy="sequential", **how,
    )
    model = RobertaForMaskedLM._from_config(config, attn_implementation="sdpa")
    trainer = Trainer(model, arguments, train_dataset=[{"input_ids": row} for row in rows], data_collator=collator(shards), callbacks=[clock])
    trainer.train()
    return sum(map(len, rows[batch * WARMUP_STEPS :])) / clock.seconds


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
    if len(sys.argv) != 3 or sys.argv[1] not in programs:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(prefix="train-peers-") as work:
        print(f"{programs[sys.argv[1]](Path(sys.argv[2]), Path(work)):.0f}")


if __name__ == "__main__":
    main()
