"""Where the command line prints, and how its tables and messages look."""

from __future__ import annotations

import os
import shlex
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

PIPE_WIDTH = 200
_NARROW = 72


@cache
def _console(stderr: bool, stream: Any) -> Console:
    from rich.console import Console

    # In a pipe there is no edge of a screen: a table keeps its names whole, for grep.
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
    # Names of files and games are shown as they are: square brackets in them are no markup.
    return Console(stderr=stderr, width=width, highlight=False, markup=False)


def out() -> Console:
    """Results go to standard output."""
    return _console(False, sys.stdout)


def err() -> Console:
    """Messages about the work go to standard error."""
    return _console(True, sys.stderr)


def table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """A table without rows.

    Args:
        columns: Their headings; the first one's cells stand out, and are never broken.
        right: Which columns hold numbers.
    """
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for number, name in enumerate(columns):
        made.add_column(
            name,
            style="bold" if number == 0 else "",
            header_style="cyan",
            justify="right" if name in right else "left",
            overflow="fold",
            no_wrap=number == 0,
        )
    return made


def is_narrow() -> bool:
    """Whether the screen has no room for all columns of a wide table."""
    return out().width < _NARROW


def counted(number: int, noun: str) -> str:
    """A number of things, such as `1 generation` or `2 generations`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def command(*words: object) -> str:
    """A command line of ours that a shell takes as it is meant, whatever stands in a path."""
    return shlex.join(["playthrough", *(str(word) for word in words)])


def styled(text: str, style: str) -> Text:
    """Text in a colour, for a cell of a table."""
    from rich.text import Text

    return Text(text, style)


def say(text: str = "", style: str = "") -> None:
    """Print a line of plain text, unbroken."""
    from rich.text import Text

    out().print(Text(text, style), soft_wrap=True)


def heading(text: str) -> None:
    """Begin a new part of what is printed."""
    say()
    say(text, "bold")


def try_next(*commands: str) -> None:
    """Name commands to go on with."""
    say()
    say("Try next:" if len(commands) > 1 else "Next:", "bold")
    for command in commands:
        say(f"  {command}", "green")


def report_error(message: str) -> None:
    """Say in red, on standard error, what went wrong."""
    from rich.text import Text

    err().print(Text.assemble(("Error: ", "bold red"), (message, "red")), soft_wrap=True)
