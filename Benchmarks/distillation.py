#!/usr/bin/env python3
"""What a teacher is worth: the same small student with and without one, AP on development sets, over several seeds.

    swift build -c release --product posecam
    Benchmarks/distillation.py                       # 3 seeds, the built-in network is the teacher
    Benchmarks/distillation.py --teacher T.safetensors --seeds 5 --steps 2000

Both students begin with the same weights, an early network of the same kind, and have the same settings, samples and number
of steps; a seed decides about the samples. From random weights it takes hours until the AP says anything. Runs stay in --out: called again, the script goes on where it stopped.
"""
import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
AUGMENTATION = ("smallest=0.3", "largest=1.2", "logarithmic_scale=true", "rotation=30", "mosaic=0.4", "mosaic_side=2",
                "negatives=0.05", "backdrop=0.5", "shift=0.15", "colour=0.2")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posecam", type=Path, default=ROOT / ".build/release/posecam")
    parser.add_argument("--teacher", type=Path, default=ROOT / "Sources/CModel/student.safetensors")
    parser.add_argument("--start", type=Path, default=SHARED / "models/bootstrap.safetensors", help="the students' first weights")
    parser.add_argument("--data", type=Path, default=SHARED / "data/train.json")
    parser.add_argument("--images", type=Path, default=SHARED / "data/pictures")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--alpha", type=float, default=0.5, help="the teacher's share")
    parser.add_argument("--out", type=Path, default=ROOT / ".build/benchmarks/distillation")
    return parser.parse_args()


def train(options, seed, has_teacher):
    """Weights of a finished run."""
    run = options.out / f"{'taught' if has_teacher else 'alone'}-{seed}"
    command = [options.posecam, "distill" if has_teacher else "train"]
    if (run / "last.ckpt").exists():
        command += ["--resume", run]
    else:
        command += [
            "--data", options.data, "--images", options.images, "--out", run, "--weights-only", options.start, "--seed", seed,
            "--backbone-width", 0.5, "--channels", 64, "--head-channels", 256, "--batch", 16, "--groups", "uniform",
            "--optimiser", "adamw", "--learning-rate", 4e-4, "--schedule", "cosine", "--warm-up", 50, "--weight-decay", 1e-3,
            "--average", 0.99, "--steps", options.steps, "--size", options.size, "--save-every", 100,
            "--validate-every", 1_000_000]
        command += [word for change in AUGMENTATION for word in ("--set", f"augmentation.{change}")]
        command += ["--teacher", options.teacher, "--alpha", options.alpha] if has_teacher else []
    subprocess.run([*map(str, command), "--plain"], check=True, stdout=sys.stderr)
    return run / "best.safetensors"


def average_precision(options, model, annotations, images, size):
    command = [options.posecam, "eval", "--model", model, "--annotations", annotations, "--images", images, "--size", size, "--json"]
    return json.loads(subprocess.run([*map(str, command)], check=True, capture_output=True, text=True).stdout)["AP"]


def main():
    options = parse()
    options.out.mkdir(parents=True, exist_ok=True)
    sets = {
        "coco-dev": (SHARED / "coco-dev/annotations.json", SHARED / "coco-dev/images", 256),
        "studio-dev": (SHARED / "data/studio-dev.json", SHARED / "data/pictures", 256),
        "lspet-dev": (SHARED / "data/lspet-dev.json", SHARED / "data/pictures", 224),
    }
    differences = {name: [] for name in sets}
    for seed in range(1, options.seeds + 1):
        models = [train(options, seed, has_teacher) for has_teacher in (False, True)]
        for name, place in sets.items():
            alone, taught = (average_precision(options, model, *place) for model in models)
            differences[name].append(taught - alone)
            print(f"seed {seed}  {name:12s} alone {alone:.4f}  with a teacher {taught:.4f}  {taught - alone:+.4f}", flush=True)
    for name, values in differences.items():
        spread = statistics.stdev(values) if len(values) > 1 else 0
        print(f"{name:12s} difference {statistics.mean(values):+.4f}, standard deviation {spread:.4f}")


if __name__ == "__main__":
    main()
