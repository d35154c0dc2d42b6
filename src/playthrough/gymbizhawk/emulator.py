"""A processor script inside BizHawk: started, and driven with GymBizHawk's messages.

BizHawk connects to us. Both ends send `LENGTH TEXT`, where the length counts bytes; they take turns. The other end is
`lua/bizhawk.lua`.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from playthrough.engine.bizhawk import emuhawk_command, library_path, private_config, read_config
from playthrough.engine.png import decode_png
from playthrough.env.bizhawk.spaces import ScriptSpace
from playthrough.errors import DependencyError, EngineError

_log = logging.getLogger(__name__)

LUA_FOLDER = Path(__file__).with_name("lua")
"""Where Lua finds our `bizhawk` module."""

_TICK_S = 0.5
_MAX_DIGITS = 9
_NUM_PORTS = 100
_END_TIMEOUT_S = 5.0

Start = Callable[[Path, str, int], subprocess.Popen[bytes]]
"""Starts an emulator, with a folder for its own files, that connects to this address and port."""


class EmulatorHost:
    """A processor script that runs in BizHawk.

    Args:
        start: Starts it.
        mode: `FAST_RUN`, `RUN`, `RECORD` or `DEBUG`.
        observation_type: `VALUE`, `IMAGE`, `BOTH` or `RAM`.
        frameskip: How many more steps of the processor one decision lasts.
        silent: Without sound.
        work_folder: What the script sees as `env.wkdir_with_slash`.
        setup_str: Given to the script's `setup`.
        ip: The address to listen on.
        port: The first port to try.
        timeout_s: How long an answer may take; None for ever.

    Raises:
        EngineError: If it does not come up, or its script fails.
        ValueError: If a text cannot be sent.
    """

    def __init__(
        self,
        start: Start,
        *,
        mode: str,
        observation_type: str,
        frameskip: int,
        silent: bool,
        work_folder: str,
        setup_str: str,
        ip: str,
        port: int,
        timeout_s: float | None,
    ) -> None:
        for text in (work_folder, setup_str):
            if "|" in text:
                raise ValueError(f"'|' cannot be used here: {text!r}")
        self._observation_type, self._timeout_s = observation_type, timeout_s
        self._socket: socket.socket | None = None
        self._received = b""
        self._folder = tempfile.TemporaryDirectory(prefix="playthrough-bizhawk-", ignore_cleanup_errors=True)
        with _listen(ip, port) as listener:
            self._process = start(Path(self._folder.name), *listener.getsockname()[:2])
            try:
                self._accept(listener)
                settings = (mode, observation_type, frameskip, int(silent), work_folder or "_", setup_str or "_")
                self._send("|".join(["a", *map(str, settings)]))
                self._read_declarations()
                self.image_shape = self.fetch_image().shape
            except BaseException:
                self._end()
                raise
        self.observation_space = self._choose_observation_space()
        self.invalid_actions: list[list[int]] = []

    def _read_declarations(self) -> None:
        more = {"VALUE": 2, "BOTH": 2, "RAM": 1, "IMAGE": 0}[self._observation_type]
        self.platform, actions, *rest = self._fields(2 + more)
        self.actions = ScriptSpace(actions)
        self.action_space = self.actions.space
        self._values: ScriptSpace | None = None
        self._ram_bytes = 0
        if more == 2:
            self._values = ScriptSpace(rest[1], int(_numbers(rest[0])[0]))
        elif more == 1:
            self._ram_bytes = int(_numbers(rest[0])[0])

    def _choose_observation_space(self) -> gym.Space[Any]:
        if self._observation_type == "RAM":
            return gym.spaces.Box(0, 255, (self._ram_bytes,), np.uint8)
        image = gym.spaces.Box(0, 255, self.image_shape, np.uint8)
        if self._values is None:
            return image
        if self._observation_type == "VALUE":
            return self._values.space
        return gym.spaces.Tuple([image, *(part.space for part in self._values.parts)])

    def reset(self, seed: int | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode. A seed does not reach BizHawk."""
        self._send("reset")
        invalid, seen, info = self._fields(3)
        self.invalid_actions = self._invalid(invalid)
        return self._observation(seen), _info(info)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Decide once."""
        words = [str(int(value)) if isinstance(value, bool) else str(value) for value in self.actions.encode(action)]
        self._send(" ".join(["step", *words]))
        invalid, reward, terminated, truncated, seen, info = self._fields(6)
        self.invalid_actions = self._invalid(invalid)
        return self._observation(seen), float(_numbers(reward)[0]), terminated == "1", truncated == "1", _info(info)

    def set_mode(self, mode: str) -> None:
        """Tell the script another mode."""
        self._send(f"mode {mode}")

    def save(self, number: int) -> None:
        """Keep this moment."""
        self._send(f"save t{number}.dat")

    def load(self, number: int) -> None:
        """Go back to a moment."""
        self._send(f"load t{number}.dat")

    def fetch_image(self) -> NDArray[np.uint8]:
        """What is on the screen, uint8 (height, width, 3)."""
        self._send("screenshot")
        try:
            return np.ascontiguousarray(decode_png(self._receive())[..., 1:])
        except ValueError as error:
            raise EngineError(f"BizHawk sent a picture that cannot be read: {error}") from None

    def close(self, *, wait_for_person: bool = False) -> None:
        """End it.

        Args:
            wait_for_person: Let BizHawk's user look around first, until a key is pressed here.
        """
        try:
            if self._socket is not None:
                if wait_for_person and sys.stdin.isatty():
                    self._send("frameadvance_loop")
                    input("BizHawk closes with this program. continue> ")
                else:
                    self._send("close")
                    self._process.wait(_END_TIMEOUT_S)
        except (EngineError, subprocess.TimeoutExpired):
            pass  # it is ended now, one way or the other
        finally:
            self._end()

    # ------------------------------------------------------------ messages

    def _accept(self, listener: socket.socket) -> None:
        listener.settimeout(_TICK_S)
        began_s = time.monotonic()
        while self._socket is None:
            try:
                self._socket, _ = listener.accept()
            except TimeoutError:
                self._check_patience(began_s, "it did not connect")
        # Closing must reset the connection: after a plain end, BizHawk's socket waits for ever, and at full speed.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(_TICK_S)

    def _check_patience(self, began_s: float, what: str) -> None:
        status = self._process.poll()
        if status is not None:
            raise EngineError(
                f"BizHawk ended (exit status {status}) before an answer came: {what}. Start it by hand with the same "
                "script to see what its Lua console says"
            )
        if self._timeout_s is not None and time.monotonic() - began_s > self._timeout_s:
            raise EngineError(f"BizHawk took longer than socket_timeout={self._timeout_s:g} s: {what}")

    def _send(self, text: str) -> None:
        if self._socket is None:
            raise EngineError("BizHawk is gone; make a new environment")
        data = text.encode()
        try:
            self._socket.sendall(b"%d %b" % (len(data), data))
        except OSError as error:
            self._end()
            raise EngineError(f"BizHawk is gone ({error.strerror}); make a new environment") from None

    def _receive(self) -> bytes:
        began_s = time.monotonic()
        while b" " not in self._received[: _MAX_DIGITS + 1]:
            if len(self._received) > _MAX_DIGITS:
                raise EngineError(f"BizHawk sent {self._received[:20]!r} instead of a message's length")
            self._receive_more(began_s)
        digits, _, self._received = self._received.partition(b" ")
        if not digits.isdigit():
            self._end()
            raise EngineError(f"BizHawk sent {digits[:20]!r} instead of a message's length")
        size_bytes = int(digits)
        while len(self._received) < size_bytes:
            self._receive_more(began_s)
        message, self._received = self._received[:size_bytes], self._received[size_bytes:]
        if message.rstrip() == b"close" or message.startswith(b"error"):
            self._end()
            reason = message.removeprefix(b"error").decode("utf-8", "replace").strip()
            raise EngineError(
                f"the script failed in BizHawk: {reason}"
                if reason
                else "the script ended in BizHawk; see its Lua console"
            )
        return message

    def _receive_more(self, began_s: float) -> None:
        if self._socket is None:
            raise EngineError("BizHawk is gone; make a new environment")
        try:
            data = self._socket.recv(1 << 20)
        except TimeoutError:
            self._check_patience(began_s, "it did not answer")
            return
        except OSError:
            data = b""
        if not data:
            self._end()
            raise EngineError("BizHawk closed its connection; make a new environment")
        self._received += data

    def _fields(self, count: int) -> list[str]:
        text = self._receive().decode("utf-8", "replace").strip()
        fields = [field.strip() for field in text.split("|")]
        if len(fields) != count:
            raise EngineError(f"BizHawk answered {text[:60]!r}, where {count} fields were expected")
        return fields

    def _observation(self, seen: str) -> Any:
        if self._observation_type == "RAM":
            return _numbers(seen).astype(np.uint8)
        values = None if self._values is None else self._values.decode(_numbers(seen))
        if self._observation_type == "VALUE":
            return values
        image = self.fetch_image()
        if self._values is None:
            return image
        return (image, *values) if isinstance(values, tuple) else (image, values)

    def _invalid(self, text: str) -> list[list[int]]:
        rows = [_numbers(row.replace(",", " ")) for row in text.split("_") if row.strip()]
        return [[int(number) for number in row] for row in rows]

    def _end(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._folder.cleanup()


def _listen(ip: str, port: int) -> socket.socket:
    """A listener on the first port that is free, as GymBizHawk looks for one."""
    problem: str | None = "there is none"
    for number in range(port, min(port + _NUM_PORTS, 65536)):
        try:
            return socket.create_server((ip, number))
        except OSError as error:
            problem = error.strerror
    raise EngineError(f"no port from {port} to {port + _NUM_PORTS - 1} of {ip} can be listened on: {problem}")


def _info(text: str) -> dict[str, Any]:
    info: dict[str, Any] = {}
    for pair in text.split("#"):
        name, _, number = pair.strip().partition(":")
        if name and number:
            info[name] = float(_numbers(number)[0])
    return info


def _numbers(text: str) -> NDArray[np.float64]:
    """The numbers that stand there."""
    try:
        numbers = np.array(text.split(), np.float64)
    except ValueError:
        numbers = np.empty(0)
    if not numbers.size:
        raise EngineError(f"BizHawk sent {text[:60]!r} where numbers were expected")
    return numbers


def emuhawk(folder: Path, script: Path) -> Start:
    """Starts BizHawk with a script, and with a configuration of its own.

    Args:
        folder: BizHawk's.
        script: A processor script. Its `require('bizhawk')` finds our module, and that knows that Python waits for it.

    Raises:
        DependencyError: If something is missing for that.
    """
    command = emuhawk_command(folder)
    config = read_config(folder)
    known = os.environ.get("LUA_PATH_5_4") or os.environ.get("LUA_PATH") or ""
    environment = os.environ | {
        "GYMBIZHAWK": "1",
        "LUA_PATH_5_4": f"{LUA_FOLDER / '?.lua'};{known};",
        "LD_LIBRARY_PATH": library_path(folder),
    }

    def start(own_folder: Path, ip: str, port: int) -> subprocess.Popen[bytes]:
        own_config = own_folder / "config.ini"
        own_config.write_text(json.dumps(private_config(config, own_folder)), "utf-8")
        words = ["--luaconsole", f"--socket_ip={ip}", f"--socket_port={port}", f"--lua={script}"]
        _log.info("BizHawk runs: %s", [*command, *words])
        try:
            return subprocess.Popen([*command, *words, f"--config={own_config}"], cwd=folder, env=environment)
        except OSError as error:
            raise DependencyError(f"cannot start {command[0]}: {error.strerror}") from None

    return start
