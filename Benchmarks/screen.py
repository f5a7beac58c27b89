#!/usr/bin/env python3
"""What the live screen costs: bytes to the terminal, time of its thread, and how late it is.

    Benchmarks/screen.py bytes [CLIP]     beside repainting every frame; CPU of the screen's thread
    Benchmarks/screen.py latency          a stream of 640x480 at 30 fps over the loopback, network as it is and about ten times slower
    Benchmarks/screen.py latency --seconds 1800 --network slow

The program runs in a pseudo-terminal of 120x40 that this script reads as fast as it comes. Latency is told twice: by the
program itself (capture to screen), and from outside, from the moment a frame is sent to the moment its number appears.
"""
import argparse, fcntl, os, pty, re, select, signal, socket, struct, subprocess, sys, tempfile, termios, threading, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COLUMNS, ROWS = 120, 40


class Grid:
    """The characters of a terminal, as far as posecam writes them."""

    codes = re.compile(rb"\x1b\[([0-9;?]*)([A-Za-z])|\x1b[_P][^\x1b]*\x1b\\|\x1b[^\[_P]|[^\x1b]+|\x1b\[?[0-9;?]*$")

    def __init__(self):
        self.rows = [[" "] * COLUMNS for _ in range(ROWS)]
        self.x = self.y = 0
        self.rest = b""

    def feed(self, data):
        data = self.rest + data
        # A code or character cut in half waits for the rest.
        cut = data.rfind(b"\x1b")
        keep = len(data)
        if cut >= 0 and not re.match(rb"\x1b\[[0-9;?]*[$A-Za-z]|\x1b[^\[]", data[cut:]):
            keep = cut
        keep -= self.cut(data[:keep])
        self.rest, data = data[keep:], data[:keep]
        for match in self.codes.finditer(data):
            if match.group(2) == b"H":
                numbers = [int(n) if n else 1 for n in (match.group(1) or b"1;1").split(b";")]
                self.y, self.x = numbers[0] - 1, (numbers + [1])[1] - 1
            elif match.group(2) == b"C":
                self.x += int(match.group(1) or b"1")
            elif match.group()[:1] != b"\x1b":
                for character in match.group().decode("utf-8", "replace"):
                    if 0 <= self.y < ROWS and 0 <= self.x < COLUMNS and character >= " ":
                        self.rows[self.y][self.x] = character
                    self.x += 1

    @staticmethod
    def cut(data):
        """Bytes at the end that begin a character of UTF-8 which is not whole."""
        for back in range(1, min(3, len(data)) + 1):
            byte = data[-back]
            if byte & 0xC0 != 0x80:
                return back if byte >= 0xC0 and back < (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4) else 0
        return 0

    def text(self):
        return "\n".join("".join(row) for row in self.rows)

    def number(self, pattern, default=None):
        found = re.search(pattern, self.text())
        return float(found.group(1)) if found else default


class Program:
    """posecam in a pseudo-terminal."""

    def __init__(self, arguments):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", LC_ALL="C.UTF-8")
            os.environ.pop("NO_COLOR", None)
            time.sleep(0.1)
            os.execv(arguments[0], arguments)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.grid, self.total, self.ended = Grid(), 0, False

    def read(self, seconds):
        """What comes within a time, at once when something does."""
        ready, _, _ = select.select([self.fd], [], [], max(0, seconds))
        if not ready:
            return b""
        try:
            data = os.read(self.fd, 1 << 18)
        except OSError:
            data = b""
        self.ended = not data
        self.total += len(data)
        self.grid.feed(data)
        return data

    def press(self, keys):
        os.write(self.fd, keys)

    def screen_thread_seconds(self):
        """CPU time of the thread that draws, the first one."""
        with open(f"/proc/{self.pid}/task/{self.pid}/schedstat") as file:
            return int(file.read().split()[0]) / 1e9

    def close(self):
        try:
            os.kill(self.pid, signal.SIGTERM)
            limit = time.monotonic() + 10
            while not self.ended and time.monotonic() < limit:
                self.read(0.1)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError, OSError):
            pass
        os.close(self.fd)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def load():
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def measure_bytes(options):
    program = Program([options.program, "--video", options.clip] + options.options)
    frames, first, last = set(), None, None
    while not program.ended:
        program.read(0.5)
        frame = program.grid.number(r"frame (\d+) ")
        if frame is None:
            continue
        now = (time.monotonic(), program.total, program.screen_thread_seconds() if not program.ended else None)
        if now[2] is None:
            break
        # The first second is not a steady state: the first screen is whole.
        if first is None and frame >= 15:
            first = now
            frames.clear()
        if first:
            frames.add(frame)
            last = now
    program.close()
    if not first or len(frames) < 10:
        sys.exit("the clip is too short")
    seconds, sent, cpu = (b - a for a, b in zip(first, last))

    # A repaint on demand, at some places of the clip.
    program = Program([options.program, "--video", options.clip] + options.options)
    wholes = []
    while not program.ended and program.grid.number(r"frame (\d+) ") is None:
        program.read(1)
    program.press(b" ")
    for _ in range(6):
        program.press(b"." * 5)
        quiet = time.monotonic()
        while time.monotonic() - quiet < 1:
            program.read(0.2)
        program.press(b"\x0c")
        quiet, data = time.monotonic(), b""
        while time.monotonic() - quiet < 0.5:
            data += program.read(0.2)
        wholes.append(max(len(part) for part in data.split(b"\x1b[?2026h")))
    program.close()
    whole = sum(wholes) / len(wholes)
    each = sent / len(frames)
    print(f"{os.path.basename(options.clip)}: {len(frames)} frames shown in {seconds:.1f} s at {COLUMNS}x{ROWS}, {load()}")
    print(f"bytes per screen           {each:9.0f}")
    print(f"bytes of a repaint         {whole:9.0f}")
    print(f"share                      {each / whole:9.3f}   (1/3 at most)")
    print(f"bytes per second at 30 fps {30 * each:9.0f}")
    print(f"screen thread              {1000 * cpu / len(frames):9.2f} ms of CPU per screen")
    print(f"at 30 fps                  {3000 * cpu / len(frames):9.1f} % of a core   (10 % at most)")


class Stream:
    """Sends an FLV file to whoever connects, every picture at its time, and notes when."""

    def __init__(self, path):
        self.data = open(path, "rb").read()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.sent = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        connection, _ = self.server.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            connection.sendall(self.data[:13])
            begin, at = time.monotonic(), 13
            while at + 11 <= len(self.data):
                kind, size = self.data[at], int.from_bytes(self.data[at + 1 : at + 4], "big")
                stamp = int.from_bytes(self.data[at + 4 : at + 7], "big") | self.data[at + 7] << 24
                # A picture, not the decoder's configuration.
                if kind == 9 and self.data[at + 12] == 1:
                    time.sleep(max(0, begin + stamp / 1000 - time.monotonic()))
                    self.sent.append(time.monotonic())
                connection.sendall(self.data[at : at + 15 + size])
                at += 15 + size
        except OSError:
            pass
        connection.close()


def measure_latency(options):
    with tempfile.TemporaryDirectory() as folder:
        clip, flv = os.path.join(folder, "clip.mp4"), os.path.join(folder, "clip.flv")
        run = lambda *command: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        run(options.program, "scene", "demo:size=640x480,people=2,seconds=20", "-o", clip, "--truth", clip + ".jsonl")
        loops = max(0, int(options.seconds / 20))
        run("ffmpeg", "-y", "-stream_loop", str(loops), "-i", clip, "-t", str(options.seconds + 5), "-c", "copy", flv)
        networks = {"usual": ("as it is", []), "slow": ("about 10 x slower", ["--cpu-level", "scalar"])}
        for network in options.network:
            name, extra = networks[network]
            show_latency(options, name, flv, extra)


def show_latency(options, name, flv, extra):
    stream = Stream(flv)
    program = Program(
        [options.program, "--video", f"tcp://127.0.0.1:{stream.port}", "--threads", "2"] + extra + options.options)
    begin = None
    seen, outside, own, waiting, network, behind = -1, [], [], [], [], []
    while not program.ended and (begin is None or time.monotonic() - begin < options.seconds):
        program.read(0.5)
        now = time.monotonic()
        frame = program.grid.number(r"frame (\d+) ")
        if frame is None or frame == seen:
            continue
        seen = frame
        begin = begin or now
        # Until the stream is understood, frames pile up in the socket.
        if now - begin < options.warm_up or frame >= len(stream.sent):
            continue
        outside.append(1000 * (now - stream.sent[int(frame)]))
        own.append(program.grid.number(r"latency .*?([\d.]+) ms", 0))
        network.append(program.grid.number(r"network +[━─ ]*([\d.]+) ", 0))
        waits = re.search(r"network (\d+) +screen (\d+)", program.grid.text())
        waiting.append(int(waits.group(1)) + int(waits.group(2)) if waits else 0)
    dropped = program.grid.number(r"dropped [^│]*?(\d+) *│", 0)
    program.close()
    if not outside:
        sys.exit("nothing was shown:\n" + program.grid.text())
    period = 1000 / 30
    thirds = [outside[i * len(outside) // 3 : (i + 1) * len(outside) // 3] for i in range(3)]
    print(f"network {name}: {len(outside)} frames shown of {len(stream.sent)} sent, {load()}")
    print(f"  network stage                ms   median {percentile(network, .5):6.1f}   p95 {percentile(network, .95):6.1f}")
    print(f"  capture to screen, own count ms   median {percentile(own, .5):6.1f}   p95 {percentile(own, .95):6.1f}")
    print(f"  sent to screen, from outside ms   median {percentile(outside, .5):6.1f}   p95 {percentile(outside, .95):6.1f}"
          f"   (2 periods and the network: {2 * period + percentile(network, .95):.1f})")
    print("  its median in each third     ms   " + "  ".join(f"{percentile(part, .5):6.1f}" for part in thirds))
    print(f"  frames waiting, at most           {max(waiting)}   (2 at most); {dropped:.0f} dropped")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["bytes", "latency"])
    parser.add_argument("clip", nargs="?", default=os.path.join(ROOT, "samples/room.mp4"))
    parser.add_argument("--program", default=os.path.join(ROOT, ".build/release/posecam"))
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--warm-up", type=float, default=5)
    parser.add_argument("--network", nargs="+", choices=["usual", "slow"], default=["usual", "slow"])
    parser.add_argument("--options", nargs=argparse.REMAINDER, default=[], help="for posecam")
    options = parser.parse_args()
    {"bytes": measure_bytes, "latency": measure_latency}[options.what](options)


main()
