"""What genomes saw before their episodes ended: the situations in which they might have done something else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_NUM_SITUATIONS = 24
"""So many decisions before the end may have been the wrong one."""


@dataclass(frozen=True)
class Ending:
    """The end of an episode.

    Attributes:
        situations: The network's inputs at the last decisions, float64 (decisions, inputs).
        usual: Their mean over the whole episode, float64 (inputs,).
    """

    situations: NDArray[np.float64]
    usual: NDArray[np.float64]


class EndingWatch:
    """Remembers the last inputs of each lane.

    Args:
        num_lanes: How many.
        num_inputs: Of a network.
    """

    def __init__(self, num_lanes: int, num_inputs: int) -> None:
        self._last: NDArray[np.float64] = np.zeros((num_lanes, _NUM_SITUATIONS, num_inputs))
        self._sums: NDArray[np.float64] = np.zeros((num_lanes, num_inputs))
        self._steps: NDArray[np.int64] = np.zeros(num_lanes, np.int64)

    def begin(self, lane: int) -> None:
        """A lane begins an episode."""
        self._sums[lane], self._steps[lane] = 0.0, 0

    def step(self, active: NDArray[np.bool_], inputs: NDArray[np.floating]) -> None:
        """Take in what all lanes see."""
        lanes = np.flatnonzero(active)
        self._last[lanes, self._steps[lanes] % _NUM_SITUATIONS] = inputs[lanes]
        self._sums[lanes] += inputs[lanes]
        self._steps[lanes] += 1

    def finish(self, lane: int) -> Ending:
        """A lane's episode is over."""
        steps = int(self._steps[lane])
        return Ending(self._last[lane, : min(steps, _NUM_SITUATIONS)].copy(), self._sums[lane] / max(1, steps))
