"""A game's variables while it is played: what they are, what they were, what reward and end made of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playthrough.env.keyboard import Pads
from playthrough.env.options import EnvOptions
from playthrough.env.session import PlayWindow
from playthrough.env.vector import RetroVectorEnv
from playthrough.errors import MovieError
from playthrough.game.movies import read_movie
from playthrough.integrate.explore import RandomButtons
from playthrough.integrate.press import parse_press

_COURSE_S = 24
_POINTS = 48


@dataclass
class Course:
    """What one variable did.

    Attributes:
        now: Its value.
        lowest: Of all so far.
        highest: Likewise.
        changes: On how many frames it changed.
        past: Its last values, one per frame.
    """

    now: int
    lowest: int
    highest: int
    changes: int = 0
    past: deque[int] = field(default_factory=deque[int])

    def take(self, value: int) -> None:
        """Its value on the next frame."""
        self.changes += value != self.now
        self.now = value
        self.lowest, self.highest = min(self.lowest, value), max(self.highest, value)
        self.past.append(value)

    def recent(self) -> list[float]:
        """Its course over the last seconds, in few points."""
        every = max(1, len(self.past) // _POINTS)
        return [float(value) for value in list(self.past)[::every]]


class Live:
    """A game with somebody watching.

    Args:
        options: The game.
        movie: A movie whose start counts instead of the game's.
    """

    def __init__(self, options: EnvOptions, movie: Path | None = None) -> None:
        read = None if movie is None else read_movie(movie)
        self.inputs: NDArray[np.uint16] | None = None
        """What the movie presses, (frames, players)."""
        if read is not None:
            options = replace(options, state=read.state or "power-on", players=read.players)
            self.inputs = read.inputs[1:]  # the reset runs the first line
        self._env = RetroVectorEnv(replace(options, num_envs=1, autoreset_mode="disabled"))
        self.integration = self._env.integration
        if read is not None and read.system.name != self.integration.system.name:
            self._env.close()
            raise MovieError(f"the movie {movie} is of another system than {self.integration.name}")
        self.frames_per_second = self._env.engine.display.frames_per_second
        self.num_frames = self.num_episodes = 0
        self.total = 0.0
        self.ended_by = ""
        _, infos = self._env.reset()
        self.courses = {
            name: Course(int(infos[name][0]), int(infos[name][0]), int(infos[name][0])) for name in self._env.variables
        }
        for course in self.courses.values():
            course.past = deque(maxlen=round(_COURSE_S * self.frames_per_second))

    def frame(self, masks: NDArray[np.uint16]) -> None:
        """Play one frame with these buttons, uint16 (players,); an episode that ended begins anew, but for a movie."""
        outcome = self._env.advance(np.atleast_1d(masks)[None].astype(np.uint16), self._env.everybody)
        infos = self._env.infos_of(outcome)
        self.num_frames += 1
        self.total += float(outcome.rewards[0, 0])
        for name, course in self.courses.items():
            course.take(int(infos[name][0]))
        if outcome.any_ended:
            self.num_episodes += 1
            self.ended_by = str(infos["episode_end"][0])
            if self.inputs is None:
                self._env.reset()
            else:
                self._env.go_on()

    def masks_of_a_player(self, limit: Iterator[NDArray[np.uint16]]) -> Iterator[NDArray[np.uint16]]:
        """What somebody presses in a window, for as many frames as `limit` has or until the window is closed."""
        pads = Pads(self.integration.system, self._env.options.players)
        window = PlayWindow(self.integration.name, self.frames_per_second, None)
        try:
            for _ in limit:
                for event in window.events():
                    pads.handle(event)
                if not window.open:
                    return
                yield pads.masks()
                window.show(self._env.picture(0))
        finally:
            window.close()

    def close(self) -> None:
        """End the emulator."""
        self._env.close()


def masks_to_watch(
    live: Live, *, movie: Path | None, press: str | None, seconds: float, seed: int
) -> Iterator[NDArray[np.uint16]]:
    """What is pressed while somebody watches: a movie's inputs, a line of them, or anything."""
    most = round(seconds * live.frames_per_second)
    if movie is not None and live.inputs is not None:
        yield from live.inputs[:most]
    elif press is not None:
        yield from parse_press(press, live.integration.system)[:most]
    else:
        pad = RandomButtons(live.integration.system, np.random.default_rng(seed))
        for _ in range(most):
            yield np.array([pad.next()], np.uint16)
