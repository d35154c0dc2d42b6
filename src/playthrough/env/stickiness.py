"""Sticky actions: two ways in which a pad does not do at once what an agent wants.

Both make it impossible to learn a sequence of inputs by heart. They differ, so each has its own name:
`repeat_action_probability` is the Arcade Learning Environment's (Machado et al. 2018, "Revisiting the Arcade Learning
Environment", section 5.2): on each frame anew, the frame before is repeated. `delay_action_probability` is Gym Retro's:
at the start of a step the old action stays for one frame.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from playthrough.env.infos import lanes_of


class StickyPads:
    """Turns one choice of buttons per step into buttons per frame.

    Args:
        num_lanes: How many lanes.
        players: How many pads each holds.
        frame_skip: Frames per step.
        repeat: Chance of repeating the frame before, on each frame.
        delay: Chance of keeping the old action for the step's first frame.
    """

    def __init__(self, num_lanes: int, players: int, frame_skip: int, repeat: float, delay: float) -> None:
        self._repeat, self._delay = repeat, delay
        self._shape = (num_lanes, frame_skip, players)
        self.pressed: NDArray[np.uint16] = np.zeros((num_lanes, players), np.uint16)
        """What each lane's pads held last, (lanes, players): part of a snapshot."""

    def release(self, lanes: NDArray[np.bool_]) -> None:
        """Forget what was held, at the start of an episode."""
        self.pressed[lanes] = 0

    def plan(
        self, masks: NDArray[np.uint16], active: NDArray[np.bool_], random: Sequence[np.random.Generator]
    ) -> NDArray[np.uint16]:
        """The buttons of every frame of a step.

        Args:
            masks: uint16 (lanes, players), what the agents want.
            active: bool (lanes,); other lanes draw no random numbers.
            random: Each lane's own generator.

        Returns:
            uint16 (lanes, frames, players).
        """
        buttons = np.empty(self._shape, np.uint16)
        buttons[:] = masks[:, None]
        num_frames = self._shape[1]
        if self._repeat:
            for lane in lanes_of(active):
                held = self.pressed[lane]
                for frame, repeats in enumerate(random[lane].random(num_frames) < self._repeat):
                    if repeats:
                        buttons[lane, frame] = held
                    held = buttons[lane, frame]
        elif self._delay:
            for lane in lanes_of(active):
                if random[lane].random() < self._delay:
                    buttons[lane, 0] = self.pressed[lane]
        return buttons

    def played(self, buttons: NDArray[np.uint16], frames_run: NDArray[np.int32]) -> None:
        """Remember what was held on the last frame that was really run."""
        if self._repeat or self._delay:
            lanes = np.flatnonzero(frames_run)
            self.pressed[lanes] = buttons[lanes, frames_run[lanes] - 1]
