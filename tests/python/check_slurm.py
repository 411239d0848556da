#!/usr/bin/env python3
"""Runs scripts/slurm on a real Slurm of one node, started for this check.

    .venv/bin/python tests/python/check_slurm.py

An array of parts and their merge, and a training run of two processes, all preempted, end as the same runs do undisturbed. Needs root and Debian's
slurm-wlm and munge; without them it says so and passes. NACHOS_BIN and DRBERT_BIN name the programs (default target/release/…).
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from check_shards import NACHOS, ROOT, contents, expect, failures, nachos, settings

DRBERT = Path(os.environ.get("DRBERT_BIN", ROOT / "target/release/drbert"))
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol")
# The corpus is copies of one sample, and long enough for several checkpoints.
SETTINGS = settings("write.shard_size_mib=1", "pack.window_tokens=65536", "dedup.near.enabled=false", "dedup.paragraphs.enabled=false")
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
PATIENCE_S = 240
CONFIGURATION = """
ClusterName=check
SlurmctldHost=localhost
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ReturnToService=2
MpiDefault=none
JobRequeue=1
NodeName=localhost CPUs={cpus} RealMemory=2000 State=UNKNOWN
PartitionName=cpu Nodes=localhost Default=YES MaxTime=INFINITE State=UP
"""


class Slurm:
    """A cluster of this machine alone, with its files in `folder`."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("munge", "state", "spool"):
            (folder / name).mkdir(parents=True)
        shutil.chown(folder / "munge", "munge", "munge")
        configuration = folder / "slurm.conf"
        configuration.write_text(CONFIGURATION.format(folder=folder, ports=free_ports(2), cpus=os.cpu_count()))
        self.environment = {**os.environ, "SLURM_CONF": str(configuration), "PATH": PATH, "NACHOS": str(NACHOS), "DRBERT": str(DRBERT)}
        key = folder / "munge/key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        shutil.chown(key, "munge", "munge")
        files = " ".join(f"--{name}={folder}/munge/{name.split('-')[0]}" for name in ("key-file", "socket", "pid-file", "log-file", "seed-file"))
        self.run("su", "-s", "/bin/sh", "munge", "-c", f"munged --force {files}")
        self.run("slurmctld")
        self.run("slurmd")
        wait("the node is idle", lambda: "idle" in self.run("sinfo", "--noheader", "--format=%t"))

    def run(self, *command, may_fail=False):
        done = subprocess.run(list(map(str, command)), env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode != 0 and not may_fail:
            sys.exit(f"FAIL {' '.join(map(str, command))}: {done.stderr.strip()}")
        return done.stdout

    def submit(self, script, *arguments, options=()):
        output = f"--output={self.folder}/job-%j.log"
        return self.run("sbatch", "--parsable", output, "--mem=500", *options, ROOT / "scripts/slurm" / script, *arguments).strip()

    def job(self, job):
        """The first record of a job, or of a task of an array, as Slurm has it."""
        return dict(field.split("=", 1) for field in self.run("scontrol", "--oneliner", "show", "job", job).splitlines()[0].split() if "=" in field)

    def starts_again(self, job):
        """Whether a requeued job has started; it would wait two minutes."""
        found = self.job(job)
        if int(found["Restarts"]) > 0 and found["JobState"] == "PENDING":
            # What the job was let do before is withdrawn to the second: started within it, it would fail. And it may just have started.
            time.sleep(2)
            self.run("scontrol", "update", f"JobId={job}", "StartTime=now", may_fail=True)
            time.sleep(0.5)
        return int(found["Restarts"]) > 0 and found["JobState"] in ("RUNNING", "COMPLETED")

    def end(self, what, job):
        """Waits for a job; returns its last state, and the logs of all jobs."""
        wait(f"{what} ends", lambda: self.job(job)["JobState"] not in ("PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "REQUEUED"))
        return self.job(job)["JobState"], "".join(path.read_text() for path in sorted(self.folder.glob("job-*.log")))

    def stop(self):
        for name in ("slurmd.pid", "slurmctld.pid", "munge/pid"):
            path = self.folder / name
            if path.exists():
                os.kill(int(path.read_text()), 15)


def free_ports(count):
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait(what, holds):
    end = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > end:
            sys.exit(f"FAIL {what}: not within {PATIENCE_S} s")
        time.sleep(0.02)


def check_pipeline(slurm, folder):
    corpus, tokenizer = folder / "corpus.txt", folder / "tokenizer"
    subprocess.run([sys.executable, ROOT / "scripts/sample_corpus.py", "--output", folder / "sample.txt", "--megabytes", "1"], check=True)
    nachos("train-tokenizer", "--input", folder / "sample.txt", "--output", tokenizer, "--vocab-size", "1000")
    sample = (folder / "sample.txt").read_text().split("\n\n")
    with corpus.open("w") as file:
        for copy in range(60):
            file.writelines(f"{document}\nExemplaire {copy} de la note {number}.\n\n" for number, document in enumerate(sample))
    whole = folder / "whole"
    done = nachos("build", "--input", corpus, "--tokenizer", tokenizer, "--output", whole, *SETTINGS)
    expect(done.returncode == 0, "slurm: the corpus is built without Slurm", done.stderr.decode())
    parts, merged = folder / "parts", folder / "merged"
    checkpoint = lambda output: (output / "unfinished/checkpoint.json").exists()

    array = slurm.submit("clean.sbatch", corpus, tokenizer, parts, *SETTINGS, options=["--array=1-2", "--cpus-per-task=1"])
    merge = slurm.submit("merge.sbatch", parts, merged, options=["--cpus-per-task=1", f"--dependency=afterok:{array}"])
    wait("part 1 has a checkpoint", lambda: checkpoint(parts / "part-1"))
    slurm.run("scontrol", "requeue", f"{array}_1")
    wait("part 1 starts again", lambda: slurm.starts_again(f"{array}_1"))
    wait("the merge has a checkpoint", lambda: checkpoint(merged))
    # What Slurm sends a minute before the time limit: the script saves and requeues itself.
    slurm.run("scancel", "--batch", "--signal=TERM", merge)
    wait("the merge starts again", lambda: slurm.starts_again(merge))
    state, logs = slurm.end("the merge", merge)
    expect(state == "COMPLETED", "slurm: parts and merge, both preempted, complete", f"{state}: {logs}")
    expect(merged.is_dir() and contents(merged) == contents(whole), "slurm: the merged directory is byte-identical to that of a single run", logs)
    return whole


def check_training(slurm, shards, folder):
    config = ROOT / "trainer/configs/small.toml"
    training = settings(
        *(f'data.shards="{shards}"', "data.global_batch_size=16", "model.num_hidden_layers=2", "model.hidden_size=64", "model.intermediate_size=128"),
        *("train.steps=120", 'train.device="cpu"', "train.threads=1", "eval.rows=0", "checkpoint.interval_steps=10", "checkpoint.keep=2"),
    )
    submit = lambda output: slurm.submit(
        "train.sbatch", config, *training, *settings(f'train.output="{output}"'), options=["--ntasks=2", "--ntasks-per-node=2", "--cpus-per-task=1", "--gres=none"]
    )
    steps = lambda output: sorted(path.name for path in (output / "checkpoints").glob("step-*"))

    undisturbed, disturbed = folder / "undisturbed", folder / "disturbed"
    state, logs = slurm.end("the undisturbed run", submit(undisturbed))
    expect(state == "COMPLETED", "slurm: a training run of two processes completes", f"{state}: {logs}")
    job = submit(disturbed)
    wait("the run has a checkpoint", lambda: steps(disturbed))
    slurm.run("scontrol", "requeue", job)
    wait("the preempted run starts again", lambda: slurm.starts_again(job))
    first = steps(disturbed)
    wait("the run has another checkpoint", lambda: steps(disturbed) != first)
    # What Slurm sends two minutes before the time limit: the processes save, and the script requeues itself.
    slurm.run("scancel", "--batch", "--signal=USR1", job)
    wait("the run starts a third time", lambda: int(slurm.job(job)["Restarts"]) > 1 and slurm.starts_again(job))
    state, logs = slurm.end("the disturbed run", job)
    expect(state == "COMPLETED", "slurm: preempted and out of time, it completes", f"{state}: {logs}")
    expect("resuming from" in logs, "slurm: it resumed", logs)
    last = "step-00000120/model.safetensors"
    weights = [output / "checkpoints" / last for output in (undisturbed, disturbed)]
    same = all(path.exists() for path in weights) and weights[0].read_bytes() == weights[1].read_bytes()
    expect(same, "slurm: its weights are those of the undisturbed run", logs)


def main():
    missing = [program for program in PROGRAMS if not shutil.which(program, path=PATH)]
    if missing or os.geteuid() != 0:
        print(f"--   no Slurm can be started here ({', '.join(missing) or 'not root'}): apt-get install slurm-wlm munge, and run this as root")
        return
    with tempfile.TemporaryDirectory(prefix="check-slurm-") as name:
        Path(name).chmod(0o755)
        slurm = Slurm(Path(name) / "slurm")
        try:
            shards = check_pipeline(slurm, Path(name))
            check_training(slurm, shards, Path(name))
        finally:
            slurm.stop()
            time.sleep(1)  # they write their states as they end
    print(f"{len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
