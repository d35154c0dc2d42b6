"""Noticing that an agent gets nowhere: no progress variable has reached a new best for too long.

Agents that rock in place are the classic waste of a training run; ending their episodes early is the cure.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.probes import Op
from playthrough.env.options import EnvOptions
from playthrough.game.scenario import CompiledScenario


def progress_columns(options: EnvOptions, compiled: CompiledScenario) -> list[int]:
    """Which variables are watched; none without `no_progress_frames`.

    Raises:
        ValueError: If a name is no variable, or if none is named and the scenario rewards no growing one.
    """
    if options.no_progress_frames is None:
        return []
    names = list(compiled.names)
    if options.progress is not None:
        unknown = [name for name in options.progress if name not in names]
        if unknown or not options.progress:
            raise ValueError(f"progress must name variables of {', '.join(names)}, not {list(options.progress)!r}")
        return [names.index(name) for name in options.progress]
    growing = growing_columns(compiled)
    if not growing:
        raise ValueError(
            "no_progress_frames needs progress=[names of variables], because the scenario rewards no growing variable; "
            f"there are: {', '.join(names)}"
        )
    return growing


def growing_columns(compiled: CompiledScenario) -> list[int]:
    """The variables whose growth the scenario rewards."""
    return sorted(
        {
            term.measure.probe
            for term in compiled.terms
            if term.measure is not None
            and term.measure.measurement == "delta"
            and term.measure.op is Op.NONE
            and term.reward > 0
        }
    )


class ProgressWatch:
    """Counts, lane by lane, the frames since a watched variable reached a new best.

    Args:
        num_lanes: How many lanes.
        columns: Which variables are watched.
        patience_frames: How many frames without a new best are too many.
    """

    def __init__(self, num_lanes: int, columns: list[int], patience_frames: int | None) -> None:
        self._columns, self._patience = columns, patience_frames or 0
        self._best: NDArray[np.int64] = np.zeros((num_lanes, len(columns)), np.int64)
        self._waited: NDArray[np.int64] = np.zeros(num_lanes, np.int64)

    def start(self, lanes: NDArray[np.bool_], values: NDArray[np.int64]) -> None:
        """Begin episodes with these values, int64 (lanes, variables)."""
        self._best[lanes] = values[lanes][:, self._columns]
        self._waited[lanes] = 0

    def stuck(self, samples: NDArray[np.int64], frames_run: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Take in a step's samples and say which lanes have waited too long.

        Args:
            samples: int64 (lanes, frames, variables).
            frames_run: int32 (lanes,).
        """
        for frame in range(samples.shape[1]):
            ran = frames_run > frame
            watched = samples[:, frame, self._columns]
            better = (watched > self._best).any(axis=1) & ran
            self._best = np.where(ran[:, None], np.maximum(self._best, watched), self._best)
            self._waited = np.where(better, 0, self._waited + ran)
        return self._waited >= self._patience

    def save(self, lane: int) -> dict[str, Any]:
        """One lane's bests and wait, as plain data."""
        return {"best": self._best[lane].tolist(), "waited": int(self._waited[lane])}

    def load(self, lane: int, saved: dict[str, Any] | None, values: NDArray[np.int64]) -> None:
        """Put back what `save` gave; a snapshot without it starts to count now."""
        if saved is None or len(saved["best"]) != len(self._columns):
            lanes = np.zeros(len(self._waited), np.bool_)
            lanes[lane] = True
            self.start(lanes, values)
            return
        self._best[lane], self._waited[lane] = saved["best"], saved["waited"]
