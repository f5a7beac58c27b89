#!/usr/bin/env python3
"""Checks models in other programs' formats: what posecam exports, and what it reads of theirs.

    swift build -c release --product posecam
    Benchmarks/export.py                             # the built-in model
    Benchmarks/export.py --model M.safetensors

The exported ONNX file is run by ONNX Runtime, OpenVINO and OpenCV, the checkpoint is loaded into PyTorch modules with the
reference implementation's names; PyTorch's own ONNX exports, batch norms folded or not, with half-precision weights too, are
read by posecam. For each, the largest difference from `posecam forward` on a frame of samples/room.mp4 is printed, in standard
deviations of the output.
"""
import argparse
import contextlib
import logging
import subprocess
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from network import ROOT, WORK, enter_environment, read_safetensors, write_safetensors

POSECAM = ROOT / ".build" / "release" / "posecam"
LIMIT = 1e-3


def reference(tensors):
    """Lightweight OpenPose as PyTorch modules, proportions taken from the tensors."""
    from torch import cat, nn

    def conv(inputs, outputs, kernel=3, norm=False, relu=True, dilation=1, stride=1, bias=True):
        layers = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2 * dilation, dilation, bias=bias)]
        layers += [nn.BatchNorm2d(outputs)] if norm else []
        return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if relu else []))

    def separable(inputs, outputs, stride, dilation):
        return nn.Sequential(
            nn.Conv2d(inputs, inputs, 3, stride, dilation, dilation, groups=inputs, bias=False),
            nn.BatchNorm2d(inputs), nn.ReLU(inplace=True),
            nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))

    class Features(nn.Module):
        def __init__(self, inputs, channels):
            super().__init__()
            self.align = conv(inputs, channels, 1)
            self.trunk = nn.Sequential(*(
                nn.Sequential(
                    nn.Conv2d(channels, channels, 3, 1, 1, groups=channels, bias=False), nn.ELU(inplace=True),
                    nn.Conv2d(channels, channels, 1, bias=False), nn.ELU(inplace=True))
                for _ in range(3)))
            self.conv = conv(channels, channels)

        def forward(self, x):
            x = self.align(x)
            return self.conv(x + self.trunk(x))

    class Block(nn.Module):
        def __init__(self, inputs, channels):
            super().__init__()
            self.initial = conv(inputs, channels, 1)
            self.trunk = nn.Sequential(conv(channels, channels, norm=True), conv(channels, channels, norm=True, dilation=2))

        def forward(self, x):
            x = self.initial(x)
            return x + self.trunk(x)

    class Stage(nn.Module):
        def __init__(self, trunk, channels, inner):
            super().__init__()
            self.trunk = trunk
            self.heatmaps = nn.Sequential(conv(channels, inner, 1), conv(inner, 19, 1, relu=False))
            self.pafs = nn.Sequential(conv(channels, inner, 1), conv(inner, 38, 1, relu=False))

        def forward(self, x):
            x = self.trunk(x)
            return self.heatmaps(x), self.pafs(x)

    class Pose(nn.Module):
        def __init__(self):
            super().__init__()
            widths = [tensors["model.0.0.weight"].shape[0]] + [tensors[f"model.{i}.3.weight"].shape[0] for i in range(1, 12)]
            strides, dilations = {2: 2, 4: 2}, {7: 2}
            self.model = nn.Sequential(
                conv(3, widths[0], norm=True, stride=2, bias=False),
                *(separable(widths[i - 1], widths[i], strides.get(i, 1), dilations.get(i, 1)) for i in range(1, 12)))
            channels = tensors["cpm.align.0.weight"].shape[0]
            self.cpm = Features(widths[-1], channels)
            trunk = nn.Sequential(*(conv(channels, channels) for _ in range(3)))
            self.initial_stage = Stage(trunk, channels, tensors["initial_stage.heatmaps.0.0.weight"].shape[0])
            count = len({name.split(".")[1] for name in tensors if name.startswith("refinement_stages.")})
            self.refinement_stages = nn.ModuleList(
                Stage(
                    nn.Sequential(*(Block(channels + 57 if i == 0 else channels, channels) for i in range(5))),
                    channels, channels)
                for _ in range(count))

        def forward(self, x):
            features = self.cpm(self.model(x))
            outputs = [*self.initial_stage(features)]
            for stage in self.refinement_stages:
                outputs += stage(cat([features, *outputs[-2:]], 1))
            return outputs

    return Pose().eval()


def halve(path):
    """Rounds the weights of an ONNX file to half precision, with casts before their readers."""
    import numpy
    import onnx

    model = onnx.load(path)
    casts = []
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype == numpy.float32:
            name = tensor.name
            tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(numpy.float16), f"{name}_half"))
            casts.append(onnx.helper.make_node("Cast", [f"{name}_half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = casts + list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a model file; the built-in one if absent")
    options = parser.parse_args()
    enter_environment(["numpy", "onnx", "onnxruntime", "openvino", "opencv-python-headless", "torch", "onnxscript"])
    import cv2
    import numpy
    import onnx
    import onnxruntime
    import openvino
    import torch

    def posecam(*arguments):
        subprocess.run([POSECAM, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)

    def forward(model, picture):
        write_safetensors(WORK / "picture.safetensors", {"input": picture})
        posecam("forward", *model, "--input", WORK / "picture.safetensors", "-o", WORK / "maps.safetensors")
        return read_safetensors(WORK / "maps.safetensors")

    failures = 0

    def report(what, outputs, expected):
        nonlocal failures
        error = max(float(abs(outputs[name] - maps).max() / maps.std()) for name, maps in expected.items())
        failures += error > LIMIT
        print(f"{what:56} {error:.1e}")

    WORK.mkdir(parents=True, exist_ok=True)
    model = ["--model", options.model] if options.model else []
    whole, plain, checkpoint = WORK / "export.onnx", WORK / "export.safetensors", WORK / "export.pth"
    for file in (whole, plain, checkpoint):
        posecam("export", *model, "-o", file)
    onnx.checker.check_model(onnx.load(whole), full_check=True)
    tensors = read_safetensors(plain)

    def ours(name):
        _, stage, _, _, kind = name.split("_")
        return f"stage{stage}_{kind}"

    frame = cv2.VideoCapture(str(ROOT / "samples" / "room.mp4")).read()[1]
    print("largest difference from posecam forward, in standard deviations of the output:")
    for shape in [(1, 3, 256, 456), (2, 3, 136, 248)]:
        small = cv2.resize(frame, shape[:1:-1], interpolation=cv2.INTER_AREA).astype("f4")
        picture = numpy.repeat((small.transpose(2, 0, 1)[None] - 128) / 256, shape[0], 0)
        expected = forward(model, picture)
        size = "x".join(map(str, shape))

        session = onnxruntime.InferenceSession(str(whole))
        names = [output.name for output in session.get_outputs()]
        outputs = session.run(None, {"data": picture})
        report(f"ONNX Runtime {onnxruntime.__version__}, {size}", {ours(n): o for n, o in zip(names, outputs)}, expected)
        compiled = openvino.Core().compile_model(str(whole), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        outputs = compiled(picture)
        report(
            f"OpenVINO {openvino.__version__.split('-')[0]}, {size}",
            {ours(o.get_any_name()): outputs[o] for o in compiled.outputs}, expected)
        net = cv2.dnn.readNetFromONNX(str(whole))
        net.setInput(picture)
        report(f"OpenCV {cv2.__version__}, {size}", {ours(n): o for n, o in zip(names, net.forward(names))}, expected)

        network = reference(tensors)
        network.load_state_dict(torch.load(checkpoint, weights_only=True)["state_dict"])
        with torch.no_grad():
            outputs = network(torch.from_numpy(picture))
        report(f"PyTorch {torch.__version__.split('+')[0]}, {size}", {ours(n): o.numpy() for n, o in zip(names, outputs)}, expected)

        theirs = WORK / "theirs.onnx"
        exports = {
            "norms folded": {"dynamo": False},
            "norms kept": {"dynamo": False, "do_constant_folding": False, "training": torch.onnx.TrainingMode.PRESERVE},
            "by torch.export": {"dynamo": True, "external_data": False},
        }
        for how, arguments in exports.items():
            with warnings.catch_warnings(), contextlib.redirect_stdout(None):
                warnings.simplefilter("ignore")
                logging.disable(logging.WARNING)
                torch.onnx.export(
                    network, (torch.from_numpy(picture),), theirs, input_names=["data"], output_names=names, **arguments)
            report(f"read from PyTorch, {how}, {size}", forward(["--model", theirs], picture), expected)
            halve(theirs)
            halves = onnxruntime.InferenceSession(str(theirs)).run(None, {"data": picture})
            report(
                f"the same with weights of half precision, {size}", forward(["--model", theirs], picture),
                {ours(n): o for n, o in zip(names, halves)})
    sys.exit(f"{failures} differ by more than {LIMIT}" if failures else 0)


if __name__ == "__main__":
    main()
