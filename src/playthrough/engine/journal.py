"""How the lanes of an engine came to where they are, so that a new emulator can go the same way.

Each lane has an anchor, a moment that can be loaded, and all lanes together a list of what happened since.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.engine import Masks, Observe
from playthrough.engine.shared_memory import Stored

_MAX_FRAMES = 1024
_MAX_EVENTS = 4096


@dataclass(slots=True)
class Ran:
    """All lanes ran; the arguments are those of `Engine.run`. Lanes that were lost in it ran nothing."""

    buttons: Masks
    max_frames: NDArray[np.int32]
    observe: NDArray[np.uint8]
    stopping: bool

    def leave_out(self, lane: int) -> None:
        """This lane does not take part."""
        self.max_frames[lane], self.observe[lane] = 0, Observe.SKIP


@dataclass(frozen=True, slots=True)
class Asked:
    """A method of the engine, about one lane, was called."""

    lane: int
    method: str
    arguments: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Anchor:
    """A moment of one lane.

    Attributes:
        state: A savestate or an exact snapshot, empty for a power-on; None where there is no way back.
        history: From `Engine.save_history`; None where nothing of it matters.
        since: Number of the first event that came after it.
    """

    state: bytes | Stored | None
    history: bytes | Stored | None = None
    since: int = 0


class Journal:
    """What happened to all lanes.

    Args:
        num_lanes: How many there are; all are fresh from a power-on.
    """

    def __init__(self, num_lanes: int) -> None:
        self.origins = [b""] * num_lanes
        """What was loaded last into each lane."""
        self.anchors = [Anchor(b"")] * num_lanes
        self.events: list[Ran | Asked] = []
        self.stale = False
        """Whether something happened that cannot be repeated, so that new anchors are needed."""
        self._loaded: dict[int, Anchor] = {}  # what was loaded and has not run since
        self._num_frames = 0

    @property
    def is_due(self) -> bool:
        """Whether it is time for new anchors."""
        return self.stale or self._num_frames >= _MAX_FRAMES or len(self.events) >= _MAX_EVENTS

    def ran(self, event: Ran) -> None:
        """Lanes ran."""
        if self._loaded:
            self._begin_anew(event)
        self.events.append(event)
        self._num_frames += event.buttons.shape[1]

    def _begin_anew(self, event: Ran) -> None:
        """An episode's first frame fills its history: nothing from before the load matters then."""
        for lane in list(self._loaded):
            frames, observe = event.max_frames[lane], event.observe[lane]
            if frames == 0 and observe in (Observe.SKIP, Observe.SHOW):
                continue
            loaded = self._loaded.pop(lane)
            if loaded.history is not None or (observe == Observe.FILL and frames and not event.stopping):
                self.anchors[lane] = loaded

    def asked(self, event: Asked) -> None:
        """A lane was changed by a call."""
        self.events.append(event)
        if event.method == "load_history" and event.lane in self._loaded:
            loaded = self._loaded[event.lane]
            history = event.arguments[0]
            assert isinstance(history, bytes)
            self._loaded[event.lane] = replace(loaded, history=history, since=loaded.since)

    def loaded(self, lane: int, state: bytes) -> None:
        """A state was loaded."""
        self.origins[lane] = state
        self._loaded[lane] = Anchor(state, None, len(self.events) + 1)
        self.events.append(Asked(lane, "load", (state,)))

    def lost(self, lane: int) -> None:
        """A lane is back where it was loaded last, and nothing of before matters."""
        self._loaded.pop(lane, None)
        self.anchors[lane] = Anchor(self.origins[lane], None, len(self.events))

    def anchor(self, moments: list[Anchor]) -> None:
        """Where all lanes are now."""
        self.anchors = moments
        self.events.clear()
        self._loaded.clear()
        self.stale, self._num_frames = False, 0
