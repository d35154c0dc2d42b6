"""What an engine reads from memory while it runs, and what it may conclude from it.

A probe is an address and a type. A measure is a number made of one probe, now and one frame ago. A stop program says
from measures whether an episode ends on this frame, and reward terms turn measures into rewards. Engines know nothing
of games: they get these, and every engine evaluates them with the same result. The methods here are the readable
reference; `_native` evaluates the same data during a run.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

Measurement = Literal["absolute", "delta"]

_TYPE = re.compile(r"(?P<order>[|<>=]|[<>][<>=])(?P<format>[uidn])(?P<width>[1-8])")


class Op(IntEnum):
    """The operators of scenario.json, in the order in which `_native` numbers them."""

    NONE = 0
    EQUAL = 1
    NOT_EQUAL = 2
    NEGATIVE_EQUAL = 3
    LESS_THAN = 4
    GREATER_THAN = 5
    LESS_OR_EQUAL = 6
    GREATER_OR_EQUAL = 7
    ZERO = 8
    NONZERO = 9
    POSITIVE = 10
    NEGATIVE = 11
    SIGN = 12


@dataclass(frozen=True, slots=True)
class DataType:
    """How bytes in memory become a number.

    Attributes:
        order: `|` single byte, `<` little, `>` big, `=` this machine's; two characters give the order of the two halves
            and the order inside each half (`><u4` is two words, the high one first, each with its low byte first).
        format: `u` unsigned, `i` signed, `d` packed BCD, `n` one decimal digit in the low nibble of each byte.
        width: Number of bytes.
        offsets: Where the bytes are that count, the most significant first, if they do not fill the width side by side:
            a joined number, made of bytes with others between them.
    """

    order: str
    format: Literal["u", "i", "d", "n"]
    width: int
    offsets: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str) -> DataType:
        """Read a type such as `>u2`.

        Raises:
            ValueError: If the text is no type of the integration format.
        """
        match = _TYPE.fullmatch(text)
        if match is None:
            raise ValueError(
                f"{text!r} is no variable type: expected an order (| < > = >< <> >= <=), a format (u i d n) and a "
                "width in bytes from 1 to 8, such as |u1, >u2 or <d3"
            )
        return cls(match["order"], match["format"], int(match["width"]))  # type: ignore[arg-type]

    def __str__(self) -> str:
        if self.offsets:
            return f"{self.format}{len(self.offsets)} of the bytes +{' +'.join(map(str, self.offsets))}"
        return f"{self.order}{self.format}{self.width}"

    @property
    def num_digits(self) -> int:
        """Number of bytes that count."""
        return len(self.offsets) or self.width

    def byte_offsets(self) -> tuple[int, ...]:
        """Offsets of the bytes in memory, the most significant first."""
        if self.offsets:
            return self.offsets
        native = "<" if sys.byteorder == "little" else ">"
        outer, inner = (self.order * 2)[:2].replace("=", native).replace("|", "<")
        half = self.width // 2
        if outer == inner:
            offsets = range(self.width)
            return tuple(offsets) if outer == ">" else tuple(reversed(offsets))
        first, second = range(half), range(half, self.width)
        if outer == ">":
            return (*reversed(first), *reversed(second))
        return (*second, *first)

    def decode(self, raw: bytes) -> int:
        """The number that `width` bytes of memory (in bus order) stand for. Digits above 9 wrap around."""
        digits = [raw[offset] for offset in self.byte_offsets()]
        if self.format == "d":
            value = 0
            for byte in digits:
                value = value * 100 + (byte >> 4) % 10 * 10 + (byte & 15) % 10
            return value
        if self.format == "n":
            value = 0
            for byte in digits:
                value = value * 10 + (byte & 15) % 10
            return value
        # stable-retro keeps every number in a signed 64-bit integer, so an unsigned one of 8 bytes can turn negative.
        return int.from_bytes(bytes(digits), "big", signed=self.format == "i" or len(digits) == 8)


@dataclass(frozen=True, slots=True)
class Probe:
    """A number to read from memory after every frame.

    Attributes:
        address: On the system's bus.
        type: How the bytes become a number.
        mask: Bits to keep of the number, applied last.
    """

    address: int
    type: DataType
    mask: int | None = None

    def range(self) -> tuple[int, int]:
        """The smallest and the largest number that it can give."""
        digits = self.type.num_digits
        bits = 8 * digits
        match self.type.format:
            case "u":
                low, high = 0, (1 << bits) - 1
            case "i":
                low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
            case "d":
                low, high = 0, 100**digits - 1
            case "n":
                low, high = 0, 10**digits - 1
        if self.mask is not None and self.mask >= 0:
            low, high = (0, self.mask if low < 0 else min(high, self.mask))
        return low, high


@dataclass(frozen=True, slots=True)
class Measure:
    """A number made of one probe.

    Attributes:
        probe: Index into the engine's probes.
        measurement: The value itself, or its change since the frame before.
        op: What is asked of it; `Op.NONE` passes it on.
        reference: What it is compared with.
    """

    probe: int
    measurement: Measurement
    op: Op = Op.NONE
    reference: float = 0

    def evaluate(self, now: int, before: int) -> float:
        """The number, given the probe's value now and one frame ago."""
        value = now
        if self.measurement == "delta":  # a change that 64 bits cannot hold wraps around, as it does in stable-retro
            value = (now - before + 2**63) % 2**64 - 2**63
        match self.op:
            case Op.NONE:
                return value
            case Op.EQUAL:
                return float(value == self.reference)
            case Op.NOT_EQUAL:
                return float(value != self.reference)
            case Op.NEGATIVE_EQUAL:
                return float(value == -self.reference)
            case Op.LESS_THAN:
                return float(value < self.reference)
            case Op.GREATER_THAN:
                return float(value > self.reference)
            case Op.LESS_OR_EQUAL:
                return float(value <= self.reference)
            case Op.GREATER_OR_EQUAL:
                return float(value >= self.reference)
            case Op.ZERO:
                return float(value == 0)
            case Op.NONZERO:
                return float(value != 0)
            case Op.POSITIVE:
                return float(value > 0)
            case Op.NEGATIVE:
                return float(value < 0)
            case Op.SIGN:
                return float((value > 0) - (value < 0))


@dataclass(frozen=True, slots=True)
class StopNode:
    """Whether an episode ends: `any` or `all` of the measures (true when > 0) and nested nodes.

    `all` over nothing is true, `any` over nothing is false.
    """

    condition: Literal["any", "all"] = "any"
    measures: tuple[Measure, ...] = ()
    nodes: tuple[StopNode, ...] = ()

    def evaluate(self, now: list[int], before: list[int]) -> bool:
        """Given the values of all probes now and one frame ago."""
        results = [m.evaluate(now[m.probe], before[m.probe]) > 0 for m in self.measures]
        results += [node.evaluate(now, before) for node in self.nodes]
        return all(results) if self.condition == "all" else any(results)


@dataclass(frozen=True, slots=True)
class RewardTerm:
    """Part of one player's reward: a positive measure times `reward`, a negative one times `penalty`.

    A term whose `measure` is None measures 1 on every frame (scenario.json's `time`).
    """

    player: int
    measure: Measure | None
    reward: float = 0.0
    penalty: float = 0.0

    def evaluate(self, now: list[int], before: list[int]) -> float:
        """The reward of one frame, given the values of all probes now and one frame ago."""
        if self.measure is None:
            return self.reward
        value = self.measure.evaluate(now[self.measure.probe], before[self.measure.probe])
        return value * (self.reward if value > 0 else self.penalty)
