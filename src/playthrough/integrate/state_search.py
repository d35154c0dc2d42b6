"""How a start state is reached without hands: random play until something happens."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from playthrough.errors import BadInputError
from playthrough.game.variables import Memory
from playthrough.integrate.explore import RandomButtons
from playthrough.integrate.machine import Machine

_ANOTHER_PICTURE = 0.5
"""The share of pixels that differ at once when another picture is shown."""
_MAX_FRAMES = 3600 * 10


def play_until(machine: Machine, what: str, seed: int = 0, max_frames: int = _MAX_FRAMES) -> NDArray[np.uint16]:
    """Press random buttons until the picture or a variable changes.

    Args:
        machine: The game; it stands on that frame afterwards.
        what: `picture` for another picture at once, else the name of a variable.
        seed: Of the buttons.
        max_frames: Give up after so many.

    Returns:
        What was pressed, uint16 (frames,).

    Raises:
        BadInputError: If there is no such variable, or nothing changed in time.
    """
    look = _look(machine, what)
    pad = RandomButtons(machine.system, np.random.default_rng(seed))
    pressed: list[int] = []
    while len(pressed) < max_frames:
        pressed.append(pad.next())
        if look(machine.run(np.array(pressed[-1:], np.uint16))):
            return np.array(pressed, np.uint16)
    raise BadInputError(f"{what} did not change within {max_frames} frames of random play; try another --seed")


def _look(machine: Machine, what: str) -> Callable[[NDArray[np.uint8]], bool]:
    """Whether the picture or the variable is another one on this frame."""
    if what == "picture":
        seen: list[NDArray[np.uint8]] = []

        def another_picture(picture: NDArray[np.uint8]) -> bool:
            seen.append(picture)
            return len(seen) > 1 and float((seen.pop(0) != picture).mean()) > _ANOTHER_PICTURE

        return another_picture
    variable = machine.integration.variables.get(what)
    if variable is None:
        known = ", ".join(machine.integration.variables) or "none"
        raise BadInputError(
            f"{machine.integration.name} has no variable {what!r} (it has {known}); or wait for the picture"
        )
    probe = variable.probe

    def value() -> int:
        return Memory({probe.address: machine.read(probe.address, probe.type.width)}).value(probe)

    first = value()
    return lambda _: value() != first
