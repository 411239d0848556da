#!/usr/bin/env python3
"""Checks what `nachos` keeps and drops of real text: languages, quality rules and near duplicates, against what is known of the corpus.

    .venv/bin/python tests/python/check_pipeline.py

NACHOS_BIN names the program (default target/release/nachos). DRBERT_CORPUS names a folder with `medical`, `general`, `negatives` and `neardup` text;
without it there is nothing to check.
"""

import collections
import json
import re
import sys
import tempfile
from pathlib import Path

from check_shards import CORPUS, expect, failures, nachos, settings

NO_DEDUP = settings(*(f"dedup.{part}.enabled=false" for part in ("exact", "near", "paragraphs")))
LONG = 200
# Documents of the French sources that are in English.
ENGLISH_AMONG_FRENCH = {"mesconseilscovid": 1, "snds_docs": 1}


def clean(inputs, folder, *settings):
    """Every document, in order, kept or dropped."""
    kept, dropped = folder / "kept.jsonl", folder / "dropped.jsonl"
    done = nachos("clean", "--input", *inputs, "--output", kept, "--dropped", dropped, *settings)
    if done.returncode != 0:
        sys.exit(f"FAIL nachos clean: {done.stderr.decode()}")
    documents = [json.loads(line) for path in (kept, dropped) for line in path.read_text(encoding="utf-8").splitlines()]
    return sorted(documents, key=lambda document: document["id"])


def source(document):
    return Path(document["source"]).name.split(".")[0]


def check_french(folder):
    """French is kept, and no rule drops more than one document in a hundred of a good medical source."""
    documents = clean([CORPUS / "medical", CORPUS / "general"], folder, *NO_DEDUP)
    table = collections.defaultdict(collections.Counter)
    for document in documents:
        table[source(document)][document["verdict"]] += 1
    for name, verdicts in sorted(table.items()):
        print(f"     {name:<32} {dict(sorted(verdicts.items()))}")
    long = [document for document in documents if len(document["text"]) >= LONG]
    foreign = collections.Counter(source(document) for document in long if document["verdict"].startswith("language_"))
    wrong = sum((foreign - collections.Counter(ENGLISH_AMONG_FRENCH)).values())
    expect(wrong <= 0.002 * len(long), f"language: {len(long) - wrong} of {len(long)} French documents of {LONG} characters are kept", foreign)
    medical = {path.name.split(".")[0] for path in (CORPUS / "medical").iterdir()}
    rules = [(name, rule, count) for name in medical for rule, count in table[name].items() if rule != "keep" and not rule.startswith("language_")]
    wrong = [(name, rule, count) for name, rule, count in rules if count > 0.01 * sum(table[name].values())]
    expect(not wrong, "quality: no rule drops more than 1% of a medical source", wrong)


def check_negatives(folder):
    documents = clean([CORPUS / "negatives/orphanet_definitions_en.txt.zst", CORPUS / "negatives/e3c_it.txt.zst"], folder, *NO_DEDUP)
    long = [document for document in documents if len(document["text"]) >= LONG]
    dropped = sum(document["verdict"] != "keep" for document in long)
    expect(dropped >= 0.995 * len(long), f"language: {dropped} of {len(long)} English and Italian documents of {LONG} characters are dropped")
    named = sum(document["verdict"] in ("language_en", "language_it") for document in long)
    expect(named >= 0.99 * dropped, f"language: {named} of them by their language")


def check_mixed(folder):
    """A manual that is mostly English keeps its French."""
    documents = clean([CORPUS / "negatives/dhis2_docs_mixed_fr_en.txt.zst"], folder, *NO_DEDUP)
    kept = [line for document in documents if document["verdict"] == "keep" for line in document["text"].split("\n") if len(line) >= LONG]
    words = lambda line, those: sum(word in those for word in line.lower().split())
    french, english = {"le", "la", "les", "de", "des", "et", "une", "est", "dans", "pour"}, {"the", "of", "and", "to", "in", "is", "for", "are", "that"}
    foreign = [line for line in kept if words(line, english) > 2 * words(line, french)]
    expect(len(foreign) <= 0.01 * len(kept), f"language: {len(kept) - len(foreign)} of {len(kept)} long lines left of mixed manuals are not English", foreign[:2])


def check_near_duplicates(folder):
    """Against the true Jaccard similarity of every document to every one kept before it."""
    inputs = [CORPUS / "medical", CORPUS / "neardup"]
    plain = ("--set", "clean.privacy.level=off", "--set", "dedup.paragraphs.enabled=false")
    documents = clean(inputs, folder, *plain)
    holders, shingles_of = collections.defaultdict(list), {}
    similar, found, near, far = 0, 0, 0, 0
    for document in documents:
        if document["verdict"] not in ("keep", "near_duplicate"):
            continue
        words = re.findall(r"\w+", document["text"].lower())
        shingles = {" ".join(words[at : at + 5]) for at in range(len(words) - 4)}
        shared = collections.Counter(holder for shingle in shingles for holder in holders[shingle])
        best = max((count / (len(shingles) + len(shingles_of[holder]) - count) for holder, count in shared.items()), default=0)
        similar += best >= 0.85
        found += best >= 0.85 and document["verdict"] == "near_duplicate"
        near += document["verdict"] == "near_duplicate"
        far += document["verdict"] == "near_duplicate" and best < 0.6
        if document["verdict"] == "keep":
            shingles_of[document["id"]] = shingles
            for shingle in shingles:
                holders[shingle].append(document["id"])
    expect(similar > 500 and found >= 0.98 * similar, f"near duplicates: {found} of {similar} documents are found that an earlier one resembles by 0.85 or more")
    expect(far <= 0.001 * near, f"near duplicates: {far} of {near} dropped resemble nothing by 0.6")


def main():
    if not (CORPUS / "neardup").is_dir():
        print(f"skip {CORPUS}: no corpus here")
        return
    with tempfile.TemporaryDirectory(prefix="check-pipeline-") as name:
        for check in (check_french, check_negatives, check_mixed, check_near_duplicates):
            check(Path(name))
    print(f"{len(failures)} failed")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
