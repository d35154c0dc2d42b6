"""The variables of a game: names for numbers in its memory, as `data.json` lists them.

Beside stable-retro's key `info` the file may have a key `joined`, which stable-retro passes over. It makes one number
of several variables, the most significant first, so that a counter kept in two bytes no longer wraps:

    {"info": {"xscrollHi": {"address": 1818, "type": "|u1"}, "xscrollLo": {"address": 1820, "type": "|u1"}},
     "joined": {"xscroll": ["xscrollHi", "xscrollLo"]}}

A joined variable is one probe like any other: rewards, ends, observations, infos and scripts know it by its name.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from playthrough.engine.probes import DataType, Probe
from playthrough.errors import IntegrationError
from playthrough.game.json_files import line_of, read_json

_INT64 = 1 << 64
_MAX_ADDRESS = 1 << 32
_MAX_DIGITS = 8
_MAX_SPAN = 255
"""How many bytes a joined number may span: as many as one probe reads."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A name for a number in memory.

    Attributes:
        name: The name.
        probe: Where the number is.
        parts: The variables that it is made of, the most significant first, if it is joined.
    """

    name: str
    probe: Probe
    parts: tuple[str, ...] = ()


RESERVED_NAMES = ("frames", "rewards", "reward_terms", "episode_end", "final_obs", "final_info")
"""What an environment's info holds beside the variables."""


def load_variables(path: Path) -> dict[str, Variable]:
    """The variables of a `data.json`, in the order of the file; joined ones come last.

    Raises:
        IntegrationError: If the file is damaged or a variable is wrong; with the line where possible.
    """
    variables, errors = read_variables(path)
    if errors:
        raise errors[0]
    return variables


def read_variables(path: Path) -> tuple[dict[str, Variable], list[IntegrationError]]:
    """The variables of a `data.json` that are right, and what is wrong with each of the others.

    Raises:
        IntegrationError: If the file as a whole cannot be used.
    """
    content = read_json(path)
    info, joined = content.get("info"), content.get("joined", {})
    if not isinstance(info, dict):
        raise IntegrationError('expected an object under the key "info" with one entry per variable', path=path)
    if not isinstance(joined, dict):
        message = f'expected "joined" to be an object such as {{"x": ["xHi", "xLo"]}}, found {joined!r}'
        raise IntegrationError(message, path=path, line=line_of(path, "joined"))
    variables: dict[str, Variable] = {}
    errors: list[IntegrationError] = []
    for key, entries in (("info", cast("dict[str, Any]", info)), ("joined", cast("dict[str, Any]", joined))):
        plain = dict(variables)  # only these can be joined
        for name, entry in entries.items():
            try:
                if name in RESERVED_NAMES:
                    message = f"variable {name!r}: this name stands for something else in info; choose another"
                    raise IntegrationError(message, path=path, line=line_of(path, key, name))
                if key == "info":
                    variables[name] = Variable(name, _probe(path, name, entry))
                else:
                    variables[name] = _joined(path, name, entry, plain)
            except IntegrationError as error:
                errors.append(error)
    return variables, errors


def _joined(path: Path, name: str, entry: Any, variables: Mapping[str, Variable]) -> Variable:
    """One number made of several variables' bytes."""

    def wrong(message: str) -> IntegrationError:
        return IntegrationError(f"joined variable {name!r}: {message}", path=path, line=line_of(path, "joined", name))

    parts = cast("list[Any]", entry) if isinstance(entry, list) else []
    if len(parts) < 2 or not all(isinstance(part, str) for part in parts) or len(set(parts)) < len(parts):
        raise wrong(f"expected a list of different variables' names, the most significant first, found {entry!r}")
    if name in variables:
        raise wrong('"info" has a variable of this name too; choose another')
    for part in parts:
        if part not in variables:
            similar = difflib.get_close_matches(str(part), list(variables), n=1)
            hint = f"; did you mean {similar[0]!r}?" if similar else f"; there are: {', '.join(sorted(variables))}"
            raise wrong(f'"info" has no variable {part!r}{hint}')
    probes = [variables[part].probe for part in parts]
    first = probes[0].type.format
    if any(probe.mask is not None for probe in probes):
        raise wrong("a part has a mask; only whole bytes can be joined")
    family = "ui" if first in "ui" else first
    if any(probe.type.format not in family for probe in probes):
        kinds = ", ".join(f"{part} {probe.type}" for part, probe in zip(parts, probes, strict=True))
        raise wrong(f"the parts ({kinds}) must be all binary (u, i), all d, or all n")
    places = [probe.address + offset for probe in probes for offset in probe.type.byte_offsets()]
    start, span = min(places), max(places) - min(places) + 1
    if len(places) > _MAX_DIGITS:
        raise wrong(f"the parts have {len(places)} bytes; at most {_MAX_DIGITS} make a number")
    if span > _MAX_SPAN:
        raise wrong(f"the parts lie {span} bytes apart; expected all within {_MAX_SPAN}")
    kind = DataType("|", first, span, tuple(place - start for place in places))
    return Variable(name, Probe(start, kind), tuple(parts))


def _probe(path: Path, name: str, entry: Any) -> Probe:
    def wrong(message: str, *keys: str) -> IntegrationError:
        return IntegrationError(f"variable {name!r}: {message}", path=path, line=line_of(path, "info", name, *keys))

    if not isinstance(entry, dict):
        raise wrong(f"expected an object with address and type, found {entry!r}")
    fields = cast("dict[str, Any]", entry)
    for key in ("address", "type"):
        if key not in fields:
            raise wrong(f"the key {key!r} is missing; a variable needs an address and a type")
    address, kind, mask = fields["address"], fields["type"], fields.get("mask")
    if not _is_integer(address) or not 0 <= address < _MAX_ADDRESS:
        raise wrong(
            f"expected the address to be a whole number from 0 to {_MAX_ADDRESS - 1}, found {address!r}", "address"
        )
    if not isinstance(kind, str):
        raise wrong(f"expected the type to be a text such as |u1, found {kind!r}", "type")
    if mask is not None and not _is_integer(mask):
        raise wrong(f"expected the mask to be a whole number, found {mask!r}", "mask")
    try:
        data_type = DataType.parse(kind)
    except ValueError as error:
        raise wrong(str(error), "type") from None
    return Probe(address, data_type, None if mask is None else to_int64(mask))


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def to_int64(value: int) -> int:
    """A whole number as 64 bits hold it; numbers out of range wrap around."""
    return (value + _INT64 // 2) % _INT64 - _INT64 // 2


def float_to_int64(value: float) -> int:
    """A number as stable-retro stores it: cut towards zero; what 64 bits cannot hold becomes the lowest number."""
    if value != value or not -(2.0**63) <= value < 2.0**63:
        return -(2**63)
    return int(value)


def encode_value(data_type: DataType, value: int) -> bytes:
    """The bytes, in bus order, that make a variable of this type read `value` (higher digits are cut off)."""
    unsigned = value % _INT64
    raw = bytearray(data_type.width)
    for power, offset in enumerate(reversed(data_type.byte_offsets())):
        match data_type.format:
            case "d":
                digits = unsigned // 100**power
                raw[offset] = digits // 10 % 10 << 4 | digits % 10
            case "n":
                raw[offset] = unsigned // 10**power % 10
            case "u" | "i":
                raw[offset] = unsigned >> 8 * power & 0xFF
    return bytes(raw)


def writes_of(probe: Probe, value: int) -> Iterator[tuple[int, bytes]]:
    """What to write where, in bus order, so that a probe reads `value`; bytes that are not its own stay."""
    data = encode_value(probe.type, value)
    if not probe.type.offsets:
        yield probe.address, data
    for offset in probe.type.offsets:
        yield probe.address + offset, data[offset : offset + 1]


class Memory:
    """A readable image of a game's memory, which the reference evaluation reads.

    Args:
        blocks: The bytes of each block by its first address, in bus order (a core's own byte order already undone).
            `write` needs bytearrays or writable memoryviews.
    """

    def __init__(self, blocks: Mapping[int, bytes | bytearray | memoryview]) -> None:
        self._blocks = sorted(blocks.items())

    def read(self, address: int, width: int) -> bytes:
        """`width` bytes from `address`; a read may run on into a block that follows directly.

        Raises:
            IntegrationError: If the address lies in no block.
        """
        start, block = self._find(address)
        raw = bytes(block[address - start : address - start + width])
        if len(raw) < width:
            raw += self.read(start + len(block), width - len(raw))
        return raw

    def write(self, address: int, data: bytes) -> None:
        """Replace the bytes from `address` on.

        Raises:
            IntegrationError: If the address lies in no block.
        """
        start, block = self._find(address)
        if isinstance(block, bytes):
            raise TypeError("this memory image is made of bytes, which cannot be written; use bytearrays")
        part = data[: start + len(block) - address]
        block[address - start : address - start + len(part)] = part
        if len(part) < len(data):
            self.write(start + len(block), data[len(part) :])

    def value(self, probe: Probe) -> int:
        """The number that a probe reads."""
        number = probe.type.decode(self.read(probe.address, probe.type.width))
        return number if probe.mask is None else number & probe.mask

    def _find(self, address: int) -> tuple[int, bytes | bytearray | memoryview]:
        # As stable-retro looks an address up: blocks in ascending order, and giving up at the first that starts later.
        for start, block in self._blocks:
            if address < start:
                break
            if address - start < len(block):
                return start, block
        known = ", ".join(f"0x{start:X}-0x{start + len(block) - 1:X}" for start, block in self._blocks) or "nothing"
        raise IntegrationError(f"address 0x{address:X} is not in this game's memory, which covers {known}")
