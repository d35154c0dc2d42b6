"""What ale-py says about an Atari game along a trajectory of its own: memory, reward and lives of every frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playthrough.integrate.guessed import Part

FIRST_ADDRESS = 0x80


@dataclass(frozen=True)
class Trajectory:
    """Frames of random play, with new games where one ended.

    Attributes:
        ram: uint8 (frames, 128).
        reward: int64 (frames,).
        lives: int64 (frames,).
        over: bool (frames,), whether the game ended on it; the next one begins another.
    """

    ram: NDArray[np.uint8]
    reward: NDArray[np.int64]
    lives: NDArray[np.int64]
    over: NDArray[np.bool_]

    def value(self, parts: Sequence[Part]) -> NDArray[np.int64]:
        """A number on every frame."""
        whole = np.zeros(len(self.ram), np.int64)
        for part in parts:
            at = part.address - FIRST_ADDRESS
            raw = self.ram[:, at : at + part.type.width]
            numbers = np.array([part.type.decode(row.tobytes()) for row in raw])
            if part.mask is not None:
                numbers = (numbers & part.mask) // (part.mask & -part.mask)
            whole += part.weight * numbers
        return whole

    def share_of_rewards(self, parts: Sequence[Part], factor: int = 1) -> float:
        """On how many of the frames with a reward or a change of the score both are the same."""
        steps = np.diff(self.value(parts), prepend=0) * factor
        usable = ~np.concatenate([[True], self.over[:-1]])
        either = usable & ((steps != 0) | (self.reward != 0))
        return float((steps == self.reward)[either].mean())

    def share_of_lives(self, parts: Sequence[Part]) -> tuple[float, int]:
        """On how many frames the lives are the number plus the constant that fits most, and this constant."""
        difference = self.lives - self.value(parts)
        constants, counts = np.unique(difference, return_counts=True)
        return float(counts.max() / len(difference)), int(constants[counts.argmax()])


def trajectory(rom: Path, frames: int = 5000, seed: int = 0) -> Trajectory:
    """Play in ale-py, frame by frame, with random actions that are held for a while."""
    import ale_py

    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    ale = ale_py.ALEInterface()
    ale.setInt("frame_skip", 1)
    ale.setFloat("repeat_action_probability", 0.0)
    ale.setInt("random_seed", seed)
    ale.loadROM(rom)
    actions = ale.getMinimalActionSet()
    random = np.random.default_rng(seed)
    ram = np.zeros((frames, 128), np.uint8)
    reward, lives = np.zeros(frames, np.int64), np.zeros(frames, np.int64)
    over = np.zeros(frames, np.bool_)
    action, left = actions[0], 0
    for frame in range(frames):
        if left == 0:
            action, left = actions[int(random.integers(len(actions)))], int(random.integers(2, 12))
        left -= 1
        reward[frame] = ale.act(action)
        ram[frame] = ale.getRAM()
        lives[frame], over[frame] = ale.lives(), ale.game_over()
        if over[frame]:
            ale.reset_game()
    return Trajectory(ram, reward, lives, over)
