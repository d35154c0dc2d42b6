"""Files that were not imported, but come close to a known game: remembered, so that `info` can speak of them later."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from playthrough.errors import RunError
from playthrough.game.atomic_file import write_file
from playthrough.game.home import cache_folder

_MAX_PER_GAME = 5


@dataclass(frozen=True)
class NearRom:
    """A file that the user has and that nearly fits a game.

    Attributes:
        source: Where it was when somebody imported it; a file in an archive is written `archive.zip: file`.
        reason: Why it was not taken.
    """

    source: str
    reason: str

    @property
    def path(self) -> Path:
        """The file on the disk."""
        return Path(self.source.partition(": ")[0])

    @property
    def attachable(self) -> bool:
        """Whether it is a file of its own, which can be named."""
        return str(self.path) == self.source


def remember_near(found: Iterable[tuple[str | None, str, str]]) -> None:
    """Remember (game, source, reason) of files that nearly fit. This is a convenience, and no reason to fail."""
    new = [(game, NearRom(str(Path(source).absolute()), reason)) for game, source, reason in found if game]
    if not new:
        return
    known = _read()
    for game, rom in new:
        others = [other for other in known.get(game, []) if other.source != rom.source]
        known[game] = [rom, *others][:_MAX_PER_GAME]
    table = {game: [[rom.source, rom.reason] for rom in roms] for game, roms in sorted(known.items())}
    try:
        write_file(_path(), json.dumps(table, indent=1).encode())
    except RunError:
        return


def near_roms(game: str) -> list[NearRom]:
    """Files that the user has and that nearly fit a game, as far as they are still where they were."""
    return [rom for rom in _read().get(game, []) if rom.path.is_file()]


def games_with_near_roms() -> set[str]:
    """The games for which there is such a file."""
    return {game for game, roms in _read().items() if any(rom.path.is_file() for rom in roms)}


def _path() -> Path:
    return cache_folder() / "near_roms.json"


def _read() -> dict[str, list[NearRom]]:
    try:
        content: Any = json.loads(_path().read_text("utf-8"))
        games = cast("dict[str, list[list[str]]]", content).items()
        return {str(game): [NearRom(str(source), str(reason)) for source, reason in roms] for game, roms in games}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # nothing was remembered, or it was damaged
