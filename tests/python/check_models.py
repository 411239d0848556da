#!/usr/bin/env python3
"""Compares every type of model that `drbert` knows with Hugging Face transformers. Needs no corpus and no network.

For RoBERTa, CamemBERT, XLM-RoBERTa and BERT: transformers makes a small model with random numbers in all of its tensors, in one of the forms in which
such directories come; `nachos` makes shards with its tokenizer; then logits, evaluations, and a way through `drbert train --init-from` and
`drbert export` are compared. Prints a line per check and exits with 1 if one fails. The programs are $DRBERT_BIN and $NACHOS_BIN, or those in target/release.
"""

import json
import math
import os
import random
import subprocess
import sys
import tempfile
from collections import OrderedDict
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, decoders
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoTokenizer,
    BertConfig,
    BertForPreTraining,
    CamembertConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
    XLMRobertaConfig,
    pipeline,
)
from transformers.utils import logging

logging.set_verbosity_error()
logging.disable_progress_bar()

ROOT = Path(__file__).resolve().parents[2]
DRBERT = os.environ.get("DRBERT_BIN", str(ROOT / "target/release/drbert"))
NACHOS = os.environ.get("NACHOS_BIN", str(ROOT / "target/release/nachos"))
MAX_SEQ_LEN = 48
WORDS = ["le", "la", "patient", "coeur", "foie", "rein", "fièvre", "douleur", "aigu", "chronique", "traitement", "dose", "examen", "sang", "jour"]
SUFFIXES = ["e", "s", "ment", "ique", "ite"]
NEW_WORDS = ["cardiopathie", "néphropathie", "hépatite"]
SHAPE = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64, "initializer_range": 0.2}

failures = []


def check(what, holds, detail=""):
    print(f"{'ok  ' if holds else 'FAIL'} {what}{': ' + detail if detail else ''}", flush=True)
    if not holds:
        failures.append(what)


def run(program, *arguments):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"FAIL {program} {' '.join(map(str, arguments))}\n{done.stderr}")
    return done


def settings(**values):
    return [part for key, value in values.items() for part in ("--set", f"{key.replace('__', '.')}={value}")]


# --- Tokenizers, models, shards -----------------------------------------------------------------------------------------------


def roberta_tokenizer(new_words=()):
    """Ids as DrBERT lays them out; new words come last, after the mask."""
    special = ["<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED", "<s>", "</s>"]
    pieces = [*special, *(f"▁{word}" for word in WORDS), *SUFFIXES, "<mask>", *(f"▁{word}" for word in new_words)]
    tokenizer = Tokenizer(models.WordLevel({piece: token for token, piece in enumerate(pieces)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    ids = {piece: token for token, piece in enumerate(pieces)}
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", ids["</s>"]), ("<s>", ids["<s>"]), trim_offsets=False)
    tokenizer.add_special_tokens(["<pad>", "<unk>", "<s>", "</s>", "<mask>"])
    names = {"bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names, unk_token="<unk>", pad_token="<pad>", mask_token="<mask>")


def bert_tokenizer(new_words=()):
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *(f"##{suffix}" for suffix in SUFFIXES), *new_words]
    ids = {piece: token for token, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])])
    tokenizer.add_special_tokens(pieces[:5])
    names = {"cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]", "pad_token": "[PAD]", "mask_token": "[MASK]"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


TOKENIZERS = {"roberta": roberta_tokenizer, "camembert": roberta_tokenizer, "xlm-roberta": roberta_tokenizer, "bert": bert_tokenizer}
CONFIGS = {"roberta": RobertaConfig, "camembert": CamembertConfig, "xlm-roberta": XLMRobertaConfig, "bert": BertConfig}
FORMS = {
    "roberta": "one model.safetensors",
    "camembert": "pytorch_model.bin of a whole state",
    "xlm-roberta": "several safetensors with an index",
    "bert": "pytorch_model.bin of BertForPreTraining as of 2019",
}


def make_model(model_type, folder):
    """Writes a model directory with random numbers everywhere, and returns transformers' model of it."""
    tokenizer = TOKENIZERS[model_type]()
    size = len(tokenizer)
    if model_type == "bert":
        config = BertConfig(vocab_size=size, max_position_embeddings=MAX_SEQ_LEN, **SHAPE)
        model = BertForPreTraining(config)
    else:
        ids = {"pad_token_id": 1, "bos_token_id": 5, "eos_token_id": 6}
        config = CONFIGS[model_type](vocab_size=size, max_position_embeddings=MAX_SEQ_LEN + 2, type_vocab_size=1, layer_norm_eps=1e-5, **ids, **SHAPE)
        model = AutoModelForMaskedLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.2 + (1.0 if parameter.dim() == 1 else 0.0) * 0.5)
    folder.mkdir(parents=True)
    tokenizer.save_pretrained(folder)
    state = model.state_dict()
    if model_type == "roberta":
        model.save_pretrained(folder)
    elif model_type == "camembert":
        model.config.architectures = ["CamembertForMaskedLM"]
        model.config.save_pretrained(folder)
        torch.save(state, folder / "pytorch_model.bin")
    elif model_type == "xlm-roberta":
        model.save_pretrained(folder, max_shard_size="20KB")
        check("several files were written", len(list(folder.glob("model-*.safetensors"))) > 1)
    else:
        config_json = {**config.to_dict(), "model_type": "bert", "architectures": ["BertForPreTraining"]}
        config_json.pop("pad_token_id")  # as in PubMedBERT's file
        (folder / "config.json").write_text(json.dumps(config_json))
        old = OrderedDict((name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"), tensor) for name, tensor in state.items())
        old["bert.embeddings.position_ids"] = torch.arange(MAX_SEQ_LEN)[None]
        old._metadata = state._metadata
        torch.save(old, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
        masked = AutoModelForMaskedLM.from_config(config)
        masked.load_state_dict({name: tensor for name, tensor in state.items() if "pooler" not in name and "seq_relationship" not in name})
        model = masked
    return model.eval(), tokenizer


def write_corpus(folder):
    """Two files of documents; the second one's are longer."""
    generator = random.Random(0)
    folder.mkdir()
    for name, longest in (("court.txt", 8), ("long.txt", 90)):
        def word():
            return generator.choice(WORDS) + (generator.choice(SUFFIXES) if generator.random() < 0.3 else "")
        lines = [" ".join(word() for _ in range(generator.randint(3, longest))) for _ in range(60)]
        (folder / name).write_text("\n".join(lines) + "\n")
    return [folder / "court.txt", folder / "long.txt"]


def build_shards(corpus, tokenizer, folder):
    tokenizer_folder = folder.with_name(folder.name + "-tokenizer")
    tokenizer.save_pretrained(tokenizer_folder)
    names = {name: getattr(tokenizer, name) for name in ("cls_token", "sep_token", "unk_token", "pad_token", "mask_token")}
    (tokenizer_folder / "special_tokens_map.json").write_text(json.dumps(names))
    plain = settings(
        clean__language="any", clean__quality__enabled="false", clean__privacy__level="off", clean__mojibake="false", clean__markup="false",
        clean__structure="false", dedup__exact__enabled="false", dedup__near__enabled="false", dedup__paragraphs__enabled="false",
        input__document="line", pack__max_seq_len=MAX_SEQ_LEN,
    )
    run(NACHOS, "build", "--input", *corpus, "--tokenizer", tokenizer_folder, "--output", folder, *plain)
    return folder


# --- The checks ---------------------------------------------------------------------------------------------------------------


def check_logits(what, model, tokenizer, folder):
    """All texts in one padded batch of transformers; drbert has no padding. Scores of the whole vocabulary fix the logits up to a constant."""
    mask = tokenizer.mask_token
    texts = [f"le patient {mask} aigu", mask, f"la {mask} chronique le coeur {mask} foie rein sang dose examen jour", " ".join(["dose", mask] * 15)]
    encoded = tokenizer(texts, return_tensors="pt", padding=True, return_token_type_ids=False)
    with torch.no_grad():
        logits = model(**encoded).logits
    answers = json.loads(run(DRBERT, "fill-mask", "--model", folder, *texts, "--top-k", len(tokenizer), "--json").stdout)
    worst = 0.0
    for row, answer in enumerate(answers):
        positions = (encoded["input_ids"][row] == tokenizer.mask_token_id).nonzero().flatten().tolist()
        for position, predictions in zip(positions, answer["masks"], strict=True):
            found = torch.empty(len(tokenizer))
            for prediction in predictions:
                found[prediction["token"]] = math.log(prediction["score"])
            expected = logits[row, position] - logits[row, position].mean()
            worst = max(worst, float((found - found.mean() - expected).abs().max()))
    check(f"{what}: logits against transformers, with padding", worst < 1e-4, f"max |Δ| {worst:.1e}")


def summed_loss(model, tokenizer, segments):
    """Summed cross-entropy, masked tokens and right predictions of dumped segments, padded to one batch."""
    longest = max(len(segment["input_ids"]) for segment in segments)
    ids = torch.full((len(segments), longest), tokenizer.pad_token_id)
    labels = torch.full((len(segments), longest), -100)
    attention = torch.zeros((len(segments), longest), dtype=torch.long)
    for row, segment in enumerate(segments):
        length = len(segment["input_ids"])
        ids[row, :length] = torch.tensor(segment["input_ids"])
        attention[row, :length] = 1
        if segment["masked_positions"]:
            labels[row, segment["masked_positions"]] = torch.tensor(segment["labels"])
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=attention).logits
    masked = labels != -100
    loss = torch.nn.functional.cross_entropy(logits[masked].double(), labels[masked], reduction="sum")
    return float(loss), int(masked.sum()), int((logits.argmax(-1) == labels)[masked].sum())


def length_class(length):
    longest = max(32, 1 << (length - 1).bit_length())
    return f"{1 if longest == 32 else longest // 2 + 1} to {longest}"


def check_evaluation(model_type, model, tokenizer, folder, shards, work):
    import pyarrow.parquet as pq

    for attention in ("document", "sequence"):
        dump = work / f"{model_type}-{attention}.jsonl"
        result = json.loads(run(DRBERT, "evaluate", "--model", folder, "--shards", shards, "--attention", attention, "--micro-batch-size", 5, "--dump-rows", dump, "--json").stdout)
        segments = [json.loads(line) for line in dump.read_text().splitlines()]
        several = sum(len(segment["document_ids"]) > 1 for segment in segments) if attention == "sequence" else len(segments) - result["rows"]
        check(f"{model_type}, {attention}: rows hold several segments", several > 5, str(several))
        loss, count, right = summed_loss(model, tokenizer, segments)
        error = abs(result["loss"] / (loss / count) - 1)
        check(f"{model_type}, {attention}: loss against transformers on the very same mask", error < 1e-4 and result["masked_tokens"] == count, f"relative error {error:.1e}")
        check(f"{model_type}, {attention}: accuracy and perplexity", abs(result["accuracy"] - right / count) < 2e-3 and abs(result["perplexity"] / math.exp(loss / count) - 1) < 1e-3)
        if attention == "sequence":
            continue
        documents = pq.read_table(shards / "documents.parquet", columns=["id", "source"]).to_pydict()
        source_of = dict(zip(documents["id"], documents["source"], strict=True))
        ways = {
            "sources": lambda segment: source_of[segment["document_ids"][0]],
            "segment_lengths": lambda segment: length_class(len(segment["input_ids"])),
        }
        for way, name_of in ways.items():
            groups = {}
            for segment in segments:
                groups.setdefault(name_of(segment), []).append(segment)
            parts = {part["name"]: part for part in result[way]}
            worst = 0.0 if parts.keys() == groups.keys() and len(parts) == 2 else math.inf
            for name, group in groups.items() if worst == 0 else ():
                loss, count, _ = summed_loss(model, tokenizer, group)
                part = parts[name]
                same = part["masked_tokens"] == count and part["segments"] == len(group) and part["tokens"] == sum(len(segment["input_ids"]) for segment in group)
                worst = max(worst, abs(part["loss"] / (loss / count) - 1) if same else math.inf)
            check(f"{model_type}: {way} against transformers", worst < 1e-4, f"relative error {worst:.1e}, {sorted(parts)}")


def train(shards, output, *flags, **more):
    values = {
        "data__shards": shards, "train__output": output, "train__device": "cpu", "eval__rows": 0, "data__micro_batch_size": 8, "data__global_batch_size": 8,
        "schedule__warmup_steps": 2, **more,
    }
    return run(DRBERT, "train", *flags, *settings(**values))


def export(output, folder, steps):
    run(DRBERT, "export", output / f"checkpoints/step-{steps:08}", "--output", folder)
    model, report = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
    problems = {key: value for key, value in report.items() if key in ("missing_keys", "unexpected_keys", "mismatched_keys") and value}
    return model.eval(), problems


def parameters_of(model):
    """By the names of a saved file: the decoder's tensors are others under a second name."""
    return {name: tensor for name, tensor in model.state_dict().items() if not name.endswith(("decoder.weight", "decoder.bias"))}


def check_round_trip(model_type, model, folder, shards, work):
    output, exported = work / f"{model_type}-begun", work / f"{model_type}-exported"
    said = train(shards, output, "--init-from", folder, train__steps=0).stderr
    again, problems = export(output, exported, 0)
    check(f"{model_type}: transformers loads the export without missing or unexpected keys", not problems and type(again) is type(model), str(problems or type(again).__name__))
    found, expected = load_file(exported / "model.safetensors"), parameters_of(model)
    differing = [name for name in expected if name not in found or not torch.equal(found[name], expected[name])]
    check(f"{model_type}: every tensor comes out bit for bit as it went in", not differing and found.keys() == expected.keys(), f"{len(expected)} tensors; {differing or found.keys() ^ expected.keys() or ''}")
    if model_type == "bert":
        check("bert: what has no place in the model is named", "left out" in said and "cls.seq_relationship.weight" in said and "bert.pooler.dense.bias" in said)
    fill = pipeline("fill-mask", model=str(exported))
    answer = fill(f"le patient {fill.tokenizer.mask_token} aigu")
    check(f'{model_type}: pipeline("fill-mask") and AutoModel load the export', len(answer) == 5 and AutoModel.from_pretrained(exported).config.model_type == model_type)


def check_growth(model_type, model, folder, corpus, work):
    larger = TOKENIZERS[model_type](NEW_WORDS)
    shards = build_shards(corpus, larger, work / f"{model_type}-larger")
    output, exported = work / f"{model_type}-grown", work / f"{model_type}-grown-model"
    said = train(shards, output, "--init-from", folder, train__steps=0).stderr
    grown, problems = export(output, exported, 0)
    old, new = (part.get_input_embeddings().weight.detach() for part in (model, grown))
    near = (new[len(old) :] - old.mean(0)).abs().max() < 0.6 * old.std(0).max()
    holds = not problems and len(new) == len(old) + len(NEW_WORDS) and torch.equal(new[: len(old)], old) and bool(near) and not torch.equal(new[-1], new[-2])
    check(f"{model_type}: new entries get rows near the mean, and the old rows stay", holds and "are new: mean of the old rows" in said, str(problems or ""))


def check_training(model_type, folder, shards, work):
    output, exported = work / f"{model_type}-trained", work / f"{model_type}-trained-model"
    train(shards, output, "--init-from", folder, train__steps=60, optimizer__peak_learning_rate=3e-3, masking__whole_word="true", log__interval_steps=1)
    losses = [json.loads(line)["loss"] for line in (output / "metrics.jsonl").read_text().splitlines()]
    # That the steps are the right ones is for check_training.py to say.
    first, last = sum(losses[:5]) / 5, sum(losses[-5:]) / 5
    check(f"{model_type}: training goes on from the model", last < first - 0.2, f"{first:.2f} → {last:.2f}")
    model, problems = export(output, exported, 60)
    check(f"{model_type}: the trained model loads", not problems, str(problems or ""))
    check_logits(f"{model_type} after training", model, AutoTokenizer.from_pretrained(exported), exported)


def check_half_precision(model, tokenizer, folder, work):
    """A file of fp16 gives the numbers that transformers reads from it."""
    half = work / "half"
    half.mkdir()
    tokenizer.save_pretrained(half)
    (half / "config.json").write_text((folder / "config.json").read_text().replace("float32", "float16"))
    save_file({name: tensor.half().contiguous() for name, tensor in parameters_of(model).items()}, half / "model.safetensors", {"format": "pt"})
    model = AutoModelForMaskedLM.from_pretrained(half, dtype=torch.float32).eval()
    check_logits("roberta in half precision", model, tokenizer, half)


def main():
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        corpus = write_corpus(work / "corpus")
        for model_type in CONFIGS:
            folder = work / model_type
            model, tokenizer = make_model(model_type, folder)
            shards = build_shards(corpus, tokenizer, work / f"{model_type}-shards")
            check_logits(f"{model_type} from {FORMS[model_type]}", model, tokenizer, folder)
            check_evaluation(model_type, model, tokenizer, folder, shards, work)
            check_round_trip(model_type, model, folder, shards, work)
            check_growth(model_type, model, folder, corpus, work)
            check_training(model_type, folder, shards, work)
            if model_type == "roberta":
                check_half_precision(model, tokenizer, folder, work)
    if failures:
        sys.exit(f"{len(failures)} checks failed")


if __name__ == "__main__":
    main()
