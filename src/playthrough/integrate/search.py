"""Memory search: look, play on, look again, and keep the numbers that did what the game did.

    search = pt.search(env)
    search.equal(0)              # the score is 0 now
    ...                          # play until it changes
    search.equal(125)            # and 125 now
    search.candidates()          # what is left, with address and type

Every address is read as every type at once: unsigned, signed, BCD and digits, of all widths and in both byte orders.
Each step compares with what was seen at the step before. A wrong step can be undone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.probes import DataType
from playthrough.env.single import RetroEnv
from playthrough.env.vector import RetroVectorEnv
from playthrough.integrate.machine import OwnMemory
from playthrough.integrate.numbers import ALL_TYPES, fits_in_a_block, parse_types, read_numbers

_OPERATIONS: dict[str, str] = {
    "equal": "equal",
    "not-equal": "not_equal",
    "less-than": "less_than",
    "greater-than": "greater_than",
}
_DELTA_OPERATIONS: dict[str, str] = {"equal": "by", "positive": "increased", "negative": "decreased"}


class Memory(Protocol):
    """Whose memory is searched."""

    @property
    def addresses(self) -> NDArray[np.int64]:
        """The address of each byte of `ram()`."""
        ...

    def ram(self) -> NDArray[np.uint8]:
        """The memory now, uint8 (bytes,)."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """A number that did all that was asked so far.

    Attributes:
        address: Where it is.
        type: How its bytes are read.
        value: What it was at the last look.
        before: What it was at the look before.
    """

    address: int
    type: DataType
    value: int
    before: int

    @property
    def entry(self) -> dict[str, Any]:
        """As data.json has it."""
        return {"address": self.address, "type": str(self.type)}


@dataclass(frozen=True, eq=False)
class _Step:
    """The candidates after a step, and what memory was then."""

    text: str
    ram: NDArray[np.uint8]
    left: dict[DataType, NDArray[np.bool_]]


class MemorySearch:
    """A search under way.

    Args:
        memory: Whose memory; it is looked at now for the first time.
        types: Which types count, such as `[">u2", "|u1"]`; all by default.

    Raises:
        ValueError: If a type is none.
    """

    def __init__(self, memory: Memory, types: Sequence[str] | None = None) -> None:
        self._memory = memory
        self.addresses = memory.addresses
        kinds = ALL_TYPES if types is None else parse_types(types)
        left = {kind: fits_in_a_block(self.addresses, kind.width) for kind in kinds}
        self._steps = [_Step("start", memory.ram().copy(), left)]

    # What is left --------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return sum(int(np.count_nonzero(mask)) for mask in self._steps[-1].left.values())

    def candidates(self, limit: int | None = 100) -> list[Candidate]:
        """What is left, the simplest type first where several read the same at an address.

        Args:
            limit: At most so many; None for all.
        """
        step, before = self._steps[-1], self._steps[max(len(self._steps) - 2, 0)]
        found: list[Candidate] = []
        for kind, mask in step.left.items():
            indices = np.flatnonzero(mask)[:limit]
            if len(indices):
                values, olds = read_numbers(step.ram, kind)[0], read_numbers(before.ram, kind)[0]
                found += [
                    Candidate(int(self.addresses[i]), kind, int(values[i]), int(olds[i])) for i in indices.tolist()
                ]
        found.sort(key=_simplest_first)
        return found[:limit]

    @property
    def history(self) -> list[tuple[str, int]]:
        """Each step and how many candidates were left after it."""
        return [(step.text, sum(int(np.count_nonzero(mask)) for mask in step.left.values())) for step in self._steps]

    # Steps: how a number is now -------------------------------------------------------------------------------------

    def equal(self, value: int) -> MemorySearch:
        """Numbers that are `value` now."""
        return self._keep(f"equal {value}", lambda now, _: now == value)

    def not_equal(self, value: int) -> MemorySearch:
        """Numbers that are anything but `value` now."""
        return self._keep(f"not {value}", lambda now, _: now != value)

    def less_than(self, value: int) -> MemorySearch:
        """Numbers below `value` now."""
        return self._keep(f"less {value}", lambda now, _: now < value)

    def greater_than(self, value: int) -> MemorySearch:
        """Numbers above `value` now."""
        return self._keep(f"greater {value}", lambda now, _: now > value)

    def between(self, low: int, high: int) -> MemorySearch:
        """Numbers from `low` to `high` now."""
        return self._keep(f"between {low} {high}", lambda now, _: (now >= low) & (now <= high))

    # Steps: what became of it since the last look -------------------------------------------------------------------

    def changed(self) -> MemorySearch:
        """Numbers that are not what they were."""
        return self._keep("changed", lambda now, before: now != before, compares=True)

    def unchanged(self) -> MemorySearch:
        """Numbers that are what they were."""
        return self._keep("unchanged", lambda now, before: now == before, compares=True)

    def increased(self, by: int | None = None) -> MemorySearch:
        """Numbers that grew, or grew by exactly so much."""
        if by is not None:
            return self._keep(f"increased {by}", lambda now, before: now - before == by, compares=True)
        return self._keep("increased", lambda now, before: now > before, compares=True)

    def decreased(self, by: int | None = None) -> MemorySearch:
        """Numbers that fell, or fell by exactly so much."""
        if by is not None:
            return self._keep(f"decreased {by}", lambda now, before: before - now == by, compares=True)
        return self._keep("decreased", lambda now, before: now < before, compares=True)

    def by(self, delta: int) -> MemorySearch:
        """Numbers that changed by exactly so much, up or (negative) down."""
        return self._keep(f"by {delta}", lambda now, before: now - before == delta, compares=True)

    def look(self) -> MemorySearch:
        """Keep everything, but let the next step compare with memory as it is now."""
        return self._keep("look", lambda now, _: np.ones(now.shape, np.bool_))

    def search(self, operation: str, reference: int | None = None) -> MemorySearch:
        """A step by the name that Gym Retro's `data.search` knows: equal, not-equal, less-than, greater-than."""
        return self._by_name(_OPERATIONS, operation, reference)

    def delta_search(self, operation: str, reference: int | None = None) -> MemorySearch:
        """A step by the name that Gym Retro's `data.delta_search` knows: equal (by so much), positive, negative."""
        return self._by_name(_DELTA_OPERATIONS, operation, reference)

    # Back and forth ------------------------------------------------------------------------------------------------

    def undo(self) -> MemorySearch:
        """Take the last step back.

        Raises:
            ValueError: If there is none.
        """
        if len(self._steps) == 1:
            raise ValueError("there is no step to undo")
        self._steps.pop()
        return self

    def only(self, *types: str) -> MemorySearch:
        """Keep the candidates of these types alone."""
        wanted = parse_types(types)
        last = self._steps[-1]
        left = {kind: mask & (kind in wanted) for kind, mask in last.left.items()}
        self._steps.append(_Step(f"only {' '.join(types)}", last.ram, left))
        return self

    def dump(self) -> dict[str, NDArray[Any]]:
        """Everything about the search as arrays, for a file."""
        arrays: dict[str, NDArray[Any]] = {
            "addresses": self.addresses,
            "types": np.array([str(kind) for kind in self._steps[0].left]),
            "steps": np.array([step.text for step in self._steps]),
        }
        for number, step in enumerate(self._steps):
            arrays[f"ram{number}"] = step.ram
            for index, mask in enumerate(step.left.values()):
                arrays[f"left{number}_{index}"] = np.packbits(mask)
        return arrays

    @classmethod
    def restored(cls, memory: Memory, arrays: dict[str, NDArray[Any]]) -> MemorySearch:
        """The search that `dump` gave.

        Raises:
            ValueError: If it was made on other memory.
        """
        search = cls(memory, [str(text) for text in arrays["types"]])
        if not np.array_equal(search.addresses, arrays["addresses"]):
            raise ValueError("this search was made on other memory: another game or another core")
        kinds = list(search._steps[0].left)
        sizes = [len(search._steps[0].left[kind]) for kind in kinds]
        search._steps = [
            _Step(
                str(text),
                arrays[f"ram{number}"],
                {
                    kind: np.unpackbits(arrays[f"left{number}_{index}"], count=size).astype(np.bool_)
                    for index, (kind, size) in enumerate(zip(kinds, sizes, strict=True))
                },
            )
            for number, text in enumerate(arrays["steps"])
        ]
        return search

    def __repr__(self) -> str:
        lines = [f"{len(self)} candidates after: {', '.join(text for text, _ in self.history[1:]) or 'no step'}"]
        lines += [f"  {c.address:#x} ({c.address}) {c.type} = {c.value}" for c in self.candidates(10)]
        return "\n".join(lines)

    def _keep(
        self,
        text: str,
        is_right: Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.bool_]],
        *,
        compares: bool = False,
    ) -> MemorySearch:
        last, ram = self._steps[-1], self._memory.ram().copy()
        left: dict[DataType, NDArray[np.bool_]] = {}
        for kind, mask in last.left.items():
            if not mask.any():
                left[kind] = mask
                continue
            now, valid = read_numbers(ram, kind)
            before, was_valid = read_numbers(last.ram, kind)
            left[kind] = mask & valid & (was_valid | (not compares)) & is_right(now, before)
        self._steps.append(_Step(text, ram, left))
        return self

    def _by_name(self, names: dict[str, str], operation: str, reference: int | None) -> MemorySearch:
        if operation not in names:
            raise ValueError(f"no such operation: {operation!r}; expected one of {', '.join(names)}")
        step = getattr(self, names[operation])
        if names[operation] in ("increased", "decreased"):
            return step()
        if reference is None:
            raise ValueError(f"the operation {operation!r} needs a reference to compare with")
        return step(reference)


def _simplest_first(candidate: Candidate) -> tuple[int, int, int]:
    """Small numbers in wide types are mostly neighbours' zeros; an unsigned type says all that a signed one does."""
    return candidate.type.width, candidate.address, "udin".index(candidate.type.format)


def search(env: Any, types: Sequence[str] | None = None, *, lane: int = 0) -> MemorySearch:
    """Begin a memory search in a running environment (`pt.search`).

    Args:
        env: What `pt.make` or `pt.make_vec` gave, wrapped or not, after its reset.
        types: Which types count, such as `[">u2", "|u1"]`; all by default.
        lane: Of an environment with several.

    Raises:
        TypeError: If it is none of our environments.
    """
    inner = getattr(env, "unwrapped", env)
    lanes = inner.lanes if isinstance(inner, RetroEnv) else inner
    if not isinstance(lanes, RetroVectorEnv):
        raise TypeError(f"expected an environment that playthrough made, found {type(env).__name__}")
    return MemorySearch(OwnMemory(lanes.engine, lanes.integration.system, lane), types)
