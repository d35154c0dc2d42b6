"""The messages, byte by byte, and the client's arithmetic in both Luas against the readable reference."""

from __future__ import annotations

import importlib
import math
import socket
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from playthrough.engine.probes import DataType, Measure, Op, Probe, StopNode
from playthrough.engine.remote_process import CLIENTS
from playthrough.engine.samples import SampleReader
from playthrough.engine.screen import Box, Text, encode_shapes
from playthrough.engine.text_connection import TextConnection
from playthrough.engine.wire import (
    MAX_MESSAGE_BYTES,
    Connection,
    Hello,
    Kind,
    WireError,
    decode_hello,
    decode_picture,
    decode_ran,
    encode_configuration,
    encode_png_picture,
    encode_ranges,
    encode_run,
    pack,
    unpack_head,
)
from playthrough.env.bizhawk.host import png
from playthrough.errors import CapabilityError

TYPES = ("|u1", "|i1", "<u2", ">i2", "=u4", "><u4", "<>i4", "<u6", ">i6", "|d1", ">d3", "<d7", "|n1", ">n6", "<n8")


def probe(address: int, kind: str, mask: int | None = None) -> Probe:
    return Probe(address, DataType.parse(kind), mask)


# Golden bytes --------------------------------------------------------------------------------------------------------


def test_a_message_is_twelve_bytes_and_the_rest() -> None:
    assert pack(Kind.SAVE) == bytes.fromhex("50545243 01 03 0000 00000000")
    assert pack(Kind.WRITE, b"\x10\x07\0\0\x15") == bytes.fromhex("50545243 01 06 0000 05000000 10070000 15")
    assert unpack_head(bytes.fromhex("50545243 01 42 0000 00010000")) == (Kind.RAN, 256)


def test_a_configuration_in_bytes() -> None:
    probes = probe(0x75A, "|i1"), probe(0x710, ">u2", 0x1FF)
    stop = StopNode(
        "all",
        (Measure(0, "delta", Op.NEGATIVE),),
        (StopNode("any", (Measure(1, "absolute", Op.GREATER_THAN, -2.5),)),),
    )
    assert encode_configuration(probes, stop) == bytes.fromhex(
        "0200"  # two probes
        "5a070000 01 01 00 0000000000000000 01 00"
        "10070000 02 00 01 ff01000000000000 02 0001"  # most significant byte first
        "01"  # a stop program
        "01 0100 0000 01 0b 00 0000000000000000 cbff"  # all, one measure: delta, negative; 0 times 2**-53
        "0100 00 0100 0100 00 05 01 0000000000001400 cdff 0000"  # any: above -(5 * 2**50) * 2**-51
    )
    assert encode_configuration((), None) == b"\0\0\0"


def test_a_run_and_its_answer_in_bytes() -> None:
    buttons = np.array([[0x0180, 1], [0, 2]], np.uint16)
    assert encode_run(buttons, b"\x07\x08", num_pictures=2, stopping=True) == bytes.fromhex(
        "02000000 02 02 01 0708 8001 0100 0000 0200"
    )
    picture = bytes.fromhex("0200 0100 08000000") + b"\0RGB\0rgb"
    ran = decode_ran(bytes.fromhex("02000000 01 02 aabb ccdd") + picture * 2, 2, 5, 2)
    assert (ran.frames, ran.ended, bytes(ran.samples)) == (2, True, b"\xaa\xbb\xcc\xdd")
    assert [(shown.width, shown.height, bytes(shown.pixels)) for shown in ran.pictures] == [(2, 1, b"\0RGB\0rgb")] * 2
    assert decode_picture(picture).width == 2
    assert encode_ranges([(0x6000, 0x2000)]) == bytes.fromhex("00600000 00200000")


def test_a_hello_in_bytes() -> None:
    payload = b"\x02ab\x05FCEUX" + bytes.fromhex("00000000 00080000 00600000 00200000")
    assert decode_hello(payload) == Hello("ab", "FCEUX", ((0, 0x800), (0x6000, 0x2000)))
    for end in (0, 1, 4, len(payload) - 1, 9):
        with pytest.raises(WireError):
            decode_hello(payload[:end])


# Nonsense ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("47455420 2f 20 4854 54502f31", "instead of a message"),
        ("50545243 02 42 0000 00000000", "version 2"),
        ("50545243 01 4f 0000 00000000", "unknown kind 79"),
        ("50545243 01 42 0100 00000000", "instead of a message"),
        ("50545243 01 42 0000 01000004", f"more than {MAX_MESSAGE_BYTES}"),
    ],
)
def test_what_begins_no_message_is_refused(head: str, words: str) -> None:
    with pytest.raises(WireError, match=words):
        unpack_head(bytes.fromhex(head))


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "01000000 00",  # half a head
        "00000000 00 00",  # no frame
        "04000000 00 00 01020304",  # more frames than asked
        "02000000 00 00 0102",  # fewer frames, and not ended
        "03000000 00 00 0102",  # a sample is missing
        "03000000 00 00 01020304",  # a byte too many
        "03000000 02 00 010203",  # neither ended nor not
        "03000000 00 01 010203",  # a picture is missing
        "03000000 00 01 010203 0100 0100 04000000 00ffff",  # half a picture
        "03000000 00 01 010203 0100 0200 04000000 00ffffff",  # a picture of another size
    ],
)
def test_an_answer_that_does_not_fit_the_question_is_refused(answer: str) -> None:
    with pytest.raises(WireError):
        decode_ran(bytes.fromhex(answer), 1, 3, int(" 01 0102" in answer))


def test_an_end_that_is_silent_half_or_gone_is_noticed() -> None:
    left, right = socket.socketpair()
    tcp = socket.create_server(("127.0.0.1", 0))
    left.close(), right.close()
    theirs = socket.create_connection(tcp.getsockname())
    mine = Connection(tcp.accept()[0])
    theirs.sendall(pack(Kind.HELLO, b"\0\0" + encode_ranges([(0, 1)])))
    while mine.hear() is None:
        pass
    with pytest.raises(WireError, match=r"did not answer for 0\.05 s"):
        mine.receive(0.05)
    theirs.sendall(pack(Kind.DATA, b"whole") + pack(Kind.DATA, b"half")[:-1])
    assert mine.receive(1) == (Kind.DATA, b"whole")
    with pytest.raises(WireError, match="did not answer"):
        mine.receive(0.05)
    theirs.close()
    with pytest.raises(WireError, match="closed its connection"):
        mine.receive(1)
    mine.close()
    tcp.close()


# The client's arithmetic ---------------------------------------------------------------------------------------------


@pytest.fixture(params=["lua51", "lua54"])
def client(request: pytest.FixtureRequest) -> Iterator[Any]:
    lupa = importlib.import_module(f"lupa.{request.param}")
    lua = lupa.LuaRuntime(encoding=None)
    yield lua, lua.execute((CLIENTS / "playthrough.lua").read_bytes())


def random_stop(random: np.random.Generator, values: list[int], depth: int = 0) -> StopNode:
    """A stop program whose comparisons are often close."""
    measures: list[Measure] = []
    for _ in range(int(random.integers(0, 4))):
        index = int(random.integers(len(values)))
        near = values[index] + int(random.integers(-1, 2))
        reference = [near, -near, 0, 0.5, 1e300, -math.inf, 1e-320, float(near) / 3][int(random.integers(8))]
        kind = "delta" if random.integers(2) else "absolute"
        measures.append(Measure(index, kind, Op(int(random.integers(13))), reference))
    count = int(random.integers(0, 3 - depth))
    nodes = tuple(random_stop(random, values, depth + 1) for _ in range(count))
    return StopNode("all" if random.integers(2) else "any", tuple(measures), nodes)


def test_stop_programs_mean_the_same_in_lua(client: Any) -> None:
    _, module = client
    random = np.random.default_rng(7)
    masks = [None, 0xFF, 0x5A5A_5A5A_5A5A, 1 << 47, 0]
    outcomes: list[bool] = []
    for _ in range(400):
        probes = [probe(0, str(random.choice(TYPES)), masks[int(random.integers(5))]) for _ in range(4)]
        samples = [[random.bytes(p.type.width) for p in probes] for _ in range(2)]
        if random.integers(3) == 0:
            samples[1] = samples[0]
        before, now = ([masked(p, p.type.decode(raw)) for p, raw in zip(probes, row, strict=True)] for row in samples)
        stop = random_stop(random, now)
        setup = module[b"read_configuration"](encode_configuration(probes, stop))
        seen = [module[b"values"](setup, b"".join(row)) for row in samples]
        for index in {m.probe for m in stop.measures}:
            assert seen[1][index + 1] == now[index]
        expected = stop.evaluate(now, before)
        assert module[b"ends"](setup, seen[1], seen[0]) is expected
        outcomes.append(expected)
    assert 100 < sum(outcomes) < 300


def masked(which: Probe, value: int) -> int:
    return value if which.mask is None else value & which.mask


def test_all_samples_are_read_as_the_reference_reads_them() -> None:
    random = np.random.default_rng(8)
    probes = [probe(0, kind, mask) for kind in (*TYPES, "<u8", ">i8", "<d8", ">i3") for mask in (None, -4, 0xF0F)]
    reader = SampleReader(probes)
    rows = [[random.bytes(p.type.width) for p in probes] for _ in range(50)]
    found = reader.read(b"".join(b"".join(row) for row in rows))
    expected = [[masked(p, p.type.decode(raw)) for p, raw in zip(probes, row, strict=True)] for row in rows]
    np.testing.assert_array_equal(found, np.array(expected, np.int64))


def test_what_lua_cannot_compare_exactly_is_refused() -> None:
    for which in (probe(0, "<u8"), probe(0, ">i7"), probe(0, "|u1", -2), probe(0, "<u4", 1 << 50)):
        inner = StopNode("any", (Measure(0, "absolute", Op.NONZERO),))
        with pytest.raises(CapabilityError, match=r"2\*\*53"):
            encode_configuration([which], StopNode("any", (), (inner,)))
        encode_configuration([which], None)  # sampling it is no problem
    with pytest.raises(CapabilityError, match="NaN"):
        encode_configuration([probe(0, "|u1")], StopNode("any", (Measure(0, "absolute", Op.EQUAL, math.nan),)))


def test_the_client_speaks_the_same_bytes(client: Any) -> None:
    lua, module = client
    memory = {0: 5}
    drawn: list[tuple[Any, ...]] = []
    sent: list[bytes] = []
    pressed: list[tuple[int, int]] = []
    probes = [probe(0, "|u1")]
    stop = StopNode("any", (Measure(0, "absolute", Op.EQUAL, 8),))
    buttons = np.array([[1], [2], [3], [4]], np.uint16)
    incoming = b"".join(
        (
            pack(Kind.CONFIGURE, encode_configuration(probes, stop)),
            pack(Kind.RUN, encode_run(buttons, b"\x05", num_pictures=2, stopping=True)),
            pack(Kind.READ, encode_ranges([(0, 1), (0, 1)])),
            pack(Kind.SAVE),
            pack(Kind.LOAD, b"a state"),
            pack(Kind.PICTURE),
            pack(Kind.SPEED, b"\1"),
            pack(Kind.DRAW, encode_shapes([Box(-3, 4, 5, 6, 0x80112233), Text(300, 8, "\0é")], (0, 0))),
            pack(Kind.RUN, encode_run(buttons[:1], b"\x08", num_pictures=0, stopping=False)),
            pack(Kind.DRAW, b"\0\0"),
            pack(Kind.DRAW, b"\0\0\0"),
            pack(Kind.PICTURE, b"\1"),
            pack(Kind.QUIT),
        )
    )
    left = [incoming]

    def receive(size: int) -> bytes:
        data, left[0] = left[0][: int(size)], left[0][int(size) :]
        return data

    def send(data: bytes, first: int) -> int:
        sent.append(data[int(first) - 1 :])
        return len(data)

    def advance() -> None:
        memory[0] += 1

    def refuse(state: bytes) -> None:
        raise ValueError(f"no state: {state.decode()}")

    adapter = lua.table_from(
        {
            b"program": b"Test",
            b"blocks": lambda: lua.table_from([lua.table_from([0, 1])]),
            b"press": lambda port, mask: pressed.append((int(port), int(mask))),
            b"advance": advance,
            b"read": lambda address, size: bytes([memory[int(address)]]) * int(size),
            b"save": lambda: b"S",
            b"load": refuse,
            b"picture": lua.execute(
                b"return function(read) return function(drawn)"
                b" return 1, 1, (drawn and 'd' or '\\0') .. 'RG' .. read(0, 1) end end"
            )(lambda address, size: bytes([memory[0]])),
            b"draw_box": lambda *box: drawn.append(box),
            b"draw_text": lambda *text: drawn.append(text),
            b"set_speed": lambda speed: drawn.append((speed,)),
            b"receive": receive,
            b"send": send,
        }
    )
    module[b"serve"](adapter, b"secret")
    picture = bytes.fromhex("0100 0100 04000000")
    assert sent[:5] == [
        pack(Kind.HELLO, b"\x06secret\x04Test" + encode_ranges([(0, 1)])),
        pack(Kind.DONE),
        pack(Kind.RAN, bytes.fromhex("03000000 01 02 060708") + picture + b"\0RG\x07" + picture + b"\0RG\x08"),
        pack(Kind.DATA, b"\x08\x08"),
        pack(Kind.DATA, b"S"),
    ]
    assert sent[5][5] == Kind.FAILED and b"no state: a state" in sent[5]
    assert sent[6] == pack(Kind.SHOWN, picture + b"\0RG\x08")
    assert pressed == [(1, 1), (1, 2), (1, 3), (1, 1)]
    assert sent[7:9] == [pack(Kind.DONE)] * 2 and sent[9][5] == Kind.RAN and sent[10] == pack(Kind.DONE)
    assert sent[11][5] == Kind.FAILED and b"drawings of 3 bytes" in sent[11]
    assert sent[12:] == [pack(Kind.SHOWN, picture + b"dRG\x09")]
    shapes = [(-3, 4, 5, 6, 0x80112233, 0), (300, 8, "\0é".encode(), 0xFFFFFFFF, 0x80000000)]
    assert drawn == [(1,), *shapes, *shapes], "at once, and again on the frame after"


# What a person sees --------------------------------------------------------------------------------------------------


def test_drawings_in_bytes() -> None:
    shapes = [Text(-1, 2, "né", 0xFFFF0000, 0), Box(3, 4, 500, 6)]
    assert encode_shapes(shapes, (8, 8)) == bytes.fromhex(
        "0200"
        "01 0700 0a00 0000 0000 0000ffff 00000000 0300 6ec3a9"  # 8 and 8 further, colours as 0xAARRGGBB
        "02 0b00 0c00 f401 0600 ffffffff 00000000 0000"
    )
    assert encode_shapes([], (8, 8)) == b"\0\0"
    assert (Kind.DRAW, Kind.SPEED) == (9, 10)
    for wrong in (Text(40000, 0, ""), Box(0, 0, -1, 1), Text(0, 0, "", color=1 << 32), Text(0, 0, "x" * 70000)):
        with pytest.raises(ValueError, match="cannot be drawn"):
            encode_shapes([wrong], (0, 0))


def test_a_picture_of_no_size_is_a_png_file() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (3, 2, 3), dtype=np.uint8)
    picture = decode_picture(encode_png_picture(png(pixels)))
    assert (picture.width, picture.height) == (2, 3)
    expected = np.concatenate((np.zeros((3, 2, 1), np.uint8), pixels), -1)  # X R G B
    np.testing.assert_array_equal(np.frombuffer(picture.pixels, np.uint8).reshape(3, 2, 4), expected)
    for broken in (b"\x89PNG\r\n\x1a\n", png(pixels)[:45], b"GIF89a"):
        with pytest.raises(WireError, match="cannot be read"):
            decode_picture(encode_png_picture(broken))


# As text, for BizHawk ------------------------------------------------------------------------------------------------


@pytest.fixture
def texts() -> Iterator[tuple[socket.socket, TextConnection]]:
    """What EmuHawk has in its hands, and ours."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        theirs = socket.create_connection(server.getsockname())
        ours = TextConnection(server.accept()[0])
    yield theirs, ours
    theirs.close()
    ours.close()


HELLO = pack(Kind.HELLO, b"\x02ab\x0cBizHawk 2.11" + bytes.fromhex("00000000 00080000"))


def as_text(message: bytes) -> bytes:
    text = "".join(map(chr, message)).encode()
    return str(len(text)).encode() + b" " + text


def say_hello(theirs: socket.socket, ours: TextConnection) -> Hello:
    theirs.sendall(as_text(HELLO))
    hello = None
    while hello is None:
        hello = ours.hear()
    return hello


def test_messages_as_text_in_bytes(texts: tuple[socket.socket, TextConnection]) -> None:
    theirs, ours = texts
    assert say_hello(theirs, ours) == Hello("ab", "BizHawk 2.11", ((0, 0x800),))
    ours.send(Kind.WRITE, b"\x00\x7f\x80\xff", 1)
    assert theirs.recv(100) == bytes.fromhex(
        "3138 20 50545243 01 06 0000 04000000 00 7f c280 c3bf"  # "18 ", and every byte a character of UTF-8
    )
    theirs.sendall(b"0 " + as_text(pack(Kind.DATA, b"\xe9\x00\n ")) + as_text(pack(Kind.DONE)))
    assert ours.receive(1) == (Kind.DATA, b"\xe9\x00\n ")
    assert ours.receive(1) == (Kind.DONE, b"")


def test_pictures_come_ahead_and_are_acknowledged_one_by_one(texts: tuple[socket.socket, TextConnection]) -> None:
    theirs, ours = texts
    say_hello(theirs, ours)
    files = [png(np.full((1, 1, 3), shade, np.uint8)) for shade in (1, 2, 3)]
    answer = bytes.fromhex("01000000 01 02 aa")  # it ended on a frame of which the client could not know
    for file in files:
        theirs.sendall(str(len(file)).encode() + b" " + file)
    theirs.sendall(as_text(pack(Kind.RAN, answer)))
    kind, payload = ours.receive(1)
    assert (kind, bytes(payload)) == (Kind.RAN, answer + b"".join(map(encode_png_picture, files[1:])))
    assert theirs.recv(100) == b"2 go" * 3


@pytest.mark.parametrize(
    ("words", "loss"),
    [
        (b"hello there ", "instead of a text's length"),
        (b"-5 ", "instead of a text's length"),
        (b" ", "instead of a text's length"),
        (b"1234567890", "instead of a text's length"),
        (b"999999999 ", "announced a message of 999999999 bytes"),
        (b"3 \xff\xff\xff", "no message as text"),
        (b"4 PTRC", "instead of a message"),
        (as_text(pack(Kind.DATA, b"abc")[:-1]), "announced 3 bytes and sent 2"),
        (as_text(pack(Kind.DATA, b"abc") + b"d"), "announced 3 bytes and sent 4"),
        ("17 PTRC\1\1日本".encode(), "did not answer"),
        (b"12 half", r"did not answer for 0\.1 s"),
    ],
)
def test_text_that_is_no_message_is_noticed(
    texts: tuple[socket.socket, TextConnection], words: bytes, loss: str
) -> None:
    theirs, ours = texts
    say_hello(theirs, ours)
    theirs.sendall(words)
    with pytest.raises(WireError, match=loss):
        ours.receive(0.1)
    theirs.close()
    with pytest.raises(WireError):
        ours.receive(0.1)
