#!/usr/bin/env python3
"""Checks `nachos` from outside: other people's readers, an own cleaner, packer and deduplicator to compare with, and rough handling.

    .venv/bin/python tests/python/check_shards.py

NACHOS_BIN names the program (default target/release/nachos). DRBERT_CORPUS names a folder with a `medical` folder of French text in it;
the checks pass without it.
"""

import collections
import gzip
import itertools
import json
import lzma
import os
import re
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

import duckdb
import jsonschema
import polars
import pyarrow
import pyarrow.parquet
import xxhash
from transformers import AutoTokenizer, logging

ROOT = Path(__file__).resolve().parents[2]
NACHOS = Path(os.environ.get("NACHOS_BIN", ROOT / "target/release/nachos"))
CORPUS = Path(os.environ.get("DRBERT_CORPUS", ROOT / "../shared/corpus"))
BOS, EOS = 5, 6


def settings(*pairs):
    return [argument for pair in pairs for argument in ("--set", pair)]


# What is checked here is redone in a few lines; cleaning and deduplication at full depth have checks of their own.
PLAIN = settings(
    *("clean.language=any", "clean.quality.enabled=false", "clean.privacy.level=off", "clean.mojibake=false"),
    *("clean.markup=false", "clean.structure=false", "dedup.near.enabled=false", "dedup.paragraphs.enabled=false"),
)
MAX_SEQ_LEN = 128

logging.set_verbosity_error()  # documents longer than the model are what packing is for
failures = []


def expect(holds, what, found=""):
    print(f"{'ok  ' if holds else 'FAIL'} {what}" + (f": {found}" if found and not holds else ""), flush=True)
    if not holds:
        failures.append(what)


def nachos(*arguments, stdin=None):
    return subprocess.run([NACHOS, *map(str, arguments)], input=stdin, capture_output=True, check=False)


def build(inputs, tokenizer, output, *more, stdin=None):
    done = nachos("build", "--input", *inputs, "--tokenizer", tokenizer, "--output", output, *PLAIN, *more, stdin=stdin)
    if done.returncode != 0:
        sys.exit(f"FAIL nachos build into {output}: {done.stderr.decode()}")
    return output


def files_of(directory):
    return sorted(path.relative_to(directory) for path in directory.rglob("*") if path.is_file())


def contents(directory, pattern="*"):
    return {str(path): (directory / path).read_bytes() for path in files_of(directory) if path.match(pattern)}


def clean(text):
    """What cleaning is, told by Unicode's categories instead of nachos' table."""
    text = re.sub("\r\n|[\r\n\v\f\x85\u2028\u2029]", "\n", text)
    text = "".join(" " if unicodedata.category(c) == "Zs" or c == "\t" else c for c in text)
    text = "".join(c for c in text if c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Co") and not "\u2060" <= c <= "\u206f" and c != "\ufffd")
    text = re.sub("[\u2018\u2019\u201b\u02bc]", "'", re.sub("[\u201c-\u201f]", '"', re.sub("[\u2010\u2011]", "-", text)))
    text = re.sub("[\ufb00-\ufb06]", lambda match: unicodedata.normalize("NFKC", match[0]), text)
    text = re.sub(" *\n *", "\n", re.sub(" +", " ", text))
    text = unicodedata.normalize("NFC", re.sub("\n\n+", "\n\n", text).strip(" \n"))
    apart = lambda beside: "" if beside in ("", " ", "\n") else " "
    leader = lambda match: apart(text[: match.start()][-1:]) + "…" + apart(text[match.end() :][:1])
    weight = lambda row: row.count(".") + row.count("_") + 2 * row.count("…")
    return re.sub("[._…](?: ?[._…])*", lambda match: leader(match) if weight(match[0]) >= 4 else match[0], text)


def decompressed(path):
    opener = {".gz": gzip.open, ".xz": lzma.open}.get(path.suffix)
    if opener:
        return opener(path).read()
    if path.suffix == ".zst":
        return pyarrow.CompressedInputStream(pyarrow.OSFile(str(path)), "zstd").read()
    return path.read_bytes()


class Shards:
    """A shard directory as pyarrow reads it."""

    def __init__(self, directory):
        self.directory = directory
        self.manifest = json.loads((directory / "manifest.json").read_bytes())
        self.shard_paths = [directory / shard["file"] for shard in self.manifest["shards"]]
        self.table = pyarrow.concat_tables(pyarrow.parquet.read_table(path) for path in self.shard_paths)
        self.rows = self.table.to_pylist()
        self.documents = pyarrow.parquet.read_table(directory / "documents.parquet").to_pylist()
        self.tokenizer = AutoTokenizer.from_pretrained(directory / "tokenizer")

    def segments(self):
        """Per document, the pieces of it that the rows hold, in the rows' order."""
        pieces = collections.defaultdict(list)
        for row in self.rows:
            start = 0
            for length, document in zip(row["segment_lengths"], row["document_ids"]):
                pieces[document].append(row["input_ids"][start : start + length])
                start += length
        return pieces


def check_readers(shards, name):
    types = {field.name: str(field.type) for field in shards.table.schema}
    list_of = lambda item: re.compile(rf"list<\w+: {item}( not null)?>")
    documented = {"input_ids": "uint16", "segment_lengths": "uint16", "document_ids": "uint64"}
    expect(list(types) == list(documented) and all(list_of(item).fullmatch(types[key]) for key, item in documented.items()), f"{name}: pyarrow finds the documented types", types)

    frame = polars.concat(polars.read_parquet(path) for path in shards.shard_paths)
    expected = {"input_ids": polars.List(polars.UInt16), "segment_lengths": polars.List(polars.UInt16), "document_ids": polars.List(polars.UInt64)}
    expect(dict(frame.schema) == expected, f"{name}: polars finds the documented types", frame.schema)
    expect(frame.to_dicts() == shards.rows, f"{name}: polars reads what pyarrow reads")

    result = duckdb.sql(f"select * from read_parquet({[str(path) for path in shards.shard_paths]!r})")
    expect([str(kind) for kind in result.types] == ["USMALLINT[]", "USMALLINT[]", "UBIGINT[]"], f"{name}: duckdb finds the documented types", result.types)
    rows = [dict(zip(result.columns, row)) for row in result.fetchall()]
    expect(rows == shards.rows, f"{name}: duckdb reads what pyarrow reads")

    paths = str(shards.directory / "documents.parquet")
    read_by_polars = polars.read_parquet(paths)
    expect(read_by_polars.to_dicts() == shards.documents, f"{name}: polars reads documents.parquet as pyarrow does")
    read_by_duckdb = [list(row) for row in duckdb.sql(f"select id, tokens, verdict, duplicate_of from read_parquet({paths!r}) order by id").fetchall()]
    expect(read_by_duckdb == [[row[key] for key in ("id", "tokens", "verdict", "duplicate_of")] for row in shards.documents], f"{name}: duckdb reads documents.parquet as pyarrow does")


def check_manifest(shards, name):
    directory, manifest = shards.directory, shards.manifest
    schema = json.loads((ROOT / "schemas/manifest.schema.json").read_bytes())
    problems = [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(manifest)]
    expect(not problems, f"{name}: the manifest satisfies its JSON Schema", problems)

    raw = (directory / "manifest.json").read_bytes()
    blanked = raw.replace(manifest["manifest_hash"].encode(), b"0" * 32, 1)
    expect(xxhash.xxh3_128_hexdigest(blanked) == manifest["manifest_hash"], f"{name}: the manifest's own hash")

    listed = [*manifest["shards"], manifest["documents"], *manifest["tokenizer"]["files"]]
    expect(sorted([*(entry["file"] for entry in listed), "manifest.json"]) == [str(path) for path in files_of(directory)], f"{name}: the manifest lists every file", files_of(directory))
    wrong = [entry["file"] for entry in listed if (data := (directory / entry["file"]).read_bytes()) and (len(data), xxhash.xxh3_128_hexdigest(data)) != (entry["bytes"], entry["xxh3"])]
    expect(not wrong, f"{name}: sizes and XXH3-128 of every file", wrong)
    expect(manifest["tokenizer"]["hash"] == xxhash.xxh3_128_hexdigest((directory / "tokenizer/tokenizer.json").read_bytes()), f"{name}: the tokenizer's hash")
    expect(manifest["tokenizer"]["vocab_size"] == len(shards.tokenizer), f"{name}: the vocabulary's size", len(shards.tokenizer))

    totals = manifest["totals"]
    verdicts = collections.Counter(row["verdict"] for row in shards.documents)
    expect(verdicts == {verdict: count for verdict, count in totals["verdicts"].items() if count}, f"{name}: verdicts add up", (verdicts, totals["verdicts"]))
    expect(totals["read"]["documents"] == len(shards.documents), f"{name}: every document read is listed", totals["read"])
    tokens = sum(len(row["input_ids"]) for row in shards.rows)
    counted = (totals["pack"]["rows"], totals["pack"]["tokens"], totals["pack"]["documents"], totals["pack"]["segments"])
    expected = (len(shards.rows), tokens, verdicts["keep"], sum(len(row["segment_lengths"]) for row in shards.rows))
    expect(counted == expected, f"{name}: packing totals", (counted, expected))
    expect(abs(totals["pack"]["efficiency"] - tokens / (len(shards.rows) * manifest["max_seq_len"])) < 1e-12, f"{name}: packing efficiency", totals["pack"]["efficiency"])
    per_shard = [(entry["rows"], entry["tokens"]) for entry in manifest["shards"]]
    found = [(table.num_rows, sum(map(len, table["input_ids"].to_pylist()))) for table in map(pyarrow.parquet.read_table, shards.shard_paths)]
    expect(per_shard == found, f"{name}: rows and tokens of every shard", per_shard)


def check_documents(shards, name):
    """Provenance, cleaning and deduplication, redone here. Returns the cleaned text of every document."""
    documents = shards.documents
    expect([row["id"] for row in documents] == list(range(len(documents))), f"{name}: ids without gaps")
    data = {source: decompressed(Path(source)) for source in {row["source"] for row in documents}}
    texts, outside, ends = [], 0, collections.Counter()
    for row in documents:
        source, start, end = data[row["source"]], row["offset"], row["offset"] + row["length"]
        outside += bool(source[ends[row["source"]] : start].strip(b" \t\r\n"))
        ends[row["source"]] = end
        texts.append(clean(source[start:end].decode("utf-8", "replace")))
    outside += sum(bool(source[ends[path] :].strip(b" \t\r\n")) for path, source in data.items())
    expect(outside == 0, f"{name}: offsets and lengths cover every visible byte of the inputs", f"{outside} gaps")
    hashes = [xxhash.xxh3_128_digest(text.encode()) for text in texts]
    wrong = [row["id"] for row, digest in zip(documents, hashes) if row["hash"] != digest]
    expect(not wrong, f"{name}: offset and length lead back to bytes whose cleaned text has the hash", f"{len(wrong)} documents, the first {wrong[:3]}")
    first = {}
    expected = []
    for number, text in enumerate(texts):
        words = " ".join(text.split())
        if not text:
            expected.append(("empty", None))
        elif words in first:
            expected.append(("duplicate", first[words]))
        else:
            first[words] = number
            expected.append(("keep", None))
    found = [(row["verdict"], row["duplicate_of"]) for row in documents]
    wrong = [number for number, pair in enumerate(found) if pair != expected[number]]
    expect(not wrong, f"{name}: verdicts, and whom a duplicate repeats", f"{len(wrong)} documents, the first {wrong[:3]}")
    expect(shards.manifest["totals"]["clean"]["bytes"] == sum(len(text.encode()) for text in texts), f"{name}: bytes of cleaned text")
    return texts


def check_rows(shards, texts, name):
    """Tokens, packing and the way back to text."""
    max_seq_len = shards.manifest["max_seq_len"]
    expect(all(0 < len(row["input_ids"]) <= max_seq_len for row in shards.rows), f"{name}: rows are at most max_seq_len long, and none is empty")
    sums = all(sum(row["segment_lengths"]) == len(row["input_ids"]) and len(row["segment_lengths"]) == len(row["document_ids"]) for row in shards.rows)
    expect(sums, f"{name}: segment lengths add up to their row")

    kept = [row["id"] for row in shards.documents if row["verdict"] == "keep"]
    ids = dict(zip(kept, shards.tokenizer([texts[number] for number in kept], add_special_tokens=False)["input_ids"]))
    pieces = shards.segments()
    if shards.manifest["config"]["pack"]["strategy"] == "best-fit":
        room = max_seq_len - 2
        expected = {number: [[BOS, *body[at : at + room], EOS] for at in range(0, max(len(body), 1), room)] for number, body in ids.items()}
        wrong = [number for number in ids if sorted(pieces[number]) != sorted(expected[number])]
        expect(not wrong and len(pieces) == len(ids), f"{name}: the pieces of every document are AutoTokenizer's ids", f"{len(wrong)} documents, the first {wrong[:3]}")
        occupied = {number: sum(map(len, parts)) for number, parts in expected.items()}
    else:
        stream = [token for number in kept for token in (BOS, *ids[number], EOS)]
        rows = [stream[at : at + max_seq_len] for at in range(0, len(stream), max_seq_len)]
        expect(rows == [row["input_ids"] for row in shards.rows], f"{name}: the rows are the stream of AutoTokenizer's ids, cut every {max_seq_len}")
        wrong = [number for number in ids if sum(pieces[number], []) != [BOS, *ids[number], EOS]]
        expect(not wrong and len(pieces) == len(ids), f"{name}: segments rejoin to their documents", f"{len(wrong)} documents, the first {wrong[:3]}")
        occupied = {number: len(body) + 2 for number, body in ids.items()}
    wrong = [row["id"] for row in shards.documents if row["tokens"] != occupied.get(row["id"], 0)]
    expect(not wrong, f"{name}: documents.tokens", f"{len(wrong)} documents, the first {wrong[:3]}")

    normalize = shards.tokenizer.backend_tokenizer.normalizer.normalize_str
    unknown = shards.tokenizer.unk_token_id
    readable = [number for number in kept if unknown not in ids[number]]
    decode = lambda body: shards.tokenizer.decode(body, clean_up_tokenization_spaces=False)
    wrong = [number for number in readable if decode(ids[number]).strip() != normalize(texts[number]).strip()]
    expect(len(readable) > 0.5 * len(kept) and not wrong, f"{name}: ids decode to the normalised text", f"{len(readable)} of {len(kept)} readable, {len(wrong)} wrong, the first {wrong[:3]}")


def check_directory(directory, name):
    shards = Shards(directory)
    check_readers(shards, name)
    check_manifest(shards, name)
    check_rows(shards, check_documents(shards, name), name)
    return shards


def check_threads(inputs, tokenizer, folder):
    for strategy in ("best-fit", "concat"):
        setting = ["--set", f"pack.strategy={strategy}", "--set", f"pack.max_seq_len={MAX_SEQ_LEN}"]
        built = {threads: build(inputs, tokenizer, folder / f"{strategy}-{threads}", *setting, "--threads", threads) for threads in (1, 2, 5)}
        reference = contents(built[1])
        for threads in (2, 5):
            found = contents(built[threads])
            different = [path for path in reference.keys() | found.keys() if reference.get(path) != found.get(path)]
            expect(not different, f"{strategy}: {threads} threads give the bytes of one", different)
        check_directory(built[1], strategy)
    return folder / "best-fit-1"


def check_formats(text, tokenizer, folder):
    """The same documents in every format and compression give the same shards."""
    documents = text.decode().rstrip("\n").split("\n\n")
    lines = "".join(json.dumps({"id": number, "text": document}, ensure_ascii=number % 2 == 0) + "\n" for number, document in enumerate(documents)).encode()
    half = text.index(b"\n\n", len(text) // 2) + 2
    zstd = lambda data: pyarrow.compress(data, codec="zstd", asbytes=True)
    variants = {
        "a.txt": text,
        "a.txt.gz": gzip.compress(text),
        "a.txt.zst": zstd(text),
        "a.txt.xz": lzma.compress(text),
        "a.jsonl": lines,
        "a.jsonl.gz": gzip.compress(lines),
        "a.jsonl.zst": zstd(lines),
        "a.jsonl.xz": lzma.compress(lines),
        "two-members.txt.gz": gzip.compress(text[:half]) + gzip.compress(text[half:]),
        "two-frames.txt.zst": zstd(text[:half]) + zstd(text[half:]),
        "two-streams.txt.xz": lzma.compress(text[:half]) + lzma.compress(text[half:]),
    }
    folder.mkdir()
    for file, data in variants.items():
        (folder / file).write_bytes(data)
    for compression in ("none", "snappy", "zstd"):
        pyarrow.parquet.write_table(pyarrow.table({"id": list(range(len(documents))), "text": documents}), folder / f"{compression}.parquet", compression=compression, row_group_size=100)
    large = pyarrow.table({"text": pyarrow.array(documents, pyarrow.large_string())})
    pyarrow.parquet.write_table(large, folder / "large.parquet")

    setting = ["--set", f"pack.max_seq_len={MAX_SEQ_LEN}"]
    reference = contents(build([folder / "a.txt"], tokenizer, folder / "reference", *setting), "shard-*")
    expect(bool(reference), "formats: there are shards to compare")
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        found = contents(build([path], tokenizer, folder / f"from-{path.name}", *setting), "shard-*")
        expect(found == reference, f"formats: {path.name} gives the same shards")
    found = contents(build(["-"], tokenizer, folder / "from-stdin", *setting, stdin=text), "shard-*")
    expect(found == reference, "formats: standard input gives the same shards")

    parts = folder / "parts"
    parts.mkdir()
    (parts / "1.txt").write_bytes(text[:half])
    (parts / "2.txt.zst").write_bytes(zstd(text[half:]))
    for name, inputs in {"a folder": [parts], "a pattern": [parts / "*.*"], "two files": [parts / "1.txt", parts / "2.txt.zst"]}.items():
        output = build(inputs, tokenizer, folder / f"from-{name.replace(' ', '-')}", *setting)
        expect(contents(output, "shard-*") == reference, f"formats: {name} gives the same shards")
    by_line = folder / "lines.txt"
    by_line.write_bytes("".join(document.replace("\r\n", " ").replace("\n", " ") + "\n" for document in documents).encode())
    output = build([by_line], tokenizer, folder / "from-lines", *setting, "--set", "input.document=line")
    expect(json.loads((output / "manifest.json").read_bytes())["totals"]["read"]["documents"] == len(documents), "formats: input.document=line makes every line a document")


def check_verify(directory):
    done = nachos("verify", directory)
    expect(done.returncode == 0, "verify: exit 0 on a sound directory", done.stderr.decode())
    for path in files_of(directory):
        whole = (directory / path).read_bytes()
        for damage, data in {
            "a flipped byte": whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1 :],
            "a lost last byte": whole[:-1],
            "absence": None,
        }.items():
            if data is None:
                (directory / path).unlink()
            else:
                (directory / path).write_bytes(data)
            done = nachos("verify", directory)
            said = (done.stdout + done.stderr).decode()
            expect(done.returncode == 1 and path.name in said and "panicked" not in said, f"verify: exit 1 and names {path} after {damage}", f"exit {done.returncode}: {said.strip()}")
            (directory / path).write_bytes(whole)
    expect(nachos("verify", directory).returncode == 0, "verify: exit 0 again when all is mended")


def check_inspect(directory):
    shards = Shards(directory)
    done = nachos("inspect", directory, "--sql", "select count(*) from documents")
    expect(done.returncode == 0 and str(len(shards.documents)) in done.stdout.decode(), "inspect: SQL over documents", (done.stdout + done.stderr).decode())
    done = nachos("inspect", directory, "--sql", "select count(*) from shards")
    expect(done.returncode == 0 and str(len(shards.rows)) in done.stdout.decode(), "inspect: SQL over shards", (done.stdout + done.stderr).decode())
    done = nachos("inspect", directory, "--rows", "2")
    first = shards.tokenizer.decode(shards.rows[0]["input_ids"][1:12], clean_up_tokenization_spaces=False).strip()
    expect(done.returncode == 0 and first in done.stdout.decode(), "inspect: rows as text", (first, done.stderr.decode()))
    done = nachos("inspect", directory, "--sql", "select nonsense from nowhere")
    expect(done.returncode != 0 and error_lines(done) == 1, "inspect: bad SQL is one error line", done.stderr.decode())


def error_lines(done):
    said = done.stderr.decode()
    return -1 if "panicked" in said else sum(line.startswith("error:") for line in said.splitlines())


def check_errors(text, tokenizer, folder):
    folder.mkdir()
    (folder / "a.txt").write_bytes(text)
    (folder / "cut.txt.gz").write_bytes(gzip.compress(text)[:-2000])
    (folder / "a.pdf").write_bytes(text)
    (folder / "bad.toml").write_text("[pack\n")
    (folder / "full").mkdir()
    (folder / "full/precious.txt").write_text("to be kept")
    numbers = itertools.count()
    whole = lambda *more, source="a.txt", tokens=tokenizer, output=None: ("build", "--input", folder / source, "--tokenizer", tokens, "--output", output or folder / f"out-{next(numbers)}", *more)
    cases = {
        "no input": (2, ("build", "--tokenizer", tokenizer, "--output", folder / "x"), "--input"),
        "an unknown flag": (2, whole("--frobnicate"), "--frobnicate"),
        "an unknown command": (2, ("biuld",), "biuld"),
        "an unknown key": (2, whole("--set", "pack.max_seq_length=9"), "pack.max_seq_len"),
        "an impossible value": (2, whole("--set", "pack.max_seq_len=3"), "pack.max_seq_len"),
        "a value of the wrong type": (2, whole("--set", "pack.max_seq_len=long"), "max_seq_len"),
        "a missing settings file": (2, whole("--config", folder / "none.toml"), "none.toml"),
        "settings that are not TOML": (2, whole("--config", folder / "bad.toml"), "bad.toml"),
        "a missing input": (None, whole(source="none.txt"), "none.txt"),
        "an input of unknown format": (None, whole(source="a.pdf"), "a.pdf"),
        "a missing tokenizer": (None, whole(tokens=folder / "no-tokenizer"), "no-tokenizer"),
        "an output folder with something in it": (None, whole(output=folder / "full"), "full"),
        "an input that was cut short": (1, whole(source="cut.txt.gz"), "cut.txt.gz"),
        "a folder that is not a data set": (1, ("verify", folder), "manifest.json"),
    }
    for name, (code, arguments, mentioned) in cases.items():
        done = nachos(*arguments)
        said = done.stderr.decode()
        right_code = done.returncode == code if code else done.returncode in (1, 2)
        expect(right_code and error_lines(done) == 1 and mentioned in said, f"errors: {name} is one error line that names it", f"exit {done.returncode}: {said.strip()}")
    expect((folder / "full/precious.txt").read_text() == "to be kept", "errors: what lay in the output folder is still there")
    expect(not list(folder.glob("out-*/manifest.json")), "errors: a failed build leaves no manifest")


def check_corpus(folder):
    """The optional corpus: real text with real dirt."""
    medical = CORPUS / "medical"
    if not medical.is_dir():
        print(f"--   no corpus at {CORPUS}: set DRBERT_CORPUS to check on real text too")
        return
    tokenizer = folder / "medical-tokenizer"
    done = nachos("train-tokenizer", "--input", medical, "--output", tokenizer)
    expect(done.returncode == 0, "corpus: a tokenizer of DrBERT's size is trained", done.stderr.decode())
    expect(len(AutoTokenizer.from_pretrained(tokenizer)) == 32_005, "corpus: 32,005 entries")
    output = build([medical], tokenizer, folder / "medical", "--set", "pack.max_seq_len=512")
    shards = check_directory(output, "corpus")
    efficiency = shards.manifest["totals"]["pack"]["efficiency"]
    expect(efficiency >= 0.99, f"corpus: best-fit efficiency {efficiency:.4f} is at least 0.99")


def main():
    with tempfile.TemporaryDirectory(prefix="check-shards-") as name:
        folder = Path(name)
        sample = folder / "sample.txt"
        subprocess.run([sys.executable, ROOT / "scripts/sample_corpus.py", "--output", sample, "--megabytes", "1.5"], check=True)
        tokenizer = folder / "tokenizer"
        done = nachos("train-tokenizer", "--input", sample, "--output", tokenizer, "--vocab-size", "4000")
        expect(done.returncode == 0, "a tokenizer is trained", done.stderr.decode())
        text = sample.read_bytes()
        small = text[: text.index(b"\n\n", 300_000) + 2]
        directory = check_threads([sample], tokenizer, folder)
        check_formats(small, tokenizer, folder / "formats")
        check_inspect(directory)
        check_verify(directory)
        check_errors(small, tokenizer, folder / "errors")
        check_corpus(folder)
    print(f"{len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
