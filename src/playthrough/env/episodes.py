"""Where each lane stands in its episode: where it began, how far it is, and whether it is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SNAPSHOT = "snapshot"
"""The name of the start state of an episode that began from a snapshot."""


class Episodes:
    """Counts, lane by lane.

    Args:
        num_lanes: How many lanes.

    Attributes:
        frames: int64 (lanes,), frames played since the episode's start.
        steps: int64 (lanes,), decisions since then.
        over: bool (lanes,), ended, and not started anew.
        any_over: Whether one is.
        all_begun: Whether every lane was reset once.
        start_states: object (lanes,), the names of the start states; None before the first reset.
    """

    def __init__(self, num_lanes: int) -> None:
        self.frames: NDArray[np.int64] = np.zeros(num_lanes, np.int64)
        self.steps: NDArray[np.int64] = np.zeros(num_lanes, np.int64)
        self.over: NDArray[np.bool_] = np.zeros(num_lanes, np.bool_)
        self._begun: NDArray[np.bool_] = np.zeros(num_lanes, np.bool_)
        self.start_states: NDArray[np.object_] = np.full(num_lanes, None, object)
        self.any_over = self.all_begun = False

    def begin(self, starts: Mapping[int, str]) -> None:
        """Lanes start new episodes, each from a start state of this name."""
        lanes = list(starts)
        self.frames[lanes] = self.steps[lanes] = 0
        self.start_states[lanes] = list(starts.values())
        self._set_over(lanes, False)

    def restart(self, lane: int) -> None:
        """A lane that was put to a snapshot starts an episode of its own there, with its own time limit."""
        self.steps[lane], self.start_states[lane] = 0, SNAPSHOT
        self._set_over([lane], False)

    def end(self, lanes: NDArray[np.bool_]) -> None:
        """The lanes of a mask have come to their end."""
        self.over |= lanes
        self.any_over = True

    def go_on(self) -> None:
        """Lanes that ended go on without a reset."""
        if self.any_over:
            self.over[:] = self.any_over = False

    def save(self, lane: int) -> dict[str, Any]:
        """One lane's place, as plain data."""
        return {
            "frames": int(self.frames[lane]),
            "steps": int(self.steps[lane]),
            "over": bool(self.over[lane]),
            "start_state": self.start_states[lane],
        }

    def load(self, lane: int, saved: dict[str, Any]) -> None:
        """Put back what `save` gave."""
        self.frames[lane], self.steps[lane] = saved["frames"], saved["steps"]
        self.start_states[lane] = saved.get("start_state", SNAPSHOT)  # older snapshots do not say
        self._set_over([lane], saved["over"])

    def _set_over(self, lanes: Sequence[int], over: bool) -> None:
        self.over[lanes], self._begun[lanes] = over, True
        self.any_over, self.all_begun = bool(self.over.any()), bool(self._begun.all())
