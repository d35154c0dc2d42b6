"""What became of every episode: a CSV file with a row each."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from playthrough.errors import RunError
from playthrough.game.atomic_file import write_file

COLUMNS = ("agent_steps", "lane", "return", "steps", "frames", "start_state", "end")


class EpisodesFile:
    """Appends episodes. What came after the checkpoint that a run goes on from is dropped when it is opened.

    Args:
        path: The CSV file.
        keep: How many episodes of an older file stay.
    """

    def __init__(self, path: Path, keep: int = 0) -> None:
        self._path = path
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        write_file(path, b"".join([_as_csv([COLUMNS]), *lines[1 : keep + 1]]))

    def append(self, rows: Iterable[Sequence[object]]) -> None:
        """Add episodes.

        Args:
            rows: The values of `COLUMNS` for each.

        Raises:
            RunError: If they cannot be written.
        """
        try:
            with self._path.open("ab") as file:
                file.write(_as_csv(rows))
        except OSError as error:
            raise RunError(f"could not write {self._path}: {error.strerror}") from error


def _as_csv(rows: Iterable[Sequence[object]]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue().encode()
