#!/usr/bin/env python3
"""Whether a training run that is killed over and over ends as one that nobody disturbed.

    swift build -c release --product posecam
    Benchmarks/kills.py                         # 20 times kill -9

A small network learns the clip of samples/. One run is left alone; the other is killed and continued until it is through:
at random moments, and every other time in the middle of the next file that it writes.
The last checkpoint and the best model must be equal byte for byte, the logs equal but for what the clock says.
"""
import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sample_people import clip_data

ROOT = Path(__file__).resolve().parent.parent


def log(run):
    entries = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in entry.items() if key not in ("seconds", "images_per_second")} for entry in entries]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posecam", default=str(ROOT / ".build/release/posecam"))
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = clip_data(folder, every=8)
        settings = [
            "--data", data, "--validation", data, "--validation-size", "128", "--backbone-width", "0.25", "--channels", "32",
            "--head-channels", "64", "--batch", "4", "--size", "128", "--learning-rate", "1e-3", "--schedule", "cosine",
            "--steps", str(arguments.steps), "--log-every", "3", "--save-every", "4", "--validate-every", "50", "--seed", "5"]
        threads = ["--threads", "2", "--loaders", "2"]

        def start(*options):
            return subprocess.Popen(
                [arguments.posecam, "train", *options, *threads], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

        def is_writing():
            return parts.exists() and any(".partial-" in path.name for path in parts.iterdir())

        def finish(process):
            errors = process.communicate()[1]
            if process.returncode != 0:
                sys.exit(f"a run failed with status {process.returncode}: {errors}")

        whole, parts = folder / "whole", folder / "parts"
        before = time.monotonic()
        finish(start(*settings, "--out", whole))
        seconds = time.monotonic() - before
        print(f"undisturbed: {arguments.steps} steps in {seconds:.1f} s")

        kills, halves, anew = 0, 0, 0
        while kills < arguments.kills:
            is_new = not (parts / "last.ckpt").exists()
            anew += is_new and kills > 0
            process = start(*(settings + ["--out", parts] if is_new else ["--resume", parts]))
            try:
                process.wait(timeout=chance.uniform(0, 1.5 * seconds / arguments.kills))
            except subprocess.TimeoutExpired:
                patience = time.monotonic() + 1
                while kills % 2 and not is_writing() and time.monotonic() < patience:
                    time.sleep(0.0005)
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
                halves += is_writing()
                continue
            finish(process)
            sys.exit(f"the run was through after {kills} kills; give it more --steps")
        finish(start("--resume", parts) if (parts / "last.ckpt").exists() else start(*settings, "--out", parts))

        wrong = [name for name in ("last.ckpt", "best.safetensors", "settings.yaml")
                 if (whole / name).read_bytes() != (parts / name).read_bytes()]
        if log(whole) != log(parts):
            wrong.append("log.jsonl")
        left = [path.name for path in parts.iterdir() if ".partial-" in path.name]
        print(f"killed {kills} times, {halves} of them while a file was being written, {anew} before the first checkpoint")
        print("differs: " + ", ".join(wrong) if wrong else "weights, optimiser, best model and log equal the undisturbed run's")
        if left:
            print("left behind: " + ", ".join(left))
        sys.exit(bool(wrong or left))


if __name__ == "__main__":
    main()
