"""How to get a game from power-on to where it is played.

From one moment the game is played on in two ways: with nothing pressed, and with random directions. If the pictures
come out different, it listens; in titles and demos they come out the same. A menu listens too, but what begins a game
leads on from there: the button is pressed again for as long as that shows another scene which listens. In a game it
only pauses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.systems import START_BUTTONS
from playthrough.errors import BadInputError
from playthrough.integrate.explore import RandomButtons, action_buttons
from playthrough.integrate.machine import Machine

_MOST_PRESSES = 5
_FIRST_WAIT, _HOLD_FRAMES = 90, 6
_WAITS = (120, 360)
"""Frames after each press: some games tell a story first."""
_LOOKS, _LOOK_FRAMES = 4, 24
_OTHER_SCENE = 0.06
"""The share of pixels that differ in another scene."""


@dataclass(frozen=True)
class Beginning:
    """A way from power-on to where the game is played.

    Attributes:
        masks: What is pressed, uint16 (frames,).
        pressed: In words.
        influence: What share of the picture other buttons changed from there on.
    """

    masks: NDArray[np.uint16]
    pressed: str
    influence: float


def find_beginning(machine: Machine) -> Beginning:
    """Get from power-on to where the game is played, by waiting and by pressing what begins games.

    The machine stands there afterwards. Look at the picture before you believe it.

    Raises:
        BadInputError: If nothing that was tried gets there.
    """
    best: Beginning | None = None
    for actions in (0.0, 0.5):  # some games wait for a button before a direction does anything
        for way in _ways(machine, actions):
            if best is None or way.influence > 0:
                best = way
            if best.influence > 0 and len(best.masks) > _FIRST_WAIT:
                break
        if best is not None and best.influence > 0:
            machine.start(b"")
            machine.run(best.masks)
            return best
    raise BadInputError(
        "the game listens to nothing that was tried from power-on; play to where it does with a window, or say "
        'what to press with --press, as in --press "wait 120, START 5, wait 60"'
    )


def _ways(machine: Machine, actions: float) -> Iterator[Beginning]:
    """For each button that may begin games, and each wait, the deepest scene that listens."""
    system = machine.system
    starters = [name for name in START_BUTTONS if name in system.buttons]
    for name in (*starters, *action_buttons(system)):
        for wait in _WAITS:
            masks, words = [0] * _FIRST_WAIT, f"wait {_FIRST_WAIT}"
            found: Beginning | None = None
            scenes: list[NDArray[np.uint8]] = []
            for presses in range(_MOST_PRESSES + 1):
                heard, picture = influence(machine, np.array(masks, np.uint16), actions)
                new = all(float((scene != picture).mean()) > _OTHER_SCENE for scene in scenes)
                if heard > 0 and (new or found is None or presses == 1):
                    found = Beginning(np.array(masks, np.uint16), words, heard)
                if heard > 0:
                    scenes.append(picture)
                masks = masks + [machine.mask(name)] * _HOLD_FRAMES + [0] * wait
                words += f", {name} {_HOLD_FRAMES}, wait {wait}"
            if found is not None:
                yield found


def influence(machine: Machine, masks: NDArray[np.uint16], actions: float = 0.0) -> tuple[float, NDArray[np.uint8]]:
    """How much depends on what is pressed after these inputs from power-on.

    Args:
        machine: The game.
        masks: What is pressed from power-on, uint16 (frames,).
        actions: How likely each action button is pressed beside random directions.

    Returns:
        The share of pixels that differ from those without a button, the middle one of several looks: neither a flash
        nor a game that stops listening counts. And the picture without a button.
    """
    looks: list[list[NDArray[np.uint8]]] = []
    for random in (False, True):
        machine.start(b"")
        machine.run(masks)
        pad = RandomButtons(machine.system, np.random.default_rng(0), often=actions)
        pictures: list[NDArray[np.uint8]] = []
        for _ in range(_LOOKS):
            pressed = [pad.next() if random else 0 for _ in range(_LOOK_FRAMES)]
            pictures.append(machine.run(np.array(pressed, np.uint16)).copy())
        looks.append(pictures)
    shares = [float((idle != played).mean()) for idle, played in zip(*looks, strict=True)]
    return float(np.median(shares)), looks[0][-1]
