"""What somebody saw on which frame of a movie, as text.

    # frame, or first and last frame: what was seen
    400: score is 300
    812: lost a life
    100-160: moving right
    200-240: x still
    900: level rises

Frame n is what the n-th line of the movie's inputs led to. Names are free: they become variables. What can be said of
a name: `is N`, `is not N`, `below N`, `above N`, `rises`, `rises by N`, `falls`, `falls by N`, `changes`, `still`.
`lost a life` is short for `lives falls by 1`, `got a life` for `lives rises by 1`; `moving right` (left, up, down) for
`x rises` (x falls, y falls, y rises).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playthrough.errors import BadInputError

Kind = Literal["is", "is not", "below", "above", "rises", "falls", "changes", "still"]

_LINE = re.compile(r"(?P<first>\d+)(?:\s*-\s*(?P<last>\d+))?\s*:\s*(?P<what>.+)")
_SYMBOLS = {"=": "is", "==": "is", "!=": "is not", "<": "below", ">": "above"}
_SHORT = {
    "lost a life": "lives falls by 1",
    "got a life": "lives rises by 1",
    "moving right": "x rises",
    "moving left": "x falls",
    "moving up": "y falls",
    "moving down": "y rises",
}
_SAID = re.compile(
    r"(?P<name>[A-Za-z_]\w*)\s+(?:"
    r"(?P<compares>is not|is|below|above)\s+(?P<value>-?\d+)"
    r"|(?P<moves>rises|falls)(?:\s+by\s+(?P<by>\d+))?"
    r"|(?P<plain>changes|still))"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing that was seen.

    Attributes:
        first: The frame, or the first one.
        last: The last one; the same for a single frame.
        name: Of the number.
        kind: What it did or was.
        value: What it was compared with, or by how much it changed; None if that was not said.
    """

    first: int
    last: int
    name: str
    kind: Kind
    value: int | None = None

    def __str__(self) -> str:
        frames = f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"
        amount = (
            "" if self.value is None else f" by {self.value}" if self.kind in ("rises", "falls") else f" {self.value}"
        )
        return f"{frames}: {self.name} {self.kind}{amount}"


def parse_marks(lines: Iterable[str], where: str = "mark") -> list[Mark]:
    """Marks from text, one a line; empty lines and what follows a # say nothing.

    Raises:
        BadInputError: If a line is none; the message names it by `where` and its number.
    """
    marks = [
        _parse(text, f"{where} {number}" if where == "mark" else f"{where}:{number}")
        for number, line in enumerate(lines, 1)
        if (text := line.partition("#")[0].strip())
    ]
    if not marks:
        raise BadInputError(f"{where}: there is no mark; expected lines such as '400: score is 300'")
    return marks


def read_marks(path: Path) -> list[Mark]:
    """The marks in a text file.

    Raises:
        BadInputError: If it cannot be read, or a line is no mark.
    """
    try:
        return parse_marks(path.read_text("utf-8").splitlines(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"cannot read the marks {path}: {error}") from error


def _parse(text: str, where: str) -> Mark:
    line = _LINE.fullmatch(text)
    if line is None:
        raise BadInputError(f"{where}: expected FRAME: what was seen, as in '812: lost a life', found {text!r}")
    what = " ".join(line["what"].split())
    what = _SHORT.get(what.lower(), what)
    what = re.sub(r"\s*(==|!=|<|>|=)\s*", lambda match: f" {_SYMBOLS[match[1]]} ", what)
    said = _SAID.fullmatch(what)
    if said is None:
        raise BadInputError(
            f"{where}: cannot tell what {what!r} means; expected NAME and one of: is N, is not N, below N, above N, "
            f"rises [by N], falls [by N], changes, still; or one of: {', '.join(_SHORT)}"
        )
    first = int(line["first"])
    last = int(line["last"] or first)
    if last < first:
        raise BadInputError(f"{where}: the frames {first}-{last} run backwards")
    value = said["value"] or said["by"]
    kind: Kind = said["compares"] or said["moves"] or said["plain"]  # type: ignore[assignment]
    return Mark(first, last, said["name"], kind, None if value is None else int(value))
