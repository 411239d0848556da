#!/usr/bin/env python3
"""Checks the ids that `nachos build` writes with tokenizers laid out as other models' are, against the tokenizers library.

    .venv/bin/python tests/python/check_other_tokenizers.py

The vocabularies are learned here from a small sample: none is to be had without a download. NACHOS_BIN names the program (default
target/release/nachos). DRBERT_CORPUS names a folder with a `medical` folder of French text in it; the checks pass without it.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random

import sentencepiece
from check_shards import CORPUS, PLAIN, ROOT, Shards, clean, decompressed, expect, failures, nachos, settings
from check_tokenizer import FRENCH
from sentencepiece.sentencepiece_model_pb2 import ModelProto
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

VOCAB_SIZE = 3000
ROBERTA = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"}
BERT = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]", "mask_token": "[MASK]"}


# What is hard on tokenizers: marks that combine, every kind of space, characters that a table replaces, other scripts, emojis, words that look special.
HARD = [
    *"aéœ'’.,0²³½µªºﬁ…™①～Ａ１▁\u00a0\u1680\u2003\u200b\u200d\u202f\u3000\ufe0f\ufeff\u0300\u0301\u0327\u0345\u0903\u0bbe\u0d4e\u1100\u1161\u11a8한ｱﾞ一α😀👩🇫",
    *("patient ", " l'insuffisance", " ", "  ", "<mask>", "</s>", "[MASK]", "##e", "anticonstitutionnellement-et-plus-encore-que-cela"),
]


def hard_lines(count):
    random = Random(7)
    return ["".join(random.choices(HARD, k=random.randint(1, 14))) for _ in range(count)]


def sentencepiece_normalizer(sample, folder):
    """The table of characters that SentencePiece's models have in them."""
    prefix = folder / "sentencepiece"
    sentencepiece.SentencePieceTrainer.train(input=str(sample), model_prefix=str(prefix), vocab_size=500, normalization_rule_name="nmt_nfkc", minloglevel=2)
    model = ModelProto.FromString(Path(f"{prefix}.model").read_bytes())
    return normalizers.Precompiled(model.normalizer_spec.precompiled_charsmap)


def learn(model, trainer, normalizer, pre_tokenizer, sample):
    tokenizer = Tokenizer(model)
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train([str(sample)], trainer)
    return tokenizer


def unigram(normalizer, pre_tokenizer, sample):
    trainer = trainers.UnigramTrainer(vocab_size=VOCAB_SIZE, special_tokens=list(ROBERTA.values()), unk_token="<unk>", show_progress=False)
    return learn(models.Unigram(), trainer, normalizer, pre_tokenizer, sample), ROBERTA


def word_piece(lowercase, sample):
    trainer = trainers.WordPieceTrainer(vocab_size=VOCAB_SIZE, special_tokens=list(BERT.values()), show_progress=False)
    normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    return learn(models.WordPiece(unk_token="[UNK]"), trainer, normalizer, pre_tokenizers.BertPreTokenizer(), sample), BERT


def byte_level(sample):
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=VOCAB_SIZE, special_tokens=list(ROBERTA.values()), initial_alphabet=alphabet, show_progress=False)
    tokenizer = learn(models.BPE(), trainer, None, pre_tokenizers.ByteLevel(add_prefix_space=False), sample)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer, ROBERTA


def save(tokenizer, names, folder):
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    for file in ("tokenizer_config.json", "special_tokens_map.json"):
        (folder / file).write_text(json.dumps(names))
    return folder


def check(tokenizer, names, is_cached, lines, folder, name):
    """The same ids as the library's, and a warning where words are not looked up one by one."""
    directory = save(tokenizer, names, folder / name)
    source = folder / f"{name}.txt"
    source.write_text("".join(line + "\n" for line in lines), encoding="utf-8", newline="\n")
    output = folder / f"{name}-shards"
    plain = settings("input.document=line", "dedup.exact.enabled=false", "pack.strategy=concat")
    done = nachos("build", "--input", source, "--tokenizer", directory, "--output", output, *PLAIN, *plain)
    if done.returncode != 0:
        return expect(False, f"{name}: nachos build", done.stderr.decode())
    warns = b"which is slow" in done.stderr
    expect(warns != is_cached, f"{name}: {'words are looked up' if is_cached else 'it is said to be slow'}", done.stderr.decode())

    shards = Shards(output)
    pieces = shards.segments()
    bos, eos = (tokenizer.token_to_id(token) for token in list(names.values())[:2])
    ours = [[*sum(pieces.get(document["id"], []), [])] for document in shards.documents]
    tokenizer.encode_special_tokens = True
    specials = {tokenizer.token_to_id(token) for token in names.values()}
    unknown = tokenizer.token_to_id(names["unk_token"])
    theirs = [encoding.ids for encoding in tokenizer.encode_batch([clean(line) for line in lines], add_special_tokens=False)]
    # A special token that a model finds in plain text is not one; a document without a token is left out of the rows.
    theirs = [[bos, *(unknown if id in specials else id for id in ids), eos] if ids else [] for ids in theirs]
    wrong = [(line, our, their) for line, our, their in zip(lines, ours, theirs, strict=True) if our != their]
    expect(not wrong, f"{name}: the library's ids on {len(lines)} lines", f"{len(wrong)} differ, {wrong[:1]}")


def main():
    with tempfile.TemporaryDirectory(prefix="check-other-tokenizers-") as name:
        folder = Path(name)
        sample = folder / "sample.txt"
        subprocess.run([sys.executable, ROOT / "scripts/sample_corpus.py", "--output", sample, "--megabytes", "1.5"], check=True)
        lines = [*FRENCH.splitlines(), *sample.read_text(encoding="utf-8").splitlines()[:2_000]]
        medical = CORPUS / "medical"
        if medical.is_dir():
            lines += decompressed(sorted(medical.iterdir())[0]).decode("utf-8", "replace").split("\n")[:5_000]
        else:
            print(f"--   no corpus at {CORPUS}: set DRBERT_CORPUS to check on real text too")
        lines = [line for line in lines + hard_lines(20_000) if clean(line)]
        precompiled = sentencepiece_normalizer(sample, folder)
        joins_spaces = normalizers.Replace(Regex(" {2,}"), " ")
        strips = normalizers.Sequence([precompiled, normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "▁")])
        split_first = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
        check(*unigram(normalizers.Sequence([precompiled, joins_spaces]), split_first, sample), True, lines, folder, "CamemBERT")
        check(*unigram(strips, pre_tokenizers.Metaspace(), sample), True, lines, folder, "CamemBERT, converted anew")
        check(*unigram(precompiled, split_first, sample), True, lines, folder, "XLM-R")
        check(*unigram(precompiled, pre_tokenizers.Metaspace(), sample), False, lines, folder, "one that keeps repeated spaces")
        check(*byte_level(sample), False, lines, folder, "RoBERTa")
        check(*word_piece(False, sample), True, lines, folder, "BERT, cased")
        check(*word_piece(True, sample), True, lines, folder, "PubMedBERT")
    print(f"{len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
