"""Simple ways to play a game that between them try most of what it offers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from playthrough.engine.systems import MENU_BUTTONS, System

Buttons = Callable[[int, np.random.Generator], int]
"""What a way to play presses on a frame, as a mask."""


def ways_to_play(system: System, groups: Sequence[Sequence[int]]) -> dict[str, Buttons]:
    """Simple players that between them try most of what a game offers.

    Args:
        system: Whose buttons there are.
        groups: The choices of each button group, as masks: what an agent can press.
    """
    bit = {name: 1 << i for i, name in enumerate(system.buttons) if name}
    menu = sum(bit.get(name, 0) for name in MENU_BUTTONS)
    sides = bit.get("LEFT", 0) | bit.get("RIGHT", 0) | bit.get("UP", 0) | bit.get("DOWN", 0)

    def at_random(longest: int, held: int = 0) -> Buttons:
        current = [0, 0]  # the mask, and the frame on which the next one is drawn

        def press(frame: int, random: np.random.Generator) -> int:
            if frame == 0 or frame >= current[1]:
                mask = sum(int(random.choice(group)) for group in groups) & ~menu
                current[:] = (mask & ~sides | held) if held else mask, frame + int(random.integers(1, longest + 1))
            return current[0]

        return press

    ways: dict[str, Buttons] = {
        "nothing pressed": lambda frame, random: 0,
        "random, seed 1": at_random(8),
        "random, seed 2": at_random(16),
        "random, seed 3": at_random(40),
    }
    if "UP" in bit:
        ways["UP held, the rest random"] = at_random(24, bit["UP"])
    if "LEFT" in bit and "RIGHT" in bit:
        left, right = bit["LEFT"], bit["RIGHT"]
        ways |= {
            "RIGHT held, the rest random": at_random(24, right),
            "LEFT held, the rest random": at_random(24, left),
            "RIGHT held": lambda frame, random: right,
            "RIGHT and LEFT in turn": lambda frame, random: right if frame // 40 % 2 == 0 else left,
        }
    return ways
