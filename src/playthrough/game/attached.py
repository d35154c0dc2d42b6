"""ROMs that the user attached to a game that was made for other ones: another region, a revision, a hack.

They stand in `attached.sha` in the game's folder among the user's own integrations, a line each as sha1sum writes it:
the SHA-1 and the name of the file that it was. To detach one, delete its line.
"""

from __future__ import annotations

import re
from pathlib import Path

from playthrough.errors import IntegrationError
from playthrough.game.atomic_file import write_file
from playthrough.game.home import user_integrations

_ATTACHED = "attached.sha"

_LINE = re.compile(r"([0-9a-fA-F]{40})(?:\s+\S.*)?")


def attached_hashes(folders: tuple[Path, ...]) -> tuple[str, ...]:
    """The SHA-1 of every ROM that was attached to the game with these folders.

    Raises:
        IntegrationError: If a line of a file is wrong.
    """
    mine = user_integrations()
    return tuple(sha1 for folder in folders if folder.parent == mine for sha1, _ in _read(folder / _ATTACHED))


def attach(game: str, sha1: str, file_name: str) -> Path:
    """Remember a ROM for a game.

    Args:
        game: The game's name, without `-v0`.
        sha1: Of the groomed ROM.
        file_name: What the file was called, for people.

    Returns:
        The file that remembers it.

    Raises:
        RunError: If it cannot be written.
    """
    path = user_integrations() / game / _ATTACHED
    lines = [*_read(path), (sha1, " ".join(file_name.split()))]
    unique = dict(reversed(lines))
    text = "".join(f"{known}  {name}\n" for known, name in sorted(unique.items(), key=lambda line: line[1]))
    write_file(path, text.encode("utf-8", "backslashreplace"))
    return path


def _read(path: Path) -> list[tuple[str, str]]:
    """SHA-1 and file name of each line."""
    try:
        text = path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise IntegrationError(f"cannot be read: {error}", path=path) from error
    found: list[tuple[str, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise IntegrationError(f"expected a SHA-1 and a file's name, found {line!r}", path=path, line=number)
        found.append((match[1].lower(), line.strip()[40:].strip()))
    return found
