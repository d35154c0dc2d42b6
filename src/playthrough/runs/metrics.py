"""Numbers per generation or update: a CSV file that any program reads, and TensorBoard's events."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from playthrough.errors import RunError
from playthrough.game.atomic_file import write_file

Number = int | float | bool | None


_COLUMN = re.compile(r"[A-Za-z_]\w*")
_MOST_NAMED = 8


class MetricsFile:
    """A CSV file with one row per generation or update, and events beside it for TensorBoard.

    A row is appended and flushed. A row that a crash or a full disk cut off is dropped when the file is opened again.

    Args:
        path: The CSV file.
        events: Folder of TensorBoard's events.
        keep: How many rows of an older file stay: those of the generations before the checkpoint.
        keep_step: TensorBoard's step from which on events are new; by default the number of rows.
    """

    def __init__(self, path: Path, events: Path, keep: int = 0, keep_step: int | None = None) -> None:
        self._path = path
        self._columns: list[str] = []
        self.damage: str | None = None
        """What to say if rows that should have stayed are damaged or missing; None if all is well."""
        if path.exists() or keep:
            table = _read(path)
            lost = [number for number in range(2, keep + 2) if number not in table.rows]
            if lost:
                self.damage = self._report_damage(lost)
            rows = [row for number, row in table.rows.items() if number < keep + 2]
            self._columns = table.columns if rows else []
            if path.exists():
                write_file(path, _as_csv([self._columns, *rows]) if rows else b"")
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
            self._events = SummaryWriter(str(events), purge_step=(keep if keep_step is None else keep_step) or None)

    def append(self, step: int, row: Mapping[str, Number]) -> None:
        """Add one row.

        Args:
            step: The generation or the agent steps, TensorBoard's horizontal axis.
            row: The numbers by name; every row has the same names.

        Raises:
            RunError: If it cannot be written.
        """
        lines: list[list[Any]] = []
        if self._columns and not set(row) <= set(self._columns):
            self._change_columns(list(row))
        if not self._columns:
            self._columns = list(row)
            lines.append(self._columns)
        lines.append([row.get(name) for name in self._columns])
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

    def _report_damage(self, lost: list[int]) -> str:
        """Keep the damaged file under a name of its own, and say what is lost."""
        named = ", ".join(str(number) for number in lost[:_MOST_NAMED])
        more = f" and {len(lost) - _MOST_NAMED} more" if len(lost) > _MOST_NAMED else ""
        text = f"{self._path} is damaged: line{'s' if len(lost) > 1 else ''} {named}{more} of it cannot be read"
        if not self._path.exists():
            return f"{self._path} is missing: {len(lost)} rows of numbers are lost"
        kept = (self._path.with_name(f"{self._path.stem}-damaged-{number}.csv") for number in count(1))
        copy = next(path for path in kept if not path.exists())
        write_file(copy, self._path.read_bytes())
        return f"{text} and left out from here on; the damaged file is kept as {copy.name}"

    def _change_columns(self, columns: list[str]) -> None:
        """Give the rows of another version these columns; what they do not have stays empty."""
        rows = read_metrics(self._path)
        self._columns = [*columns, *(name for name in self._columns if name not in columns)]
        write_file(
            self._path, _as_csv([self._columns, *([row.get(name, "") for name in self._columns] for row in rows)])
        )


@dataclass(frozen=True)
class _Table:
    """A metrics file.

    Attributes:
        columns: Their names; none if the first line is damaged.
        rows: The whole rows by the number of their line; the names are line 1.
    """

    columns: list[str]
    rows: dict[int, list[str]]


def read_metrics(path: Path) -> list[dict[str, str]]:
    """The rows of a metrics file, as texts; none if it does not exist. What is cut off or damaged is left out."""
    table = _read(path)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows.values()]


def _read(path: Path) -> _Table:
    if not path.exists():
        return _Table([], {})
    text = path.read_text(encoding="utf-8", errors="replace")
    head, *lines = text[: text.rfind("\n") + 1].split("\n")[:-1] or [""]
    columns = head.split(",")
    if not all(_COLUMN.fullmatch(name) for name in columns) or len(set(columns)) != len(columns):
        return _Table([], {})
    fields = ((number, line.split(",")) for number, line in enumerate(lines, 2))
    return _Table(columns, {number: row for number, row in fields if _is_whole(row, len(columns))})


def _is_whole(row: list[str], num_columns: int) -> bool:
    """Whether a line has a number, or nothing, in every column."""
    try:
        numbers = [float(field) for field in row if field]
    except ValueError:
        return False
    return len(row) == num_columns and bool(numbers)


def _as_csv(rows: list[list[Any]]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue().encode()
