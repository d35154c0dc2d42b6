"""The pads that people hold: keys and gamepads become button masks. Needs pygame: pip install 'playthrough[play]'."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.systems import System

MAX_PLAYERS = 2

# The integration tables name keys for one player; these are the other's. None of them is a key of the first.
_SECOND_DIRECTIONS = {"UP": "I", "DOWN": "K", "LEFT": "J", "RIGHT": "L"}
_SECOND_KEYS = ("U", "O", "P", "H", "N", "M", "B", "G", "V", "F", "8", "9")

# A gamepad as SDL describes it, by libretro's button ids: south, west, back, start, up, down, left, right, east, north,
# and the shoulders. Ids are places on the pad, whatever a system calls them.
_GAMEPAD = ("A", "X", "BACK", "START", "DPAD_UP", "DPAD_DOWN", "DPAD_LEFT", "DPAD_RIGHT", "B", "Y")
_GAMEPAD_SHOULDERS = ("LEFTSHOULDER", "RIGHTSHOULDER")
_STICK_THRESHOLD = 16000


def keys_of(system: System, player: int) -> dict[str, str]:
    """The key of each of a system's buttons, for player 0 or 1."""
    if player == 0:
        return {button: key for button, key in zip(system.buttons, system.keybinds, strict=True) if button and key}
    keys = iter(_SECOND_KEYS)
    return {button: _SECOND_DIRECTIONS.get(button) or next(keys) for button in system.buttons if button}


class Pads:
    """What the keyboard and the gamepads press. Keys count from their events, so that none is missed between frames.

    Args:
        system: Whose buttons there are.
        players: How many pads, 1 or 2. Gamepad n is player n's, beside their keys.

    Raises:
        ValueError: If there are more players than sets of keys.
    """

    def __init__(self, system: System, players: int) -> None:
        if not 1 <= players <= MAX_PLAYERS:
            raise ValueError(f"{players} players; people can play with 1 or {MAX_PLAYERS}")
        import pygame

        self._pygame: Any = pygame
        self._players = players
        self._named = system.mask_of([button for button in system.buttons if button])
        self._bits: dict[int, tuple[int, int]] = {}
        for player in range(players):
            for button, key in keys_of(system, player).items():
                self._bits[_key_code(pygame, key)] = player, system.mask_of([button])
        self._keys: set[int] = set()
        self._tapped: set[int] = set()
        self._gamepads: list[Any] = []
        self._find_gamepads()

    @property
    def num_gamepads(self) -> int:
        """How many gamepads are plugged in."""
        return len(self._gamepads)

    def handle(self, event: Any) -> None:
        """Take notice of a pygame event."""
        pygame = self._pygame
        if event.type == pygame.KEYDOWN:
            self._keys.add(event.key)
            self._tapped.add(event.key)
        elif event.type == pygame.KEYUP:
            self._keys.discard(event.key)
        elif event.type in (pygame.CONTROLLERDEVICEADDED, pygame.CONTROLLERDEVICEREMOVED):
            self._find_gamepads()
        elif event.type == pygame.WINDOWFOCUSLOST:
            self._keys.clear()

    def masks(self) -> NDArray[np.uint16]:
        """What is pressed now, uint16 (players,). A key that was tapped since the last call counts once."""
        masks = np.zeros(self._players, np.uint16)
        for key in self._keys | self._tapped:
            if key in self._bits:
                player, bit = self._bits[key]
                masks[player] |= bit
        self._tapped.clear()
        for player, gamepad in enumerate(self._gamepads[: self._players]):
            masks[player] |= gamepad_mask(self._pygame, gamepad) & self._named
        return masks

    def _find_gamepads(self) -> None:
        from pygame._sdl2 import controller

        controller.init()
        indices = range(controller.get_count())
        self._gamepads = [controller.Controller(index) for index in indices if controller.is_controller(index)]


def gamepad_mask(pygame: Any, gamepad: Any) -> int:
    """What a gamepad presses, by libretro's ids: its buttons, and its left stick as directions."""
    mask = 0
    for bit, name in enumerate(_GAMEPAD + _GAMEPAD_SHOULDERS):
        if gamepad.get_button(getattr(pygame, f"CONTROLLER_BUTTON_{name}")):
            mask |= 1 << bit
    for axis, (low, high) in (("LEFTX", (6, 7)), ("LEFTY", (4, 5))):
        tilt = gamepad.get_axis(getattr(pygame, f"CONTROLLER_AXIS_{axis}"))
        if abs(tilt) > _STICK_THRESHOLD:
            mask |= 1 << (low if tilt < 0 else high)
    return mask


def _key_code(pygame: Any, name: str) -> int:
    """pygame's number of a key: letters and digits are written small there, all else large."""
    short = {"ENTER": "RETURN"}.get(name, name)
    return getattr(pygame, f"K_{short.lower() if len(short) == 1 else short}")
