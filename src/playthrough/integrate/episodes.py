"""Plays from a start state with random buttons, and when the game ended in each.

A game that is over does not listen: whatever is pressed from then on, the same pictures come. So a play is played again
with the same buttons up to some frame and none afterwards; if every picture of the next seconds is the same as before,
nobody listened any more. The first such frame, found by halving, is where the game was over.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playthrough.integrate.explore import RandomButtons
from playthrough.integrate.machine import Machine
from playthrough.integrate.recording import Recorder, Recording

_DEAF_S = 5.0
"""A game that does not listen for so long, to the end of the play, is over: pauses after a lost life are shorter."""
_EXACTLY = 30
"""To within so many frames."""


@dataclass(frozen=True)
class Play:
    """One of them.

    Attributes:
        begin: Its first frame in the recording.
        end: The frame after its last one.
        over: The frame from which on the game did not listen any more; None if it listened to the end.
    """

    begin: int
    end: int
    over: int | None

    @property
    def last(self) -> int:
        """The frame after the last one on which the game listened."""
        return self.end if self.over is None else self.over


def play_episodes(
    machine: Machine, num_plays: int = 6, seconds: float = 60, seed: int = 0
) -> tuple[Recording, list[Play]]:
    """Play from the start state with random buttons, several times over.

    Args:
        machine: The game.
        num_plays: How often.
        seconds: How long each time, in the game's time.
        seed: Of the buttons.
    """
    recorder = Recorder(machine, motion=False)
    num_frames = round(seconds * machine.frames_per_second)
    for number in range(num_plays):
        machine.start()
        recorder.begin()
        pad = RandomButtons(machine.system, np.random.default_rng([seed, number]))
        recorder.frames(pad.next() for _ in range(num_frames))
    recording = recorder.finish()
    plays: list[Play] = []
    for number in range(num_plays):
        frames = slice(number * num_frames, (number + 1) * num_frames)
        over = _over_at(machine, recording.masks[frames], recording.pictures[frames])
        plays.append(Play(frames.start, frames.stop, None if over is None else frames.start + over))
    return recording, plays


def _over_at(machine: Machine, masks: NDArray[np.uint16], pictures: NDArray[np.uint32]) -> int | None:
    """The first frame from which on it does not matter what is pressed; None if it mattered to the end."""
    low, high = 0, len(masks) - round(_DEAF_S * machine.frames_per_second)
    if high <= 0 or not _is_deaf(machine, masks, pictures, high):
        return None
    while high - low > _EXACTLY:
        middle = (low + high) // 2
        if _is_deaf(machine, masks, pictures, middle):
            high = middle
        else:
            low = middle
    return high


def _is_deaf(machine: Machine, masks: NDArray[np.uint16], pictures: NDArray[np.uint32], frame: int) -> bool:
    """Whether the same pictures come if nothing is pressed from a frame on, for as long as a game must be deaf."""
    machine.start()
    machine.run(masks[:frame])
    released = np.zeros(1, np.uint16)
    until = round(_DEAF_S * machine.frames_per_second)
    expected: list[int] = pictures[frame : frame + until].tolist()
    return all(zlib.crc32(machine.run(released).data) == picture for picture in expected)
