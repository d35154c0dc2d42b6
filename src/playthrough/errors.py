"""Every error that Playthrough raises on its own account.

A caller's mistake in Python raises ValueError or TypeError. Everything that comes from outside (files, cores,
emulators, disks) raises one of these. A message says what was expected, what was found, and what to do next.

`exit_code` is what the command line returns: 2 when the input was wrong, 1 when the work failed.
"""

from __future__ import annotations

from pathlib import Path


class PlaythroughError(Exception):
    """Anything that Playthrough reports about the world outside the program."""

    exit_code = 1


class BadInputError(PlaythroughError):
    """Something that the user gave cannot be used; nothing was changed."""

    exit_code = 2


class GameNotFoundError(BadInputError):
    """No integration folder has this name."""


class RomError(BadInputError):
    """A ROM file is missing, unknown, damaged, or of another system."""


class IntegrationError(BadInputError):
    """A file of an integration folder is wrong.

    Args:
        message: What is wrong and what to do.
        path: The file.
        line: Line number, from 1, where known.
        column: Column number, from 1, where known.
    """

    def __init__(
        self, message: str, *, path: Path | None = None, line: int | None = None, column: int | None = None
    ) -> None:
        self.path, self.line, self.column = path, line, column
        place = "" if path is None else str(path)
        if line is not None:
            place += f":{line}"
            if column is not None:
                place += f":{column}"
        super().__init__(f"{place}: {message}" if place else message)


class CropError(BadInputError):
    """A scenario's crop leaves nothing of the picture."""


class StateError(BadInputError):
    """A savestate, a snapshot or a recipe is missing, damaged, or belongs to another core or game."""


class MovieError(BadInputError):
    """A movie is damaged or belongs to another game."""


class ConfigError(BadInputError):
    """A configuration file (NEAT, recipe, run) has a wrong key or value."""


class CoreError(BadInputError):
    """A libretro core is missing, is no core, or refuses the game."""


class CapabilityError(BadInputError):
    """An engine was asked for something that it does not offer."""


class DependencyError(BadInputError):
    """An optional library is not installed; the message names the extra that brings it."""


class EngineError(PlaythroughError):
    """An engine cannot do anything more, for example because it is closed."""


class LaneError(PlaythroughError):
    """A lane failed while it ran. The message names the lane and the core."""


class RunError(PlaythroughError):
    """A training run could not go on, for example because the disk is full."""
