#!/usr/bin/env python3
"""How much of the network's own rate `annotate` reaches while it also decodes, scales, parses, draws and encodes.

    swift build -c release --product posecam
    Benchmarks/overlap.py CLIP                  # the built-in student, and a full-size network that answers as it does
    Benchmarks/overlap.py CLIP --model M        # a model file

`bench` (the network alone) and `annotate` take turns; the ratio is the median over the rounds, with the lowest and highest.
The full-size network is the student set into the first channels of Lightweight OpenPose with all its 128 and 512 channels,
zero elsewhere: it computes what the student computes, at the full price, so that what is found, drawn and encoded is real.
"""
import argparse
import json
import re
import statistics
import struct
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STUDENT = ROOT / "Sources" / "CModel" / "student.safetensors"
FEATURES = 128  # channels of the full network's stages


def read(path):
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    # What a calibration found holds for the student's own shape only.
    metadata = {key: text for key, text in header.pop("__metadata__", {}).items() if not key.startswith("int8")}
    tensors = {}
    for name, entry in header.items():
        if name.startswith("quantization."):
            continue
        first, end = (8 + length + offset for offset in entry["data_offsets"])
        kind = {"F32": "f", "F16": "e"}[entry["dtype"]]
        tensors[name] = (entry["shape"], list(struct.unpack(f"<{(end - first) // struct.calcsize(kind)}{kind}", data[first:end])))
    return metadata, tensors


def write(path, metadata, tensors):
    header, offset = {"__metadata__": metadata}, 0
    for name, (shape, values) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + 4 * len(values)]}
        offset += 4 * len(values)
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, values in tensors.values():
            file.write(struct.pack(f"<{len(values)}f", *values))


def full_size(source, target):
    metadata, tensors = read(source)
    narrow = tensors["cpm.align.0.weight"][0][0]
    backbone = FEATURES * 4 // tensors["model.11.3.weight"][0][0]  # 512 / the student's
    head = tensors["initial_stage.heatmaps.0.0.weight"][0][0]

    def width(name, size, is_input):
        """Channels of the full network where the student has `size`."""
        if name.startswith("model."):
            return 3 if is_input and name == "model.0.0" else size * backbone
        if is_input and name == "cpm.align.0":
            return size * backbone
        if is_input and size == narrow + 57:
            return FEATURES + 57
        if size in (19, 38) and not is_input:
            return size
        return {narrow: FEATURES, head: 512}[size]

    for name, (shape, values) in list(tensors.items()):
        layer, kind = name.rsplit(".", 1)
        if kind == "num_batches_tracked":
            del tensors[name]
            continue
        outputs = width(layer, shape[0], False)
        if len(shape) == 1:
            neutral = 1.0 if kind == "running_var" else 0.0
            tensors[name] = ([outputs], values + [neutral] * (outputs - shape[0]))
            continue
        inputs = 1 if shape[1] == 1 else width(layer, shape[1], True)
        cells = shape[2] * shape[3]
        wide = [0.0] * (outputs * inputs * cells)
        for row in range(shape[0]):
            for column in range(shape[1]):
                # Behind the features of a refinement stage come the 57 maps.
                place = column + inputs - shape[1] if inputs == FEATURES + 57 and column >= narrow else column
                start = (row * inputs + place) * cells
                source_start = (row * shape[1] + column) * cells
                wide[start : start + cells] = values[source_start : source_start + cells]
        tensors[name] = ([outputs, inputs, *shape[2:]], wide)
    for key in ("backbone_width", "channels", "head_channels"):
        metadata.pop(key, None)
    write(target, metadata, tensors)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip")
    parser.add_argument("--model", type=Path, action="append", help="model file; may be given again")
    parser.add_argument("--posecam", default=str(ROOT / ".build/release/posecam"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()

    size = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height", "-of", "csv=p=0",
         arguments.clip], check=True, capture_output=True, text=True).stdout
    width, height = map(int, re.findall(r"\d+", size)[:2])
    # What annotate makes of a clip by default: 256 pixels of height, the width a multiple of 8.
    whole = f"256x{round(width * 256 / height / 8) * 8}"
    with tempfile.TemporaryDirectory() as folder:
        models = arguments.model
        if not models:
            models = [None, Path(folder) / "full-size.safetensors"]
            full_size(STUDENT, models[1])
        for model in models:
            options = ["--threads", str(arguments.threads)] + (["--model", str(model)] if model else [])
            alone, together, ratios = [], [], []
            for _ in range(arguments.rounds):
                bench = subprocess.run(
                    [arguments.posecam, "bench", "--json", "--size", whole, *options],
                    check=True, capture_output=True, text=True)
                report = json.loads(bench.stdout)
                alone.append(1000 / report["stages"]["network"]["median_ms"])
                start = time.monotonic()
                subprocess.run(
                    [arguments.posecam, "annotate", arguments.clip, "-o", f"{folder}/out.mp4", "--json", f"{folder}/people.jsonl",
                     *options], check=True, capture_output=True)
                seconds = time.monotonic() - start
                records = [json.loads(line) for line in Path(f"{folder}/people.jsonl").read_text().splitlines()[1:]]
                together.append(len(records) / seconds)
                ratios.append(together[-1] / alone[-1])
            people = sum(len(record["people"]) for record in records) / len(records)
            print(f"{model.name if model else 'built in'}: {report['multiply_adds'] / 1e9:.3f} G multiply-adds at {whole}, "
                  f"{arguments.threads} threads, {people:.1f} people: network alone {statistics.median(alone):.1f} fps, "
                  f"annotate {statistics.median(together):.1f} fps, "
                  f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
