"""What genomes saw before their episodes ended: the situations in which they might have done something else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playthrough.agents.neat.spaces import ActionDecoder

_NUM_SITUATIONS = 24
"""So many decisions before the end may have been the wrong one."""

_MOST_SEEN = 256
"""So many of an episode's decisions are kept, to tell what is usual."""


@dataclass(frozen=True)
class Ending:
    """The end of an episode, and what led to it.

    Attributes:
        situations: The network's inputs at the last decisions in their order, float32 (decisions, inputs).
        chosen: What its outputs came to then, bool (decisions, outputs); see `ActionDecoder.chosen`.
        seen: The inputs in the whole episode, at decisions evenly spaced, float32 (some, inputs).
    """

    situations: NDArray[np.float32]
    chosen: NDArray[np.bool_]
    seen: NDArray[np.float32]


class EndingWatch:
    """Remembers what each lane sees and what its network says.

    Args:
        num_lanes: How many.
        num_inputs: Of a network.
        decoder: Knows what its outputs come to.
    """

    def __init__(self, num_lanes: int, num_inputs: int, decoder: ActionDecoder) -> None:
        self._decoder = decoder
        self._seen: NDArray[np.float32] = np.zeros((num_lanes, _MOST_SEEN, num_inputs), np.float32)
        self._said: NDArray[np.float64] = np.zeros((num_lanes, _MOST_SEEN, decoder.num_outputs))
        self._steps: NDArray[np.int64] = np.zeros(num_lanes, np.int64)

    def begin(self, lane: int) -> None:
        """A lane begins an episode."""
        self._steps[lane] = 0

    def step(self, active: NDArray[np.bool_], inputs: NDArray[np.floating], outputs: NDArray[np.float64]) -> None:
        """Take in what all lanes see, and what their networks say."""
        lanes = np.flatnonzero(active)
        steps = self._steps[lanes]
        if steps.max() == self._seen.shape[1]:  # longer than any episode so far
            self._seen = np.concatenate([self._seen, np.zeros_like(self._seen)], axis=1)
            self._said = np.concatenate([self._said, np.zeros_like(self._said)], axis=1)
        self._seen[lanes, steps], self._said[lanes, steps] = inputs[lanes], outputs[lanes]
        self._steps[lanes] += 1

    def finish(self, lane: int) -> Ending:
        """A lane's episode is over."""
        steps = int(self._steps[lane])
        last = slice(max(0, steps - _NUM_SITUATIONS), steps)
        seen = self._seen[lane, : steps : -(-steps // _MOST_SEEN)]
        return Ending(self._seen[lane, last].copy(), self._decoder.chosen(self._said[lane, last]), seen.copy())
