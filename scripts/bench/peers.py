#!/usr/bin/env python3
"""Runs what others use for a job of `nachos` on the same text; prints the seconds and MB/s of text as JSON.

    peers.py tokenizers TEXT TOKENIZER   the tokenizers library on every document, all cores: tokenization alone
    peers.py datasets   TEXT TOKENIZER   Hugging Face datasets as DrBERT's scripts used them: tokenize every line, join, cut every 512 tokens, save
    peers.py datatrove  TEXT TOKENIZER   datatrove: Gopher's and C4's filters in French, MinHash deduplication (14 bands of 8), tokens

TEXT holds documents separated by blank lines; TOKENIZER is a folder of `nachos train-tokenizer`. Two processes each.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

PROCESSES = 2
ROW = 512
os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="true")


def with_tokenizers(documents: list[str], tokenizer: Path, _: Path) -> int:
    from tokenizers import Tokenizer

    encoder = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    return sum(
        len(encoding.ids)
        for start in range(0, len(documents), 1000)
        for encoding in encoder.encode_batch_fast(documents[start : start + 1000])
    )


def with_datasets(documents: list[str], tokenizer: Path, work: Path) -> int:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["HF_DATASETS_CACHE"] = str(work / "cache")
    import datasets
    from transformers import PreTrainedTokenizerFast

    encoder = PreTrainedTokenizerFast.from_pretrained(tokenizer)

    def tokenize(batch):
        return encoder(batch["text"], return_special_tokens_mask=True)

    def cut(batch):
        rows = {}
        for name, lists in batch.items():
            stream = [value for values in lists for value in values]
            whole = len(stream) // ROW * ROW
            rows[name] = [stream[start : start + ROW] for start in range(0, whole, ROW)]
        return rows

    datasets.disable_progress_bars()
    lines = work / "lines.txt"
    lines.write_text("\n".join(line for document in documents for line in document.split("\n")))
    table = datasets.load_dataset("text", data_files=str(lines), split="train", cache_dir=str(work / "cache"))
    table = table.map(tokenize, batched=True, num_proc=PROCESSES, remove_columns=["text"]).map(cut, batched=True, num_proc=PROCESSES)
    table.save_to_disk(work / "rows")
    return len(table) * ROW


def with_datatrove(documents: list[str], tokenizer: Path, work: Path) -> int:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    from datatrove.executor.local import LocalPipelineExecutor
    from datatrove.pipeline.dedup import MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets
    from datatrove.pipeline.filters import C4QualityFilter, GopherQualityFilter, GopherRepetitionFilter
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.tokens import DocumentTokenizer
    from datatrove.pipeline.writers.jsonl import JsonlWriter
    from datatrove.utils.hashing import HashConfig

    french = "fra_Latn"
    config = MinhashConfig(hash_config=HashConfig(hash_fc="xxhash", precision=64), num_buckets=14, hashes_per_bucket=8, n_grams=5)
    (work / "in").mkdir()
    for process in range(PROCESSES):
        with (work / "in" / f"{process}.jsonl").open("w") as out:
            out.writelines(json.dumps({"id": str(number), "text": text}) + "\n" for number, text in enumerate(documents[process::PROCESSES]))

    def stage(name, tasks, *steps):
        executor = LocalPipelineExecutor(
            pipeline=list(steps), tasks=tasks, workers=min(tasks, PROCESSES), logging_dir=str(work / "logs" / name), start_method="fork"
        )
        executor.run()

    folder = {name: str(work / name) for name in ["in", "kept", "signatures", "buckets", "clusters", "unique", "tokens", "scratch"]}
    stage(
        "filters",
        PROCESSES,
        JsonlReader(folder["in"]),
        GopherRepetitionFilter(language=french),
        GopherQualityFilter(language=french, stop_words=["de", "la", "le", "et", "à", "en", "des", "du", "les", "est", "un", "une"]),
        C4QualityFilter(language=french, filter_no_terminal_punct=False),
        JsonlWriter(folder["kept"], compression=None),
    )
    stage("signatures", PROCESSES, JsonlReader(folder["kept"]), MinhashDedupSignature(folder["signatures"], config=config, language=french))
    stage("buckets", config.num_buckets, MinhashDedupBuckets(folder["signatures"], folder["buckets"], config=config))
    stage("clusters", 1, MinhashDedupCluster(folder["buckets"], folder["clusters"], config=config))
    stage(
        "unique", PROCESSES, JsonlReader(folder["kept"]), MinhashDedupFilter(folder["clusters"]), JsonlWriter(folder["unique"], compression=None)
    )
    tokens = DocumentTokenizer(
        folder["tokens"], tokenizer_name_or_path=str(tokenizer / "tokenizer.json"), local_working_dir=folder["scratch"], seed=1
    )
    stage("tokens", PROCESSES, JsonlReader(folder["unique"]), tokens)
    return sum(path.stat().st_size // 2 for path in Path(folder["tokens"]).glob("*.ds"))


PEERS = {"tokenizers": with_tokenizers, "datasets": with_datasets, "datatrove": with_datatrove}


def main() -> None:
    if len(sys.argv) != 4 or sys.argv[1] not in PEERS:
        sys.exit(__doc__)
    peer, text, tokenizer = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    documents = text.read_text().split("\n\n")
    with tempfile.TemporaryDirectory(prefix="peers-") as work:
        begun = time.perf_counter()
        tokens = PEERS[peer](documents, tokenizer, Path(work))
        seconds = time.perf_counter() - begun
    print(json.dumps({"peer": peer, "seconds": round(seconds, 2), "mb_per_s": round(text.stat().st_size / 1e6 / seconds, 2), "tokens": tokens}))


if __name__ == "__main__":
    main()
