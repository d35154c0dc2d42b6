"""Numbers per generation: a CSV file that any program reads, and TensorBoard's events."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playthrough.errors import RunError
from playthrough.game.atomic_file import write_file

Number = int | float | bool | None


class MetricsFile:
    """A CSV file with one row per generation, and events beside it for TensorBoard.

    A row is appended and flushed. A row that a crash or a full disk cut off is dropped when the file is opened again.

    Args:
        path: The CSV file.
        events: Folder of TensorBoard's events.
        keep: How many rows of an older file stay: those of the generations before the checkpoint.
    """

    def __init__(self, path: Path, events: Path, keep: int = 0) -> None:
        self._path = path
        self._columns: list[str] = []
        rows = read_metrics(path)[:keep]
        if path.exists():
            self._columns = list(rows[0]) if rows else []
            write_file(path, _as_csv([self._columns, *([*row.values()] for row in rows)]) if rows else b"")
        self.missing: str | None = None
        """What to say if TensorBoard's events cannot be written; None if they are."""
        self._events: Any = None
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            self.missing = (
                "no TensorBoard events: pip install 'playthrough[runs]' brings tensorboardX; metrics.csv has all"
            )
        else:
            self._events = SummaryWriter(str(events), purge_step=keep if keep else None)

    def append(self, step: int, row: Mapping[str, Number]) -> None:
        """Add one row.

        Args:
            step: The generation, TensorBoard's horizontal axis.
            row: The numbers by name; every row has the same names.

        Raises:
            RunError: If it cannot be written.
        """
        lines: list[list[Any]] = []
        if not self._columns:
            self._columns = list(row)
            lines.append(self._columns)
        lines.append([row[name] for name in self._columns])
        try:
            with self._path.open("ab") as file:
                file.write(_as_csv(lines))
            if self._events is not None:
                for name, value in row.items():
                    if value is not None and name != "generation":
                        self._events.add_scalar(name, float(value), step)
                self._events.flush()
        except OSError as error:
            raise RunError(f"could not write {self._path}: {error.strerror}") from error

    def close(self) -> None:
        """Finish the events."""
        if self._events is not None:
            self._events.close()


def read_metrics(path: Path) -> list[dict[str, str]]:
    """The rows of a metrics file, as texts; none if it does not exist. A row that is cut off is left out."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    complete = text[: text.rfind("\n") + 1]
    return [row for row in csv.DictReader(io.StringIO(complete)) if None not in row.values() and None not in row]


def _as_csv(rows: list[list[Any]]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue().encode()
