"""Messages between Python and an emulator that runs our client: strict, versioned, length-exact.

A message is twelve bytes (magic, version, kind, two zeros, length of the rest) and the rest. All numbers are little
endian. Python asks, the emulator answers; one question has one answer. Whatever does not fit is an error, never a
guess. `clients/playthrough.lua` is the other end.
"""

from __future__ import annotations

import math
import socket
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.png import decode_png
from playthrough.engine.probes import Measure, Probe, StopNode
from playthrough.errors import CapabilityError

MAGIC = b"PTRC"
VERSION = 1
MAX_MESSAGE_BYTES = 1 << 26
MAX_HELLO_BYTES = 4096

_HEAD = struct.Struct("<4sBBHI")
_RUN = struct.Struct("<IBBB")
_RAN = struct.Struct("<IBB")
_PROBE = struct.Struct("<IBBBQB")
_MEASURE = struct.Struct("<HBBBQh")
_COUNT = struct.Struct("<H")
_RANGE = struct.Struct("<II")
_PICTURE = struct.Struct("<HHI")
_INFINITY = 0x7FFF
_TICK_S = 0.05
_FORMATS = "uidn"


class Kind(IntEnum):
    """What a message is. Questions are below 64, answers from 64 on."""

    CONFIGURE = 1
    RUN = 2
    SAVE = 3
    LOAD = 4
    READ = 5
    WRITE = 6
    PICTURE = 7
    QUIT = 8
    DRAW = 9
    SPEED = 10
    HELLO = 64
    DONE = 65
    RAN = 66
    DATA = 67
    SHOWN = 68
    FAILED = 69


class WireError(Exception):
    """The other end is gone, silent, or talks nonsense. The text is a clause about it."""


# Frames of bytes -----------------------------------------------------------------------------------------------------


def pack(kind: Kind, payload: bytes = b"") -> bytes:
    """A whole message."""
    return _HEAD.pack(MAGIC, VERSION, kind, 0, len(payload)) + payload


def unpack_head(head: bytes, max_bytes: int = MAX_MESSAGE_BYTES) -> tuple[Kind, int]:
    """Kind and length of the rest, from the first twelve bytes.

    Raises:
        WireError: If they begin no message of this version.
    """
    magic, version, number, zero, length = _HEAD.unpack(head)
    if magic != MAGIC or zero:
        raise WireError(f"sent {head[:8]!r} instead of a message")
    if version != VERSION:
        raise WireError(f"speaks version {version} of the protocol instead of {VERSION}")
    try:
        kind = Kind(number)
    except ValueError:
        raise WireError(f"sent a message of the unknown kind {number}") from None
    if length > max_bytes:
        raise WireError(f"announced a message of {length} bytes, more than {max_bytes}")
    return kind, length


def unpack(message: bytes, max_bytes: int = MAX_MESSAGE_BYTES) -> tuple[Kind, memoryview]:
    """Kind and payload of a whole message.

    Raises:
        WireError: If it is none.
    """
    if len(message) < _HEAD.size:
        raise WireError(f"sent {message[:8]!r} instead of a message")
    kind, length = unpack_head(message[: _HEAD.size], max_bytes)
    if len(message) != _HEAD.size + length:
        raise WireError(f"announced {length} bytes and sent {len(message) - _HEAD.size}")
    return kind, memoryview(message)[_HEAD.size :]


class Connection:
    """A connected socket that speaks in messages.

    Args:
        connection: Connected.
    """

    head_bytes = _HEAD.size

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket, self._send_timeout_s = connection, 0.0
        self._buffer, self._heard = bytearray(_HEAD.size), b""

    def hear(self) -> Hello | None:
        """What the other end says first, once that is complete. From then on it can be asked.

        Raises:
            WireError: If it says something else, or too much.
        """
        self._heard += self._hear_more()
        if len(self._heard) < _HEAD.size:
            return None
        kind, length = unpack_head(self._heard[: _HEAD.size], MAX_HELLO_BYTES)
        rest = self._heard[_HEAD.size :]
        if kind != Kind.HELLO or len(rest) > length:
            raise WireError("began with something else than a hello")
        return self._begin(decode_hello(rest)) if len(rest) == length else None

    def _hear_more(self) -> bytes:
        try:
            data = self._socket.recv(MAX_HELLO_BYTES)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            raise WireError("left")
        return data

    def _begin(self, hello: Hello) -> Hello:
        self._socket.setblocking(True)
        # The kernel's own timeouts: with Python's, a message of many pieces would cost a wake-up for each.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(_TICK_S))
        return hello

    def send(self, kind: Kind, payload: bytes, timeout_s: float) -> None:
        """Send one message.

        Raises:
            WireError: If the other end is gone or takes nothing for so long.
        """
        try:
            if timeout_s != self._send_timeout_s:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(timeout_s))
                self._send_timeout_s = timeout_s
            self._socket.sendall(self._written(pack(kind, payload)))
        except (BlockingIOError, TimeoutError):
            raise WireError(f"took nothing for {timeout_s:g} s") from None
        except OSError:
            raise WireError("closed its connection") from None

    def _written(self, message: bytes) -> bytes:
        return message

    def receive(self, timeout_s: float, since_s: float | None = None) -> tuple[Kind, memoryview]:
        """The next message, whole within `timeout_s` since then, or since now. It is overwritten by the one after.

        Raises:
            WireError: If it does not come, or is none.
        """
        deadline_s = (time.monotonic() if since_s is None else since_s) + timeout_s
        kind, length = unpack_head(bytes(self._exactly(_HEAD.size, deadline_s, timeout_s)))
        return kind, self._exactly(length, deadline_s, timeout_s)

    def _exactly(self, size_bytes: int, deadline_s: float, timeout_s: float) -> memoryview:
        if len(self._buffer) < size_bytes:
            self._buffer = bytearray(size_bytes)
        view, filled = memoryview(self._buffer)[:size_bytes], 0
        while filled < size_bytes:
            try:
                count = self._socket.recv_into(view[filled:], 0, socket.MSG_WAITALL)
            except (BlockingIOError, TimeoutError):  # nothing came for a tick
                count = -1
            except OSError:
                count = 0
            if count == 0:
                raise WireError("closed its connection")
            filled += max(count, 0)
            # What came in time may be fetched late, because another emulator was waited for: it is looked at first.
            if filled < size_bytes and time.monotonic() > deadline_s:
                raise WireError(f"did not answer for {timeout_s:g} s")
        return view

    def close(self) -> None:
        """Close this end."""
        self._socket.close()


def _timeval(seconds: float) -> bytes:
    if sys.platform == "win32":
        return struct.pack("L", int(seconds * 1000))
    return struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))


# What the messages carry ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hello:
    """What an emulator says first.

    Attributes:
        token: Which emulator it is; only the one that was started knows.
        program: Its name and version, for messages.
        blocks: (address, size in bytes) of the mapped memory.
    """

    token: str
    program: str
    blocks: tuple[tuple[int, int], ...]


def decode_hello(payload: bytes | memoryview) -> Hello:
    """Read a hello.

    Raises:
        WireError: If it is none.
    """
    try:
        token, rest = _text(bytes(payload))
        program, rest = _text(rest)
        blocks = tuple((int(start), int(size)) for start, size in _RANGE.iter_unpack(rest))
    except (struct.error, UnicodeDecodeError, IndexError):
        raise WireError("sent a hello that cannot be read") from None
    if not blocks or any(size == 0 or start + size > 1 << 32 for start, size in blocks):
        raise WireError("mapped no memory")
    return Hello(token, program, blocks)


def _text(data: bytes) -> tuple[str, bytes]:
    end = 1 + data[0]
    if len(data) < end:
        raise IndexError
    return data[1:end].decode("ascii"), data[end:]


def encode_configuration(probes: Sequence[Probe], stop: StopNode | None) -> bytes:
    """The probes, and the stop program behind a byte that says whether there is one.

    Raises:
        CapabilityError: If the stop program compares numbers that a client's arithmetic (53 bits) cannot hold.
    """
    parts = [_COUNT.pack(len(probes))]
    parts += [encode_probe(probe) for probe in probes]
    parts.append(bytes([stop is not None]))
    if stop is not None:
        _require_exact(probes, stop)
        parts.append(_encode_stop(stop))
    return b"".join(parts)


def encode_probe(probe: Probe) -> bytes:
    """One probe, as it stands in a configuration."""
    kind = probe.type
    offsets = bytes(kind.byte_offsets())
    masked, mask = probe.mask is not None, (probe.mask or 0) & 0xFFFF_FFFF_FFFF_FFFF
    return _PROBE.pack(probe.address, kind.width, _FORMATS.index(kind.format), masked, mask, len(offsets)) + offsets


def _require_exact(probes: Sequence[Probe], stop: StopNode) -> None:
    for measure in stop.measures:
        probe = probes[measure.probe]
        most = {"u": 6, "i": 6, "d": 7, "n": 8}[probe.type.format]
        if probe.type.num_digits > most or not (probe.mask is None or 0 <= probe.mask < 1 << 48):
            raise CapabilityError(
                f"the game's end hangs on address {probe.address} of type {probe.type}, mask {probe.mask}: the script "
                f"inside another emulator counts to 2**53; expected at most {most} bytes and a mask below 2**48"
            )
        if math.isnan(measure.reference):
            raise CapabilityError("the game's end hangs on a comparison with NaN, which another emulator cannot make")
    for node in stop.nodes:
        _require_exact(probes, node)


def _encode_stop(stop: StopNode) -> bytes:
    parts = [bytes([stop.condition == "all"]), _COUNT.pack(len(stop.measures))]
    parts += [_encode_measure(measure) for measure in stop.measures]
    parts.append(_COUNT.pack(len(stop.nodes)))
    parts += [_encode_stop(node) for node in stop.nodes]
    return b"".join(parts)


def _encode_measure(measure: Measure) -> bytes:
    # The reference as sign, integer and power of two: exact, and nothing that a locale could read otherwise.
    size = abs(float(measure.reference))
    if math.isinf(size):
        number, exponent = 0, _INFINITY
    else:
        exponent = max(math.frexp(size)[1] - 53, -1074)
        number = int(math.ldexp(size, -exponent))
    negative = math.copysign(1, measure.reference) < 0
    return _MEASURE.pack(measure.probe, measure.measurement == "delta", measure.op, negative, number, exponent)


def encode_run(buttons: NDArray[np.uint16], before: bytes | memoryview, *, num_pictures: int, stopping: bool) -> bytes:
    """Run frames.

    Args:
        buttons: uint16 (frames, ports).
        before: The probes' bytes on the frame before.
        num_pictures: Of the last frames; 0 to 2.
        stopping: Whether the stop program counts.
    """
    frames, ports = buttons.shape
    head = _RUN.pack(frames, ports, num_pictures, stopping)
    return b"".join((head, before, buttons.astype("<u2", copy=False).tobytes()))


@dataclass(frozen=True, slots=True)
class RawPicture:
    """A picture of an emulator: uint8, four bytes for each pixel, X R G B."""

    width: int
    height: int
    pixels: memoryview


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run gave: the probes' bytes after each of its frames, and the last pictures, oldest first."""

    frames: int
    ended: bool
    samples: memoryview
    pictures: tuple[RawPicture, ...]


def decode_ran(payload: bytes | memoryview, sample_bytes: int, max_frames: int, num_pictures: int) -> Ran:
    """Read the answer to a run of `max_frames` frames, at least one.

    Raises:
        WireError: If it does not fit what was asked.
    """
    view = memoryview(payload)
    if len(view) < _RAN.size:
        raise WireError("sent half an answer")
    frames, ended, count = _RAN.unpack_from(view)
    end = _RAN.size + frames * sample_bytes
    if not 1 <= frames <= max_frames or ended > 1 or (frames < max_frames and not ended):
        raise WireError(f"said that it ran {frames} of {max_frames} frames and {'' if ended else 'not '}ended")
    if count != min(num_pictures, frames) or len(view) < end:
        raise WireError("sent an answer of another length than it announced")
    pictures: list[RawPicture] = []
    rest = view[end:]
    for _ in range(count):
        picture, rest = _decode_picture(rest)
        pictures.append(picture)
    if len(rest):
        raise WireError(f"sent {len(rest)} bytes too many")
    return Ran(frames, bool(ended), view[_RAN.size : end], tuple(pictures))


def decode_picture(payload: bytes | memoryview) -> RawPicture:
    """Read a picture.

    Raises:
        WireError: If it is none.
    """
    picture, rest = _decode_picture(memoryview(payload))
    if len(rest):
        raise WireError(f"sent {len(rest)} bytes too many")
    return picture


def _decode_picture(view: memoryview) -> tuple[RawPicture, memoryview]:
    if len(view) < _PICTURE.size:
        raise WireError("sent half a picture")
    width, height, size = _PICTURE.unpack_from(view)
    end = _PICTURE.size + size
    if size and not width and not height and len(view) >= end:
        return _decode_png(view[_PICTURE.size : end]), view[end:]
    if size != width * height * 4 or not size or len(view) < end:
        raise WireError(f"sent a picture of {width}x{height} pixels in {size} bytes, of which {len(view)} came")
    return RawPicture(width, height, view[_PICTURE.size : end]), view[end:]


def encode_ranges(ranges: Sequence[tuple[int, int]]) -> bytes:
    """Address and size in bytes of parts of the memory."""
    return b"".join(_RANGE.pack(address, size) for address, size in ranges)


def _decode_png(data: memoryview) -> RawPicture:
    try:
        pixels = decode_png(data)
    except ValueError as error:
        raise WireError(f"sent a picture that cannot be read: {error}") from None
    height, width, _ = pixels.shape
    return RawPicture(width, height, pixels.data.cast("B"))


def encode_png_picture(png: bytes) -> bytes:
    """A PNG file in place of raw pixels: a picture of no size."""
    return _PICTURE.pack(0, 0, len(png)) + png
