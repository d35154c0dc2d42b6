"""The same messages through a WebSocket (RFC 6455): what the C# tool inside BizHawk speaks.

One binary WebSocket message is one message of `wire`. The library `websockets` knows the protocol; the socket and its
timeouts stay ours, so that one thread can wait for many emulators. A client has to ask for the subprotocol of this
version. Web pages, whose browsers say where they come from, are turned away.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from typing import TYPE_CHECKING

from playthrough.engine.wire import (
    MAX_HELLO_BYTES,
    MAX_MESSAGE_BYTES,
    VERSION,
    Connection,
    Hello,
    Kind,
    WireError,
    decode_hello,
    unpack,
)
from playthrough.errors import DependencyError

if TYPE_CHECKING:
    from websockets.http11 import Request
    from websockets.server import ServerProtocol

SUBPROTOCOL = f"playthrough.{VERSION}"
_MAX_HANDSHAKE_BYTES = 8192
_SWITCHING_PROTOCOLS = 101
_RECEIVE_BYTES = 1 << 18


class WebSocketConnection(Connection):
    """A connected socket whose other end is a WebSocket client.

    Args:
        connection: Just accepted.

    Raises:
        DependencyError: If the library is not installed.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._protocol = _protocol()
        super().__init__(connection)
        self._num_heard_bytes, self._said_goodbye = 0, False
        self._messages: deque[bytes] = deque()
        self._parts: list[bytes] = []

    def hear(self) -> Hello | None:
        """See `Connection.hear`."""
        data = self._hear_more()
        self._num_heard_bytes += len(data)
        if self._num_heard_bytes > _MAX_HANDSHAKE_BYTES + MAX_HELLO_BYTES:
            raise WireError("said too much before its hello")
        if data:
            self._take(data)
        if not self._messages:
            self._require_open()
            return None
        kind, payload = unpack(self._messages.popleft(), MAX_HELLO_BYTES)
        if kind != Kind.HELLO or self._messages:
            raise WireError("began with something else than a hello")
        return self._begin(decode_hello(payload))

    def _written(self, message: bytes) -> bytes:
        self._require_open()
        self._protocol.send_binary(message)
        return b"".join(self._protocol.data_to_send())

    def receive(self, timeout_s: float, since_s: float | None = None) -> tuple[Kind, memoryview]:
        """See `Connection.receive`."""
        deadline_s = (time.monotonic() if since_s is None else since_s) + timeout_s
        while not self._messages:
            try:
                data = self._socket.recv(_RECEIVE_BYTES)
            except (BlockingIOError, TimeoutError):  # nothing came for a tick
                data = None
            except OSError:
                data = b""
            if data is not None:
                self._take(data)
            if not self._messages:
                self._require_open()
            # What came in time may be fetched late, because another emulator was waited for: it is looked at first.
            if not self._messages and time.monotonic() > deadline_s:
                raise WireError(f"did not answer for {timeout_s:g} s")
        return unpack(self._messages.popleft())

    def _require_open(self) -> None:
        if self._said_goodbye:
            raise WireError("closed its connection")

    def _take(self, data: bytes) -> None:
        """Read what came; no bytes are the end of the stream."""
        from websockets.frames import Frame, Opcode
        from websockets.http11 import Request

        if not data:
            self._said_goodbye = True
            return
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._accept(event)
            elif not isinstance(event, Frame):
                continue
            elif event.opcode is Opcode.TEXT:
                raise WireError("sent text instead of a message")
            elif event.opcode is Opcode.CLOSE:
                self._said_goodbye = True
            elif event.opcode in (Opcode.BINARY, Opcode.CONT):
                self._parts.append(bytes(event.data))
                if event.fin:
                    self._messages.append(b"".join(self._parts))
                    self._parts.clear()
        problem = self._protocol.handshake_exc or self._protocol.parser_exc
        if problem is not None:
            raise WireError(f"broke the rules of WebSockets: {problem}")
        answer = b"".join(self._protocol.data_to_send())  # of the handshake, to a ping, or to a goodbye
        try:
            self._socket.sendall(answer)
        except OSError:
            self._said_goodbye = True

    def _accept(self, request: Request) -> None:
        response = self._protocol.accept(request)
        if response.status_code != _SWITCHING_PROTOCOLS or self._protocol.subprotocol != SUBPROTOCOL:
            raise WireError(f"asked for something else than a WebSocket that speaks {SUBPROTOCOL}")
        self._protocol.send_response(response)


def _protocol() -> ServerProtocol:
    try:
        from websockets.server import ServerProtocol
        from websockets.typing import Subprotocol
    except ImportError:
        raise DependencyError(
            "BizHawk's C# tool speaks through a WebSocket; run pip install 'playthrough[websocket]'"
        ) from None
    return ServerProtocol(
        origins=[None],
        extensions=[],
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        max_size=MAX_MESSAGE_BYTES + Connection.head_bytes,
    )
