#!/usr/bin/env python3
"""Whether a network learns: 16 pictures by heart, AP on the same 16.

    swift build -c release --product posecam
    Benchmarks/overfit.py                       # ../shared/data/train.json
    Benchmarks/overfit.py --data people.json --images pictures

The pictures are drawn at random from those with one person of at least 12 key points and nothing else, at least half as high as
the picture, which is no wider than high; the choice follows from --seed. A sample is the whole picture, as the evaluation sees
it (for training, the annotations give the picture as the person's box), moved, turned and scaled by a little, sometimes blurred, noisy or compressed:
without that, a network learns 16 pictures by their exact pixels, and the resizing of the evaluation is enough to confuse it.
A batch is all of them: with half of them, batch norm's statistics would tell the network which half it sees.
"""
import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


def choose(path, count, seed):
    data = json.loads(path.read_text())
    people = {}
    for annotation in data["annotations"]:
        people.setdefault(annotation["image_id"], []).append(annotation)

    def is_clear(image):
        found = people.get(image["id"], [])
        if len(found) != 1 or found[0]["iscrowd"] or found[0]["num_keypoints"] < 12:
            return False
        return found[0]["bbox"][3] >= 0.5 * image["height"] and image["width"] <= image["height"]

    images = [image for image in data["images"] if is_clear(image)]
    data["images"] = random.Random(seed).sample(images, count)
    data["annotations"] = [person for image in data["images"] for person in people[image["id"]]]
    return data


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posecam", default=str(ROOT / ".build/release/posecam"))
    parser.add_argument("--data", type=Path, default=SHARED / "data/train.json")
    parser.add_argument("--images", type=Path, default=SHARED / "data/pictures")
    parser.add_argument("--start", type=Path, default=SHARED / "models/mobilenet_v1_0.5_imagenet.safetensors",
                        help="weights of the backbone; 'none' for random ones")
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--size", type=int, default=256)
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chosen = choose(arguments.data, arguments.count, arguments.seed)
        people, framed = folder / "people.json", folder / "framed.json"
        people.write_text(json.dumps(chosen))
        sizes = {image["id"]: (image["width"], image["height"]) for image in chosen["images"]}
        boxes = [{**person, "bbox": [0, 0, *sizes[person["image_id"]]]} for person in chosen["annotations"]]
        framed.write_text(json.dumps({**chosen, "annotations": boxes}))
        print(f"{len(chosen['images'])} pictures, {len(chosen['annotations'])} people")
        start = [] if str(arguments.start) == "none" else ["--from-mobilenet", arguments.start]
        changes = [word for change in ("rotation=3", "shift=0.02", "mirror=0", "smallest=0.96", "largest=1.04", "blur=0.2", "noise=0.2",
                                       "compression=0.2", "colour=0.1", "weighted=false")
                   for word in ("--set", f"augmentation.{change}")]
        before = time.monotonic()
        subprocess.run(
            [arguments.posecam, "train", "--data", framed, "--images", arguments.images, "--out", folder / "run", *start,
             "--backbone-width", "0.5", "--channels", "64", "--head-channels", "128", "--batch", str(arguments.count), "--groups", "uniform",
             "--size", str(arguments.size), "--learning-rate", "1e-3", "--schedule", "cosine", "--warm-up", "20",
             "--weight-decay", "0", "--average", "0.99", "--steps", str(arguments.steps), "--log-every", "100",
             "--save-every", "200", *changes], check=True)
        seconds = time.monotonic() - before
        scores = subprocess.run(
            [arguments.posecam, "eval", "--model", folder / "run/best.safetensors", "--annotations", people,
             "--images", arguments.images, "--size", str(arguments.size), "--json"], check=True, capture_output=True, text=True)
        ap = json.loads(scores.stdout)["AP"]
        print(f"AP {ap:.3f} on the {arguments.count} pictures after {arguments.steps} steps in {seconds:.0f} s")
        sys.exit(ap < 0.95)


if __name__ == "__main__":
    main()
