#!/usr/bin/env python3
"""Identities and smoothing against the truth of the demo scene.

    swift build -c release --product posecam
    Benchmarks/tracking.py               # ten people who cross: their true key points with misses and noise
    Benchmarks/tracking.py --network     # the same people as the network finds them
    Benchmarks/tracking.py --smoothing   # how much key points at rest tremble, and how late swinging ones are

Exits with status 1 unless IDF1 is at least 0.95 and identities switch at most a fifth as often as the reference's (without
--network), trembling at preset high is at most a quarter, and swinging is less than a frame late.
"""
import argparse
import json
import math
import random
import statistics
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


def series(frames, truth, name, joint):
    """A key point of one person of the truth, frame by frame, of whoever's neck is nearest."""
    places = []
    for frame, true in zip(frames, truth):
        neck = next(p["keypoints"][1] for p in true["people"] if p["id"] == name)
        found = [p for p in frame["people"] if p["keypoints"][1]]
        nearest = min(found, key=lambda p: math.dist(p["keypoints"][1][:2], neck[:2]), default=None)
        places.append(nearest and nearest["keypoints"][joint])
    return places


def tremble(places):
    """Root mean square of the change from frame to frame, pixels; the first second is left out."""
    steps = [math.dist(a[:2], b[:2]) ** 2 for a, b in zip(places[30:], places[31:]) if a and b]
    return math.sqrt(statistics.mean(steps))


def lag(places, true):
    """Frames by which places run behind the truth: the shift that fits them best."""
    def error(shift):
        whole, part = math.floor(shift), shift - math.floor(shift)
        pairs = [(places[i], true[i - whole], true[i - whole - 1]) for i in range(34, len(true) - 4)]
        return statistics.mean(
            math.dist(p[:2], [a * (1 - part) + b * part for a, b in zip(q[:2], r[:2])]) ** 2 for p, q, r in pairs if p and q and r)
    return min((step / 20 for step in range(-60, 61)), key=error)


def smoothing(posecam, folder, seconds):
    """The first two people of the scene stand, wave and do exercises: found by the network, smoothed by each preset."""
    truth, found, tracked = (f"{folder}/{name}.jsonl" for name in ("truth", "found", "tracked"))
    scene = f"demo:people=2,size=1280x720,seconds={seconds},rate=30"
    posecam("scene", scene, "--truth", truth)
    posecam("annotate", scene, "--smooth", "off", "--bridge", "0", "--json", found)
    (header, true), (_, plain) = read(truth), read(found)
    resting, swinging = [], []
    for person in true[0]["people"]:
        _, _, width, height = person["box"]
        for joint in range(len(header["keypoints"])):
            way = series(true, true, person["id"], joint)
            speed = 30 * statistics.mean(math.dist(a[:2], b[:2]) for a, b in zip(way, way[1:])) / math.sqrt(width * height)
            seen = sum(1 for p in series(plain, true, person["id"], joint) if p) / len(true)
            if seen > .9 and speed < .01:
                resting.append((person["id"], joint))
            elif seen > .9 and speed > .3:
                swinging.append((person["id"], joint))
    noise = statistics.median(tremble(series(plain, true, *where)) for where in resting)
    print(f"{len(resting)} key points at rest tremble by {noise:.2f} px per frame; {len(swinging)} swing")
    print("preset         tremble, share of unsmoothed    lag, frames more than unsmoothed")
    holds = True
    for name, options in (("low", ["low"]), ("high", ["high"]), ("high two-pass", ["high", "--two-pass"])):
        posecam("track", found, "-o", tracked, "--bridge", "0", "--smooth", *options)
        smooth = read(tracked)[1]
        shares = [tremble(series(smooth, true, *where)) / tremble(series(plain, true, *where)) for where in resting]
        lags = [lag(series(smooth, true, *where), series(true, true, *where))
                - lag(series(plain, true, *where), series(true, true, *where)) for where in swinging]
        print(f"{name:13}  median {statistics.median(shares):.2f} (largest {max(shares):.2f})"
              f"{'':9}median {statistics.median(lags):.2f} (largest {max(lags):.2f})")
        holds &= max(lags) <= 1 and (name == "low" or statistics.median(shares) <= .25)
    return holds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posecam", default=str(ROOT / ".build/release/posecam"))
    parser.add_argument("--seeds", type=int, default=3, help="scenes")
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--misses", type=float, default=.1, help="share of people, and of the others' key points")
    parser.add_argument("--noise", type=float, default=.01, help="standard deviation, in sizes of the person")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--network", action="store_true")
    what.add_argument("--smoothing", action="store_true")
    arguments = parser.parse_args()

    def posecam(*words):
        return subprocess.run([arguments.posecam, *map(str, words)], check=True, capture_output=True, text=True).stdout

    holds = True
    with tempfile.TemporaryDirectory() as folder:
        if arguments.smoothing:
            sys.exit(0 if smoothing(posecam, folder, 20) else 1)
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
