#!/usr/bin/env python3
"""Times training steps of Lightweight OpenPose in posecam and in PyTorch (CPU): same network, same batches, in alternating bursts.

    swift build -c release --product posecam
    Benchmarks/training.py                    # the full network, batch 16, 256x256, 2 threads, f32
    Benchmarks/training.py --precision bf16   # products of bfloat16, in PyTorch by torch.autocast
    Benchmarks/training.py --rounds 5 --steps 4

The first run makes a virtual environment in .build/benchmarks/training and installs PyTorch there. The engines take turns
within every round, so that other work on the machine hits all of them; a step is forward, loss, backward and Adam, without
data loading. PyTorch runs as it comes (contiguous) and in channels_last, each in a process of its own that stays alive. glibc's
malloc gives large tensors back to the system after every step, which costs PyTorch most of its time on some machines, so its
processes are told to keep their memory; --plain-malloc leaves that out. A ratio is the median over the rounds of (ours / the faster
of PyTorch's two), with the lowest and highest round beside it.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".build" / "benchmarks" / "training"
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(8 << 30), "MALLOC_TRIM_THRESHOLD_": str(16 << 30), "MALLOC_TOP_PAD_": str(256 << 20),
}


def enter_environment():
    """Runs this script again inside a virtual environment that has PyTorch."""
    python = HOME / "bin" / "python"
    if Path(sys.prefix) == HOME:
        return
    if not (HOME / "complete").exists():
        print("installing torch", file=sys.stderr)
        venv.create(HOME, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "torch", "numpy"], check=True)
        (HOME / "complete").touch()
    os.execv(python, [str(python), *sys.argv])


# MARK: the network in PyTorch


def network():
    import torch
    from torch import nn

    def dense(inputs, outputs, kernel=3, stride=1, dilation=1, norm=False, bias=True, relu=True):
        padding = kernel // 2 * dilation
        layers = [nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=bias)]
        layers += [nn.BatchNorm2d(outputs)] if norm else []
        layers += [nn.ReLU(inplace=True)] if relu else []
        return nn.Sequential(*layers)

    def separable(inputs, outputs, stride=1, dilation=1):
        return nn.Sequential(
            nn.Conv2d(inputs, inputs, 3, stride, dilation, dilation, groups=inputs, bias=False), nn.BatchNorm2d(inputs),
            nn.ReLU(inplace=True), nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True))

    def separable_elu(channels):
        return nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, 1, groups=channels, bias=False), nn.ELU(inplace=True),
            nn.Conv2d(channels, channels, 1, bias=False), nn.ELU(inplace=True))

    def head(channels, inner, maps):
        return nn.Sequential(dense(channels, inner, 1), dense(inner, maps, 1, relu=False))

    class Block(nn.Module):
        def __init__(self, inputs, channels):
            super().__init__()
            self.initial = dense(inputs, channels, 1)
            self.trunk = nn.Sequential(
                dense(channels, channels, norm=True), dense(channels, channels, dilation=2, norm=True))

        def forward(self, x):
            x = self.initial(x)
            return x + self.trunk(x)

    class Pose(nn.Module):
        def __init__(self, channels=128):
            super().__init__()
            layers, inputs = [dense(3, 32, stride=2, norm=True, bias=False)], 32
            for outputs, stride, dilation in [
                (64, 1, 1), (128, 2, 1), (128, 1, 1), (256, 2, 1), (256, 1, 1), (512, 1, 1), (512, 1, 2), (512, 1, 1),
                (512, 1, 1), (512, 1, 1), (512, 1, 1),
            ]:
                layers.append(separable(inputs, outputs, stride, dilation))
                inputs = outputs
            self.backbone = nn.Sequential(*layers)
            self.align = dense(inputs, channels, 1)
            self.trunk = nn.Sequential(*[separable_elu(channels) for _ in range(3)])
            self.features = dense(channels, channels)
            self.initial = nn.Sequential(*[dense(channels, channels) for _ in range(3)])
            self.initial_maps, self.initial_fields = head(channels, 512, 19), head(channels, 512, 38)
            self.refinement = nn.Sequential(
                Block(channels + 57, channels), *[Block(channels, channels) for _ in range(4)])
            self.maps, self.fields = head(channels, channels, 19), head(channels, channels, 38)

        def forward(self, x):
            x = self.align(self.backbone(x))
            features = self.features(x + self.trunk(x))
            x = self.initial(features)
            maps, fields = self.initial_maps(x), self.initial_fields(x)
            x = self.refinement(torch.cat([features, maps, fields], 1))
            return [maps, fields, self.maps(x), self.fields(x)]

    return Pose()


def serve(layout, batch, size, threads, precision):
    """Makes as many steps as a line of standard input says and answers with their seconds and the peak memory."""
    import resource

    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    model = network().train()
    images = torch.rand(batch, 3, size, size) - 0.5
    if layout == "channels_last":
        model = model.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    cells = size // 8
    targets = [torch.rand(batch, channels, cells, cells) * 0.1 for channels in (19, 38, 19, 38)]
    mask = torch.ones(batch, 1, cells, cells)
    optimiser = torch.optim.Adam(model.parameters(), 4e-5, weight_decay=5e-4)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            optimiser.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                outputs = [output.float() for output in model(images)]
            loss = sum((((a - b) * mask) ** 2).sum() / 2 / batch for a, b in zip(outputs, targets))
            loss.backward()
            optimiser.step()
            times.append(time.perf_counter() - start)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"times": times, "memory": memory}), flush=True)


# MARK: comparing


class Torch:
    def __init__(self, layout, options):
        self.name = f"PyTorch {layout}"
        self.batch = options.batch
        environment = {**os.environ, **({} if options.plain_malloc else KEEP_MEMORY)}
        arguments = ["--serve", layout, "--batch", options.batch, "--size", options.size, "--threads", options.threads,
                     "--precision", options.precision]
        self.process = subprocess.Popen(
            [sys.executable, __file__, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=environment)
        self.run(2)

    def run(self, steps):
        print(steps, file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        return self.batch / statistics.median(answer["times"]), answer["memory"]


class Posecam:
    name = "posecam"

    def __init__(self, options):
        self.command = [
            str(options.posecam), "train", "--benchmark", "STEPS", "--batch", str(options.batch), "--size",
            str(options.size), "--threads", str(options.threads), "--precision", options.precision,
        ]

    def run(self, steps):
        command = [str(steps) if part == "STEPS" else part for part in self.command]
        report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        return report["images_per_second"], report["peak_memory_bytes"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posecam", type=Path, default=ROOT / ".build" / "release" / "posecam")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="per burst")
    parser.add_argument("--plain-malloc", action="store_true")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.batch, options.size, options.threads, options.precision)
        return
    enter_environment()

    engines = [Posecam(options), Torch("contiguous", options), Torch("channels_last", options)]
    rates = {engine.name: [] for engine in engines}
    memory = {}
    for number in range(options.rounds):
        for engine in engines:
            rate, memory[engine.name] = engine.run(options.steps)
            rates[engine.name].append(rate)
        print(f"round {number + 1}: " + ", ".join(f"{name} {values[-1]:.2f}" for name, values in rates.items()))
    print(f"\nbatch {options.batch}, {options.size}x{options.size}, {options.threads} threads, {options.precision}, images per second")
    for name, values in rates.items():
        print(
            f"{name:24} median {statistics.median(values):6.2f}  best {max(values):6.2f}"
            f"  peak memory {memory[name] / 1e9:.2f} GB")
    ours, *others = rates.values()
    ratios = [mine / max(theirs) for mine, *theirs in zip(ours, *others)]
    print(f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


main()
