"""What engines whose emulators can be lost have in common: whose turn it is, and how often a lane was lost."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

import numpy as np

from playthrough.engine.engine import RunResult
from playthrough.errors import EngineError, LaneError

MAX_LOSSES_IN_A_ROW = 3
"""A lane that is lost so often without running a frame is given up."""


class Ending(Protocol):
    """What ends all emulators of an engine; see `weakref.finalize`."""

    @property
    def alive(self) -> bool:
        """Whether it has not happened yet."""
        ...


class Turn:
    """One call at a time, of one thread, in the process that made the engine.

    Args:
        ending: Of the engine: afterwards nobody gets a turn.
    """

    def __init__(self, ending: Ending) -> None:
        self._ending, self._free, self._process_id = ending, threading.Lock(), os.getpid()

    @contextmanager
    def taken(self) -> Generator[None]:
        """Take it.

        Raises:
            EngineError: If the engine is closed.
            RuntimeError: If it is another's turn, or this is another process.
        """
        if os.getpid() != self._process_id:
            raise RuntimeError(
                "an engine cannot be used in a forked process; make it there, or start processes by spawn"
            )
        if not self._ending.alive:
            raise EngineError("this environment is closed; make a new one")
        if not self._free.acquire(blocking=False):
            raise RuntimeError("this environment is running in another thread; give each thread its own")
        try:
            yield
        finally:
            self._free.release()


class Losses:
    """Lanes that were lost.

    Args:
        num_lanes: How many there are.
    """

    def __init__(self, num_lanes: int) -> None:
        self.unreported: dict[int, str] = {}
        """Why lanes were lost between runs, for the next run to say."""
        self._in_a_row = [0] * num_lanes

    def count(self, result: RunResult) -> None:
        """Note which lanes a run has lost, and which have run.

        Raises:
            LaneError: If a lane was lost too often in a row.
        """
        for lane, reason in result.lost.items():
            self._in_a_row[lane] += 1
            if self._in_a_row[lane] >= MAX_LOSSES_IN_A_ROW:
                raise LaneError(f"lane {lane} was lost {self._in_a_row[lane]} times in a row: {reason}")
        if any(self._in_a_row):
            for lane in np.flatnonzero(result.frames_run):
                self._in_a_row[lane] = 0


def require_lane(lane: int, num_lanes: int) -> None:
    """Refuse a lane that does not exist.

    Raises:
        IndexError: If so.
    """
    if not 0 <= lane < num_lanes:
        raise IndexError(f"lane {lane} of {num_lanes}")
