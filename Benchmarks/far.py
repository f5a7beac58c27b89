#!/usr/bin/env python3
"""People far away: how many the network finds in the whole picture, at a larger size, and in tiles.

    Benchmarks/far.py [OPTIONS OF ANNOTATE, one argument per try]

Demo scenes with two people each are put side by side into pictures of 1920x1080: 3x3 of them (people about 275 pixels high), and
5x5 (165 pixels). A person counts as found when somebody was seen with an OKS of 0.5 or more over the key points that are visible.
Frames are independent (--smooth off); the clip is that of ffmpeg, which must be installed.
"""
import json, math, os, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
POSECAM = os.path.join(ROOT, ".build/release/posecam")
WIDTH, HEIGHT, SECONDS, RATE = 1920, 1080, 4, 10
SCENE = (640, 360)
SIGMAS = [.026, .079, .079, .072, .062, .079, .072, .062, .107, .087, .089, .107, .087, .089, .025, .025, .035, .035]
TRIES = ["", "--size 368", "--size 512", "--tiles 2x2", "--tiles 3x3"]


def frames(path):
    with open(path) as lines:
        return [line for line in map(json.loads, lines) if "frame" in line]


def make(folder, side):
    """A clip of side x side scenes, and per frame the key points of everyone in it."""
    scale = WIDTH / side / SCENE[0]
    inputs, places, scaled, truth = [], [], "", [[] for _ in range(SECONDS * RATE)]
    for index in range(side * side):
        clip, lines = f"{folder}/{index}.mp4", f"{folder}/{index}.jsonl"
        scene = f"demo:people=2,size={SCENE[0]}x{SCENE[1]},seconds={SECONDS},rate={RATE},seed={index + 1}"
        subprocess.run([POSECAM, "scene", scene, "-o", clip, "--truth", lines], check=True)
        left, top = index % side * WIDTH // side, index // side * HEIGHT // side
        for people, frame in zip(truth, frames(lines)):
            for person in frame["people"]:
                people.append([(x * scale + left, y * scale + top, v) for x, y, v in person["keypoints"]])
        inputs += ["-i", clip]
        places.append(f"{left}_{top}")
        scaled += f"[{index}]scale={WIDTH // side}:{HEIGHT // side}:flags=area[s{index}];"
    stack = "".join(f"[s{i}]" for i in range(side * side)) + f"xstack=inputs={side * side}:layout={'|'.join(places)}"
    whole = f"{folder}/whole-{side}.mp4"
    subprocess.run(["ffmpeg", "-y", "-v", "error", *inputs, "-filter_complex", scaled + stack, "-crf", "10", whole], check=True)
    return whole, truth


def similarity(truth, seen):
    xs, ys = [p[0] for p in truth], [p[1] for p in truth]
    area = (max(xs) - min(xs)) * (max(ys) - min(ys))
    visible = [joint for joint in range(18) if truth[joint][2] > 0]
    total = 0
    for joint in visible:
        if seen[joint] is not None:
            distance = (truth[joint][0] - seen[joint][0]) ** 2 + (truth[joint][1] - seen[joint][1]) ** 2
            total += math.exp(-distance / (8 * area * SIGMAS[joint] ** 2))
    return total / len(visible)


def score(truth, seen):
    """People there, found, and seen though not there."""
    there = found = false = 0
    for people, frame in zip(truth, seen):
        # Whoever is half hidden is neither asked for nor counted as false.
        wanted = [p for p in people if sum(v > 0 for *_, v in p) >= 9]
        others = [q["keypoints"] for q in frame["people"]]
        pairs = sorted(((similarity(p, q), a, b) for a, p in enumerate(people) if sum(v > 0 for *_, v in p) > 0
                        for b, q in enumerate(others)), reverse=True)
        matched, used = {}, set()
        for value, a, b in pairs:
            if value >= 0.5 and a not in matched and b not in used:
                matched[a] = value
                used.add(b)
        there += len(wanted)
        found += sum(p in wanted for p in (people[a] for a in matched))
        false += len(others) - len(used)
    return there, found, false


def main():
    print("people    options          found     false   seconds per frame")
    with tempfile.TemporaryDirectory() as folder:
        for side in (3, 5):
            clip, truth = make(folder, side)
            for options in sys.argv[1:] or TRIES:
                out, start = f"{folder}/out.jsonl", time.time()
                subprocess.run([POSECAM, "annotate", clip, "--smooth", "off", "--json", out, *options.split()],
                               check=True, stderr=subprocess.DEVNULL)
                seconds = (time.time() - start) / (SECONDS * RATE)
                there, found, false = score(truth, frames(out))
                print(f"{HEIGHT // side * 275 // 360:4} px   {options or 'as it is':14} {100 * found / there:6.1f} % "
                      f"{100 * false / max(1, found + false):6.1f} %  {seconds:7.3f}")


main()
