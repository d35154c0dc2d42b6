"""What the scenario doctor says: one finding for each thing that is wrong, or worth knowing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playthrough.errors import IntegrationError

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")
_SAID_ONCE = ("reward always zero", "done never fires", "done at once")


@dataclass(frozen=True)
class Finding:
    """One thing that the doctor found.

    Attributes:
        level: `error` is wrong for certain, `warning` almost certainly, `note` is worth knowing.
        kind: A short name of the kind of finding, such as `wrapping`.
        message: What it is.
        evidence: Where it shows: frames and values.
        next_step: What to do about it.
        path: The file that it is about.
        line, column: Where in the file, from 1, as far as that is known.
    """

    level: Level
    kind: str
    message: str
    evidence: str = ""
    next_step: str = ""
    path: Path | None = None
    line: int | None = None
    column: int | None = None

    @property
    def place(self) -> str:
        """`file:line:column`, as far as known."""
        return ":".join(str(part) for part in (self.path, self.line, self.column) if part is not None)

    @classmethod
    def of_error(cls, error: IntegrationError, kind: str, next_step: str = "") -> Finding:
        """What an error of a file says, as a finding."""
        prefix = ":".join(str(part) for part in (error.path, error.line, error.column) if part is not None)
        message = str(error).removeprefix(f"{prefix}: ") if prefix else str(error)
        return cls("error", kind, message, "", next_step, error.path, error.line, error.column)


def lost(evidence: str) -> Finding:
    """The emulator broke down.

    Args:
        evidence: When, and how.
    """
    step = (
        "another core may run the game: --core NAME (playthrough cores lists them); another start may avoid the place: "
        "--state NAME; playthrough doctor checks the core"
    )
    return Finding("error", "core", "the emulator was lost", evidence, step)


@dataclass(frozen=True)
class CheckReport:
    """All findings about one game.

    Attributes:
        game: Its name.
        findings: The worst first.
        plays: How it was played, a line each; none where only the files could be looked at.
    """

    game: str
    findings: tuple[Finding, ...]
    plays: tuple[str, ...] = ()

    def count(self, level: Level) -> int:
        """How many findings are of a level."""
        return sum(finding.level == level for finding in self.findings)


def worst_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Errors, then warnings, then notes; otherwise in the order of the checks, each thing once."""
    unique: dict[object, Finding] = {}
    for finding in sorted(findings, key=lambda finding: LEVELS.index(finding.level)):
        # What the files show is not said again when it shows in play too.
        thing = (finding.kind, finding.path, finding.line) if finding.kind in _SAID_ONCE and finding.line else finding
        unique.setdefault(thing, finding)
    return tuple(unique.values())
