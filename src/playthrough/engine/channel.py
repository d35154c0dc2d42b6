"""Messages between an engine and a worker process, over a socket.

A message is eight bytes, and for everything but a run the pickled rest. Both ends are the same program and trust each
other. Neither end waits for ever for one that has stopped: every `tick_s` in which nothing moves it is asked whether to
go on.
"""

from __future__ import annotations

import pickle
import socket
import struct
from collections.abc import Callable
from typing import Any

_HEAD = struct.Struct("<BBHI")
_PICKLED, _RUN, _DONE = 1, 2, 3
_DONE_HEAD = _HEAD.pack(_DONE, 0, 0, 0)

Pulse = Callable[[], None]
"""Called while nothing moves; raises to give up."""


def _wait_on() -> None:
    """The pulse of an end that waits as long as it takes."""


class Channel:
    """One end.

    Args:
        connection: Connected, blocking.
        tick_s: After how long without any progress the pulse is asked; None for never.
        pulse: Asked then.
    """

    def __init__(self, connection: socket.socket, tick_s: float | None = None, pulse: Pulse = _wait_on) -> None:
        self._socket, self._pulse = connection, pulse
        if tick_s is not None:
            # The kernel's own timeouts: Python's would cost another system call for every message.
            timeval = struct.pack("ll", int(tick_s), int(tick_s % 1 * 1e6))
            for side in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                connection.setsockopt(socket.SOL_SOCKET, side, timeval)

    def send_run(self, num_frames: int, num_ports: int, stopping: bool) -> None:
        """Ask for a run whose arguments lie in the shared memory."""
        self._send(_HEAD.pack(_RUN, num_ports, stopping, num_frames))

    def send_done(self) -> None:
        """Answer that a run is done, and there is nothing to say about it."""
        self._send(_DONE_HEAD)

    def send(self, message: Any) -> None:
        """Send anything that pickle takes."""
        data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        self._send(_HEAD.pack(_PICKLED, 0, 0, len(data)) + data)

    def receive(self) -> Any:
        """The next message: (frames, ports, stopping) of a run, None for one that is done, or what was sent.

        Raises:
            EOFError: If the other end is gone.
        """
        kind, ports, stopping, number = _HEAD.unpack(self._receive(_HEAD.size))
        if kind == _RUN:
            return number, ports, bool(stopping)
        return None if kind == _DONE else pickle.loads(self._receive(number))

    def close(self) -> None:
        """Close this end."""
        self._socket.close()

    def _send(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            try:
                left = left[self._socket.send(left) :]
            except BlockingIOError:
                self._pulse()
            except (BrokenPipeError, ConnectionResetError):
                raise EOFError from None

    def _receive(self, size: int) -> bytes | bytearray:
        data: bytes | bytearray = b""
        while len(data) < size:
            try:
                piece = self._socket.recv(min(size - len(data), 1 << 20))
            except BlockingIOError:
                self._pulse()
                continue
            except ConnectionResetError:
                raise EOFError from None
            if not piece:
                raise EOFError
            if len(piece) == size:
                return piece
            if not data:
                data = bytearray()
            data += piece
        return data
