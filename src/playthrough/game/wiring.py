"""Which pad a player really holds, where that is not simply pad n for player n.

On most consoles every player has a port. On some, two controllers share one: the paddles of the Atari 2600 come in
pairs, and an emulator with ordinary pads then puts the second paddle on the first pad's other buttons. `pads.json` in
an integration folder says so, for the players whom it concerns:

    {
      "2": {"UP": [1, "LEFT"], "DOWN": [1, "RIGHT"], "BUTTON": [2, "RIGHT"]}
    }

Player 2's UP presses LEFT on pad 1, and so on; a button that is not named does nothing for that player. A player who is
not named holds pad n.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.systems import System
from playthrough.errors import IntegrationError
from playthrough.game.integration import Integration
from playthrough.game.json_files import read_json

FILE_NAME = "pads.json"

_PLAYER = re.compile("[1-9][0-9]{0,2}")


@dataclass(frozen=True)
class Wire:
    """One button of one player, and what it presses.

    Attributes:
        player: From 0.
        button: The bit that the player presses.
        pad: From 0.
        pressed: The bit that this becomes on the pad.
    """

    player: int
    button: int
    pad: int
    pressed: int


class Wiring:
    """Puts the buttons of players on pads.

    Args:
        num_players: How many play.
        wires: What players press who do not simply hold pad n.
    """

    def __init__(self, num_players: int, wires: tuple[Wire, ...] = ()) -> None:
        self._wires = wires
        rewired = {wire.player for wire in wires}
        self._as_they_are = np.array([player not in rewired for player in range(num_players)])

    def masks(self, players: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """What is pressed on the pads.

        Args:
            players: uint16 (lanes, players), the buttons of every player.

        Returns:
            uint16 (lanes, pads), as many pads as players.
        """
        if not self._wires:
            return players
        pads = np.where(self._as_they_are, players, np.uint16(0))
        for wire in self._wires:
            pads[:, wire.pad] |= np.where(players[:, wire.player] & wire.button, np.uint16(wire.pressed), np.uint16(0))
        return pads


def wiring_of(integration: Integration, num_players: int) -> Wiring:
    """How a game's players hold its pads.

    Raises:
        IntegrationError: If its pads.json is wrong.
    """
    path = integration.find_file(FILE_NAME)
    return Wiring(num_players, () if path is None else load_wires(path, integration.system, num_players))


def load_wires(path: Path, system: System, num_players: int) -> tuple[Wire, ...]:
    """Read a pads.json.

    Args:
        path: The file.
        system: Whose buttons there are.
        num_players: How many play; the file may speak of more.

    Raises:
        IntegrationError: If it is wrong.
    """
    wires: list[Wire] = []
    for name, table in read_json(path).items():
        if not _PLAYER.fullmatch(name):
            raise IntegrationError(f'expected players by number, such as "2", found {name!r}', path=path)
        if not isinstance(table, Mapping):
            raise IntegrationError(f'player {name}: expected {{"UP": [1, "LEFT"]}}, found {table!r}', path=path)
        for button, target in cast("Mapping[str, Any]", table).items():
            pad, pressed = _target(target, f"player {name}: {button}", path)
            try:
                bits = system.mask_of([button]), system.mask_of([pressed])
            except ValueError as error:
                raise IntegrationError(f"player {name}: {error}", path=path) from error
            if int(name) > num_players:
                continue
            if pad > num_players:
                raise IntegrationError(f"player {name}: there is no pad {pad} for {num_players} players", path=path)
            wires.append(Wire(int(name) - 1, bits[0], pad - 1, bits[1]))
    return tuple(wires)


def _target(value: Any, where: str, path: Path) -> tuple[int, str]:
    entries = cast("list[Any]", value) if isinstance(value, list) else []
    if len(entries) == 2 and type(entries[0]) is int and entries[0] >= 1 and isinstance(entries[1], str):
        return entries[0], entries[1]
    raise IntegrationError(f'{where}: expected a pad and its button, such as [1, "LEFT"], found {value!r}', path=path)
