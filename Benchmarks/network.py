#!/usr/bin/env python3
"""Times the network in posecam, ONNX Runtime and OpenVINO: same weights, same input, same precision, in alternating bursts.

    swift build -c release --product posecam
    Benchmarks/network.py                            # the full network, random weights, 256x456, 1 and 2 threads
    Benchmarks/network.py --model M.safetensors      # the network of a model file
    Benchmarks/network.py --level avx2               # as on a processor without AVX-512 (OpenVINO is held to it as well)
    Benchmarks/network.py --others                   # ncnn as well, and PyTorch, which has f32 and bf16 only
    Benchmarks/network.py --precision int8           # each engine's own quantisation: posecam quantize, NNCF, ONNX Runtime's
    Benchmarks/network.py --precision bf16           # OpenVINO's hint bf16; ONNX Runtime has none and computes in f32

The first run makes a virtual environment in .build/benchmarks and installs the other engines there. Engines take turns
within every round, so that other work on the machine hits all of them; a ratio is the median over the rounds of
(their median time / ours in the same round), with the lowest and highest round beside it.
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
WORK = ROOT / ".build" / "benchmarks"
PACKAGES = ["numpy", "onnx", "onnxruntime", "openvino", "nncf", "opencv-python-headless"]


def enter_environment(packages=PACKAGES):
    """Runs this script again inside a virtual environment that has the other engines."""
    home = WORK / "venv"
    python = home / "bin" / "python"
    inside = Path(sys.prefix) == home
    known = (home / "complete").read_text().split() if (home / "complete").exists() else []
    missing = [package for package in packages if package not in known]
    if missing:
        print("installing", *missing, file=sys.stderr)
        if not known:
            venv.create(home, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *missing], check=True)
        (home / "complete").write_text(" ".join(known + missing))
    if inside:
        return
    os.execv(python, [str(python), *sys.argv])


def read_safetensors(path):
    import numpy

    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        if name.startswith("quantization."):
            continue  # for int8, which every engine calibrates itself
        if entry["dtype"] != "F32":
            sys.exit(f"{path}: tensor {name} is {entry['dtype']}; this script reads F32")
        first, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = numpy.frombuffer(data[first:end], "<f4").reshape(entry["shape"])
    return tensors


def write_safetensors(path, tensors):
    header, offset = {}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(t.tobytes() for t in tensors.values()))


class Network:
    """Lightweight OpenPose as an ONNX graph; weights that are not given are random and can be had from `tensors`."""

    def __init__(self, tensors=None):
        import numpy

        self.given = tensors is not None
        self.tensors = dict(tensors or {})
        self.random = numpy.random.default_rng(0)
        self.nodes, self.outputs, self.count = [], [], 0

    def tensor(self, name, shape):
        import numpy

        if not self.given:
            scale = (3 / max(1, numpy.prod(shape[1:]))) ** 0.5
            values = self.random.uniform(-scale, scale, shape)
            if name.endswith("running_var"):
                values = 1 + 0.1 * numpy.abs(values)
            self.tensors[name] = values.astype("float32")
        return name

    def node(self, kind, inputs, **attributes):
        import onnx

        self.count += 1
        result = f"v{self.count}"
        self.nodes.append(onnx.helper.make_node(kind, inputs, [result], **attributes))
        return result

    def conv(self, x, name, inputs, outputs, kernel, stride=1, dilation=1, groups=1, bias=True):
        parameters = [self.tensor(f"{name}.weight", (outputs, inputs // groups, kernel, kernel))]
        if bias:
            parameters.append(self.tensor(f"{name}.bias", (outputs,)))
        return self.node(
            "Conv", [x, *parameters], kernel_shape=[kernel] * 2, strides=[stride] * 2, dilations=[dilation] * 2,
            pads=[kernel // 2 * dilation] * 4, group=groups)

    def norm(self, x, name, channels):
        parts = ("weight", "bias", "running_mean", "running_var")
        return self.node("BatchNormalization", [x, *(self.tensor(f"{name}.{p}", (channels,)) for p in parts)])

    def relu(self, x):
        return self.node("Relu", [x])

    def heads(self, x, name, channels, inner, stage):
        maps = []
        for kind, outputs in (("heatmaps", 19), ("pafs", 38)):
            hidden = self.relu(self.conv(x, f"{name}.{kind}.0.0", channels, inner, 1))
            maps.append(self.conv(hidden, f"{name}.{kind}.1.0", inner, outputs, 1))
            self.outputs.append((f"stage{stage}_{kind}", maps[-1], outputs))
        return maps

    def build(self, height, width):
        import onnx

        def shape(name, default):
            return self.tensors[name].shape[0] if self.given else default

        factor = shape("model.0.0.weight", 32) / 32
        c = shape("cpm.align.0.weight", 128)
        inner = shape("initial_stage.heatmaps.0.0.weight", 512)
        stages = 1
        if self.given:
            stages = len({name.split(".")[1] for name in self.tensors if name.startswith("refinement_stages.")})

        before = round(32 * factor)
        x = self.relu(self.norm(self.conv("input", "model.0.0", 3, before, 3, 2, bias=False), "model.0.1", before))
        blocks = [(64, 1, 1), (128, 2, 1), (128, 1, 1), (256, 2, 1), (256, 1, 1), (512, 1, 1), (512, 1, 2)]
        for index, (outputs, stride, dilation) in enumerate(blocks + [(512, 1, 1)] * 4, 1):
            name, outputs = f"model.{index}", round(outputs * factor)
            x = self.conv(x, f"{name}.0", before, before, 3, stride, dilation, before, bias=False)
            x = self.relu(self.norm(x, f"{name}.1", before))
            x = self.relu(self.norm(self.conv(x, f"{name}.3", before, outputs, 1, bias=False), f"{name}.4", outputs))
            before = outputs

        align = x = self.relu(self.conv(x, "cpm.align.0", before, c, 1))
        for block in range(3):
            x = self.node("Elu", [self.conv(x, f"cpm.trunk.{block}.0", c, c, 3, groups=c, bias=False)])
            x = self.node("Elu", [self.conv(x, f"cpm.trunk.{block}.2", c, c, 1, bias=False)])
        features = x = self.relu(self.conv(self.node("Add", [align, x]), "cpm.conv.0", c, c, 3))

        for layer in range(3):
            x = self.relu(self.conv(x, f"initial_stage.trunk.{layer}.0", c, c, 3))
        maps = self.heads(x, "initial_stage", c, inner, 0)
        for stage in range(stages):
            x, inputs = self.node("Concat", [features, *maps], axis=1), c + 57
            for block in range(5):
                name = f"refinement_stages.{stage}.trunk.{block}"
                x = initial = self.relu(self.conv(x, f"{name}.initial.0", inputs, c, 1))
                for layer, dilation in enumerate((1, 2)):
                    x = self.conv(x, f"{name}.trunk.{layer}.0", c, c, 3, dilation=dilation)
                    x = self.relu(self.norm(x, f"{name}.trunk.{layer}.1", c))
                x, inputs = self.node("Add", [initial, x]), c
            maps = self.heads(x, f"refinement_stages.{stage}", c, c, stage + 1)

        for name, value, _ in self.outputs:
            self.nodes.append(onnx.helper.make_node("Identity", [value], [name]))
        real = onnx.TensorProto.FLOAT
        cells = [-(-height // 8), -(-width // 8)]
        graph = onnx.helper.make_graph(
            self.nodes, "lightweight-openpose",
            [onnx.helper.make_tensor_value_info("input", real, [1, 3, height, width])],
            [onnx.helper.make_tensor_value_info(name, real, [1, n, *cells]) for name, _, n in self.outputs],
            [onnx.numpy_helper.from_array(tensor, name) for name, tensor in self.tensors.items()])
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
        onnx.checker.check_model(model)
        return model


def burst(run, runs):
    """Milliseconds of `runs` runs after three that do not count."""
    for _ in range(3):
        run()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times), min(times)


def engines(options, model, weights, picture, threads, level):
    """A function per engine that runs one burst and gives (median, minimum) in milliseconds."""
    import numpy
    import onnxruntime
    import openvino

    input = numpy.random.default_rng(1).uniform(-0.5, 0.5, (1, 3, *options.size)).astype("float32")
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    check(options, session, input, weights)
    network = openvino.Core().read_model(model.SerializeToString(), b"")
    if options.precision == "int8":
        network, session = quantized(network, model, input, settings)
    compiled = openvino.Core().compile_model(
        network, "CPU",
        {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1,
         "INFERENCE_PRECISION_HINT": "bf16" if options.precision == "bf16" else "f32"})
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(input))

    def posecam():
        command = [
            options.posecam, "bench", "--json", "--model", weights, "--threads", threads, "--runs", options.runs,
            "--size", "x".join(map(str, options.size)), "--video", picture, "--people", 0, "--precision",
            options.precision]
        if level:
            command += ["--cpu-level", level]
        report = json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True).stdout)
        network = report["stages"]["network"]
        return network["median_ms"], network["minimum_ms"]

    others = {"OpenVINO": lambda: burst(request.infer, options.runs)}
    if not level:  # ONNX Runtime has no switch for lower instruction sets
        others["ONNX Runtime"] = lambda: burst(lambda: session.run(None, {"input": input}), options.runs)
    if options.others:
        kind = "bf16" if options.precision == "bf16" else "f32"
        others[f"PyTorch {kind}"] = torch_burst(options, model, input, threads)
        others[f"ncnn {kind}"] = ncnn_burst(options, model, input, threads)
        if options.precision == "int8":
            others["ncnn int8"] = ncnn_burst(options, model, input, threads, in_bytes=True)
    return {"posecam": posecam, **others}


def torch_burst(options, model, input, threads):
    """PyTorch in eager mode, channels last, walking the same graph."""
    import onnx
    import torch
    from torch.nn import functional

    torch.set_num_threads(threads)
    tensors = {t.name: torch.from_numpy(onnx.numpy_helper.to_array(t).copy()) for t in model.graph.initializer}
    tensors = {n: t.to(memory_format=torch.channels_last) if t.ndim == 4 else t for n, t in tensors.items()}
    picture = torch.from_numpy(input).to(memory_format=torch.channels_last)
    if options.precision == "bf16":
        tensors, picture = {n: t.to(torch.bfloat16) for n, t in tensors.items()}, picture.to(torch.bfloat16)

    def run():
        values = {**tensors, "input": picture}
        with torch.inference_mode():
            for node in model.graph.node:
                x = [values[name] for name in node.input]
                attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
                if node.op_type == "Conv":
                    y = functional.conv2d(
                        x[0], x[1], x[2] if len(x) > 2 else None, attributes["strides"], attributes["pads"][:2],
                        attributes["dilations"], attributes["group"])
                elif node.op_type == "BatchNormalization":
                    y = functional.batch_norm(x[0], x[3], x[4], x[1], x[2])
                else:
                    y = {"Relu": functional.relu, "Elu": functional.elu, "Identity": lambda v: v, "Add": torch.add,
                         "Concat": lambda *v: torch.cat(v, 1)}[node.op_type](*x)
                values[node.output[0]] = y

    return lambda: burst(run, options.runs)


def ncnn_burst(options, model, input, threads, in_bytes=False):
    """ncnn, converted by pnnx."""
    import ncnn
    import numpy
    import onnx

    onnx.save(model, WORK / "network.onnx")
    shape = ",".join(map(str, input.shape))
    command = [Path(sys.prefix) / "bin" / "pnnx", WORK / "network.onnx", f"inputshape=[{shape}]"]
    subprocess.run(list(map(str, command)), check=True, cwd=WORK, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.use_bf16_storage = options.precision == "bf16"
    picture = numpy.ascontiguousarray(input[0])
    files = WORK / "network.ncnn.param", WORK / "network.ncnn.bin"
    if in_bytes:
        files = ncnn_quantized(*files, picture)
    net.load_param(str(files[0]))
    net.load_model(str(files[1]))

    def run():
        extractor = net.create_extractor()
        extractor.input("in0", ncnn.Mat(picture))
        for index in range(len(model.graph.output)):
            extractor.extract(f"out{index}")

    return lambda: burst(run, options.runs)


def ncnn_quantized(param, weights, picture):
    """What ncnn's ncnn2table and ncnn2int8, which its wheel lacks, make of a network of convolutions: bytes with a scale per output
    channel, inputs with the scale of their largest value here, and bytes from one convolution to the next."""
    import ncnn
    import numpy

    lines = param.read_text().splitlines()
    layers = [line.split() for line in lines[2:]]
    inputs = {layer[1]: layer[4 : 4 + int(layer[2])] for layer in layers}
    outputs = {layer[1]: layer[4 + int(layer[2]) : 4 + int(layer[2]) + int(layer[3])] for layer in layers}
    readers = {blob: layer for layer in layers for blob in inputs[layer[1]]}
    convolutions = [layer for layer in layers if layer[0].startswith("Convolution")]

    net = ncnn.Net()
    net.opt.lightmode = False
    net.load_param(str(param))
    net.load_model(str(weights))
    extractor = net.create_extractor()
    extractor.input("in0", ncnn.Mat(picture))
    scale = {}
    for layer in convolutions:
        blob = inputs[layer[1]][0]
        values = picture if blob == "in0" else numpy.array(extractor.extract(blob)[1])
        scale[layer[1]] = 127 / max(numpy.abs(values).max(), 1e-6)

    def scale_of_reader(layer):
        """Of the convolutions, if it is only those, that read what this one gives."""
        follower = readers.get(outputs[layer[1]][0])
        followers = [readers.get(blob) for blob in outputs[follower[1]]] if follower and follower[0] == "Split" else [follower]
        return scale[followers[0][1]] if all(f and f[0].startswith("Convolution") for f in followers) else None

    data, place, result = weights.read_bytes(), 0, b""
    for layer in convolutions:
        settings = dict(map(int, setting.split("=")) for setting in layer[6:] if "-233" not in setting)
        count, channels = settings[6], settings[0]
        if data[place : place + 4] == b"\x47\x6b\x30\x01":
            values = numpy.frombuffer(data, "<f2", count, place + 4).astype("float32")
            place += 4 + (2 * count + 3) // 4 * 4
        else:
            values = numpy.frombuffer(data, "<f4", count, place + 4)
            place += 4 + 4 * count
        bias = data[place : place + 4 * channels * settings.get(5, 0)]
        place += len(bias)
        values = values.reshape(channels, -1)
        factors = 127 / numpy.maximum(numpy.abs(values).max(1), 1e-6)
        rounded = numpy.clip(numpy.rint(values * factors[:, None]), -127, 127).astype("int8").tobytes()
        result += b"\x38\x4b\x0d\x00" + rounded + bytes(-len(rounded) % 4) + bias + factors.astype("<f4").tobytes()
        follower = scale_of_reader(layer)
        scales = [scale[layer[1]]] if follower is None else [scale[layer[1]], follower]
        result += numpy.array(scales, "<f4").tobytes()
        layer.append(f"8={(1 if layer[0].endswith('DepthWise') else 2) + 100 * (len(scales) - 1)}")
    if place != len(data):
        sys.exit(f"{weights}: {len(data) - place} bytes of weights belong to no convolution")
    files = WORK / "int8.ncnn.param", WORK / "int8.ncnn.bin"
    files[0].write_text("\n".join(lines[:2] + [" ".join(layer) for layer in layers]) + "\n")
    files[1].write_bytes(result)
    return files


def quantized(network, model, input, settings):
    """OpenVINO's and ONNX Runtime's int8 of the same network, calibrated on a few inputs of the same kind."""
    import nncf
    import numpy
    import onnx
    import onnxruntime
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    inputs = [input * factor for factor in numpy.linspace(0.5, 1, 4, dtype="float32")]
    network = nncf.quantize(network, nncf.Dataset(inputs))

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.left = iter(inputs)

        def get_next(self):
            picture = next(self.left, None)
            return None if picture is None else {"input": picture}

    onnx.save(model, WORK / "network.onnx")
    quant_pre_process(str(WORK / "network.onnx"), str(WORK / "prepared.onnx"), skip_symbolic_shape=True)
    quantize_static(
        str(WORK / "prepared.onnx"), str(WORK / "int8.onnx"), Reader(), quant_format=QuantFormat.QDQ, per_channel=True)
    return network, onnxruntime.InferenceSession(
        str(WORK / "int8.onnx"), settings, providers=["CPUExecutionProvider"])


def check(options, session, input, weights):
    """Both compute the same, or times mean nothing."""
    import numpy

    write_safetensors(WORK / "input.safetensors", {"input": input})
    command = [options.posecam, "forward", "--model", weights, "--input", WORK / "input.safetensors"]
    command += ["--precision", "f32"]
    if options.level:
        command += ["--cpu-level", options.level]
    subprocess.run(list(map(str, command + ["--output", WORK / "output.safetensors"])), check=True)
    ours = read_safetensors(WORK / "output.safetensors")
    names = [output.name for output in session.get_outputs()]
    for name, theirs in zip(names, session.run(None, {"input": input})):
        error = numpy.abs(ours[name] - theirs).max() / theirs.std()
        if not error <= 1e-4:
            sys.exit(f"{name}: posecam differs from ONNX Runtime by {error:.1e} of the output's standard deviation")


def main():
    def size(text):
        height, width = map(int, text.split("x"))
        return height, width

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="safetensors file; random weights if absent")
    parser.add_argument("--size", type=size, default=(256, 456), help="height x width of the input")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--level", choices=["avx2"], help="use a lower instruction set than the processor has")
    parser.add_argument("--precision", choices=["f32", "bf16", "int8"], default="f32")
    parser.add_argument("--others", action="store_true", help="PyTorch and ncnn as well")
    parser.add_argument("--rounds", type=int, default=9, help="times that every engine takes its turn")
    parser.add_argument("--runs", type=int, default=15, help="runs of the network per turn")
    parser.add_argument("--posecam", type=Path, default=ROOT / ".build" / "release" / "posecam")
    options = parser.parse_args()
    if not options.posecam.exists():
        sys.exit(f"{options.posecam} is missing: swift build -c release --product posecam")
    WORK.mkdir(parents=True, exist_ok=True)
    if options.level:
        os.environ["ONEDNN_MAX_CPU_ISA"] = options.level.upper()
    enter_environment(PACKAGES + (["torch", "ncnn", "pnnx"] if options.others else []))
    import onnxruntime
    import openvino

    network = Network(read_safetensors(options.model) if options.model else None)
    model = network.build(*options.size)
    weights = options.model
    if not weights:
        weights = WORK / "random.safetensors"
        write_safetensors(weights, network.tensors)
    if options.precision == "int8":
        calibrated = WORK / "calibrated.safetensors"
        command = [options.posecam, "quantize", "--model", weights, "--images", ROOT / "samples" / "room.mp4"]
        subprocess.run(
            list(map(str, command + ["--count", 16, "--output", calibrated])), check=True, stdout=subprocess.DEVNULL)
        weights = calibrated
    picture = WORK / "picture.ppm"  # `posecam bench` wants something to decode
    picture.write_bytes(b"P6 64 64 255\n" + bytes(64 * 64 * 3))

    processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if "model name" in line), "?")
    print(f"{processor}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    print(f"ONNX Runtime {onnxruntime.__version__}, OpenVINO {openvino.__version__}, {options.precision}, {options.level or 'best level'}")
    print(f"{options.model or 'random weights'}, {options.size[0]}x{options.size[1]}; ms of one picture")
    for threads in options.threads:
        bursts = engines(options, model, weights, picture, threads, options.level)
        rounds = {name: [] for name in bursts}
        for _ in range(options.rounds):
            for name, run in bursts.items():
                rounds[name].append(run())
        print(f"\n{threads} thread{'s' if threads > 1 else ''}      median  minimum  spread   their time / ours (lowest, highest round)")
        for name, results in rounds.items():
            medians = [median for median, _ in results]
            line = f"{name:13s}{statistics.median(medians):8.2f} {min(least for _, least in results):8.2f}"
            line += f" {(max(medians) / min(medians) - 1) * 100:6.0f} %"
            if name != "posecam":
                ratios = [theirs / ours for theirs, (ours, _) in zip(medians, rounds["posecam"])]
                line += f"   {statistics.median(ratios):.2f} ({min(ratios):.2f}, {max(ratios):.2f})"
            print(line)


if __name__ == "__main__":
    main()
