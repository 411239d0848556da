#!/usr/bin/env python3
"""Writes a large French corpus for measuring: documents made of the sentences of real ones, the same bytes for the same arguments.

    corpus.py CORPUS OUTPUT.txt GB [--seed 1]

CORPUS is a folder with `medical/*.txt.zst` and, if there are any, `general/` and `negatives/`. Documents are separated by blank lines. A document is a
few paragraphs of sentences drawn at random, medical ones four times as often as others. New words, spliced from two real ones, come once in 170 words,
as often as words that are met for the first time do in a large corpus. Planted, and counted on standard output as JSON:

    copies        7 % of the documents are an earlier document with other line breaks
    near_copies   7 % are an earlier one with one sentence in fifteen exchanged
    boilerplate  10 % end with one of 200 paragraphs
    foreign       2 % are in another language
    identities    2 % hold an e-mail address, a telephone number or a date of birth
    dirt          5 % have typographic apostrophes, no-break spaces, entities or doubled spaces
"""

import argparse
import json
import random
import re
from pathlib import Path

import numpy
import pyarrow

BLOCK_DOCUMENTS = 4096
REMEMBERED = 20_000
SPLICED_WORDS = 3_000_000
WORDS_PER_SPLICE = 170


def read(folder: Path) -> str:
    texts = []
    for path in sorted(folder.glob("*.txt.zst")):
        with pyarrow.input_stream(str(path), compression="zstd") as stream:
            texts.append(stream.read().decode())
    return "\n".join(texts)


def sentences(text: str) -> list[str]:
    found = {}
    for line in text.split("\n"):
        for sentence in re.split(r"(?<=[.!?;]) (?=[A-ZÀ-Ý])", line):
            if 30 <= len(sentence) <= 600:
                found[sentence] = None
    return list(found)


class Words:
    """Words that no dictionary has: the beginning of one real word and the end of another."""

    def __init__(self, text: str, seed: int):
        words = sorted({word for word in re.findall(r"[a-zà-ÿœ]{5,14}", text)})
        order = numpy.random.default_rng(seed)
        self.starts = [word[: len(word) * 2 // 3] for word in words]
        self.ends = [word[len(word) // 2 :] for word in words]
        self.first = order.integers(0, len(words), SPLICED_WORDS)
        self.second = order.integers(0, len(words), SPLICED_WORDS)

    def word(self, number: int) -> str:
        return self.starts[self.first[number]] + self.ends[self.second[number]]


def dirty(text: str, how: int) -> str:
    match how:
        case 0:
            return text.replace("'", "’")
        case 1:
            return text.replace(" :", "\u00a0:").replace(" ;", "\u202f;").replace(" %", "\u00a0%")
        case 2:
            return text.replace("'", "&#039;").replace("é", "&eacute;", 3)
        case _:
            return text.replace(". ", ".  ").replace(", ", ",\t", 2)


def identity(order: random.Random) -> str:
    number = order.randrange(10**8)
    match order.randrange(3):
        case 0:
            return f"Contact : dr.exemple{number % 9973}@hopital-fictif.fr."
        case 1:
            digits = f"{number:08d}"
            return f"Téléphone : 06 {digits[:2]} {digits[2:4]} {digits[4:6]} {digits[6:]}."
        case _:
            return f"Patient né le {number % 28 + 1:02d}/{number % 12 + 1:02d}/{1930 + number % 80}, suivi en consultation."


def paragraphs(chosen: list[str], breaks: list[int]) -> str:
    parts, start = [], 0
    for size in breaks:
        if start >= len(chosen):
            break
        parts.append(" ".join(chosen[start : start + size]))
        start += size
    if start < len(chosen):
        parts.append(" ".join(chosen[start:]))
    return "\n".join(parts)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("corpus", type=Path)
    arguments.add_argument("output", type=Path)
    arguments.add_argument("gb", type=float)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()

    medical_text = read(given.corpus / "medical")
    medical, general, foreign = sentences(medical_text), sentences(read(given.corpus / "general")), sentences(read(given.corpus / "negatives"))
    words = Words(medical_text, given.seed)
    order, draw = random.Random(given.seed), numpy.random.default_rng(given.seed + 1)
    boilerplate = [" ".join(order.sample(medical, 2)) for _ in range(200)]
    remembered: list[list[str]] = []
    counts = dict.fromkeys(["documents", "copies", "near_copies", "boilerplate", "foreign", "identities", "dirt"], 0)
    goal, written = int(given.gb * 1e9), 0
    with given.output.open("wb") as out:
        while written < goal:
            sizes = numpy.minimum(draw.lognormal(2.4, 0.9, BLOCK_DOCUMENTS).astype(int) + 1, 400)
            from_medical = draw.random(int(sizes.sum())) < (0.8 if general else 1.0)
            picks = draw.random(int(sizes.sum()))
            block, start = [], 0
            for size in sizes.tolist():
                chance = order.random()
                counts["documents"] += 1
                if foreign and chance < 0.02:
                    chosen = [foreign[int(pick * len(foreign))] for pick in picks[start : start + size]]
                    counts["foreign"] += 1
                elif chance < 0.16 and remembered:
                    chosen = remembered[order.randrange(len(remembered))].copy()
                    if chance < 0.09:
                        counts["copies"] += 1
                    else:
                        for _ in range(len(chosen) // 15):
                            chosen[order.randrange(len(chosen))] = medical[order.randrange(len(medical))]
                        counts["near_copies"] += 1
                else:
                    chosen = [
                        medical[int(pick * len(medical))] if is_medical else general[int(pick * len(general))]
                        for pick, is_medical in zip(picks[start : start + size].tolist(), from_medical[start : start + size].tolist())
                    ]
                    num_words = sum(map(len, chosen)) // 6
                    for _ in range(num_words // WORDS_PER_SPLICE + (order.random() * WORDS_PER_SPLICE < num_words % WORDS_PER_SPLICE)):
                        place = order.randrange(len(chosen))
                        chosen[place] = f"{chosen[place]} Voir {words.word(order.randrange(SPLICED_WORDS))}."
                    if chance < 0.18:
                        chosen.append(identity(order))
                        counts["identities"] += 1
                    elif chance < 0.28:
                        chosen.append(boilerplate[order.randrange(len(boilerplate))])
                        counts["boilerplate"] += 1
                    if len(remembered) < REMEMBERED:
                        remembered.append(chosen)
                    else:
                        remembered[order.randrange(REMEMBERED)] = chosen
                start += size
                text = paragraphs(chosen, [order.randrange(1, 9) for _ in range(len(chosen) // 4)])
                if 0.28 <= chance < 0.33:
                    text = dirty(text, order.randrange(4))
                    counts["dirt"] += 1
                block.append(text)
            data = ("\n\n".join(block) + "\n\n").encode()
            out.write(data)
            written += len(data)
    print(json.dumps({**counts, "bytes": written}))


if __name__ == "__main__":
    main()
