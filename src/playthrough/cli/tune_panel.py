"""What a search for settings looks like while it goes on: a live table on a terminal, plain lines anywhere else."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self

from playthrough.cli.console import counted, out, say, table
from playthrough.cli.sparkline import SPARKLINE_WIDTH, duration, number

if TYPE_CHECKING:
    from rich.console import RenderableType

    from playthrough.runs.tune import TrialReport

_REFRESHES_PER_SECOND = 4
_SHOWN = 8
_STYLES = {"running": "bold", "finished": "green", "pruned": "dim", "failed": "red"}


class TunePanel:
    """A `TuneWatcher` that shows the best trials and the one that is under way."""

    def __init__(self) -> None:
        from rich.live import Live

        self._trials: dict[int, TrialReport] = {}
        self._total = 0
        self._since_s = monotonic()
        self._console = out()
        self._live = Live(console=self._console, get_renderable=self._panel, refresh_per_second=_REFRESHES_PER_SECOND)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._live.stop()

    def began(self, num_trials: int, folder: Path) -> None:
        """See `TuneWatcher`."""
        self._total, self._since_s = num_trials, monotonic()
        say(
            f"Searching with {counted(num_trials, 'trial')} into {folder}. Ctrl-C ends the search; nothing is lost.",
            "bold",
        )
        if self._console.is_terminal:
            self._live.start()

    def trial(self, report: TrialReport) -> None:
        """See `TuneWatcher`."""
        before = self._trials.get(report.number)
        self._trials[report.number] = report
        ended = report.state != "running" and (before is None or before.state == "running")
        if ended and not self._console.is_terminal:
            settings = ", ".join(f"{key} = {value}" for key, value in report.settings.items())
            say(f"trial {report.number}: {report.state}, {number(report.value, 2)}, with {settings}")
        if report.state == "failed" and ended:
            say(f"trial {report.number} failed: {report.error}", "yellow")

    def message(self, text: str) -> None:
        """See `TuneWatcher`."""
        say(text, "yellow")

    def _panel(self) -> RenderableType:
        from rich.console import Group
        from rich.panel import Panel
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        trials = sorted(self._trials.values(), key=lambda trial: (trial.value is None, -(trial.value or 0.0)))
        running = [trial for trial in trials if trial.state == "running"]
        shown = [*running, *[trial for trial in trials if trial.state != "running"][: _SHOWN - len(running)]]
        keys = list(dict.fromkeys(key for trial in shown for key in trial.settings))
        rows = table("Trial", "Value", "State", *(key.rsplit(".", 1)[-1] for key in keys), right=("Value",))
        for trial in shown:
            state = f"{trial.share:.0%}" if trial.state == "running" else trial.state
            cells = (_short(trial.settings.get(key, "")) for key in keys)
            rows.add_row(str(trial.number), number(trial.value, 2), state, *cells, style=_STYLES[trial.state])
        done = sum(trial.state != "running" for trial in trials) + sum(trial.share for trial in running)
        bar = Table.grid(padding=(0, 2))
        since = duration(monotonic() - self._since_s)
        bar.add_row(
            ProgressBar(self._total, min(done, self._total), width=SPARKLINE_WIDTH),
            Text(f"{done:.1f}/{self._total} trials, {since} since the start", "dim"),
        )
        return Panel(Group(rows, bar), title=Text("tune", "bold"), expand=False, padding=(0, 2))


def _short(value: str) -> str:
    """A number with four digits; anything else as it is."""
    try:
        return f"{float(value):.4g}"
    except ValueError:
        return value
