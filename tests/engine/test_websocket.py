"""The server's end of the WebSocket, against the client of the same library and against clients that are none."""

from __future__ import annotations

import builtins
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from playthrough.engine.websocket import SUBPROTOCOL, WebSocketConnection
from playthrough.engine.wire import Hello, Kind, WireError, pack
from playthrough.errors import DependencyError

HELLO = b"\5token\4Tiny" + bytes(4) + b"\x10\0\0\0"
TIMEOUT_S = 10.0


class Pair:
    """A client in a thread, and our end of its connection."""

    def __init__(self, talk: Callable[[int], None]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(TIMEOUT_S)
            self._client = threading.Thread(target=talk, args=(listener.getsockname()[1],))
            self._client.start()
            self.connection = WebSocketConnection(listener.accept()[0])

    def hear(self) -> Hello:
        deadline_s = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline_s:
            hello = self.connection.hear()
            if hello is not None:
                return hello
            time.sleep(0.001)
        raise AssertionError("no hello came")

    def close(self) -> None:
        self.connection.close()
        self._client.join()


@pytest.fixture
def pair() -> Iterator[Callable[[Callable[[int], None]], Pair]]:
    opened: list[Pair] = []

    def start(talk: Callable[[int], None]) -> Pair:
        opened.append(Pair(talk))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


Start = Callable[[Callable[[int], None]], Pair]


def client(
    talk: Callable[[ClientConnection], None], protocol: str = SUBPROTOCOL, origin: str | None = None
) -> Callable[[int], None]:
    """The library's client, which first shakes hands."""

    def run(port: int) -> None:
        with (
            suppress(WebSocketException, OSError, EOFError),
            connect(
                f"ws://127.0.0.1:{port}",
                subprotocols=[Subprotocol(protocol)],
                origin=None if origin is None else Origin(origin),
                compression=None,
                max_size=None,
            ) as connection,
        ):
            talk(connection)

    return run


def raw(words: bytes) -> Callable[[int], None]:
    def run(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection, suppress(OSError):
            connection.sendall(words)
            connection.recv(4096)

    return run


def test_messages_of_all_sizes_arrive_whole_also_in_pieces_and_between_pings(pair: Start) -> None:
    sizes = (0, 1, 113, 114, 65523, 65524, 300_000)

    def talk(connection: ClientConnection) -> None:
        connection.send(pack(Kind.HELLO, HELLO))
        for _ in sizes:
            question = connection.recv()
            assert isinstance(question, bytes)
            connection.send(pack(Kind.DATA, question[12:]))
        answer = pack(Kind.DATA, b"abcdefgh")
        assert connection.ping().wait(TIMEOUT_S)
        connection.send([answer[:5], answer[5:14], answer[14:]])

    tested = pair(client(talk))
    hello = tested.hear()
    assert (hello.token, hello.program, hello.blocks) == ("token", "Tiny", ((0, 16),))
    for size in sizes:
        payload = bytes(i % 251 for i in range(size))
        tested.connection.send(Kind.LOAD, payload, TIMEOUT_S)
        kind, answer = tested.connection.receive(TIMEOUT_S)
        assert (kind, bytes(answer)) == (Kind.DATA, payload)
    kind, answer = tested.connection.receive(TIMEOUT_S)
    assert (kind, bytes(answer)) == (Kind.DATA, b"abcdefgh")
    with pytest.raises(WireError, match="closed its connection"):
        tested.connection.receive(TIMEOUT_S)
    with pytest.raises(WireError, match="closed its connection"):
        for _ in range(3):
            tested.connection.send(Kind.SAVE, b"", TIMEOUT_S)
            time.sleep(0.05)


def test_a_client_that_says_nothing_more_is_waited_for_as_long_as_told(pair: Start) -> None:
    done = threading.Event()

    def talk(connection: ClientConnection) -> None:
        connection.send(pack(Kind.HELLO, HELLO))
        done.wait(TIMEOUT_S)

    tested = pair(client(talk))
    tested.hear()
    begin_s = time.monotonic()
    with pytest.raises(WireError, match=r"did not answer for 0\.2 s"):
        tested.connection.receive(0.2)
    assert 0.2 <= time.monotonic() - begin_s < 3
    done.set()


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        (raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "something else than a WebSocket"),
        (raw(pack(Kind.HELLO, HELLO) + b"\r\n\r\n"), "broke the rules"),
        (raw(b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000), "broke the rules|too much"),
        (raw(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 3000), "broke the rules|too much"),
        (raw(b""), "left"),
        (client(lambda connection: connection.send(pack(Kind.HELLO, HELLO)), protocol="chat"), "something else"),
        (client(lambda connection: None, origin="http://evil.example"), "something else"),
        (client(lambda connection: connection.send("hello")), "text"),
        (client(lambda connection: connection.send(b"hello")), "instead of a message"),
        (client(lambda connection: connection.send(pack(Kind.DONE, b""))), "something else than a hello"),
        (client(lambda connection: connection.send(pack(Kind.HELLO, HELLO) + b"x")), "announced 19 bytes and sent 20"),
        (client(lambda connection: connection.send(pack(Kind.HELLO, bytes(5000)))), "more than 4096"),
        (client(lambda connection: connection.send(bytes(1 << 20))), "too much"),
        (client(lambda connection: connection.close()), "closed its connection|left"),
    ],
)
def test_strangers_are_known_by_what_they_say(pair: Start, talk: Callable[[int], None], reason: str) -> None:
    tested = pair(talk)
    if reason == "left":
        tested.connection._socket.shutdown(socket.SHUT_RD)
    with pytest.raises(WireError, match=reason):
        tested.hear()


def test_a_missing_library_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def refuse(name: str, *arguments: Any, **settings: Any) -> Any:
        if name.startswith("websockets"):
            raise ImportError(name)
        return original(name, *arguments, **settings)

    monkeypatch.setattr(builtins, "__import__", refuse)
    ours, other = socket.socketpair()
    with ours, other, pytest.raises(DependencyError, match=r"pip install 'playthrough\[websocket\]'"):
        WebSocketConnection(ours)
