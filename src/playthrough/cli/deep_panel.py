"""What a deep run looks like while it goes on."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from playthrough.cli.sparkline import SPARKLINE_WIDTH, duration, number, sparkline

if TYPE_CHECKING:
    from rich.console import RenderableType

    from playthrough.agents.deep.learner import UpdateReport
    from playthrough.runs.watcher import DeepStart, DeepTotals

_LINE_EVERY_S = 5.0
_LEARNERS = ("loss", "policy_loss", "value_loss", "entropy", "q_value", "epsilon", "exploration", "learning_rate")


class DeepView:
    """Shows steps, returns, evaluations, speed, losses and the time that is left.

    Args:
        start: The run.
    """

    def __init__(self, start: DeepStart) -> None:
        self._start = start
        self._report: UpdateReport | None = None
        self._totals: DeepTotals | None = None
        self._returns: list[float] = []
        self._since_s, self._line_s = monotonic(), 0.0
        self._evaluation: float | None = None

    def update(self, report: UpdateReport, totals: DeepTotals) -> str | None:
        """Take an update.

        Returns:
            A line about it, where one is due: every few seconds, after an evaluation, and at the end.
        """
        evaluated = totals.evaluation is not None and (self._totals is None or totals.evaluation != self._evaluation)
        self._report, self._totals, self._evaluation = report, totals, totals.evaluation
        if totals.mean_return is not None:
            self._returns.append(totals.mean_return)
        steps = self._start.config.deep.steps if self._start.config.deep else 0
        if not evaluated and monotonic() - self._line_s < _LINE_EVERY_S and totals.agent_steps < steps:
            return None
        self._line_s = monotonic()
        best = f", best evaluation {totals.best_evaluation:.1f}" if totals.best_evaluation is not None else ""
        return (
            f"step {totals.agent_steps:,} of {steps:,}: mean return {number(totals.mean_return)}"
            f"{best}, {totals.steps_per_second:,.0f} steps/s, {duration(totals.time_left_s)} left"
        )

    def panel(self) -> RenderableType:
        """The live panel."""
        from rich.console import Group
        from rich.panel import Panel
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        config, totals, report = self._start.config, self._totals, self._report
        steps = config.deep.steps if config.deep else 0
        done = totals.agent_steps if totals else self._start.agent_steps
        rows = Table.grid(padding=(0, 2))
        rows.add_column(style="cyan")
        rows.add_column(justify="right")
        rows.add_column(style="dim")
        rows.add_row("steps", f"{done:,}", f"of {steps:,}, {totals.updates if totals else 0:,} updates")
        episodes = f"last 100 of {totals.episodes:,} episodes, the best {number(totals.best_return)}" if totals else ""
        rows.add_row("mean return", number(totals.mean_return if totals else None), episodes)
        best = totals.best_evaluation if totals else None
        found = ""
        if totals and best is not None:
            found = f"after {totals.best_agent_steps:,} steps; the last one {number(totals.evaluation)}"
        rows.add_row("best evaluation", Text(number(best), "bold green"), found)
        speed = totals.steps_per_second if totals else 0.0
        rows.add_row("steps/s", f"{speed:,.0f}", f"{totals.frames:,} frames played" if totals else "")
        for name in _LEARNERS if report else ():
            if report and name in report.metrics:
                rows.add_row(name.replace("_", " "), f"{report.metrics[name]:.4g}", "")
        since = f"{duration(monotonic() - self._since_s)} since the start"
        rows.add_row("time left", duration(totals.time_left_s if totals else None), since)
        bar: RenderableType = ProgressBar(steps, min(done, steps), width=SPARKLINE_WIDTH)
        if done >= steps:
            bar = Text("writing the movie, the video and the plots of the best agent", "dim")
        return Panel(
            Group(rows, Text(sparkline(self._returns), "green"), bar),
            title=Text(f"{config.game} · {config.algo}", "bold"),
            subtitle=Text(str(self._start.folder), "dim"),
            expand=False,
            padding=(0, 2),
        )
