#!/usr/bin/env python3
"""Gives `nachos` what it should never be given: each gives the right documents or one clear error, in bounded memory.

    .venv/bin/python tests/python/check_odd_inputs.py [--full]

NACHOS_BIN names the program (default target/release/nachos). `--full` makes the long line and the many files as long and as many as they can be (a minute more).
"""

import gzip
import lzma
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import polars
import pyarrow
import pyarrow.parquet

from check_shards import NACHOS, contents, error_lines, expect, failures, nachos, settings

# Short and strange texts are looked at here, not whether they are French prose.
KEEP_ALL = settings("clean.language=any", "clean.quality.enabled=false")
MOST_MEMORY_MIB = 1024
FULL = "--full" in sys.argv
LONG_LINE_MIB = 1024 if FULL else 64
MANY_FILES = 50_000 if FULL else 5_000


class Run:
    """One run of the program, with the most memory that it took."""

    def __init__(self, *arguments, limit=None):
        def prepare():
            if limit is not None:  # as if the disk were full
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        with subprocess.Popen([NACHOS, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=prepare) as process:
            self.stderr = process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = self.returncode = os.waitstatus_to_exitcode(status)
            self.memory_mib = usage.ru_maxrss / 1024


class Bench:
    def __init__(self, folder):
        self.folder = folder
        self.numbers = iter(range(1000))
        text = folder / "words.txt"
        text.write_text("\n\n".join(f"La patiente numéro {number} présente une toux depuis {number % 9} jours." for number in range(300)))
        self.tokenizer = folder / "tokenizer"
        nachos("train-tokenizer", "--input", text, "--output", self.tokenizer, "--vocab-size", "300")

    def build(self, *inputs, more=(), output=None, limit=None):
        output = output or self.folder / f"out-{next(self.numbers)}"
        arguments = ("build", "--input", *inputs, "--tokenizer", self.tokenizer, "--output", output, *KEEP_ALL, *more)
        return Run(*arguments, limit=limit), output

    def right(self, what, inputs, expected, more=()):
        """The inputs are read to their end, and `expected` is what it says of the documents, given as a list of (verdict, bytes in the file)."""
        run, output = self.build(*inputs, more=more)
        said = run.stderr.decode().strip()
        found = polars.read_parquet(output / "documents.parquet").select("verdict", "length").rows() if run.returncode == 0 else said
        expect(run.returncode == 0 and expected(found), f"{what}: the right documents", str(found)[:300])
        expect(run.returncode == 0 and nachos("verify", output).returncode == 0, f"{what}: a sound directory", said)
        expect(run.memory_mib <= MOST_MEMORY_MIB, f"{what}: {run.memory_mib:.0f} MiB are at most {MOST_MEMORY_MIB}")
        return output

    def error(self, what, inputs, mentioned, more=()):
        run, output = self.build(*inputs, more=more)
        said = run.stderr.decode()
        is_right = run.returncode == 1 and error_lines(run) == 1 and all(word in said for word in mentioned)
        expect(is_right and not (output / "manifest.json").exists(), f"{what}: one error line, and no manifest", f"exit {run.returncode}: {said.strip()}")
        expect(run.memory_mib <= MOST_MEMORY_MIB, f"{what}: {run.memory_mib:.0f} MiB are at most {MOST_MEMORY_MIB}")


def kept(count):
    return lambda documents: [verdict for verdict, _ in documents] == ["keep"] * count


def check_lengths(bench, folder):
    line = folder / "line.txt"
    with line.open("wb") as file:
        for number in range(LONG_LINE_MIB):
            file.write(f"mot{number} suite ".encode() * ((1 << 20) // (11 + len(str(number)))))
    whole = line.stat().st_size
    is_whole = lambda documents: whole - len(documents) <= sum(length for _, length in documents) <= whole and all(length <= 16 << 20 for _, length in documents)
    bench.right(f"a line of {LONG_LINE_MIB} MiB without an end", [line], is_whole)
    json_line = folder / "line.jsonl"
    with json_line.open("wb") as file:
        file.write(b'{"text": "')
        file.truncate(1 << 30)
        file.seek(0, os.SEEK_END)
        file.write(b'"}\n{"text": "La fin."}\n')
    bench.right("a JSON line of 1 GiB", [json_line], lambda documents: documents == [("too_long", (1 << 30) + 2), ("keep", 19)])
    nothing = folder / "nothing.txt"
    with nothing.open("wb") as file:
        file.truncate(256 << 20)
    bench.right("256 MiB of NUL bytes", [nothing], lambda documents: {verdict for verdict, _ in documents} == {"empty"})
    empty_lines = folder / "empty-lines.txt"
    empty_lines.write_bytes(b"\n" * 10_000_000 + "Après dix millions de lignes.".encode())
    bench.right("10 million empty lines", [empty_lines], kept(1))
    bench.right("10 million empty lines, a line a document", [empty_lines], kept(1), more=settings("input.document=line"))
    deep = folder / "deep.jsonl"
    nested = "[" * 200_000 + "]" * 200_000
    deep.write_text('{"a": ' + nested + ', "text": "La toux."}\n{"text": ' + nested + '}\n{"text": ' + nested[:200_000] + "\n")
    verdicts = ["keep", "missing_text", "invalid_json"]
    bench.right("JSON nested 200,000 deep", [deep], lambda documents: [verdict for verdict, _ in documents] == verdicts)
    for path in (line, json_line, nothing):
        path.unlink()


def check_bytes(bench, folder):
    text = "Œdème de la cheville : 5 µg/m².\n\nToux sèche à l'effort."
    plain = folder / "plain.txt"
    plain.write_text(text)
    reference = contents(bench.right("a file without a line end", [plain], kept(2)), "shard-*")
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"):
        path = folder / f"{encoding}.txt"
        path.write_bytes(text.encode(encoding))
        expect(contents(bench.right(encoding, [path], kept(2)), "shard-*") == reference, f"{encoding}: the same shards as UTF-8")
    spoilt = folder / "nul.txt"
    spoilt.write_bytes(text.replace("cheville", "che\0ville").encode())
    expect(contents(bench.right("a NUL byte in a word", [spoilt], kept(2)), "shard-*") == reference, "a NUL byte in a word: it is gone")
    noise = folder / "noise.txt"
    noise.write_bytes(bytes(range(256)) * 4096)
    bench.right("every byte there is", [noise], lambda documents: len(documents) > 0)
    empty = folder / "empty.txt"
    empty.write_bytes(b"")
    bench.right("an empty file", [empty], kept(0))
    bench.right("an empty file between two", [plain, empty, spoilt], lambda documents: [verdict for verdict, _ in documents] == ["keep", "keep", "duplicate", "duplicate"])


def check_damage(bench, folder):
    text = "".join(f"Observation {number} : douleur de stade {number % 4}.\n\n" for number in range(2000)).encode()
    packed = {"gz": gzip.compress(text), "xz": lzma.compress(text), "zst": pyarrow.compress(text, codec="zstd", asbytes=True)}
    for suffix, data in packed.items():
        whole = folder / f"whole.txt.{suffix}"
        whole.write_bytes(data)
        bench.right(f".{suffix}", [whole], kept(2000))
        cut = folder / f"cut.txt.{suffix}"
        for part in (1, 10, len(data) // 2, len(data) - 30, len(data) - 1):
            cut.write_bytes(data[:part])
            bench.error(f".{suffix} cut after {part} of {len(data)} bytes", [cut], ["cut.txt", "cut short"])
        if suffix == "zst":  # this writer adds no checksum
            continue
        flipped = bytearray(data)
        flipped[len(data) // 2] ^= 0x10
        cut.write_bytes(flipped)
        bench.error(f".{suffix} with a flipped bit", [cut], ["cut.txt"])
    table = pyarrow.table({"text": pyarrow.array(["La toux.", None, "", "La fin."], pyarrow.large_string()), "n": [1, 2, 3, 4]})
    parquet = folder / "table.parquet"
    pyarrow.parquet.write_table(table, parquet)
    verdicts = ["keep", "missing_text", "empty", "keep"]
    bench.right("Parquet with a null and an empty text", [parquet], lambda documents: [verdict for verdict, _ in documents] == verdicts)
    bench.error("Parquet whose column is a number", [parquet], ["table.parquet", "input.text_column"], more=settings("input.text_column=n"))
    data = parquet.read_bytes()
    pyarrow.parquet.write_table(table.slice(0, 0), parquet)
    bench.right("Parquet without a row", [parquet], kept(0))
    for part in (0, 4, len(data) // 2, len(data) - 1):
        parquet.write_bytes(data[:part])
        bench.error(f"Parquet cut after {part} bytes", [parquet], ["table.parquet", "Parquet"])


def check_files(bench, folder):
    many = folder / "many"
    many.mkdir()
    for number in range(MANY_FILES):
        (many / f"{number}.txt").write_text(f"Note numéro {number}.")
    (many / "loop").symlink_to(many)
    bench.right(f"a folder of {MANY_FILES} files, with a link to itself", [many], kept(MANY_FILES))
    pipe = folder / "pipe.txt"
    os.mkfifo(pipe)
    last = folder / "last.txt"
    last.write_text("La fin.")

    def through_the_pipe(check, meanwhile=lambda: None):
        reader = threading.Thread(target=check)
        reader.start()
        with pipe.open("w") as writer:  # waits for the program, which has looked at all its inputs by then
            meanwhile()
            writer.write("La toux.")
        reader.join()

    through_the_pipe(lambda: bench.right("a named pipe", [pipe, last], kept(2)))
    through_the_pipe(lambda: bench.error("a file that vanishes", [pipe, last], ["last.txt"]), meanwhile=last.unlink)
    broken = folder / "links"
    broken.mkdir()
    (broken / "a.txt").write_text("La toux.")
    (broken / "b.txt").symlink_to(folder / "nowhere.txt")
    bench.error("a link to nothing", [broken], ["b.txt"])


def check_full_disk(bench, folder):
    text = folder / "notes.txt"
    words = [f"{a}{b}{c}" for a in "bcdfglmnprst" for b in "aeiou" for c in ("l", "r", "ne", "te", "que")]
    with text.open("w") as file:
        for number in range(40_000):
            file.write(" ".join(words[number * 7919 * place % 104_729 % len(words)] for place in range(1, 40)) + f" {number}.\n\n")
    small = settings("write.shard_size_mib=1", "pack.window_tokens=65536")
    whole, expected = bench.build(text, more=small)
    expect(whole.returncode == 0, "a full disk: the reference is built", whole.stderr.decode())
    for limit in (0, 10_000, 900_000):
        output = folder / f"full-{limit}"
        run, _ = bench.build(text, more=small, output=output, limit=limit)
        said = run.stderr.decode()
        expect(run.returncode == 1 and error_lines(run) == 1, f"a disk that is full after {limit} bytes of a file: one error line", f"exit {run.returncode}: {said.strip()}")
        expect(not (output / "manifest.json").exists(), f"a disk that is full after {limit} bytes of a file: no manifest")
        run, _ = bench.build(text, more=[*small, "--resume"], output=output)
        expect(run.returncode == 0 and contents(output) == contents(expected), f"a disk that was full after {limit} bytes of a file: --resume ends byte-identical", run.stderr.decode())
    done = Run("clean", "--input", text, "--output", "/dev/full", *KEEP_ALL)
    expect(done.returncode == 1 and error_lines(done) == 1 and b"/dev/full" in done.stderr, "clean: a full output is one error line", done.stderr.decode())


def main():
    with tempfile.TemporaryDirectory(prefix="check-odd-inputs-") as name:
        bench = Bench(Path(name))
        for check in (check_bytes, check_damage, check_files, check_lengths, check_full_disk):
            folder = Path(name) / check.__name__
            folder.mkdir()
            check(bench, folder)
    print(f"{len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
