"""Play that moves things: directions held, buttons pressed at random, always on from where it got furthest.

Nothing is known about the game yet. First every direction is held for a while; those that move the view get the rest
of the time. A play begins where an earlier one got far, as in Go-Explore (Ecoffet et al., 2021), so that a few minutes
show more of a level than its first screen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from playthrough.engine.systems import System
from playthrough.integrate.machine import Machine
from playthrough.integrate.recording import Recorder, Recording

DIRECTIONS = ("UP", "DOWN", "LEFT", "RIGHT")
_PILOT_S, _PLAY_S = 2.5, 8.0
_SNAPSHOT_S = 0.5
_STUCK_S = 2.0
"""A play that holds a direction ends when the view has not moved for so long, once it did."""
_SURVIVED_S = 2.0
"""A place is worth going on from if play went on for so long after it."""
_CUT = 0.15
"""The least share of pixels that changes, without a motion, when another scene is shown."""
_WORTH = 0.3
"""A direction gets time if it moves the view at least so fast as the best one does."""


_OFTEN = (0.05, 0.2, 0.4, 0.7)
"""How likely a button is pressed: some plays hardly press any, some nearly all the time."""


@dataclass
class _Place:
    """Somewhere to go on from: how far it is along the way, and how often it was tried."""

    snapshot: bytes
    along: float
    visits: int = 0


def directions(system: System) -> list[str]:
    """The directions that a system's pad has."""
    return [name for name in DIRECTIONS if name in system.buttons]


def action_buttons(system: System) -> list[str]:
    """The buttons that make something happen in a game: neither directions nor those that pause or reset it."""
    used = {name for group in system.button_groups for choice in group for name in choice}
    return [name for name in system.buttons if name in used and name not in DIRECTIONS]


class RandomButtons:
    """Buttons pressed at random, each held for a while.

    Args:
        system: Whose buttons.
        random: Where chance comes from.
        held: A direction that is held most of the time.
        often: How likely each action button is pressed; by chance if not given.
    """

    def __init__(
        self, system: System, random: np.random.Generator, held: str | None = None, often: float | None = None
    ) -> None:
        self._random, self._system, self._held = random, system, held
        self._directions, self._actions = directions(system), action_buttons(system)
        self._direction = self._action = 0
        self._often = float(random.choice(_OFTEN)) if often is None else often
        self._direction_left = self._action_left = 0

    def next(self) -> int:
        """What is pressed on the next frame."""
        if self._direction_left == 0:
            self._direction_left = int(self._random.integers(4, 48))
            chosen = self._held
            if chosen is None or self._random.random() < 0.12:
                index = int(self._random.integers(-1, len(self._directions)))
                chosen = self._directions[index] if index >= 0 else None
            elif self._held is not None:
                self._direction_left += 24
            self._direction = 0 if chosen is None else self._system.mask_of([chosen])
        if self._action_left == 0:
            self._action_left = int(self._random.integers(2, 30))
            pressed = [name for name in self._actions if self._random.random() < self._often]
            self._action = self._system.mask_of(pressed)
        self._direction_left -= 1
        self._action_left -= 1
        return self._direction | self._action


class Explorer:
    """One exploration under way: notes memory and motion.

    Args:
        machine: The game; every play begins at its start state, or where one of them got.
        seconds: How long to play, in the game's time.
        seed: Of what is pressed.

    Attributes:
        places: Moments to go on from, by the direction that led there.
    """

    def __init__(self, machine: Machine, seconds: float, seed: int) -> None:
        self._machine, self._random = machine, np.random.default_rng(seed)
        self._frames_per_s = machine.frames_per_second
        self._num_frames = round(seconds * self._frames_per_s)
        self._recorder = Recorder(machine)
        machine.start()
        self._start = machine.save()
        self.places: dict[str, list[_Place]] = {}

    def run(self) -> Recording:
        """Play it all."""
        names = directions(self._machine.system)
        moved = dict.fromkeys(names, 0.0)
        frames = dict.fromkeys(names, 1)
        turn = 0
        while len(self._recorder) < self._num_frames:
            if turn < len(names):
                name, place, seconds = names[turn], _Place(self._start, 0.0), _PILOT_S
            elif turn % 5 == 4 or not names:  # nothing but chance, from the start
                name, place, seconds = None, _Place(self._start, 0.0), _PLAY_S
            else:
                speeds = {name: moved[name] / frames[name] for name in names}
                worth = [name for name in names if speeds[name] >= _WORTH * max(speeds.values())]
                name = worth[turn % len(worth)]
                place, seconds = self._furthest(name), _PLAY_S
            before = len(self._recorder)
            distance = self._play(name, seconds, place)
            if name is not None:
                moved[name] += distance
                frames[name] += len(self._recorder) - before
            turn += 1
        return self._recorder.finish()

    def _furthest(self, name: str) -> _Place:
        """The place that is furthest along a direction; one that was tried in vain gives way to those before it."""
        places = self.places.get(name) or [_Place(self._start, 0.0)]
        best = max(places, key=lambda place: (place.along + 1) * 0.8**place.visits)
        best.visits += 1
        return best

    def _play(self, held: str | None, seconds: float, place: _Place) -> float:
        """One play; how far the view moved in it, back and forth, in pixels."""
        self._machine.load(place.snapshot)
        along = place.along
        self._recorder.begin()
        pad = RandomButtons(self._machine.system, self._random, held)
        step = {"LEFT": (-1, 0), "RIGHT": (1, 0), "UP": (0, -1), "DOWN": (0, 1)}.get(held or "", (0, 0))
        num_frames = min(round(seconds * self._frames_per_s), self._num_frames - len(self._recorder))
        every, survived, stuck = (round(s * self._frames_per_s) for s in (_SNAPSHOT_S, _SURVIVED_S, _STUCK_S))
        moved, last_moved = 0.0, 0
        seen: list[tuple[int, _Place]] = []
        frame = 0
        while frame < num_frames:
            self._recorder.frame(pad.next())
            frame += 1
            now = self._recorder.last
            along += step[0] * now.dx + step[1] * now.dy
            moved += abs(now.dx) + abs(now.dy)
            if now.dx or now.dy:
                last_moved = frame
            if not now.known and now.changed > _CUT:  # another scene: a life lost, or another room
                break
            if held is None:
                continue
            if moved and frame - last_moved > stuck:
                break
            if frame % every == 0 and frame - last_moved < every:
                seen.append((frame, _Place(self._machine.save(), along)))
        if held is not None:
            self.places.setdefault(held, []).extend(place for at, place in seen if frame - at >= survived)
        return moved
