"""The input log of a `.bk2` movie: a line of keys, then a line of letters per frame.

The keys say which letter stands for which button. In stable-retro's `P1 A|P1 Right|...|P2 A|...|` there is one column
per player, after one for the console; in BizHawk's `LogKey:#Reset|Power|#P1 Up|...|#P2 Up|...|` there is one per `#`.
A dot or a blank means not pressed, anything else pressed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from playthrough.errors import MovieError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from playthrough.engine.systems import System

# BizHawk's button names that are not ours in capitals.
_BIZHAWK_BUTTONS = {
    "Sms": {"B1": "B", "B2": "A"},
    "GameGear": {"B1": "B", "B2": "A"},
    "PCEngine": {"B1": "I", "B2": "II"},
}

_PLAYER_KEY = re.compile(r"P(\d+) (.+)")


@dataclass(frozen=True)
class Key:
    """One column of an input line: a button of a pad, the console's reset or power button, or something unknown."""

    name: str
    player: int = 0
    bit: int = 0
    resets: bool = False


def read_log(
    where: str, lines: list[str], key_line: int, system: System
) -> tuple[NDArray[np.uint16], int, tuple[int, ...]]:
    """Read an input log.

    Args:
        where: What error messages begin with.
        lines: All lines of the log.
        key_line: Index of the line that names the keys.
        system: Whose buttons are pressed.

    Returns:
        Button masks (frames, players), the number of players, and the frames after the first on which the console's
        reset or power button is pressed.

    Raises:
        MovieError: If a line is wrong, or presses what is no button of the system.
    """
    by_mark, by_player = _keys(lines[key_line], system)
    players = max((key.player for group in by_mark for key in group), default=0)
    if players == 0:
        raise MovieError(f"{where}, line {key_line + 1}: no key of {system.name}'s pad in {lines[key_line][:60]!r}")
    parsed: dict[str, tuple[list[int], bool]] = {}
    frames: list[list[int]] = []
    resets: list[int] = []
    for number, line in enumerate(lines[key_line + 1 :], key_line + 2):
        if line.strip() == "[/Input]":
            return np.array(frames, np.uint16).reshape(len(frames), players), players, tuple(resets)
        if not line.strip():
            continue
        known = parsed.get(line)
        if known is None:
            columns = line.strip()[1:-1].split("|")
            groups = by_mark if len(columns) == len(by_mark) else by_player
            known = parsed[line] = _read_line(f"{where}, line {number}", line, columns, groups, players)
        if known[1] and frames:
            resets.append(len(frames))
        frames.append(known[0])
    raise MovieError(f"{where}: the file is cut off after line {len(lines)}: expected [/Input] at the end")


def _read_line(
    where: str, line: str, columns: list[str], groups: list[list[Key]], players: int
) -> tuple[list[int], bool]:
    masks = [0] * players
    resets = False
    text = line.strip()
    widths = [len(group) for group in groups]
    if text[:1] != "|" or text[-1:] != "|" or [len(column) for column in columns] != widths:
        analog = "; analog inputs cannot be used" if "," in line else ""
        expected = "|" + "".join(f"{'.' * width}|" for width in widths)
        raise MovieError(f"{where}: expected a line such as {expected}, found {line!r}{analog}")
    for group, column in zip(groups, columns, strict=True):
        for key, letter in zip(group, column, strict=True):
            if letter in ". ":
                continue
            if key.player:
                masks[key.player - 1] |= key.bit
            elif key.resets:
                resets = True
            else:
                raise MovieError(f"{where}: {key.name!r} is pressed, which is no button that can be given to the core")
    return masks, resets


def _keys(line: str, system: System) -> tuple[list[list[Key]], list[list[Key]]]:
    """The keys of a movie in columns: one column per `#`, and, as stable-retro has it, one per player."""
    console, marked, rest = line.strip().partition("#")
    texts = [part.split("|") for part in rest.split("#")] if marked else [["Reset", "Power"], console.split("|")]
    by_mark = [[_key(name, system) for name in group if name] for group in texts]
    by_player: list[list[Key]] = by_mark[:1]
    for key in (key for group in by_mark[1:] for key in group):
        prefix = key.name.partition(" ")[0]
        if len(by_player) > 1 and by_player[-1][-1].name.partition(" ")[0] == prefix:
            by_player[-1].append(key)
        else:
            by_player.append([key])
    return by_mark, by_player


def _key(text: str, system: System) -> Key:
    match = _PLAYER_KEY.fullmatch(text)
    player, name = (int(match[1]), match[2]) if match else (1, text)
    button = _BIZHAWK_BUTTONS.get(system.name, {}).get(name, name.upper())
    if button in system.buttons:
        return Key(text, player, 1 << system.buttons.index(button))
    return Key(text, resets=name in ("Reset", "Power", "Soft Reset"))
