#!/usr/bin/env python3
"""Reads every output of posecam with another program and compares it with what was found.

    swift build -c release --product posecam
    Benchmarks/formats.py                       # samples/room.mp4; --video for another source

One run of `annotate` writes all formats and serves JSON lines to a reader. The JSON lines are what is compared with: pandas reads the
table, pycocotools the COCO results, pose-format the OpenPose folder, jsonschema checks everything against docs/.
The first run installs those in .build/benchmarks/formats.
"""
import argparse
import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".build" / "benchmarks" / "formats"
PACKAGES = ["jsonschema", "pandas", "pycocotools", "pose-format"]
COCO = [0, -1, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3]  # COCO's index of each of our key points


def enter_environment():
    """Runs this script again inside a virtual environment that has the other programs."""
    if Path(sys.prefix) == HOME:
        return
    if not (HOME / "complete").exists():
        print("installing", *PACKAGES, file=sys.stderr)
        venv.create(HOME, with_pip=True, clear=True)
        subprocess.run([HOME / "bin" / "python", "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        (HOME / "complete").touch()
    os.execv(HOME / "bin" / "python", [str(HOME / "bin" / "python"), *sys.argv])


def check(what, holds):
    print(f"{'ok  ' if holds else 'FAIL'} {what}")
    if not holds:
        sys.exit(1)


def subscribe(path, lines):
    """Collects what is served until the end."""
    while True:
        with contextlib.suppress(OSError):
            link = socket.socket(socket.AF_UNIX)
            link.connect(str(path))
            break
        time.sleep(0.005)
    with link, link.makefile() as stream:
        lines.extend(stream)


def write_everything(options, folder, *more):
    served = []
    reader = threading.Thread(target=subscribe, args=(folder / "socket", served), daemon=True)
    reader.start()
    command = [options.posecam, "annotate", options.video, "--serve", f"unix:{folder}/socket", *more]
    for name in ("people.jsonl", "people.csv", "people.json", "openpose/"):
        if name != "people.json" or "--coordinates" not in more:
            command += ["-o", f"{folder}/{name}"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    reader.join(10)
    return served, done.stderr


def schema(name):
    import jsonschema

    text = json.loads((ROOT / "docs" / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(text)
    return jsonschema.Draft202012Validator(text)


def check_lines(folder, served, told):
    text = (folder / "people.jsonl").read_text().splitlines()
    lines = [json.loads(line) for line in text]
    validator = schema("posecam-1")
    check(f"jsonschema: {len(lines)} JSON lines", all(validator.is_valid(line) for line in lines))
    check("jsonschema refuses a line with one number less",
          not validator.is_valid({**lines[0], "limbs": [[1]]}) and not validator.is_valid({**lines[1], "frame": -1}))
    # The reader came when it could: it has the header, and then each line as it is in the file, or it was counted as lost.
    received = [line.rstrip("\n") for line in served]
    missed = len(text) - len(received)
    lost = int(told.split(" frames dropped")[0].split()[-1])
    check(f"socket: {len(received)} lines as in the file, {missed} before it came or counted as dropped ({lost})",
          received[0] == text[0] and set(received) <= set(text) and received == sorted(received, key=text.index)
          and 0 <= lost <= missed)
    return lines[0], lines[1:]


def check_table(folder, header, frames):
    import pandas

    table = pandas.read_csv(folder / "people.csv")
    rows = [
        (frame["frame"], frame["time"], person["id"], person["score"], name, *point)
        for frame in frames for person in frame["people"]
        for name, point in zip(header["keypoints"], person["keypoints"]) if point
    ]
    expected = pandas.DataFrame(rows, columns=table.columns)
    check(f"pandas: {len(table)} rows of the table, all equal", len(rows) > 0 and table.equals(expected.astype(table.dtypes)))
    validator = schema("csv-1")
    check("jsonschema: rows of the table", all(validator.is_valid(row) for row in table.head(500).to_dict("records")))


def check_coco(folder, frames):
    from pycocotools.coco import COCO as Annotations
    from pycocotools.cocoeval import COCOeval

    results = json.loads((folder / "people.json").read_text())
    check(f"jsonschema: {len(results)} COCO results", schema("coco-results-1").is_valid(results))
    expected = []
    for frame in frames:
        for person in frame["people"]:
            points = [0.0] * 51
            for joint, coco in enumerate(COCO):
                if coco >= 0 and (point := person["keypoints"][joint]):
                    points[3 * coco : 3 * coco + 3] = [point[0] + 0.5, point[1] + 0.5, 1]
            expected.append((frame["frame"], person["id"], points))
    # The people themselves as the truth: the evaluation must find every one of them.
    truth = Annotations()
    truth.dataset = {
        "images": [{"id": frame["frame"]} for frame in frames],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [
            {"id": number + 1, "image_id": image, "category_id": 1, "iscrowd": 0, "area": 1e4, "bbox": [0, 0, 100, 100],
             "keypoints": [2 * (i % 3 == 2 and v > 0) or v for i, v in enumerate(points)],
             "num_keypoints": sum(v > 0 for v in points[2::3])}
            for number, (image, _, points) in enumerate(expected)],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        read = truth.loadRes(str(folder / "people.json"))
        evaluation = COCOeval(truth, read, "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    loaded = [read.anns[number] for number in sorted(read.anns)]
    error = max(abs(a - b) for entry, (_, _, points) in zip(loaded, expected) for a, b in zip(entry["keypoints"], points))
    check(f"pycocotools: {len(loaded)} results, largest difference {error:.3f} px",
          [(entry["image_id"], entry["track_id"]) for entry in loaded] == [entry[:2] for entry in expected] and error <= 0.011)
    check(f"pycocotools: AP of the people against themselves {evaluation.stats[0]:.3f}", evaluation.stats[0] > 0.999)


def check_openpose(folder, options, header, frames, count):
    """pose-format knows OpenPose's default model; what it reads must be our people, the middle of the hips between them."""
    import numpy
    from pose_format.utils.openpose import load_openpose_directory

    paths = sorted((folder / "openpose").iterdir())
    stem = Path(options.video).stem if not str(options.video).startswith("demo") else str(options.video)
    check("OpenPose: a file per frame under its name",
          [path.name for path in paths] == [f"{stem}_{frame['frame']:012}_keypoints.json" for frame in frames])
    validator = schema("openpose-1")
    contents = [json.loads(path.read_text()) for path in paths]
    check(f"jsonschema: {len(paths)} OpenPose files", all(validator.is_valid(content) for content in contents))
    if count == 25:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            pose = load_openpose_directory(str(folder / "openpose"), fps=30, width=header["width"], height=header["height"])
        names = [f"{component.name}/{point}" for component in pose.header.components for point in component.points]
        index = [names.index(f"pose_keypoints_2d/{name}") for name in BODY_25]
        values = numpy.concatenate([pose.body.data.filled(0), pose.body.confidence[..., None]], 3)[:, :, index]
        read = [values[number, : len(frame["people"])] for number, frame in enumerate(frames)]
    else:
        read = [[numpy.array(person["pose_keypoints_2d"]).reshape(18, 3) for person in content["people"]] for content in contents]
    ours = [numpy.array(keypoints(person, count)) for frame in frames for person in frame["people"]]
    theirs = [person for people in read for person in people]
    identities = [person["person_id"][0] for content in contents for person in content["people"]]
    check(f"OpenPose: {len(theirs)} people with their identities",
          identities == [person["id"] for frame in frames for person in frame["people"]] and len(ours) == len(theirs))
    ours, theirs = numpy.array(ours), numpy.array(theirs)
    is_normalized = "coordinates" in header
    # OpenPose's numbers have six digits: beyond the picture's edge one place less.
    places = numpy.where((numpy.abs(ours) >= 1) & is_normalized, 10, 1)
    error = (numpy.abs(ours - theirs) / places).max(axis=(0, 1))
    # JSON lines are rounded to 0.01 pixels, or 1e-6 of the picture.
    most = 1.1e-6 if is_normalized else 5.1e-3
    check(f"{'pose-format' if count == 25 else 'numpy'}: {count} OpenPose key points each, largest difference {error.max():.6f}",
          max(error[:2]) <= most and error[2] <= 5.1e-5)


def keypoints(person, count):
    """The key points of a person of the JSON lines as OpenPose orders them."""
    found = person["keypoints"]
    ours = [point or [0, 0, 0] for point in found]
    if count == 18:
        return ours
    right, left = found[8], found[11]
    middle = [(right[0] + left[0]) / 2, (right[1] + left[1]) / 2, min(right[2], left[2])] if right and left else [0, 0, 0]
    return ours[:8] + [middle] + ours[8:] + [[0, 0, 0]] * 6


BODY_25 = """Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist MidHip RHip RKnee RAnkle LHip LKnee LAnkle REye LEye REar LEar
LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel""".split()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", default=ROOT / "samples" / "room.mp4")
    parser.add_argument("--posecam", type=Path, default=ROOT / ".build" / "release" / "posecam")
    options = parser.parse_args()
    if not options.posecam.exists():
        sys.exit(f"{options.posecam} is missing: swift build -c release --product posecam")
    enter_environment()
    for count, more in ((18, []), (25, ["--openpose-order", "body25"]), (18, ["--coordinates", "normalized"])):
        print(f"-- annotate {' '.join(more)}")
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            served, told = write_everything(options, folder, *more)
            header, frames = check_lines(folder, served, told)
            check_table(folder, header, frames)
            if not more or "body25" in more:
                check_coco(folder, frames)
            check_openpose(folder, options, header, frames, count)


if __name__ == "__main__":
    main()
