"""The socket behind a script's `comm.socketServer*`: messages with their length in front, as BizHawk sends them."""

from __future__ import annotations

import socket

from playthrough.errors import BadInputError

_MAX_DIGITS = 12


class ScriptSocket:
    """A connection to a server, made when the script or the user names one.

    What fails answers as it does in BizHawk: nothing received is an empty text, and -1 bytes are sent. Only a wait for
    a server that has gone, which never ends there, ends here.
    """

    def __init__(self) -> None:
        self.ip = ""
        self.port = 0
        self.is_successful = False
        self._timeout_s: float | None = None
        self._connection: socket.socket | None = None

    @property
    def is_connected(self) -> bool:
        """Whether a connection was made."""
        return self._connection is not None

    def set_ip(self, ip: str) -> None:
        """Name the server's address; connects if its port is known."""
        self.ip = ip
        self._connect()

    def set_port(self, port: int) -> None:
        """Name the server's port; connects if its address is known."""
        self.port = port
        self._connect()

    def set_timeout(self, milliseconds: int) -> None:
        """How long to wait for bytes; 0 is for ever."""
        self._timeout_s = milliseconds / 1000 or None
        if self._connection is not None:
            self._connection.settimeout(self._timeout_s)

    def send(self, payload: bytes) -> int:
        """Send a text. Returns how many bytes went out with its length, or -1."""
        return self.send_file(_as_text(payload))

    def send_file(self, data: bytes) -> int:
        """Send a picture's file, likewise."""
        return self.send_bytes(b"%d %b" % (len(data), data))

    def send_bytes(self, data: bytes) -> int:
        """Send bytes as they are. Returns how many, or -1."""
        if self._connection is None:
            return -1
        try:
            self._connection.sendall(data)
        except OSError:
            self.is_successful = False
            return -1
        self.is_successful = True
        return len(data)

    def receive(self) -> bytes:
        """The next text; nothing if none comes, or if what comes is none."""
        if self._connection is None:
            return b""
        try:
            head = b""
            while not head.endswith(b" "):
                byte = self._connection.recv(1)
                head += byte
                if not byte or len(head) > _MAX_DIGITS:
                    return b""
            left, parts = int(head), list[bytes]()
            while left > 0:
                part = self._connection.recv(left)
                if not part:
                    return b""
                parts.append(part)
                left -= len(part)
        except (OSError, ValueError):
            return b""
        return _as_text(b"".join(parts))

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> None:
        if not self.ip or not self.port:
            return
        self.close()
        try:
            self._connection = socket.create_connection((self.ip, self.port), timeout=10)
        except (OSError, OverflowError) as error:
            raise BadInputError(f"comm: no server answers at {self.ip}:{self.port} ({error})") from None
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection.settimeout(self._timeout_s)


def _as_text(data: bytes) -> bytes:
    """What a text of these bytes becomes in BizHawk: UTF-8, with a replacement for what is none."""
    return data.decode("utf-8", "replace").encode()
