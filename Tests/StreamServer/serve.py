#!/usr/bin/env python3
"""Serves a clip as a live camera would: whoever comes sees the moment of the clip that is now, counted from a common beginning.

    serve.py KIND PORT CLIP BEGINNING

KIND is tcp (MPEG-TS), http (pictures, as web cameras send them: CLIP must hold JPEG), udp (MPEG-TS, sent to PORT) or rtsp (over TCP or
UDP, as the client asks). BEGINNING is the moment of the clip's first frame, in seconds of the system's clock. One client at a time.
Prints "ready" when clients may come. Nothing is encoded; ffmpeg repackages.
"""
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HOST = "127.0.0.1"


def play(clip, beginning, *output, **more):
    """ffmpeg, sending the clip from now on at its own pace."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-re", "-ss", f"{max(0, time.time() - beginning):.3f}", "-i", clip, "-an"]
    return subprocess.Popen([*command, "-c", "copy", *output], **more)


def relay(process, send):
    """Everything that ffmpeg writes, until it or the client is gone."""
    try:
        while part := process.stdout.read1(1316):
            send(part)
    except OSError:
        pass
    finally:
        process.kill()
        process.wait()


def listen(port):
    server = socket.create_server((HOST, port))
    print("ready", flush=True)
    while True:
        client, _ = server.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield client


def serve_tcp(port, clip, beginning):
    for client in listen(port):
        with client:
            relay(play(clip, beginning, "-f", "mpegts", "-", stdout=subprocess.PIPE), client.sendall)


def serve_http(port, clip, beginning):
    for client in listen(port):
        with client:
            client.recv(4096)
            client.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=ffmpeg\r\n\r\n")
            relay(play(clip, beginning, "-f", "mpjpeg", "-", stdout=subprocess.PIPE), client.sendall)


def serve_udp(port, clip, beginning):
    print("ready", flush=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        relay(
            play(clip, beginning, "-f", "mpegts", "-", stdout=subprocess.PIPE),
            lambda part: link.sendto(part, (HOST, port)))


def serve_rtsp(port, clip, beginning):
    description = describe(clip)
    for client in listen(port):
        with client, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as packets:
            packets.bind((HOST, 0))
            try:
                converse(client, packets, port, description, clip, beginning)
            except OSError:
                pass


def converse(client, packets, port, description, clip, beginning):
    """One client's requests, RFC 2326 as far as a camera needs it."""
    lock, process, channel = threading.Lock(), None, None
    requests = client.makefile("rb")
    try:
        while line := requests.readline():
            if line.startswith(b"$"):  # a report of the client's, among the requests
                requests.read(int.from_bytes(line[2:4], "big") - (len(line) - 4))
                continue
            method = line.split()[0].decode()
            headers = {}
            while (header := requests.readline().decode().strip()):
                name, value = header.split(":", 1)
                headers[name.lower()] = value.strip()
            reply, body, goes_on = [f"CSeq: {headers['cseq']}"], b"", True
            if method == "OPTIONS":
                reply.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER")
            elif method == "DESCRIBE":
                body = description
                reply += ["Content-Type: application/sdp", f"Content-Base: rtsp://{HOST}:{port}/"]
            elif method == "SETUP":
                transport = headers["transport"]
                if "interleaved" in transport:
                    channel = None
                else:
                    channel = int(transport.split("client_port=")[1].split("-")[0])
                    transport += f";server_port={packets.getsockname()[1]}-{packets.getsockname()[1] + 1}"
                reply += [f"Transport: {transport}", "Session: 1"]
            elif method == "PLAY":
                reply.append("Session: 1")
            elif method == "TEARDOWN":
                goes_on = False
            text = "\r\n".join(["RTSP/1.0 200 OK", *reply, *([f"Content-Length: {len(body)}"] if body else []), "", ""])
            with lock:
                client.sendall(text.encode() + body)
            if method == "PLAY":
                target = f"rtp://{HOST}:{packets.getsockname()[1]}?pkt_size=1316"
                process = play(clip, beginning, "-f", "rtp", target, stdout=subprocess.DEVNULL)
                arguments = (client, packets, lock, channel)
                threading.Thread(target=forward, args=arguments, daemon=True).start()
            if not goes_on:
                return
    finally:
        if process:
            process.kill()
            process.wait()


def forward(client, packets, lock, channel):
    try:
        while True:
            packet = packets.recv(2048)
            if channel:
                packets.sendto(packet, (HOST, channel))
            else:
                with lock:
                    client.sendall(b"$\0" + len(packet).to_bytes(2, "big") + packet)
    except OSError:
        pass


def describe(clip):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sdp"
        subprocess.run(
            ["ffmpeg", "-v", "error", "-nostdin", "-t", "0.1", "-i", clip, "-an", "-c", "copy", "-f", "rtp",
             "-sdp_file", path, f"rtp://{HOST}:9"], stdout=subprocess.DEVNULL, check=True)
        lines = [line for line in path.read_text().splitlines() if not line.startswith(("c=", "b="))]
    lines = [line.replace("m=video 9 ", "m=video 0 ") for line in lines] + ["a=control:video"]
    return ("\r\n".join(lines) + "\r\n").encode()


if __name__ == "__main__":
    kind, port, clip, beginning = sys.argv[1:]
    {"tcp": serve_tcp, "http": serve_http, "udp": serve_udp, "rtsp": serve_rtsp}[kind](int(port), clip, float(beginning))
