"""The same messages as text, for BizHawk: its Lua functions `comm.socketServer*` exchange nothing else.

Either end sends `<length> <text>`, where the length counts bytes of UTF-8. A message's bytes become characters of the
same number, so that no byte is invalid. What Lua cannot have in its hands, a picture, BizHawk sends by itself as a PNG
file, ahead of the message that it belongs to; every one is acknowledged at once. So the two ends always take turns:
BizHawk's socket waits for the other side to confirm what it sent, which costs 40 ms wherever two messages follow each
other.
"""

from __future__ import annotations

import socket
import struct
import sys
import time

from playthrough.engine.wire import (
    MAX_HELLO_BYTES,
    MAX_MESSAGE_BYTES,
    Connection,
    Hello,
    Kind,
    WireError,
    decode_hello,
    encode_png_picture,
    unpack,
)

_MAX_DIGITS = 9
_PNG = b"\x89PNG\r\n\x1a\n"
_GO_ON = b"2 go"
_COUNT_OF_PICTURES = 5
"""Where a run's answer says how many pictures it has."""


class TextConnection(Connection):
    """A connected socket that speaks in texts.

    Args:
        connection: Just accepted.
    """

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self._rest = b""

    def hear(self) -> Hello | None:
        """See `Connection.hear`."""
        self._rest += self._hear_more()
        size_bytes, begin = _prefix(self._rest)
        if begin and size_bytes > 2 * MAX_HELLO_BYTES:
            raise WireError(f"began with a message of {size_bytes} bytes")
        if not begin or len(self._rest) < begin + size_bytes:
            return None
        text, self._rest = self._rest[begin : begin + size_bytes], self._rest[begin + size_bytes :]
        kind, payload = _message_in(text, MAX_HELLO_BYTES)
        if kind != Kind.HELLO or self._rest:
            raise WireError("began with something else than a hello")
        return self._begin(decode_hello(payload))

    def _written(self, message: bytes) -> bytes:
        text = message.decode("latin-1").encode()
        return b"%d %b" % (len(text), text)

    def receive(self, timeout_s: float, since_s: float | None = None) -> tuple[Kind, memoryview]:
        """See `Connection.receive`."""
        deadline_s = (time.monotonic() if since_s is None else since_s) + timeout_s
        pictures: list[bytes] = []
        while True:
            text = self._next_text(deadline_s, timeout_s)
            if text.startswith(_PNG):
                pictures.append(text)
                self._acknowledge()
            elif text:  # an empty one only asks whether somebody is there
                break
        kind, payload = _message_in(text, MAX_MESSAGE_BYTES)
        count = 1
        if kind == Kind.RAN:
            count = payload[_COUNT_OF_PICTURES] if len(payload) > _COUNT_OF_PICTURES else 0
        shown = pictures[len(pictures) - count :] if count <= len(pictures) else pictures
        return kind, memoryview(b"".join((payload, *map(encode_png_picture, shown))))

    def close(self) -> None:
        """Close this end at once: BizHawk, told politely that nothing more comes, would wait for more without end."""
        self._socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        )
        super().close()

    def _acknowledge(self) -> None:
        try:
            self._socket.sendall(_GO_ON)
        except OSError:
            raise WireError("closed its connection") from None

    def _next_text(self, deadline_s: float, timeout_s: float) -> bytes:
        size_bytes, begin = _prefix(self._rest)
        while not begin:
            self._wait_for(1, deadline_s, timeout_s)
            size_bytes, begin = _prefix(self._rest)
        if size_bytes > 2 * MAX_MESSAGE_BYTES:  # a character takes two bytes at most
            raise WireError(f"announced a message of {size_bytes} bytes, more than {2 * MAX_MESSAGE_BYTES}")
        self._wait_for(begin + size_bytes - len(self._rest), deadline_s, timeout_s)
        text, self._rest = self._rest[begin : begin + size_bytes], self._rest[begin + size_bytes :]
        return text

    def _wait_for(self, num_bytes: int, deadline_s: float, timeout_s: float) -> None:
        """Have so many more bytes in hand."""
        parts = [self._rest]
        while num_bytes > 0:
            try:
                data = self._socket.recv(max(num_bytes, 65536))
            except (BlockingIOError, TimeoutError):  # nothing came for a tick
                if time.monotonic() > deadline_s:
                    raise WireError(f"did not answer for {timeout_s:g} s") from None
                continue
            except OSError:
                data = b""
            if not data:
                raise WireError("closed its connection")
            parts.append(data)
            num_bytes -= len(data)
            # What came in time may be fetched late, because another emulator was waited for: it is looked at first.
            if num_bytes > 0 and time.monotonic() > deadline_s:
                raise WireError(f"did not answer for {timeout_s:g} s")
        self._rest = b"".join(parts)


def _prefix(data: bytes) -> tuple[int, int]:
    """How long the text is that begins here, and where it begins; (0, 0) while that is not known."""
    digits, space, _ = data[: _MAX_DIGITS + 1].partition(b" ")
    if (digits and not digits.isdigit()) or (not space and len(digits) > _MAX_DIGITS) or (space and not digits):
        raise WireError(f"sent {data[:8]!r} instead of a text's length")
    return (int(digits), len(digits) + 1) if space else (0, 0)


def _message_in(text: bytes, max_bytes: int) -> tuple[Kind, bytes]:
    try:
        message = text.decode().encode("latin-1")
    except UnicodeError:
        raise WireError(f"sent {text[:8]!r}, which is no message as text") from None
    kind, payload = unpack(message, max_bytes)
    return kind, bytes(payload)
