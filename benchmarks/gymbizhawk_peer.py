"""The peer: GymBizHawk's way on FCEUX, as a Gymnasium environment with gray 84x84 pictures, four of them stacked.

A step is a request and an answer in text, and another request and answer for the picture, which is a PNG file.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import cv2
import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from playthrough.engine.fceux import find_fceux

SCRIPT = Path(__file__).with_suffix(".lua")
CONFIG = "SDL.VideoDriver = 2\nSDL.VideoVsync = 0\nSDL.Vsync = 0\nSDL.Sound = 0\n"
NUM_ACTIONS, STACK, SIDE = 5, 4, 84


class GymBizHawkOnFceux(gym.Env[NDArray[np.uint8], int]):
    """One FCEUX.

    Args:
        rom: The game.
        ram: Whether the memory comes with every step, as text; GymBizHawk's RAM observations are made of it.
    """

    def __init__(self, rom: Path, ram: bool) -> None:
        self.observation_space = gym.spaces.Box(0, 255, (STACK, SIDE, SIDE), np.uint8)
        self.action_space = gym.spaces.Discrete(NUM_ACTIONS)
        self._stack = np.zeros((STACK, SIDE, SIDE), np.uint8)
        self._folder = Path(tempfile.mkdtemp(prefix="peer-"))
        (self._folder / ".fceux").mkdir()
        (self._folder / ".fceux" / "fceux.cfg").write_text(CONFIG)
        shutil.copy(rom, self._folder / "rom.nes")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._process = subprocess.Popen(
                [find_fceux(), "--sound", "0", "--loadlua", str(SCRIPT), str(self._folder / "rom.nes")],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={
                    **os.environ,
                    "QT_QPA_PLATFORM": "offscreen",
                    "SDL_AUDIODRIVER": "dummy",
                    "HOME": str(self._folder),
                    "XDG_RUNTIME_DIR": str(self._folder),
                    "PEER_PORT": str(listener.getsockname()[1]),
                    "PEER_PICTURE": str(self._folder / "picture.png"),
                },
            )
            listener.settimeout(20)
            self._connection = listener.accept()[0]
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self._connection.makefile("rb")
        self._ram = ram
        self._ask(f"a|FAST_RUN|{'RAM' if ram else 'IMAGE'}|3|1|_|_")
        self.memory: list[int] = []

    def _ask(self, text: str) -> bytes:
        data = text.encode()
        self._connection.sendall(b"%d %b" % (len(data), data))
        head = b""
        while not head.endswith(b" "):
            head += self._stream.read(1)
        return self._stream.read(int(head))

    def _observe(self, state: str) -> NDArray[np.uint8]:
        if self._ram:
            self.memory = [int(number) for number in state.split()]
        picture = cv2.imdecode(np.frombuffer(self._ask("screenshot"), np.uint8), cv2.IMREAD_COLOR)
        gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        self._stack = np.roll(self._stack, -1, axis=0)
        self._stack[-1] = cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        return self._stack

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        _, state, _ = self._ask("reset").decode().split("|")
        return self._observe(state), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        _, reward, terminated, truncated, state, info = self._ask(f"step {action}").decode().split("|")
        x = float(info.rstrip("#").partition(":")[2])
        return self._observe(state), float(reward), terminated == "1", truncated == "1", {"x": x}

    def close(self) -> None:
        self._connection.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
