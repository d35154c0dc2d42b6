"""A bar for work of a known length, on a terminal; nothing anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from playthrough.cli.console import err


@contextmanager
def progress(what: str, total: int | None = None) -> Generator[Callable[[int, int], None]]:
    """Show how far something is.

    Args:
        what: What is done.
        total: How much there is; None until it is known.

    Yields:
        What to call with how much is done, and how much there is.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=err(), transient=True, disable=not err().is_terminal) as bar:
        task = bar.add_task(what, total=total)

        def advance(done: int, of: int) -> None:
            bar.update(task, completed=done, total=of)

        yield advance
