#!/usr/bin/env python3
"""Whether several processes train as one does, and what becomes of a run when one of them is lost.

    sudo apt-get install openmpi-bin
    swift build -c release --product posecam
    Benchmarks/mpi.py                       # curves of 1, 2, 3 and 4 processes, speed, kills
    Benchmarks/mpi.py --namespaces          # as root: also two machines, played by network namespaces with a cable between

A small network learns the clip of samples/. Every run makes the same steps on the same global batches; the largest relative
difference from one process's losses is printed, for the first step, the first ten and all. Rounding grows from step to step: a
run of one process whose first weights are off by their last bit shows how much. Then processes are killed (kill -9) at random
moments, and one is stopped so that it hangs: the job must end with a message, and the checkpoint must be one from which another
number of processes comes to the same curve.
"""
import argparse
import array
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sample_people import clip_data

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
MPIRUN = ["mpirun", "--oversubscribe", "--bind-to", "none"]


def entries(run):
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def curve(run):
    return [entry["loss"] for entry in entries(run)]


def difference(ours, theirs):
    return max(abs(a / b - 1) for a, b in zip(ours, theirs, strict=True))


class Trainer:
    def __init__(self, options, folder):
        self.posecam, self.folder = options.posecam, folder
        self.steps = options.steps
        data = clip_data(folder, every=8)
        self.settings = [
            "--data", data, "--backbone-width", options.width, "--channels", options.channels, "--head-channels",
            options.channels, "--batch", options.batch, "--size", options.size, "--learning-rate", "1e-4", "--schedule",
            "constant", "--seed", "5", "--log-every", "1", "--save-every", "5"]
        self.shared = ["--threads", options.threads]

    def command(self, ranks, *options, launcher=None):
        if launcher is None:
            launcher = [] if ranks == 1 else [*MPIRUN, "-np", ranks]
        return [str(part) for part in [*launcher, self.posecam, "train", *options, *self.shared]]

    def new(self, name, steps=None):
        return [*self.settings, "--steps", steps or self.steps, "--out", self.folder / name]

    def run(self, ranks, *options, launcher=None):
        done = subprocess.run(
            self.command(ranks, *options, launcher=launcher), capture_output=True, text=True, env=ENVIRONMENT)
        if done.returncode != 0:
            sys.exit(f"{ranks} processes failed with status {done.returncode}:\n{done.stdout}{done.stderr}")

    def report(self, title, name, reference):
        run = self.folder / name
        rate = statistics.median(entry["images_per_second"] for entry in entries(run))
        parts = "  ".join(f"{difference(curve(run)[:count], reference[:count]):7.1e}" for count in (1, 10, len(reference)))
        print(f"{title:52} {parts}  {rate:6.1f}", flush=True)


def with_last_bits_changed(checkpoint, path):
    """Writes the weights of a checkpoint as a model file, each of them off by its last bit."""
    data = checkpoint.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header, tensors, offset = {}, [], 0
    for name, entry in json.loads(data[8:start]).items():
        kind, _, tensor = name.partition("/")
        if kind in ("weights", "statistics"):
            first, last = entry["data_offsets"]
            bits = array.array("I", data[start + first:start + last])
            if kind == "weights":
                bits = array.array("I", (value ^ 1 if value else 0 for value in bits))
            tensors.append(bits.tobytes())
            header[tensor] = {**entry, "data_offsets": [offset, offset + last - first]}
            offset += last - first
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(tensors))


def processes_of(mpirun):
    """The processes that an mpirun started, by rank."""
    found = {}
    for path in Path("/proc").iterdir():
        try:
            if path.name.isdigit() and int((path / "stat").read_text().rsplit(")", 1)[1].split()[1]) == mpirun:
                variables = dict(item.split(b"=", 1) for item in (path / "environ").read_bytes().split(b"\0") if b"=" in item)
                found[int(variables[b"OMPI_COMM_WORLD_RANK"])] = int(path.name)
        except (OSError, KeyError):
            pass
    return found


def lose_one(trainer, name, chance, rank, sign, message):
    """Starts four processes, sends one of them a signal, and returns the step of the checkpoint that is left."""
    run = trainer.folder / name
    command = trainer.command(4, *trainer.new(name), "--rank-timeout", 5)
    mpirun = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    while not (run / "log.jsonl").exists() or len(entries(run)) < 6:
        if mpirun.poll() is not None:
            sys.exit(f"the run ended before it was disturbed:\n{mpirun.communicate()[1]}")
        time.sleep(0.01)
    time.sleep(chance.uniform(0, 1.5))
    os.kill(processes_of(mpirun.pid)[rank], sign)
    start = time.monotonic()
    output, errors = mpirun.communicate(timeout=60)
    seconds = time.monotonic() - start
    if mpirun.returncode == 0 or message not in errors:
        sys.exit(f"rank {rank} was lost, status {mpirun.returncode}, but no '{message}':\n{output}{errors}")
    return seconds


def lose(trainer, reference, kills, seed):
    chance = random.Random(seed)
    for index in range(kills + 1):
        is_hang = index == kills
        rank = index % 4 if not is_hang else 2
        name = f"lost{index}"
        sign, message = (signal.SIGSTOP, "no answer") if is_hang else (signal.SIGKILL, "signal 9")
        seconds = lose_one(trainer, name, chance, rank, sign, message)
        saved = len(entries(trainer.folder / name))
        trainer.run(2, "--resume", trainer.folder / name)
        what = "hung" if is_hang else "killed"
        trainer.report(f"rank {rank} of 4 {what} at {saved}, over in {seconds:.1f} s, 2 go on", name, reference)


# MARK: network namespaces


def namespaces(trainer, reference):
    """Two machines with two processes each: network namespaces with host names of their own and a cable between them."""
    agent = trainer.folder / "agent"
    agent.write_text(
        "#!/bin/sh\n# What ssh is elsewhere: the machine's address and the command.\nname=posecam-${1##*.}; shift\n"
        'exec ip netns exec "$name" unshare --uts sh -c "hostname $name; $*"\n')
    agent.chmod(0o755)
    names = ["posecam-1", "posecam-2"]
    try:
        for name in names:
            subprocess.run(["ip", "netns", "add", name], check=True)
        subprocess.run(
            ["ip", "link", "add", "cable1", "netns", names[0], "type", "veth", "peer", "name", "cable2", "netns", names[1]],
            check=True)
        for index, name in enumerate(names, 1):
            for line in (f"address add 10.213.7.{index}/24 dev cable{index}", f"link set cable{index} up", "link set lo up"):
                subprocess.run(["ip", "-n", name, *line.split()], check=True)
        launcher = [
            "ip", "netns", "exec", names[0], "unshare", "--uts", "sh", "-c", f'hostname {names[0]}; exec "$0" "$@"', *MPIRUN,
            "--mca", "plm_rsh_agent", agent, "--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include", "10.213.7.0/24",
            "--mca", "oob_tcp_if_include", "10.213.7.0/24", "-H", "10.213.7.1:2,10.213.7.2:2", "-np", 4]
        before = traffic(names[0])
        trainer.run(4, *trainer.new("namespaces"), launcher=launcher)
        megabytes = (traffic(names[0]) - before) / 1e6 / trainer.steps
        trainer.report(f"2 namespaces, 2 each, {megabytes:.1f} MB/step", "namespaces", reference)
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], stderr=subprocess.DEVNULL)


def traffic(name):
    """Bytes that a namespace sent."""
    links = json.loads(subprocess.check_output(["ip", "-n", name, "-j", "-s", "link"], text=True))
    return sum(link["stats64"]["tx"]["bytes"] for link in links if link["ifname"].startswith("cable"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posecam", default=str(ROOT / ".build/release/posecam"))
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("--ranks", default="1,2,3,4", help="numbers of processes")
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--namespaces", action="store_true")
    options = parser.parse_args()
    if not shutil.which("mpirun"):
        sys.exit("mpirun is missing: apt-get install openmpi-bin")

    with tempfile.TemporaryDirectory() as name:
        trainer = Trainer(options, Path(name))
        trainer.run(1, *trainer.new("whole"))
        reference = curve(trainer.folder / "whole")
        print(f"batch {options.batch}, {options.size}x{options.size}, {options.steps} steps, threads of each: {options.threads}\n")
        print(f"{'largest relative difference of losses':52} {'step 1':>7}  {'to 10':>7}  {'all':>7}  images/s")
        trainer.run(1, *trainer.new("start", 1), "--learning-rate", "1e-30")
        with_last_bits_changed(trainer.folder / "start" / "last.ckpt", trainer.folder / "start.safetensors")
        trainer.run(1, *trainer.new("bits"), "--weights-only", trainer.folder / "start.safetensors")
        trainer.report("1 process, weights off by their last bit", "bits", reference)
        for ranks in map(int, options.ranks.split(",")):
            trainer.run(ranks, *trainer.new(f"r{ranks}"))
            trainer.report(f"{ranks} {'processes' if ranks > 1 else 'process'}", f"r{ranks}", reference)
        trainer.run(4, *trainer.new("apart"), "--no-sync-batch-norm")
        trainer.report("4 processes, batch norm not synchronised", "apart", reference)
        trainer.run(4, *trainer.new("moved", options.steps // 2))
        for ranks, steps in (1, 3 * options.steps // 4), (3, options.steps):
            trainer.run(ranks, "--resume", trainer.folder / "moved", "--steps", steps)
        trainer.report("4 processes, resumed by 1, then by 3", "moved", reference)
        if options.namespaces:
            namespaces(trainer, reference)
        lose(trainer, reference, options.kills, options.seed)


main()
