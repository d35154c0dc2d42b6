"""The rows of a table of claims, on the screen and in files."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.rounds import Comparison


@dataclass(frozen=True)
class Row:
    """One measured claim.

    Attributes:
        section: Which group of the table.
        claim: What is compared with what.
        game: On which game.
        ratio: The median; None where it could not be measured.
        target: What it should reach; None where nothing was promised.
        least: The spread over rounds.
        most: Likewise.
        cpu_ratio: The median ratio of steps per second of processor time.
        ours: Median figure of our side, in `unit`.
        theirs: Of the other.
        unit: Of both.
        at_most: Whether the target is a ceiling, as for seconds and bytes.
        note: What else one must know, or why there is no figure.
    """

    section: str
    claim: str
    game: str = ""
    ratio: float | None = None
    target: float | None = None
    least: float | None = None
    most: float | None = None
    cpu_ratio: float | None = None
    ours: float | None = None
    theirs: float | None = None
    unit: str = ""
    at_most: bool = False
    note: str = ""
    rounds: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def of(cls, section: str, claim: str, game: str, comparison: Comparison, **more: Any) -> Row:
        """A row of two sides measured in turns."""
        ratios = comparison.ratios
        return cls(
            section,
            claim,
            game,
            comparison.ratio,
            least=min(ratios),
            most=max(ratios),
            cpu_ratio=comparison.cpu_ratio,
            ours=median(comparison.ours),
            theirs=median(comparison.theirs),
            rounds={"ours": comparison.ours, "theirs": comparison.theirs},
            **({"unit": "steps/s"} | more),
        )

    @property
    def verdict(self) -> str:
        """Whether the target is reached."""
        if self.ratio is None:
            return "skipped"
        if self.target is None:
            return ""
        reached = self.ratio <= self.target if self.at_most else self.ratio >= self.target
        return "ok" if reached else "SHORT"


def print_rows(rows: list[Row], console: Console, title: str) -> None:
    """Print them as a table."""
    table = Table(title=title, title_justify="left", header_style="bold", pad_edge=False)
    for name in ("what", "game"):
        table.add_column(name)
    for name in ("measured", "target", "", "spread", "per CPU s", "ours", "other"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("note")
    for row in rows:
        colour = {"ok": "green", "SHORT": "bold red", "skipped": "yellow"}.get(row.verdict, "")
        verdict = f"[{colour}]{row.verdict}[/{colour}]" if colour else ""
        table.add_row(
            row.claim,
            row.game,
            _figure(row.ratio),
            "" if row.target is None else ("<= " if row.at_most else ">= ") + _figure(row.target),
            verdict,
            "" if row.least is None or row.most is None else f"{_figure(row.least)}-{_figure(row.most)}",
            _figure(row.cpu_ratio),
            _figure(row.ours),
            f"{_figure(row.theirs)} {row.unit}".strip(),
            row.note,
        )
    console.print(table)


def write_rows(rows: list[Row], path: Path) -> None:
    """Write them to a .json or .csv file."""
    records = [asdict(row) | {"verdict": row.verdict} for row in rows]
    if path.suffix == ".csv":
        with path.open("w", newline="") as file:
            names = [name for name in records[0] if name != "rounds"] if records else []
            writer = csv.DictWriter(file, names, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(records)
    else:
        path.write_text(json.dumps(records, indent=1) + "\n")


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"
