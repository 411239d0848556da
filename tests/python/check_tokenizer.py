#!/usr/bin/env python3
"""Checks the tokenizers that `nachos train-tokenizer` makes against transformers and SentencePiece, and the ids that `nachos build` writes.

    .venv/bin/python tests/python/check_tokenizer.py

NACHOS_BIN names the program (default target/release/nachos). DRBERT_CORPUS names a folder with a `medical` folder of French text in it;
the checks pass without it.
"""

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import sentencepiece
from check_shards import CORPUS, PLAIN, ROOT, Shards, build, clean, contents, decompressed, expect, failures, nachos
from transformers import AutoTokenizer

FIRST_ENTRIES = ["<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED", "<s>", "</s>"]

# Where our normalisation is not SentencePiece 0.2.3's nmt_nfkc, among all code points.
COMPOSED_WITH_WHAT_PRECEDES = {0x344}
STANDS_FOR_FULLWIDTH_TILDE = {0xFDD0}
NEWER_THAN_THE_LIBRARYS_UNICODE = {
    code
    for first, last in [
        (0x32FF, 0x32FF),  # square era name Reiwa, Unicode 12.1
        (0xA7F1, 0xA7F4),  # modifier letters S, C, F, Q
        (0xAB69, 0xAB69),  # modifier letter turned w
        (0x10781, 0x10785),  # phonetic modifier letters, Unicode 14
        (0x10787, 0x107B0),
        (0x107B2, 0x107BA),
        (0x1CCD6, 0x1CCF9),  # outlined letters and digits, Unicode 16
        (0x1E030, 0x1E06D),  # Cyrillic modifier letters, Unicode 15
        (0x1F16C, 0x1F16C),  # raised MR sign, Unicode 12
        (0x1FBF0, 0x1FBF9),  # segmented digits, Unicode 13
    ]
    for code in range(first, last + 1)
}

FRENCH = """\
Motif d'hospitalisation : douleur thoracique chez un homme de 58 ans, tabagique (30 PA), hypertendu et dyslipidémique.
L’électrocardiogramme montre un sus-décalage du segment ST en V2–V4 ; troponine à 1 250 ng/L (N < 14).
Coronarographie : sténose serrée (≥ 90 %) de l'IVA proximale, angioplastie avec pose d'un stent actif — TIMI 3 en fin de procédure.
Ordonnance de sortie : Kardégic® 75 mg, ticagrélor 90 mg × 2/j, bisoprolol 2,5 mg, atorvastatine 80 mg, ramipril 5 mg.
« Ça va mieux », dit-il ; FEVG estimée à 45 ± 5 %, surface corporelle 1,93 m², clairance 68 mL/min/1,73 m², 37,2 °C, CO₂ à 24 mmol/L.
Œdème des membres inférieurs, cœur régulier, naïf d’anticoagulant, hétérozygote pour α-thalassémie, β₂-mimétiques à 100 µg.
Ligatures : conﬂit, suﬃsance, ﬁèvre ; lettres pleines ＡＢＣ１２３ ; trois points… ; № 7 ; ½ comprimé ; 1ᵉʳ jour, M^me, n° ３.
Espaces insécables : « oui » ; 10 000 UI ; ligne avec ~ et ～ ; flèches → ← ; cases ☐ ☑ ; puces • ▪ ◦ ; ▁soulignés▁ bas ▁.
Accents décomposés : de\u0301ce\u0301de\u0301, co\u0302te\u0301, ai\u0308gue\u0308, c\u0327a ; rares : x̂, p̄, ṽ, ẍ et Ệ.
Emojis et autres écritures : 👩🏽‍⚕️ 🫀 ❤️ Привет Ελληνικά 糖尿病 カタカナ ﾊﾝｶｸ 당뇨병 العربية עברית.
Pièges : <mask> </s> <s>NOTUSED <unk> <pad>[MASK] &nbsp; <br> ##ité \\n %s {} '' "" `` ―――――――――――――――――――――――――――
https://exemple.fr/dossier?id=12345&vue=complète#résumé prénom.nom@hopital-exemple.fr 01 23 45 67 89 DIAGNOSTIQUERAIENTANTICONSTITUTIONNELLEMENT
mot-composé-très-long-avec-beaucoup-de-traits-d'union-et-d'apostrophes-qui-n'en-finit-pas-de-s'allonger-encore-et-encore
a
…
"""


def check_normalizer(normalize, name):
    reference = sentencepiece.SentencePieceNormalizer(rule_name="nmt_nfkc", add_dummy_prefix=False, escape_whitespaces=False, remove_extra_whitespaces=True)
    code_points = [code for code in range(1, 0x110000) if not 0xD800 <= code < 0xE000]
    known = COMPOSED_WITH_WHAT_PRECEDES | STANDS_FOR_FULLWIDTH_TILDE | NEWER_THAN_THE_LIBRARYS_UNICODE
    for what, wrap in {"alone": "{}", "within a word": "a{}b", "between words": "a {} b"}.items():
        differing = {code for code in code_points if normalize(wrap.format(chr(code))) != reference.normalize(wrap.format(chr(code)))}
        unknown = [f"U+{code:04X}" for code in sorted(differing - known)]
        expect(not unknown, f"{name}: every code point {what} is normalised as by SentencePiece, but for the {len(known)} known ones", unknown[:20])

    source = random.Random(7)
    letters = [chr(code) for code in (*range(0x41, 0x5B), *range(0x61, 0x7B), *range(0xC0, 0x180)) if chr(code).isalpha()]
    odd = list(" \u00a0\u202f\u2009\t\n²³½µªº°ﬁﬂ…™’«»ＡＢ１％℃①\u200b\u00ad\u2011\ufe0f～▁\u3000")
    accented = ["".join(source.choice("aeiouycnAEIOUCN") + source.choice("\u0300\u0301\u0302\u0308\u0327") for _ in range(3)) for _ in range(2_000)]
    mixed = ["".join(source.choice(source.choice([letters, letters, odd])) for _ in range(14)) for _ in range(20_000)]
    texts = [*FRENCH.splitlines(), *(clean(line) for line in FRENCH.splitlines()), *accented, *mixed]
    wrong = [(text, normalize(text), reference.normalize(text)) for text in texts if normalize(text) != reference.normalize(text)]
    expect(not wrong, f"{name}: {len(texts)} French texts with odd characters are normalised as by SentencePiece", wrong[:3])


def check_loading(folder, vocab_size, name):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    expect(len(tokenizer) == vocab_size + 5, f"{name}: {vocab_size + 5} entries", len(tokenizer))
    first = tokenizer.convert_ids_to_tokens(range(7))
    expect(first == FIRST_ENTRIES and tokenizer.mask_token_id == vocab_size + 4, f"{name}: DrBERT's ids", (first, tokenizer.mask_token_id))
    roles = {role: getattr(tokenizer, f"{role}_token") for role in ("bos", "eos", "cls", "sep", "pad", "unk", "mask")}
    expected = {"bos": "<s>", "eos": "</s>", "cls": "<s>", "sep": "</s>", "pad": "<pad>", "unk": "<unk>", "mask": "<mask>"}
    expect(roles == expected and tokenizer.model_max_length == 512, f"{name}: special tokens and longest input", roles)
    pair = tokenizer.convert_ids_to_tokens(tokenizer("le", "la").input_ids)
    expect(pair == ["<s>", "▁le", "</s>", "</s>", "▁la", "</s>"], f"{name}: the frame of a pair", pair)
    masked = tokenizer.convert_ids_to_tokens(tokenizer("le <mask> la").input_ids)
    expect(masked == ["<s>", "▁le", "<mask>", "▁la", "</s>"], f"{name}: a mask between words", masked)
    expect(set(tokenizer("le")) == {"input_ids", "attention_mask"}, f"{name}: what the model is given", set(tokenizer("le")))
    for family in ("roberta", "camembert"):
        (folder / "config.json").write_text(json.dumps({"model_type": family, "vocab_size": len(tokenizer)}))
        beside_a_model = AutoTokenizer.from_pretrained(folder)
        expect(beside_a_model(FRENCH).input_ids == tokenizer(FRENCH).input_ids, f"{name}: the same tokenizer beside a {family} model")
        (folder / "config.json").unlink()
    return tokenizer


def check_ids(tokenizer, folder, lines, output, name):
    """What `nachos build` writes is what transformers gives, and decodes to the normalised text."""
    lines = [line for line in lines if clean(line)]
    source = output.with_suffix(".txt")
    source.write_text("".join(line + "\n" for line in lines), encoding="utf-8", newline="\n")
    settings = ("input.document=line", "dedup.exact.enabled=false", "pack.strategy=concat")
    shards = Shards(build([source], folder, output, *(argument for setting in settings for argument in ("--set", setting))))
    expect(len(shards.documents) == len(lines), f"{name}: {len(lines)} lines are as many documents", len(shards.documents))
    pieces = shards.segments()
    ours = [[*sum(pieces.get(document["id"], []), [])] for document in shards.documents]
    texts = [clean(line) for line in lines]
    theirs = tokenizer(texts, split_special_tokens=True).input_ids
    # A document without a token is left out of the rows.
    theirs = [[] if len(ids) == 2 else ids for ids in theirs]
    wrong = [(line, our, their) for line, our, their in zip(lines, ours, theirs) if our != their]
    expect(not wrong, f"{name}: the same ids as transformers on {len(lines)} lines", f"{len(wrong)} differ, {wrong[:1]}")

    normalize = tokenizer.backend_tokenizer.normalizer.normalize_str
    known = [(text, ids) for text, ids in zip(texts, ours) if tokenizer.unk_token_id not in ids]
    decoded = tokenizer.batch_decode([ids for _, ids in known], skip_special_tokens=True)
    wrong = [(text, back) for (text, _), back in zip(known, decoded) if back != normalize(text)]
    expect(not wrong and len(known) > len(lines) / 3, f"{name}: {len(known)} lines without <unk> decode to their normalised text", wrong[:2])


def check_pieces(tokenizer, text, vocab_size, folder):
    """SentencePiece with DrBERT's settings learns nearly the same pieces; counts that tie are broken in another order."""
    model = folder / "sentencepiece"
    cleaned = folder / "cleaned.txt"
    cleaned.write_text("".join(clean(line) + "\n" for line in text.read_text(encoding="utf-8").split("\n")), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(cleaned), model_prefix=str(model), model_type="bpe", vocab_size=vocab_size, character_coverage=0.9995, normalization_rule_name="nmt_nfkc", minloglevel=2
    )
    reference = sentencepiece.SentencePieceProcessor(model_file=f"{model}.model")
    theirs = {reference.id_to_piece(index) for index in range(3, reference.get_piece_size())}
    ours = set(tokenizer.convert_ids_to_tokens(range(7, len(tokenizer) - 1)))
    expect(len(theirs) == len(ours) == vocab_size - 3, f"as many pieces as SentencePiece makes of a vocabulary of {vocab_size}", (len(ours), len(theirs)))
    share = len(ours & theirs) / len(ours)
    expect(share > 0.97, f"{share:.2%} of the pieces are SentencePiece's", sorted(ours ^ theirs)[:40])
    characters = {piece for piece in theirs if len(piece) == 1}
    expect(characters == {piece for piece in ours if len(piece) == 1}, "the same alphabet as SentencePiece's", sorted(characters ^ {piece for piece in ours if len(piece) == 1}))


def train(inputs, output, *more):
    done = nachos("train-tokenizer", "--input", *inputs, "--output", output, *PLAIN, *more)
    if done.returncode != 0:
        sys.exit(f"FAIL nachos train-tokenizer into {output}: {done.stderr.decode()}")
    return output


def main():
    with tempfile.TemporaryDirectory(prefix="check-tokenizer-") as name:
        folder = Path(name)
        sample = folder / "sample.txt"
        subprocess.run([sys.executable, ROOT / "scripts/sample_corpus.py", "--output", sample, "--megabytes", "1.5"], check=True)
        for algorithm in ("bpe", "unigram"):
            directory = train([sample], folder / algorithm, "--algorithm", algorithm, "--vocab-size", 1500)
            again = train([sample], folder / f"{algorithm}-again", "--algorithm", algorithm, "--vocab-size", 1500)
            expect(contents(directory) == contents(again), f"{algorithm}: training again gives the same bytes")
            tokenizer = check_loading(directory, 1500, algorithm)
            lines = [*FRENCH.splitlines(), *sample.read_text(encoding="utf-8").splitlines()[:2_000]]
            check_ids(tokenizer, directory, lines, folder / f"{algorithm}-shards", algorithm)
        tokenizer = AutoTokenizer.from_pretrained(folder / "bpe")
        check_normalizer(tokenizer.backend_tokenizer.normalizer.normalize_str, "bpe")
        check_pieces(tokenizer, sample, 1500, folder)

        medical = CORPUS / "medical"
        if medical.is_dir():
            directory = train([medical], folder / "medical")
            tokenizer = check_loading(directory, 32_000, "corpus")
            lines = [line for path in sorted(medical.iterdir()) for line in decompressed(path).decode("utf-8", "replace").split("\n")]
            check_ids(tokenizer, directory, lines, folder / "medical-shards", "corpus")
        else:
            print(f"--   no corpus at {CORPUS}: set DRBERT_CORPUS to check on real text too")
    print(f"{len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
