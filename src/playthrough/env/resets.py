"""What a caller asks of `reset`: which lanes, from which start states, with which seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import index
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playthrough.env.starts import as_sequence


@dataclass(frozen=True, slots=True)
class ResetRequest:
    """A call of `reset`, checked.

    Attributes:
        lanes: bool (lanes,), which start anew.
        states: The start state of each lane; None for one that the environment chooses.
        seeds: The seed of each lane; None to go on with the random numbers that it has.
    """

    lanes: NDArray[np.bool_]
    states: Sequence[Any]
    seeds: Sequence[int | None]

    @classmethod
    def of(
        cls, seed: int | Sequence[int | None] | None, options: dict[str, Any] | None, num_lanes: int
    ) -> ResetRequest:
        """Read the arguments of `reset`.

        Raises:
            ValueError: If there is no such option, or one does not fit the number of lanes.
        """
        options = options or {}
        unknown = options.keys() - {"state", "reset_mask"}
        if unknown:
            raise ValueError(f"reset knows the options state and reset_mask, not {sorted(unknown)[0]!r}")
        lanes = np.asarray(options.get("reset_mask", np.ones(num_lanes, np.bool_)))
        if lanes.shape != (num_lanes,) or lanes.dtype != np.bool_ or not lanes.any():
            raise ValueError(f"reset_mask must be a bool array of shape ({num_lanes},) with at least one True")
        return cls(lanes, as_sequence(options.get("state"), num_lanes), seeds_of(seed, num_lanes))


def seeds_of(seed: int | Sequence[int | None] | None, num_lanes: int) -> list[int | None]:
    """The seed of each lane: of one number, lane i gets seed + i.

    Raises:
        ValueError: If there are not as many as lanes.
    """
    if seed is None:
        return [None] * num_lanes
    if isinstance(seed, int | np.integer):
        return [int(seed) + lane for lane in range(num_lanes)]
    seeds = [None if number is None else index(number) for number in seed]
    if len(seeds) != num_lanes:
        raise ValueError(f"seed has {len(seeds)} entries for {num_lanes} lanes")
    return seeds
