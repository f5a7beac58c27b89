#!/usr/bin/env python3
"""Identities and smoothing against the truth of the demo scene.

    swift build -c release --product posecam
    Benchmarks/tracking.py             # identities: ten people who cross, their true key points with misses and noise
    Benchmarks/tracking.py --network   # the same, and trembling and lag, with what the network finds in the pictures

The first exits with status 1 unless IDF1 is at least 0.95 and identities switch at most a fifth as often as the reference's.
"""
import argparse
import json
import math
import random
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def read(path):
    header, *frames = [json.loads(line) for line in open(path)]
    return header, frames


def box(points):
    xs, ys = [p[0] for p in points if p], [p[1] for p in points if p]
    return [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]


def spoil(truth, path, seed, misses, noise):
    """What a network might find: visible key points only, a share of people and points missed, the rest off by Gaussian noise
    of `noise` times the person's size, in any order."""
    rng = random.Random(seed)
    header, frames = read(truth)
    with open(path, "w") as file:
        file.write(json.dumps(header | {"model": "truth, spoilt"}) + "\n")
        for frame in frames:
            people = []
            for person in frame["people"]:
                if rng.random() < misses:
                    continue
                _, _, width, height = person["box"]
                size = noise * max(math.sqrt(width * height), height / 2)
                points = [[round(p[0] + rng.gauss(0, size), 2), round(p[1] + rng.gauss(0, size), 2),
                           round(rng.uniform(.3, .9), 4)] if p and p[2] > 0 and rng.random() >= misses else None
                          for p in person["keypoints"]]
                seen = [p for p in points if p]
                # The parser reports nobody of whom less is found.
                if len(seen) >= 3:
                    score = round(sum(p[2] for p in seen) / len(seen), 4)
                    people.append({"id": len(people), "score": score, "box": box(points), "keypoints": points})
            rng.shuffle(people)
            file.write(json.dumps(frame | {"people": people}) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posecam", default=str(ROOT / ".build/release/posecam"))
    parser.add_argument("--seeds", type=int, default=5, help="scenes")
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--misses", type=float, default=.1, help="share of people, and of the others' key points")
    parser.add_argument("--noise", type=float, default=.01, help="standard deviation, in sizes of the person")
    parser.add_argument("--network", action="store_true")
    arguments = parser.parse_args()

    def posecam(*words):
        return subprocess.run([arguments.posecam, *map(str, words)], check=True, capture_output=True, text=True).stdout

    holds = True
    with tempfile.TemporaryDirectory() as folder:
        truth, found, tracked = (f"{folder}/{name}.jsonl" for name in ("truth", "found", "tracked"))
        print("scene  tracker    switches    IDF1    HOTA    MOTA  fragmentations")
        for seed in range(1, arguments.seeds + 1):
            scene = f"demo:people={arguments.people},size=1280x720,seconds={arguments.seconds},rate=30,seed={seed}"
            posecam("scene", scene, "--truth", truth)
            if arguments.network:
                posecam("annotate", scene, "--smooth", "off", "--bridge", "0", "--json", found)
            else:
                spoil(truth, found, seed, arguments.misses, arguments.noise)
            accuracy = {}
            for name, options in (("posecam", []), ("reference", ["--compat"])):
                posecam("track", found, "-o", tracked, *options)
                accuracy[name] = json.loads(posecam(
                    "track-eval", "--truth", truth, "--results", tracked, "--min-visible", 3, "--json"))
                row = accuracy[name]
                print(f"{seed:5}  {name:9} {row['switches']:9} {row['IDF1']:7.3f} {row['HOTA']:7.3f} {row['MOTA']:7.3f}"
                      f" {row['fragmentations']:15}", flush=True)
            ours, reference = accuracy["posecam"], accuracy["reference"]
            holds &= ours["IDF1"] >= .95 and 5 * ours["switches"] <= reference["switches"]
    if not arguments.network:
        print("holds" if holds else "does not hold")
        sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
