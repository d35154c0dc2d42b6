"""Pseudo-random input that moves games, the same for the reference and for us."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def random_actions(seed: int, frames: int, players: int, num_buttons: int) -> NDArray[np.uint8]:
    """Buttons for each frame: a player presses about a third of them at a time and holds them for 1 to 8 frames.

    Returns:
        Zeros and ones of shape (frames, players, num_buttons). They depend on nothing but the arguments, and a shorter
        sequence is the beginning of a longer one.
    """
    buttons = np.empty((frames, players, num_buttons), np.uint8)
    for player in range(players):
        random = np.random.Generator(np.random.PCG64([seed, player]))
        frame = 0
        while frame < frames:
            held_frames = int(random.integers(1, 9))
            buttons[frame : frame + held_frames, player] = random.random(num_buttons) < 1 / 3
            frame += held_frames
    return buttons
