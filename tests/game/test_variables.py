from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from playthrough.engine.probes import DataType, Probe
from playthrough.errors import IntegrationError
from playthrough.game.json_files import read_json
from playthrough.game.variables import Memory, encode_value, float_to_int64, load_variables

WORK_RAM = 0xFF0000
ORDERS = ("|", "<", ">", "=", "><", "<>", ">=", "<=", ">>", "<<")
TYPES = [f"{order}{form}{width}" for order in ORDERS for form in "uidn" for width in range(1, 9)]


def test_every_type_reads_as_in_stable_retro(make_game, ask_stable_retro):
    rng = random.Random(1)
    raws = [rng.randbytes(8) for _ in range(12)] + [b"\xff" * 8, b"\x80" + bytes(7), bytes(7) + b"\x80"]
    operations: list[list[Any]] = []
    for raw in raws:
        operations.append(["poke", WORK_RAM + 0x101, raw.hex()])
        operations += [["extract", WORK_RAM + 0x101, kind] for kind in TYPES]
    folder = make_game({"x": {"address": WORK_RAM, "type": "|u1"}})
    (answers,) = ask_stable_retro([{"folder": str(folder), "operations": operations}])
    theirs = iter(answer["value"] for answer in answers[1:])
    for raw in raws:
        memory = Memory({WORK_RAM + 0x101: raw})
        for kind in TYPES:
            assert memory.value(Probe(WORK_RAM + 0x101, DataType.parse(kind))) == next(theirs), (kind, raw.hex())


def test_masks_are_applied_last_as_in_stable_retro(make_game, ask_stable_retro):
    masks = [15, 240, -113, 1, 0, 2**64 - 1, 2**63]
    variables = {
        f"v{kind}{mask}": {"address": WORK_RAM, "type": kind, "mask": mask}
        for mask in masks
        for kind in ("|u1", "|i1", ">i4", "<u8", ">d3", "<n5")
    }
    raw = bytes([0x91, 0xFE, 0x7F, 0x80, 0x33, 0x08, 0xFF, 0xC1])
    folder = make_game(variables)
    operations = [["poke", WORK_RAM, raw.hex()], ["reset"]]
    (answers,) = ask_stable_retro([{"folder": str(folder), "operations": operations}])
    memory = Memory({WORK_RAM: raw})
    ours = {name: memory.value(v.probe) for name, v in load_variables(folder / "data.json").items()}
    assert ours == answers[1]["info"]


@pytest.mark.parametrize("kind", TYPES)
def test_an_encoded_value_reads_back(kind: str):
    data_type = DataType.parse(kind)
    digits = {"d": 2, "n": 1}.get(data_type.format)
    bits = 8 * data_type.width
    highest = (
        10 ** (digits * data_type.width) - 1 if digits else 2 ** (bits - (bits == 64 or data_type.format == "i")) - 1
    )
    values = [0, 1, 9, highest // 3, highest] + ([-1, -(2 ** (bits - 1))] if data_type.format == "i" else [])
    assert [data_type.decode(encode_value(data_type, min(value, highest))) for value in values] == [
        min(value, highest) for value in values
    ]


@pytest.mark.parametrize(
    ("number", "expected"),
    [(3.9, 3), (-3.9, -3), (1e30, -(2**63)), (float("nan"), -(2**63)), (float("-inf"), -(2**63)), (2.0**62, 2**62)],
)
def test_floats_are_stored_as_stable_retro_stores_them(number: float, expected: int):
    assert float_to_int64(number) == expected


def test_addresses_are_looked_up_in_ascending_blocks():
    memory = Memory({0x6000: b"\x60\x61", 0: b"\x00\x01\x02", 1: b"\xaa\xbb\xcc\xdd"})
    assert memory.read(2, 1) == b"\x02"  # the first block that reaches so far wins
    assert memory.read(4, 1) == b"\xdd"
    assert memory.read(0x6001, 1) == b"\x61"
    for address in (5, 0x5FFF, 0x6002):
        with pytest.raises(IntegrationError, match=rf"0x{address:X} is not in.*0x0-0x2, 0x1-0x4, 0x6000-0x6001"):
            memory.read(address, 1)


def test_a_read_runs_on_into_the_next_block_only_if_it_follows_directly():
    memory = Memory({0: bytearray(b"\x01\x02"), 2: bytearray(b"\x03\x04")})
    assert memory.read(1, 2) == b"\x02\x03"
    memory.write(1, b"\x11\x12")
    assert memory.read(0, 4) == b"\x01\x11\x12\x04"
    with pytest.raises(IntegrationError, match="0x4 is not in"):
        memory.read(3, 2)


def test_variables_keep_the_order_of_the_file(tmp_path: Path):
    path = tmp_path / "data.json"
    path.write_text('{"info": {"z": {"address": 5, "type": "|u1"}, "a": {"address": 1, "type": ">d3", "mask": 7}}}')
    variables = load_variables(path)
    assert list(variables) == ["z", "a"]
    assert variables["a"].probe == Probe(1, DataType(">", "d", 3), 7)


@pytest.mark.parametrize(
    ("entry", "line", "message"),
    [
        ('{"address": 1}', 3, "'type' is missing"),
        ('{"type": "|u1"}', 3, "'address' is missing"),
        ('{"type": "|u1",\n "address": "0x10"}', 4, "whole number.*'0x10'"),
        ('{"type": "|u1",\n "address": 1.5}', 4, "whole number.*1.5"),
        ('{"type": "|u1",\n "address": true}', 4, "whole number.*True"),
        ('{"type": "|u1", "address": -1}', 3, "from 0 to 4294967295"),
        ('{"address": 1,\n "type": "|x1"}', 4, "is no variable type.*orders?"),
        ('{"address": 1,\n "type": ">u9"}', 4, "is no variable type"),
        ('{"address": 1, "type": "|u1", "mask": "f"}', 3, "mask"),
        ("5", 3, "expected an object"),
    ],
)
def test_a_wrong_variable_is_an_error_that_names_it(tmp_path: Path, entry: str, line: int, message: str):
    path = tmp_path / "data.json"
    path.write_text(f'{{"info": {{\n"ok": {{"address": 1, "type": "|u1"}},\n"lives": {entry}\n}}}}')
    with pytest.raises(IntegrationError, match=f"(?s)'lives'.*{message}") as raised:
        load_variables(path)
    assert (raised.value.path, raised.value.line) == (path, line)


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ('{\n  "info": {\n    "a": 1,\n  }\n}', 3, 11, "comma"),
        ('{"a": [1, 2,\n]}', 1, 12, "comma"),
        ('{"a": 1\n "b": 2}', 2, 2, "not valid JSON"),
        ('{"a": NaN}', 1, 7, "NaN"),
        ("[1]", 1, None, "found a list"),
        ("", 1, 1, "not valid JSON"),
    ],
)
def test_damaged_json_is_located(tmp_path: Path, text: str, line: int, column: int | None, message: str):
    path = tmp_path / "data.json"
    path.write_text(text)
    with pytest.raises(IntegrationError, match=message) as raised:
        read_json(path)
    assert (raised.value.path, raised.value.line, raised.value.column) == (path, line, column)


def test_a_missing_file_and_wrong_bytes_are_named(tmp_path: Path):
    with pytest.raises(IntegrationError, match=r"data\.json.*No such file"):
        load_variables(tmp_path / "data.json")
    (tmp_path / "data.json").write_bytes(b'{"info": "\xff"}')
    with pytest.raises(IntegrationError, match="not UTF-8"):
        load_variables(tmp_path / "data.json")
    (tmp_path / "data.json").write_bytes(b'\xef\xbb\xbf{"info": {}}')
    assert load_variables(tmp_path / "data.json") == {}
