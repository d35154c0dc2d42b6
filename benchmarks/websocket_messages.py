"""How many messages with raw pictures the C# tool sends through its WebSocket: 256x240 pixels, four bytes each.

Goal: 1 000 per second under Mono. One question and one answer at a time, as training does it. The tool runs in the
stand-in for BizHawk that its tests use; its answers take in making the bytes of the picture. The peer answers through
.NET's own ClientWebSocket with bytes that lie ready.
"""

from __future__ import annotations

import argparse
import base64
import os
import socket
import struct
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.rounds import in_turns
from playthrough.engine.bizhawk_tool import SOURCES
from playthrough.engine.websocket import WebSocketConnection
from playthrough.engine.wire import Kind, pack

GOAL = 1000
WIDTH, HEIGHT = 256, 240
TOKEN = "benchmark"
TIMEOUT_S = 20.0
STAND_IN = Path(__file__).parents[1] / "tests" / "engine" / "csharp"


def compiled(target: Path, *sources: Path) -> Path:
    """Compile a program."""
    subprocess.run(["mcs", "-langversion:7.2", f"-out:{target}", *map(str, sources)], check=True)
    return target


def connected(program: Path, folder: Path) -> tuple[subprocess.Popen[bytes], WebSocketConnection]:
    """Start a program under Mono and wait for its hello."""
    hello = pack(Kind.HELLO, bytes([len(TOKEN)]) + TOKEN.encode() + b"\4Peer" + struct.pack("<II", 0, 1))
    size_bytes = 4 * WIDTH * HEIGHT
    head = pack(Kind.SHOWN, struct.pack("<HHI", WIDTH, HEIGHT, size_bytes) + bytes(size_bytes))[:20]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        variables = {
            "PLAYTHROUGH_PORT": str(listener.getsockname()[1]),
            "PLAYTHROUGH_TOKEN": TOKEN,
            "PLAYTHROUGH_FOLDER": str(folder),
            "PLAYTHROUGH_MEMORY": "RAM,0,0,2048",
            "PLAYTHROUGH_BUTTONS": "7=Right",
            "PEER_BYTES": str(size_bytes + 20),
            "PEER_HELLO": base64.b64encode(hello).decode(),
            "PEER_HEAD": base64.b64encode(head).decode(),
        }
        process = subprocess.Popen(["mono", str(program)], stdout=subprocess.DEVNULL, env=os.environ | variables)
        listener.settimeout(TIMEOUT_S)
        connection = WebSocketConnection(listener.accept()[0])
    while connection.hear() is None:
        time.sleep(0.001)
    return process, connection


def messages_per_second(connection: WebSocketConnection, seconds: float) -> float:
    """Ask for pictures, one after the other."""
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        connection.send(Kind.PICTURE, b"", TIMEOUT_S)
        kind, payload = connection.receive(TIMEOUT_S)
        if kind != Kind.SHOWN or len(payload) != 8 + 4 * WIDTH * HEIGHT:
            raise SystemExit(f"expected a picture, got {kind.name} of {len(payload)} bytes")
        count += 1
    return count / (time.perf_counter() - begin)


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each round")
    options = parser.parse_args(arguments if arguments is not None else [])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tool = [path for path in SOURCES.glob("*/*.cs") if path.name != "PlaythroughTool.cs"]
        stand_in = [STAND_IN / name for name in ("TinyBizHawk.cs", "ApiHawkStubs.cs", "DrawingStubs.cs")]
        programs = {
            "tool": compiled(folder / "tool.exe", *tool, *stand_in),
            "ClientWebSocket": compiled(folder / "peer.exe", Path(__file__).with_name("websocket_peer.cs")),
        }
        sides = {name: connected(program, folder) for name, program in programs.items()}
        try:
            for _, connection in sides.values():
                messages_per_second(connection, 0.5)
            figures = in_turns(
                {name: partial(messages_per_second, side[1], options.seconds) for name, side in sides.items()},
                options.rounds,
            )
        finally:
            for process, connection in sides.values():
                process.kill()
                process.wait()
                connection.close()
    tool_figures, peer_figures = np.array(figures["tool"]), np.array(figures["ClientWebSocket"])
    median = float(np.median(tool_figures))
    verdict = "reached" if median >= GOAL else "NOT reached"
    print(f"tool: {median:.0f} messages/s of {WIDTH}x{HEIGHT} pixels, goal {GOAL} {verdict}")
    ratio = float(np.median(tool_figures / peer_figures))
    print(f".NET's ClientWebSocket: {np.median(peer_figures):.0f} messages/s; the tool {ratio:.2f}x")


if __name__ == "__main__":
    main()
