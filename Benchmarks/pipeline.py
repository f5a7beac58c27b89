#!/usr/bin/env python3
"""Whole way from a video file to people: posecam beside OpenVINO, OpenCV and a parser in Python, as most projects build it.

    swift build -c release --product posecam
    Benchmarks/pipeline.py                  # 10 s of the demo scene, 1280x720, H.264, five people; the built-in network
    Benchmarks/pipeline.py --clip C.mp4 --model M.safetensors

Both decode every frame, scale it to 256 pixels of height, run the same network (--precision is ours, OpenVINO's is f32), find
peaks and group them, on two
threads. OpenVINO runs in throughput mode, with as many requests at once as it asks for, while OpenCV decodes and Python parses.
The parser follows the reference implementation's steps (maps enlarged four times by bicubic interpolation, peaks above 0.1 and
their four neighbours, ten samples per limb, greedy one to one). Runs take turns; the ratio is the median over the rounds.
"""
import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import network

ROOT, WORK = network.ROOT, network.WORK
# First and second key point and the x channel of every limb's field, in the order of grouping.
LIMBS = [
    (1, 2, 12), (1, 5, 20), (2, 3, 14), (3, 4, 16), (5, 6, 22), (6, 7, 24), (1, 8, 0), (8, 9, 2), (9, 10, 4), (1, 11, 6),
    (11, 12, 8), (12, 13, 10), (1, 0, 28), (0, 14, 30), (14, 16, 34), (0, 15, 32), (15, 17, 36), (2, 16, 18), (5, 17, 26),
]


def find_peaks(heatmap):
    import numpy

    heatmap = numpy.where(heatmap < 0.1, 0, heatmap)
    padded = numpy.pad(heatmap, 1)
    center = padded[1:-1, 1:-1]
    is_peak = (
        (center > padded[1:-1, :-2]) & (center > padded[1:-1, 2:]) & (center > padded[:-2, 1:-1]) & (center > padded[2:, 1:-1]))
    points = sorted(zip(*numpy.nonzero(is_peak)[::-1]))
    kept, suppressed = [], [False] * len(points)
    for i, (x, y) in enumerate(points):
        if suppressed[i]:
            continue
        for j in range(i + 1, len(points)):
            if (x - points[j][0]) ** 2 + (y - points[j][1]) ** 2 < 36:
                suppressed[j] = True
        kept.append((x, y, float(heatmap[y, x])))
    return kept


def people_of(heatmaps, fields):
    """Number of people in maps (19,h,w) and fields (38,h,w)."""
    import cv2
    import numpy

    heatmaps = cv2.resize(heatmaps.transpose(1, 2, 0), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    fields = cv2.resize(fields.transpose(1, 2, 0), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    points, by_joint = [], []
    for joint in range(18):
        found = find_peaks(heatmaps[:, :, joint])
        by_joint.append([(len(points) + i, *point) for i, point in enumerate(found)])
        points += found
    poses = []  # key point of every joint, score, count
    steps = numpy.linspace(0, 1, 10)
    for part, (a, b, channel) in enumerate(LIMBS):
        candidates = []
        for i, ax, ay, a_score in by_joint[a]:
            for j, bx, by, b_score in by_joint[b]:
                length = ((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5 + 1e-6
                xs = numpy.rint(ax + (bx - ax) * steps).astype(int)
                ys = numpy.rint(ay + (by - ay) * steps).astype(int)
                dots = (fields[ys, xs, channel] * (bx - ax) + fields[ys, xs, channel + 1] * (by - ay)) / length
                valid = dots > 0.05
                if valid.sum() > 8:
                    candidates.append((float(dots[valid].sum() / (valid.sum() + 1e-6)), i, j, a_score, b_score))
        used_a, used_b = set(), set()
        for affinity, i, j, a_score, b_score in sorted(candidates, reverse=True):
            if i in used_a or j in used_b:
                continue
            used_a.add(i)
            used_b.add(j)
            owners = [pose for pose in poses if pose[0].get(a) == i]
            if part >= 17:
                for pose in poses:
                    if pose[0].get(a) == i and b not in pose[0]:
                        pose[0][b] = j
                    elif pose[0].get(b) == j and a not in pose[0]:
                        pose[0][a] = i
                continue
            for pose in owners:
                pose[0][b] = j
                pose[1] += b_score + affinity
                pose[2] += 1
            if not owners:
                poses.append([{a: i, b: j}, a_score + b_score + affinity, 2])
    return sum(1 for pose in poses if pose[2] >= 3 and pose[1] / pose[2] >= 0.2)


def python_run(compiled, clip, size):
    """Frames per second and people per frame."""
    import cv2
    import numpy
    import openvino

    height, width = size
    queue = openvino.AsyncInferQueue(compiled, compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
    counts = []

    def finish(request, _):
        counts.append(people_of(request.get_tensor("stage1_heatmaps").data[0], request.get_tensor("stage1_pafs").data[0]))

    queue.set_callback(finish)
    start = time.monotonic()
    video = cv2.VideoCapture(clip)
    frames = 0
    while True:
        isThere, frame = video.read()
        if not isThere:
            break
        picture = (cv2.resize(frame, (width, height)).astype("float32") - 128) / 256
        queue.start_async({"input": numpy.ascontiguousarray(picture.transpose(2, 0, 1)[None])})
        frames += 1
    queue.wait_all()
    return frames / (time.monotonic() - start), sum(counts) / max(1, len(counts))


def our_run(options, clip, model):
    command = [str(options.posecam), "--video", clip, "--threads", str(options.threads), "--precision", options.precision]
    command += ["--model", str(model), "--smooth", "off", "--json", "-"]
    start = time.monotonic()
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[1:]
    seconds = time.monotonic() - start
    return len(lines) / seconds, sum(line.count('"id"') for line in lines) / len(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip")
    parser.add_argument("--model", type=Path, default=ROOT / "Sources" / "CModel" / "student.safetensors")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=["f32", "bf16", "int8", "auto"], default="f32", help="of posecam")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--posecam", type=Path, default=ROOT / ".build" / "release" / "posecam")
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    network.enter_environment()
    import cv2
    import openvino

    clip = options.clip or str(WORK / "five.mp4")
    if not options.clip:
        scene = "demo:people=5,size=1280x720,seconds=10"
        command = [str(options.posecam), "scene", scene, "-o", clip, "--truth", str(WORK / "five.jsonl")]
        subprocess.run(command, check=True, capture_output=True)
    video = cv2.VideoCapture(clip)
    shape = video.get(cv2.CAP_PROP_FRAME_HEIGHT), video.get(cv2.CAP_PROP_FRAME_WIDTH)
    size = 256, round(256 * shape[1] / shape[0] / 8) * 8
    model = network.Network(network.read_safetensors(options.model)).build(*size)
    core = openvino.Core()
    compiled = core.compile_model(
        core.read_model(model.SerializeToString(), b""), "CPU",
        {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_NUM_THREADS": options.threads, "INFERENCE_PRECISION_HINT": "f32"})
    cv2.setNumThreads(1)

    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, OpenVINO {openvino.__version__}, OpenCV {cv2.__version__}")
    print(f"{Path(clip).name}, {int(shape[1])}x{int(shape[0])}, network {size[0]}x{size[1]}, {options.threads} threads")
    ours, theirs = [], []
    for _ in range(options.rounds):
        ours.append(our_run(options, clip, options.model))
        theirs.append(python_run(compiled, clip, size))
    ratios = [mine[0] / other[0] for mine, other in zip(ours, theirs)]
    for name, runs in (("posecam", ours), ("OpenVINO, OpenCV, Python", theirs)):
        rates = [rate for rate, _ in runs]
        print(f"{name:26s}{statistics.median(rates):7.1f} fps ({min(rates):.1f} to {max(rates):.1f}), {runs[0][1]:.1f} people")
    print(f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
