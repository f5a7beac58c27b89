#!/usr/bin/env python3
"""Compares `posecam track-eval` with TrackEval and motmetrics on random videos: every number must agree to four digits.

    swift build -c release --product posecam
    Benchmarks/track_metrics.py

The first run installs the other programs in .build/benchmarks. OKS and box overlap are computed here, from the files.
"""
import argparse
import json
import math
import random
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".build" / "benchmarks" / "tracking"
SIGMAS = [.026, .079, .079, .072, .062, .079, .072, .062, .107, .087, .089, .107, .087, .089, .025, .025, .035, .035]
NAMES = ["nose", "neck"] + [f"{side}_{part}" for side in ("right", "left") for part in ("shoulder", "elbow", "wrist")] + \
        [f"{side}_{part}" for side in ("right", "left") for part in ("hip", "knee", "ankle")] + \
        ["right_eye", "left_eye", "right_ear", "left_ear"]
POSETRACK = ["nose", "head_bottom", "head_top", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
             "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
             "right_ankle"]


def box(points):
    found = [p for p in points if p]
    xs, ys = [p[0] for p in found], [p[1] for p in found]
    return [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]


def video(rng):
    """People who wander about as (truth, results): frames of (identity, 18 points of (x, y, score) or None)."""
    people, frames = rng.randint(1, 8), rng.randint(5, 120)
    noise, misses, swaps = rng.choice([1, 4, 12]), rng.choice([0, .1, .4]), rng.choice([0, .02, .2])
    shapes = [[(rng.gauss(0, 20), rng.gauss(0, 40)) for _ in SIGMAS] for _ in range(people)]
    where = [[rng.uniform(0, 500), rng.uniform(0, 300)] for _ in range(people)]
    lasting = [sorted(rng.sample(range(frames + 1), 2)) for _ in range(people)]
    names = list(range(people))
    truth, results = [], []
    for frame in range(frames):
        seen, found = [], []
        if rng.random() < swaps:
            a, b = rng.randrange(people), rng.randrange(people)
            names[a], names[b] = names[b], rng.choice([names[a], max(names) + 1])
        for person in range(people):
            where[person] = [value + rng.gauss(2, 6) for value in where[person]]
            if not lasting[person][0] <= frame < lasting[person][1]:
                continue
            points = [(round(where[person][0] + x, 2), round(where[person][1] + y, 2), rng.choice([0, 1, 1, 1]))
                      for x, y in shapes[person]]
            seen.append((person, points))
            if rng.random() >= misses:
                found.append((100 + names[person], [
                    None if rng.random() < .1 else
                    (round(x + rng.gauss(0, noise), 2), round(y + rng.gauss(0, noise), 2), .9) for x, y, _ in points]))
        if rng.random() < misses:
            found.append((rng.randint(900, 920), [(rng.uniform(0, 500), rng.uniform(0, 300), .3) for _ in SIGMAS]))
        truth.append(seen)
        results.append([p for p in found if any(p[1])])
    return truth, results


def write_lines(path, frames):
    header = {"schema": "posecam/1", "source": "random", "width": 640, "height": 480, "model": "", "keypoints": NAMES,
              "limbs": []}
    with open(path, "w") as file:
        file.write(json.dumps(header) + "\n")
        for index, people in enumerate(frames):
            file.write(json.dumps({"frame": index, "time": index / 30, "people": [
                {"id": name, "score": .5, "box": box(points), "keypoints": points} for name, points in people]}) + "\n")


def write_posetrack(path, frames):
    """Also what JSON lines hold, less the two eyes that PoseTrack lacks."""
    images = [{"id": 1000 + index, "frame_id": index, "vid_id": "7", "is_labeled": True, "width": 640, "height": 480}
              for index in range(len(frames))]
    annotations = []
    for index, people in enumerate(frames):
        for name, points in people:
            values = []
            for joint in POSETRACK:
                joint = "neck" if joint == "head_bottom" else joint
                point = points[NAMES.index(joint)] if joint in NAMES else None
                values += point or (0, 0, 0)
            annotations.append({"id": len(annotations), "image_id": 1000 + index, "track_id": name, "keypoints": values,
                                "bbox": box(points), "category_id": 1})
    with open(path, "w") as file:
        json.dump({"images": images, "annotations": annotations,
                   "categories": [{"id": 1, "name": "person", "keypoints": POSETRACK}]}, file)


def oks(truth, result):
    _, _, width, height = box(truth)
    area, total, count = max(1, width * height), 0, 0
    for a, b, sigma in zip(truth, result, SIGMAS):
        if not a or a[2] <= 0:
            continue
        count += 1
        if b and b[2] > 0:
            total += math.exp(-((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) / (2 * area * (2 * sigma) ** 2))
    return total / count


def iou(truth, result):
    (x, y, w, h), (u, v, r, s) = box(truth), box(result)
    width, height = min(x + w, u + r) - max(x, u), min(y + h, v + s) - max(y, v)
    shared = max(0, width) * max(0, height)
    return shared / (w * h + r * s - shared)


def others(truth, results, similarity):
    import motmetrics
    import numpy
    from trackeval.metrics import CLEAR, HOTA, Identity
    ids = [sorted({name for people in frames for name, _ in people}) for frames in (truth, results)]
    data = {"gt_ids": [], "tracker_ids": [], "similarity_scores": [], "num_timesteps": len(truth)}
    accumulator = motmetrics.MOTAccumulator(auto_id=True)
    for seen, found in zip(truth, results):
        table = numpy.array([[similarity(a, b) for _, b in found] for _, a in seen]).reshape(len(seen), len(found))
        data["gt_ids"].append(numpy.array([ids[0].index(name) for name, _ in seen], dtype=int))
        data["tracker_ids"].append(numpy.array([ids[1].index(name) for name, _ in found], dtype=int))
        data["similarity_scores"].append(table)
        accumulator.update([n for n, _ in seen], [n for n, _ in found], numpy.where(table >= .5, 1 - table, numpy.nan))
    data.update(num_gt_ids=len(ids[0]), num_tracker_ids=len(ids[1]), num_gt_dets=sum(map(len, truth)),
                num_tracker_dets=sum(map(len, results)))
    hota = HOTA().eval_sequence(data)
    clear = CLEAR({"THRESHOLD": .5, "PRINT_CONFIG": False}).eval_sequence(data)
    identity = Identity({"THRESHOLD": .5, "PRINT_CONFIG": False}).eval_sequence(data)
    numbers = {name: float(numpy.mean(hota[name])) for name in ("HOTA", "DetA", "AssA", "LocA")}
    numbers |= {"MOTA": clear["MOTA"], "MOTP": clear["MOTP"], "switches": clear["IDSW"], "fragmentations": clear["Frag"],
                "found": clear["CLR_TP"], "missed": clear["CLR_FN"], "false_alarms": clear["CLR_FP"],
                "mostly_tracked": clear["MT"], "mostly_lost": clear["ML"], "IDF1": identity["IDF1"],
                "IDP": identity["IDP"], "IDR": identity["IDR"]}
    second = motmetrics.metrics.create().compute(
        accumulator, metrics=["idf1", "idp", "idr"], name="_").iloc[0]
    return numbers, {"IDF1": second["idf1"], "IDP": second["idp"], "IDR": second["idr"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posecam", default=str(ROOT / ".build/release/posecam"))
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    try:
        import motmetrics, trackeval  # noqa: F401
    except ImportError:
        python = VENV / "bin" / "python"
        if Path(sys.prefix) == VENV:
            raise
        if not python.exists():
            venv.create(VENV, with_pip=True)
            subprocess.run([python, "-m", "pip", "install", "-q", "trackeval", "motmetrics"], check=True)
        sys.exit(subprocess.run([python, *sys.argv]).returncode)

    rng, worst, compared = random.Random(arguments.seed), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for case in range(arguments.cases):
            truth, results = video(rng)
            kind, similarity = [("oks", oks), ("iou", iou)][case % 2]
            if case % 4 == 2:  # OKS over PoseTrack's files: the eyes are unknown
                blind = lambda frames: [[(n, [None if j in (14, 15) else p for j, p in enumerate(points)])
                                         for n, points in people] for people in frames]
                truth, results = blind(truth), [[p for p in people if any(p[1])] for people in blind(results)]
            write = write_posetrack if case % 4 == 2 else write_lines
            write(f"{folder}/truth", truth)
            write(f"{folder}/results", results)
            # Who has no visible point is not compared.
            kept = [[p for p in people if any(q and q[2] > 0 for q in p[1])] for people in truth]
            if kept != truth or not any(truth) or not any(results):
                continue
            output = subprocess.run(
                [arguments.posecam, "track-eval", "--json", "--similarity", kind, "--truth", f"{folder}/truth", "--results",
                 f"{folder}/results"], check=True, capture_output=True, text=True).stdout
            ours = json.loads(output)
            for theirs in others(truth, results, similarity):
                for name, value in theirs.items():
                    value = 0 if math.isnan(value) else float(value)
                    compared += 1
                    worst = max(worst, abs(ours[name] - value))
                    if abs(ours[name] - value) > 5e-5:
                        print(f"case {case} ({kind}): {name} is {ours[name]} here and {value} there")
                        sys.exit(1)
    print(f"{compared} numbers of {arguments.cases} videos agree; the largest difference is {worst:.1e}")


if __name__ == "__main__":
    main()
