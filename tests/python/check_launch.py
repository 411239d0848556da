#!/usr/bin/env python3
"""Trains on two ranks as clusters do, and breaks it: torchrun, an absent rank, hosts whose link is cut, kills at random moments.

    .venv/bin/python tests/python/check_launch.py [SEED]

Needs no corpus and no network. The hosts are two network namespaces, which only root can make; otherwise it says so and passes that part
over. SEED (default 1) chooses the moments of the kills. The program is $DRBERT_BIN, or target/release/drbert of this repository.
"""

import json
import math
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from check_training import DRBERT, STEPS, check, failures, relative, step_records, train, train_arguments, write_shards, xxh3

TORCHRUN = Path(sys.executable).parent / "torchrun"
TIMEOUT_S = 3
# Beyond the timeout, on a busy machine.
SLACK_S = 8
# For what has no time limit of its own, on a machine that other checks keep busy.
PATIENCE_S = 240
NUM_KILLS = 8
ENDLESS = 1_000_000
# On two ranks two micro-batches of each step are added up on each.
SETTINGS = {"data__micro_batch_size": 2, "train__threads": 1, "checkpoint__interval_steps": 2, "distributed__timeout_seconds": TIMEOUT_S}
LOST = re.compile(r"^(rank \d: )?error: rank \d of 2: (lost the other ranks|cannot meet the other ranks at \S+): .+$")


def start(*command, **variables):
    environment = {**os.environ, **{name: str(value) for name, value in variables.items()}}
    return subprocess.Popen(list(map(str, command)), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def end(process, limit_s):
    """The exit status and what it wrote, or None and that if it had to be ended."""
    try:
        _, errors = process.communicate(timeout=limit_s)
        return process.returncode, errors
    except subprocess.TimeoutExpired:
        process.kill()
        return None, process.communicate()[1]


def errors_in(text):
    """The errors of the program and what libtorch logs by itself, which should be nothing."""
    return [line for line in text.splitlines() if "error: " in line or re.match(r"(rank \d: )?(\[[IWEF]\d|Exception raised|frame #)", line)]


def wait(what, holds):
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            sys.exit(f"FAIL {what}: not within {PATIENCE_S} s")
        time.sleep(0.01)


def checkpoints(output):
    return sorted((output / "checkpoints").glob("step-*"))


def is_whole(checkpoint):
    try:
        hashes = json.loads((checkpoint / "hashes.json").read_text())
        return bool(hashes) and all(xxh3((checkpoint / each["file"]).read_bytes()) == each["xxh3"] for each in hashes)
    except FileNotFoundError:
        return False


def weights(output, step):
    """The bytes of the weights and of the optimizer's moments."""
    return [(output / f"checkpoints/step-{step:08}" / name).read_bytes() for name in ("model.safetensors", "optimizer.safetensors")]


def children(pid):
    """The processes that a process has started, oldest first."""
    try:
        return sorted(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    except FileNotFoundError:
        return []


def free_port():
    with socket.create_server(("localhost", 0)) as server:
        return server.getsockname()[1]


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def check_absence(shards, work):
    meeting = {"RANK": 0, "WORLD_SIZE": 3, "LOCAL_RANK": 0, "MASTER_ADDR": "localhost", "MASTER_PORT": free_port()}
    status, errors = end(start(DRBERT, *train_arguments(shards, work / "absent", **SETTINGS), **meeting), TIMEOUT_S + SLACK_S)
    names_them = f"at localhost:{meeting['MASTER_PORT']}: " in errors and "waited in vain for rank 1, rank 2; " in errors
    clear = status == 1 and len(errors_in(errors)) == 1 and names_them
    check("a rank that waits in vain says for whom", clear, "" if clear else f"status {status}: {errors}")


def torchrun(*flags):
    return [TORCHRUN, *flags, "--nproc-per-node", 2, "--no-python", DRBERT]


def check_torchrun(shards, work):
    train(shards, work / "one", **SETTINGS)
    expected = step_records(work / "one")
    output = work / "torchrun"
    status, errors = end(start(*torchrun("--standalone"), *train_arguments(shards, output, **SETTINGS)), PATIENCE_S)
    sound = status == 0 and not errors_in(errors)
    check("torchrun trains on two ranks without a complaint", sound, "" if sound else errors)
    found = step_records(output) if status == 0 else []
    same_steps = [record["step"] for record in found] == [record["step"] for record in expected]
    error = relative([record["loss"] for record in found], [record["loss"] for record in expected]) if same_steps else math.inf
    check("its losses are those of one rank", len(found) == STEPS and error < 1e-6, f"relative error {error:.1e}")


def check_restart(shards, work):
    """torchrun starts ranks again when one has ended: with --resume they go on."""
    output = work / "restarted"
    arguments = train_arguments(shards, output, "--resume", **{**SETTINGS, "train__steps": 60})
    process = start(*torchrun("--master-port", free_port(), "--max-restarts", 1), *arguments)
    wait("torchrun's ranks save a checkpoint", lambda: checkpoints(output) or process.poll() is not None)
    os.kill(children(process.pid)[-1], signal.SIGKILL)
    status, errors = end(process, PATIENCE_S)
    resumed = "resuming from" in errors
    check("torchrun --max-restarts goes on after a kill", status == 0 and resumed, errors if status != 0 or not resumed else "")


def ip(*arguments):
    subprocess.run(["ip", *map(str, arguments)], check=True, capture_output=True, text=True)


class Hosts:
    """Two network namespaces with a link between them."""

    names = (f"drbert-{os.getpid()}-0", f"drbert-{os.getpid()}-1")
    addresses = ("10.213.77.1", "10.213.77.2")

    def __enter__(self):
        for name in self.names:
            ip("netns", "add", name)
        ip("-n", self.names[0], "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", self.names[1])
        for name, address in zip(self.names, self.addresses, strict=True):
            ip("-n", name, "address", "add", f"{address}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "link", "set", "eth0", "up")
        return self

    def __exit__(self, *_):
        for name in self.names:
            ip("netns", "delete", name)

    def set_link(self, state):
        ip("-n", self.names[0], "link", "set", "eth0", state)

    def start(self, arguments):
        meeting = {"WORLD_SIZE": 2, "MASTER_ADDR": self.addresses[0], "MASTER_PORT": 29500, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 1}
        return [start("ip", "netns", "exec", name, DRBERT, *arguments, RANK=rank, **meeting) for rank, name in enumerate(self.names)]


def can_make_hosts():
    probe = f"drbert-{os.getpid()}"
    try:
        ip("netns", "add", probe)
        ip("netns", "delete", probe)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        print(f"--   no hosts can be made here, which takes root and iproute2: {(getattr(error, 'stderr', None) or str(error)).strip()}", flush=True)
        return False
    return True


def check_hosts(shards, work):
    output = work / "hosts"
    with Hosts() as hosts:
        ranks = hosts.start(train_arguments(shards, output, **{**SETTINGS, "train__steps": ENDLESS}))
        wait("ranks on two hosts save a checkpoint", lambda: checkpoints(output) or any(rank.poll() is not None for rank in ranks))
        hosts.set_link("down")
        cut = time.monotonic()
        ends = [end(rank, TIMEOUT_S + SLACK_S) for rank in ranks]
        took = time.monotonic() - cut
        clear = all(status == 1 and len(errors_in(errors)) == 1 and LOST.match(errors_in(errors)[0]) for status, errors in ends)
        check("a link that is cut ends the ranks of both hosts, each with one error", clear, f"after {took:.1f} s" if clear else str(ends))
        hosts.set_link("up")
        steps = int(checkpoints(output)[-1].name.removeprefix("step-")) + 4
        ranks = hosts.start(train_arguments(shards, output, "--resume", **{**SETTINGS, "train__steps": steps}))
        ends = [end(rank, PATIENCE_S) for rank in ranks]
        goes_on = all(status == 0 for status, _ in ends) and is_whole(output / f"checkpoints/step-{steps:08}")
        check("with the link back they go on", goes_on, "" if goes_on else str(ends))


def check_kills(shards, work, seed):
    steps, whole, killed = 100, work / "whole", work / "killed"
    launch = [DRBERT, *train_arguments(shards, killed, "--nproc-per-node=2", "--resume", **{**SETTINGS, "train__steps": steps})]
    begun = time.monotonic()
    undisturbed = start(DRBERT, *train_arguments(shards, whole, "--nproc-per-node=2", **{**SETTINGS, "train__steps": steps}))
    wait("two ranks save a checkpoint", lambda: checkpoints(whole))
    start_up = time.monotonic() - begun
    status, errors = end(undisturbed, PATIENCE_S)
    check("two ranks train undisturbed", status == 0, errors if status != 0 else "")
    draw = random.Random(seed)
    for number in range(1, NUM_KILLS + 1):
        before = checkpoints(killed)
        launcher = start(*launch)
        wait("the launcher starts two ranks", lambda: len(children(launcher.pid)) == 2)
        ranks, victim, in_training = children(launcher.pid), draw.randrange(2), number % 4 != 0
        moment = draw.uniform(0, 0.1 if in_training else start_up)
        if in_training:
            wait("a checkpoint", lambda: checkpoints(killed) != before)
        time.sleep(moment)
        os.kill(ranks[victim], signal.SIGKILL)
        begun = time.monotonic()
        status, errors = end(launcher, TIMEOUT_S + SLACK_S)
        took = time.monotonic() - begun
        found = errors_in(errors)
        reported = bool(found) and found[-1] == f"error: rank {victim} ended with signal: 9 (SIGKILL); go on from the last checkpoint with --resume"
        # The other rank says what it noticed.
        clear = reported and len(found) <= 2 and all(LOST.match(line) for line in found[:-1])
        left = [rank for rank in ranks if is_alive(rank)]
        saved = checkpoints(killed)
        damaged = [checkpoint.name for checkpoint in saved if not is_whole(checkpoint)]
        holds = status == 1 and clear and not left and not damaged
        last = saved[-1].name if saved else "no checkpoint yet"
        what = f"kill {number}, of rank {victim} {moment:.2f} s after {'a checkpoint' if in_training else 'the start'}, ends the run in time with a clear error"
        check(what, holds, f"{took:.1f} s, {last}" if holds else f"status {status}, left {left}, damaged {damaged}, {last}: {errors}")
    status, errors = end(start(*launch), PATIENCE_S)
    same = status == 0 and weights(killed, steps) == weights(whole, steps)
    check(f"after {NUM_KILLS} kills the run ends with the weights and moments of an undisturbed one, to the bit", same, errors if status != 0 else "")
    passed_over = [path.name for path in killed.glob("checkpoints/damaged-*")]
    check("no checkpoint was passed over", not passed_over, ", ".join(passed_over))


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    with tempfile.TemporaryDirectory(prefix="check-launch-") as folder:
        work = Path(folder)
        write_shards(work / "shards")
        check_absence(work / "shards", work)
        check_torchrun(work / "shards", work)
        check_restart(work / "shards", work)
        if can_make_hosts():
            check_hosts(work / "shards", work)
        check_kills(work / "shards", work, seed)
    if failures:
        sys.exit(f"{len(failures)} checks failed")


if __name__ == "__main__":
    main()
