#!/usr/bin/env python3
"""Kills a network stream and starts it again, twenty times: how soon the picture is back, whether people keep their identities,
and whether anything leaks.

    swift build -c release --product posecam
    Benchmarks/reconnect.py                       # all kinds of stream; ffmpeg is needed
    Benchmarks/reconnect.py --kinds tcp --times 3

The stream is the demo scene with two people, served as a camera would (Tests/StreamServer/serve.py): who comes later sees a later
moment. It is away for less than a second three times of four, else for longer. After each return the time to the first result is
taken, and the identities seen before and after are compared; at the end, descriptors and memory with those after the first returns.
"""
import argparse
import contextlib
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SERVER = ROOT / "Tests" / "StreamServer" / "serve.py"
AWAY = [0.2, 0.5, 0.8, 4.0]  # seconds
SOON = 2.0  # seconds within which the picture should be back, unless --limit says otherwise


def free_port(kind):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind.startswith("udp") else socket.SOCK_STREAM) as link:
        link.bind(("127.0.0.1", 0))
        return link.getsockname()[1]


class Source:
    def __init__(self, kind, clip, beginning):
        self.command = [sys.executable, SERVER, kind.split("-")[0], str(free_port(kind)), clip, str(beginning)]

    def start(self):
        """Returns when clients may come."""
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, start_new_session=True)
        self.process.stdout.readline()
        return time.monotonic()

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


class Watcher:
    """posecam, and when which line came."""

    def __init__(self, options, url, *more):
        command = [options.posecam, "--video", url, "--json", "-", "--size", options.size, "--min-score", "0.3", *more]
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.frames, self.told = [], []
        threading.Thread(target=self.read, daemon=True).start()
        threading.Thread(target=lambda: self.told.extend(self.process.stderr), daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            now, content = time.monotonic(), json.loads(line)
            if "people" in content:
                self.frames.append((now, content["time"], {person["id"] for person in content["people"]}))

    def wait(self, since, most):
        """When the first result after a moment came."""
        while time.monotonic() < since + most:
            for arrival, _, _ in reversed(self.frames):
                if arrival < since:
                    break
                first = arrival
            if self.frames and self.frames[-1][0] >= since:
                return first
            time.sleep(0.01)
        return None

    def identities(self, begin, end):
        """Those who are seen in most results of a time."""
        seen = [ids for arrival, _, ids in list(self.frames) if begin <= arrival < end]
        return {number for number in set().union(*seen) if sum(number in ids for ids in seen) > 0.6 * len(seen)}

    def resources(self):
        process = f"/proc/{self.process.pid}"
        memory = int(re.search(r"VmRSS:\s+(\d+)", Path(process, "status").read_text()).group(1)) / 1024
        return len(os.listdir(f"{process}/fd")), len(os.listdir(f"{process}/task")), memory


def run(options, kind, clips):
    source = Source(kind, clips["http" if kind == "http" else "other"], time.time())
    try:
        return measure(options, kind, source)
    finally:
        source.kill()


def measure(options, kind, source):
    port = source.command[3]
    url = {"tcp": f"tcp://127.0.0.1:{port}", "http": f"http://127.0.0.1:{port}/", "udp": f"udp://127.0.0.1:{port}"}.get(
        kind, f"rtsp://127.0.0.1:{port}/")
    source.start()
    more = ["--rtsp-transport", kind.split("-")[1]] if kind.startswith("rtsp") else []
    watcher = Watcher(options, url, *more)
    first = watcher.wait(time.monotonic(), 30)
    if not first:
        watcher.process.kill()
        sys.exit(f"{kind}: no result\n{''.join(watcher.told)}")
    time.sleep(options.up)
    returns, kept, short, early = [], 0, 0, None
    for number in range(options.times):
        before = watcher.identities(time.monotonic() - 1, time.monotonic())
        source.kill()
        time.sleep(AWAY[number % len(AWAY)])
        ready = source.start()
        back = watcher.wait(ready, 20)
        if back is None:
            watcher.process.kill()
            sys.exit(f"{kind}: not back after return {number + 1}\n{''.join(watcher.told)}")
        returns.append(back - ready)
        time.sleep(options.up)
        if AWAY[number % len(AWAY)] < 1:
            after = watcher.identities(back, back + 1)
            short += 1
            kept += bool(before) and before <= after
            if options.verbose:
                print(f"  {number + 1}: {returns[-1]:.2f} s, {sorted(before)} -> {sorted(after)}")
        if number == min(3, options.times // 2):
            early = watcher.resources()
    late = watcher.resources()
    watcher.process.send_signal(signal.SIGTERM)
    watcher.process.wait(20)
    time.sleep(0.2)
    times = [time for _, time, _ in watcher.frames]
    told = [line for line in watcher.told if "trying again" in line or "back after" in line]
    grown = late[2] - early[2]
    print(
        f"{kind:9s} back after {statistics.median(returns):.2f} s (longest {max(returns):.2f}), identities kept {kept} of {short}, "
        f"descriptors {early[0]} -> {late[0]}, threads {early[1]} -> {late[1]}, memory {grown:+.1f} MB, {len(told)} lines told", flush=True)
    expected = 2 * options.times
    holds = max(returns) <= options.limit and kept == short and late[0] <= early[0] and grown < 8
    holds = holds and times == sorted(times) and (kind.startswith("udp") or len(told) == expected)
    if not holds:
        print("".join(watcher.told))
    return holds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", default=["tcp", "http", "rtsp-tcp", "rtsp-udp", "udp"])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--limit", type=float, default=SOON, help="seconds within which the picture must be back")
    parser.add_argument("--up", type=float, default=3.0, help="seconds for which the stream is there each time")
    parser.add_argument("--size", type=int, default=192, help="of the network")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--posecam", type=Path, default=ROOT / ".build" / "release" / "posecam")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        seconds = int(options.times * (options.up + 4) + 15)
        scene = f"demo:size=320x180,rate=12,people=2,seconds={seconds}"
        subprocess.run([options.posecam, "scene", scene, "-o", folder / "scene.mp4", "--truth", folder / "truth"], check=True)
        encode = ["ffmpeg", "-v", "error", "-nostdin", "-i", folder / "scene.mp4"]
        clips = {"other": folder / "clip.mp4", "http": folder / "clip.avi"}
        # A key frame twice a second: nobody can show what lies before the first one.
        subprocess.run(
            [*encode, "-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-g", "6", clips["other"]], check=True)
        subprocess.run([*encode, "-c:v", "mjpeg", "-q:v", "4", clips["http"]], check=True)
        print(f"load {os.getloadavg()[0]:.1f}, {options.times} times", flush=True)
        results = [run(options, kind, clips) for kind in options.kinds]
        sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
