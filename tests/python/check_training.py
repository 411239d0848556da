#!/usr/bin/env python3
"""Compares `drbert` with PyTorch and Hugging Face transformers. Needs no corpus and no network.

Makes a small shard directory, trains on it, and redoes everything with independent means: the order of samples and the mask in
plain Python from the text of trainer/README.md, the model with transformers, the optimizer with torch.optim. Prints a line per
check and exits with 1 if one fails. The program is $DRBERT_BIN, or target/release/drbert of this repository.
"""

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import xxhash
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer, pipeline
from transformers.utils import logging

logging.set_verbosity_error()
logging.disable_progress_bar()

ROOT = Path(__file__).resolve().parents[2]
DRBERT = os.environ.get("DRBERT_BIN", str(ROOT / "target/release/drbert"))

# Ids as DrBERT lays them out.
PAD, UNK, BOS, EOS = 1, 3, 5, 6
VOCAB_SIZE = 300
MASK = VOCAB_SIZE - 1
SPECIAL = [0, 1, 2, 3, 4, 5, 6, MASK]
MAX_SEQ_LEN = 32
NUM_ROWS = 150
HELD_OUT = 11
SEED = 42
MICRO_BATCH, GLOBAL_BATCH = 4, 8
STEPS = 10

failures = []


def check(what, holds, detail=""):
    print(f"{'ok  ' if holds else 'FAIL'} {what}{': ' + detail if detail else ''}", flush=True)
    if not holds:
        failures.append(what)


# --- A shard directory in the documented format -------------------------------------------------------------------------------


def piece(token):
    """Even ids start a word."""
    return f"▁mot{token}" if token % 2 == 0 else f"suite{token}"


def write_tokenizer(folder):
    folder.mkdir(parents=True)
    names = {0: "<s>NOTUSED", 1: "<pad>", 2: "</s>NOTUSED", 3: "<unk>", 4: "<unk>NOTUSED", 5: "<s>", 6: "</s>", MASK: "<mask>"}
    vocabulary = {names.get(token, piece(token)): token for token in range(VOCAB_SIZE)}
    added = [
        {"id": token, "content": name, "single_word": False, "lstrip": token == MASK, "rstrip": False, "normalized": False, "special": True}
        for token, name in sorted(names.items())
    ]
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    template = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}]}
    template["pair"] = [*template["single"], {"Sequence": {"id": "B", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}]
    template["special_tokens"] = {name: {"id": name, "ids": [token], "tokens": [name]} for token, name in ((BOS, "<s>"), (EOS, "</s>"))}
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None, "pre_tokenizer": metaspace,
        "post_processor": template, "decoder": metaspace, "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"},
    }
    special = {"bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "<mask>"}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **special}))
    (folder / "special_tokens_map.json").write_text(json.dumps(special))


def xxh3(data):
    return xxhash.xxh3_128_hexdigest(data)


def write_shards(folder):
    """Returns the rows, each a list of segments, and the (first row, rows) of every row group."""
    write_tokenizer(folder / "tokenizer")
    random = np.random.default_rng(0)
    ordinary = [token for token in range(VOCAB_SIZE) if token not in SPECIAL]
    rows = []
    for _ in range(NUM_ROWS):
        row, room = [], MAX_SEQ_LEN
        while room >= 3 and (not row or random.random() < 0.7):
            length = int(random.integers(1, room - 1))
            row.append([BOS, *(int(token) for token in random.choice(ordinary, length)), EOS])
            room -= length + 2
        rows.append(row)
    shards, groups = [], []
    for index, (start, end) in enumerate([(0, 70), (70, NUM_ROWS)]):
        part = rows[start:end]
        path = folder / f"shard-{index:05}.parquet"
        table = pa.table(
            {
                "input_ids": pa.array([sum(row, []) for row in part], pa.list_(pa.uint16())),
                "segment_lengths": pa.array([[len(segment) for segment in row] for row in part], pa.list_(pa.uint16())),
                "document_ids": pa.array([[0] * len(row) for row in part], pa.list_(pa.uint64())),
            }
        )
        pq.write_table(table, path, compression="zstd", row_group_size=4)
        footer = pq.ParquetFile(path).metadata
        first = start
        for group in range(footer.num_row_groups):
            groups.append((first, footer.row_group(group).num_rows))
            first += footer.row_group(group).num_rows
        tokens = sum(len(segment) for row in part for segment in row)
        shards.append({"file": path.name, "rows": len(part), "tokens": tokens, "bytes": path.stat().st_size, "xxh3": xxh3(path.read_bytes())})
    manifest = {
        "schema_version": {"major": 1, "minor": 0},
        "program": "check_training.py",
        "program_version": "0",
        "manifest_hash": "0" * 32,
        "config": {},
        "max_seq_len": MAX_SEQ_LEN,
        "tokenizer": {"hash": xxh3((folder / "tokenizer/tokenizer.json").read_bytes()), "vocab_size": VOCAB_SIZE, "files": []},
        "special_tokens": {"bos": BOS, "eos": EOS, "pad": PAD, "unk": UNK, "mask": MASK, "all": SPECIAL},
        "shards": shards,
        "documents": {"file": "documents.parquet", "bytes": 0, "xxh3": xxh3(b"")},
        "totals": {
            "read": {"files": 0, "bytes": 0, "documents": 0},
            "clean": {"bytes": 0, "invalid_utf8_sequences": 0, "removed_characters": 0, "renormalized_documents": 0},
            "verdicts": {},
            "pack": {"documents": 0, "segments": 0, "rows": 0, "tokens": 0, "efficiency": 0.0},
            "write": {"shards": len(shards), "bytes": 0},
        },
    }
    text = json.dumps(manifest, indent=2) + "\n"
    (folder / "manifest.json").write_text(text.replace("0" * 32, xxh3(text.encode()), 1))
    return rows, groups


# --- Order and masking, from the text of trainer/README.md --------------------------------------------------------------------

BITS = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
ROW_GROUP_ORDER, ROW_ORDER, MASKING, EVALUATION_MASKING = 1, 2, 3, 4
ROW_GROUPS_PER_WINDOW = 16


def mix(x):
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & BITS
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & BITS
    return x ^ (x >> 31)


class Rng:
    def __init__(self, *key):
        self.state = 0
        for part in key:
            self.state = mix(((self.state ^ part) + GOLDEN) & BITS)

    def below(self, bound):
        self.state = (self.state + GOLDEN) & BITS
        return (mix(self.state) * bound) >> 64

    def choose_to_front(self, items, count):
        for front in range(count):
            drawn = front + self.below(len(items) - front)
            items[front], items[drawn] = items[drawn], items[front]


def is_held_out(row):
    return (row + 1) * HELD_OUT // NUM_ROWS > row * HELD_OUT // NUM_ROWS


def epoch_order(groups, epoch):
    order = list(range(len(groups)))
    Rng(ROW_GROUP_ORDER, SEED, epoch, 0).choose_to_front(order, len(order))
    rows = []
    for window, start in enumerate(range(0, len(order), ROW_GROUPS_PER_WINDOW)):
        members = [groups[group] for group in order[start : start + ROW_GROUPS_PER_WINDOW]]
        pooled = [row for first, count in members for row in range(first, first + count) if not is_held_out(row)]
        Rng(ROW_ORDER, SEED, epoch, window).choose_to_front(pooled, len(pooled))
        rows += pooled
    return rows


def words_of(row):
    words, position = [], 0
    for segment in row:
        for index, token in enumerate(segment):
            if token not in SPECIAL:
                if index > 0 and words and words[-1][-1] == position - 1 and token % 2 == 1:
                    words[-1].append(position)
                else:
                    words.append([position])
            position += 1
    return words


def mask_row(row, rng, whole_word=False):
    """Returns the masked ids and the masked positions of a row."""
    ids = sum(row, [])
    candidates = [position for position, token in enumerate(ids) if token not in SPECIAL]
    count = min(max(math.floor(0.15 * len(candidates) + 0.5), 1), len(candidates))
    if whole_word:
        words = words_of(row)
        rng.choose_to_front(words, len(words))
        chosen, left = [], []
        for word in words:
            if len(chosen) + len(word) <= count:
                chosen += word
            else:
                left.append(word)
        chosen += left[0][: count - len(chosen)] if left else []
    else:
        rng.choose_to_front(candidates, count)
        chosen = candidates[:count]
    ordinary = [token for token in range(VOCAB_SIZE) if token not in SPECIAL]
    masked = list(ids)
    for position in sorted(chosen):
        action = rng.below(10)
        if action < 8:
            masked[position] = MASK
        elif action == 8:
            masked[position] = ordinary[rng.below(len(ordinary))]
    return masked, sorted(chosen)


def segments_of(row, masked, positions):
    """Cuts a masked row into (ids, labels) per segment; the label of an unmasked position is -100."""
    labels = [-100] * len(masked)
    original = sum(row, [])
    for position in positions:
        labels[position] = original[position]
    start = 0
    for segment in row:
        end = start + len(segment)
        yield masked[start:end], labels[start:end]
        start = end


# --- The reference in PyTorch -------------------------------------------------------------------------------------------------


def summed_loss(model, segments):
    """Cross-entropy summed over the masked tokens of segments, and their number and the number of right predictions."""
    longest = max(len(ids) for ids, _ in segments)
    pad = lambda values, filler: values + [filler] * (longest - len(values))
    ids = torch.tensor([pad(ids, PAD) for ids, _ in segments])
    labels = torch.tensor([pad(labels, -100) for _, labels in segments])
    logits = model(input_ids=ids, attention_mask=(ids != PAD).long()).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")
    masked = labels != -100
    return loss, int(masked.sum()), int((logits.argmax(-1) == labels)[masked].sum())


def global_batches(rows, groups, whole_word=False):
    stream = [(epoch, row) for epoch in (0, 1) for row in epoch_order(groups, epoch)]
    for step in range(STEPS):
        segments = []
        for epoch, row in stream[step * GLOBAL_BATCH : (step + 1) * GLOBAL_BATCH]:
            masked, positions = mask_row(rows[row], Rng(MASKING, SEED, epoch, row), whole_word)
            segments += segments_of(rows[row], masked, positions)
        yield segments


LEARNING_RATE, WARMUP, DECAY, CLIP = 1e-3, 4, 0.05, 0.5
BETAS, EPSILON = (0.9, 0.98), 1e-6


def train_reference(model, batches):
    """Returns the losses and the gradient norms."""
    decaying = [p for n, p in model.named_parameters() if not n.endswith("bias") and "LayerNorm" not in n and "layer_norm" not in n]
    others = [p for p in model.parameters() if not any(p is d for d in decaying)]
    groups = [{"params": decaying, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=BETAS, eps=EPSILON)
    losses, norms = [], []
    for step, segments in enumerate(batches):
        rate = (step + 1) / WARMUP if step < WARMUP else (STEPS - step) / (STEPS - WARMUP)
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * rate
        optimizer.zero_grad()
        loss, count, _ = summed_loss(model, segments)
        (loss / count).backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)))
        optimizer.step()
        losses.append(float(loss.detach()) / count)
    return losses, norms


# --- The checks ---------------------------------------------------------------------------------------------------------------


def drbert(*arguments):
    run = subprocess.run([DRBERT, *map(str, arguments)], capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"drbert {' '.join(map(str, arguments))}\n{run.stderr}")
    return run.stdout


def train(shards, output, *flags, **settings):
    drbert(*train_arguments(shards, output, *flags, **settings))


def train_arguments(shards, output, *flags, **settings):
    values = {
        "data.shards": shards, "data.micro_batch_size": MICRO_BATCH, "data.global_batch_size": GLOBAL_BATCH,
        "model.hidden_size": 64, "model.num_hidden_layers": 3, "model.num_attention_heads": 4, "model.intermediate_size": 128,
        "model.hidden_dropout_prob": 0.0, "model.attention_probs_dropout_prob": 0.0, "model.max_position_embeddings": MAX_SEQ_LEN + 2,
        "optimizer.peak_learning_rate": LEARNING_RATE, "optimizer.beta1": BETAS[0], "optimizer.beta2": BETAS[1], "optimizer.epsilon": EPSILON,
        "optimizer.weight_decay": DECAY, "optimizer.max_gradient_norm": CLIP, "schedule.warmup_steps": WARMUP,
        "train.steps": STEPS, "train.seed": SEED, "train.device": "cpu", "train.output": output,
        "eval.rows": HELD_OUT, "log.interval_steps": 1,
        **{key.replace("__", "."): value for key, value in settings.items()},
    }
    return ["train", *flags, *(part for key, value in values.items() for part in ("--set", f"{key}={json.dumps(value) if isinstance(value, bool) else value}"))]


def load(folder):
    model, report = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True, attn_implementation="eager")
    return model.eval(), report


def relative(found, expected):
    return max(abs(f - e) / abs(e) for f, e in zip(found, expected, strict=True))


def step_records(output):
    return [record for record in map(json.loads, (output / "metrics.jsonl").read_text().splitlines()) if "loss" in record]


def check_steps(rows, groups, shards, work):
    train(shards, work / "start", train__steps=0)
    drbert("export", work / "start/checkpoints/step-00000000", "--output", work / "start-model")
    train(shards, work / "run")
    drbert("export", work / f"run/checkpoints/step-{STEPS:08}", "--output", work / "model")
    reference, _ = load(work / "start-model")
    deviations = {n: (float(p.detach().mean()), float(p.detach().std())) for n, p in reference.named_parameters() if "dense.weight" in n or "embeddings.weight" in n}
    check("weights start normal(0, 0.02)", all(abs(m) < 2e-3 and abs(s - 0.02) < 2e-3 for m, s in deviations.values()))
    embeddings = reference.roberta.embeddings
    check("padding rows start at zero", not embeddings.word_embeddings.weight[PAD].any() and not embeddings.position_embeddings.weight[PAD].any())
    losses, norms = train_reference(reference, global_batches(rows, groups))
    records = step_records(work / "run")
    check("metrics.jsonl has every step once", [record["step"] for record in records] == list(range(1, STEPS + 1)))
    error = relative([record["loss"] for record in records], losses)
    check(f"losses of {STEPS} steps against PyTorch, on the same samples and masks", error < 1e-5, f"relative error {error:.1e}")
    error = relative([record["gradient_norm"] for record in records], norms)
    check("gradient norms", error < 1e-5, f"relative error {error:.1e}")
    trained, _ = load(work / "model")
    found = dict(trained.named_parameters())
    # A key's bias adds the same to every score of a query, which softmax ignores: its gradient is rounding noise around zero.
    errors = {
        name: float(((found[name] - expected).norm() / expected.norm()).detach())
        for name, expected in reference.named_parameters()
        if not name.endswith("key.bias")
    }
    worst = max(errors, key=errors.get)
    check(f"parameters after {STEPS} AdamW steps", errors[worst] < 1e-5, f"relative error {errors[worst]:.1e} in {worst}")
    keys = [name for name in found if name.endswith("key.bias")]
    check("key biases hardly move", all(float(found[name].detach().abs().max()) < 1e-4 for name in keys))
    train(shards, work / "whole-word", masking__whole_word=True)
    losses, _ = train_reference(load(work / "start-model")[0], global_batches(rows, groups, whole_word=True))
    error = relative([record["loss"] for record in step_records(work / "whole-word")], losses)
    check("losses with whole-word masking", error < 1e-5, f"relative error {error:.1e}")


def check_bert(rows, groups, shards, work):
    train(shards, work / "bert-start", train__steps=0, model__model_type="bert")
    drbert("export", work / "bert-start/checkpoints/step-00000000", "--output", work / "bert-start-model")
    train(shards, work / "bert", model__model_type="bert")
    drbert("export", work / f"bert/checkpoints/step-{STEPS:08}", "--output", work / "bert-model")
    reference, _ = load(work / "bert-start-model")
    losses, _ = train_reference(reference, global_batches(rows, groups))
    error = relative([record["loss"] for record in step_records(work / "bert")], losses)
    check(f"losses of {STEPS} steps of BERT against PyTorch", type(reference).__name__ == "BertForMaskedLM" and error < 1e-5, f"relative error {error:.1e}")
    found = dict(load(work / "bert-model")[0].named_parameters())
    errors = [float((found[name] - expected).norm() / expected.norm()) for name, expected in reference.named_parameters() if not name.endswith("key.bias")]
    check(f"parameters of BERT after {STEPS} AdamW steps", max(errors) < 1e-5, f"relative error {max(errors):.1e}")


def check_export(rows, shards, work):
    model, report = load(work / "model")
    problems = {key: value for key, value in report.items() if key in ("missing_keys", "unexpected_keys", "mismatched_keys") and value}
    check("AutoModelForMaskedLM loads the export without missing or unexpected keys", not problems, str(problems) if problems else "")
    check("the decoder is tied", model.lm_head.decoder.weight is model.roberta.embeddings.word_embeddings.weight)
    tokenizer = AutoTokenizer.from_pretrained(work / "model")
    check("AutoTokenizer loads the export", len(tokenizer) == VOCAB_SIZE and tokenizer.mask_token_id == MASK)
    check("AutoModel loads the export", AutoModel.from_pretrained(work / "model").config.model_type == "roberta")

    texts = ["mot10 <mask> mot12 mot14", "<mask>", "mot20 mot22 <mask> mot24 mot26 mot28 mot30 mot32"]
    answers = json.loads(drbert("fill-mask", "--model", work / "model", *texts, "--top-k", VOCAB_SIZE, "--json"))
    worst = 0.0
    for text, answer in zip(texts, answers, strict=True):
        encoded = tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            expected = model(**encoded).logits[0, encoded["input_ids"][0].tolist().index(MASK)].log_softmax(-1)
        found = torch.empty(VOCAB_SIZE)
        for prediction in answer["masks"][0]:
            found[prediction["token"]] = math.log(prediction["score"])
        worst = max(worst, float((found - expected).abs().max()))
    check("logits of the whole vocabulary against transformers", worst < 1e-5, f"max |Δ| {worst:.1e}")
    fill = pipeline("fill-mask", model=str(work / "model"), top_k=5)
    for text, answer in zip(texts, answers, strict=True):
        expected, found = fill(text), answer["masks"][0][:5]
        same = all(
            e["token"] == f["token"] and e["token_str"] == f["token_str"] and e["sequence"] == f["sequence"] and abs(e["score"] - f["score"]) < 1e-4
            for e, f in zip(expected, found, strict=True)
        )
        check(f'pipeline("fill-mask") answers {text!r} alike', same, "" if same else f"{expected} and {found}")

    result = json.loads(drbert("evaluate", "--model", work / "model", "--shards", shards, "--json"))
    loss = count = right = 0
    with torch.no_grad():
        for number, row in enumerate(rows):
            segments = list(segments_of(row, *mask_row(row, Rng(EVALUATION_MASKING, 0, 0, number))))
            row_loss, row_count, row_right = summed_loss(model, segments)
            loss, count, right = loss + float(row_loss), count + row_count, right + row_right
    error = abs(result["loss"] - loss / count) / (loss / count)
    check("drbert evaluate agrees with transformers on the same rows and mask", error < 1e-5 and result["masked_tokens"] == count, f"relative error {error:.1e}")
    check("accuracy and perplexity", abs(result["accuracy"] - right / count) < 1e-3 and abs(result["perplexity"] / math.exp(loss / count) - 1) < 1e-4)


def check_reports(work):
    events = EventAccumulator(str(work / "run/tensorboard"))
    events.Reload()
    scalars = events.Scalars("train/loss")
    records = step_records(work / "run")
    same = [(scalar.step, round(scalar.value, 5)) for scalar in scalars] == [(record["step"], round(record["loss"], 5)) for record in records]
    check("TensorBoard reads the losses of metrics.jsonl", same)
    expected = {"train/loss", "train/learning_rate", "train/gradient_norm", "train/tokens_per_second", "train/mfu", "train/data_wait", "train/epoch", "train/skipped_steps", "train/checkpoint_wait_seconds", "eval/loss", "eval/perplexity", "eval/accuracy"}
    check("TensorBoard reads every scalar", set(events.Tags()["scalars"]) == expected)


def check_resumed_reports(shards, work):
    output = work / "resumed"
    train(shards, output, checkpoint__interval_steps=4, checkpoint__keep=9)
    first = step_records(output)
    for step in (8, STEPS):
        shutil.rmtree(output / f"checkpoints/step-{step:08}")
    train(shards, output, "--resume", checkpoint__interval_steps=4, checkpoint__keep=9)
    losses = [record["loss"] for record in step_records(output)]
    check("a resumed run repeats no step and gives the same losses to the bit", losses == [record["loss"] for record in first])
    events = EventAccumulator(str(output / "tensorboard"))
    events.Reload()
    check("TensorBoard shows every step of a resumed run once", [scalar.step for scalar in events.Scalars("train/loss")] == list(range(1, STEPS + 1)))


def main():
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        rows, groups = write_shards(work / "shards")
        check_steps(rows, groups, work / "shards", work)
        check_bert(rows, groups, work / "shards", work)
        check_export(rows, work / "shards", work)
        check_reports(work)
        check_resumed_reports(work / "shards", work)
    if failures:
        sys.exit(f"{len(failures)} checks failed")


if __name__ == "__main__":
    main()
