"""What a training run looks like while it goes on: a live panel on a terminal, plain lines anywhere else."""

from __future__ import annotations

from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self

from playthrough.cli.console import counted, out, say, styled
from playthrough.cli.deep_panel import DeepView
from playthrough.cli.sparkline import SPARKLINE_WIDTH, duration, number, sparkline

if TYPE_CHECKING:
    from rich.console import RenderableType

    from playthrough.agents.deep.learner import UpdateReport
    from playthrough.agents.neat import GenerationReport
    from playthrough.runs.watcher import DeepStart, DeepTotals, Progress, RunStart, Totals, TrainResult

_REFRESHES_PER_SECOND = 4


class TrainPanel:
    """A `Watcher` that shows generation, fitness, species, speed and the time that is left."""

    def __init__(self) -> None:
        from rich.live import Live

        self._start: RunStart | None = None
        self._deep: DeepView | None = None
        self._progress: Progress | None = None
        self._report: GenerationReport | None = None
        self._totals: Totals | None = None
        self._bests: list[float] = []
        self._since_s = monotonic()
        self._early: list[str] = []
        # While the panel is up, sys.stdout is a proxy of it; this is the console that knows about the panel.
        self._console = out()
        self._live = Live(console=self._console, get_renderable=self._panel, refresh_per_second=_REFRESHES_PER_SECOND)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._live.stop()
        for text in self._early:
            say(text, "yellow")

    def started(self, start: RunStart) -> None:
        """See `Watcher`."""
        self._start, self._since_s = start, monotonic()
        for text in self._early:
            if not text.endswith(start.filled_in):
                say(text, "yellow")
        self._early.clear()
        if start.filled_in:
            say(f"The NEAT configuration lacks settings; filled in: {', '.join(start.filled_in)}", "yellow")
        config = start.config
        say(f"{config.game} with {config.algo}, seed {config.seed}, into {start.folder}", "bold")
        say(
            f"{start.population} genomes with {counted(start.num_inputs, 'input')} and "
            f"{counted(start.num_outputs, 'output')} play on {counted(start.lanes, 'lane')}, "
            f"{counted(start.threads, 'thread')}, core {start.core}. Ctrl-C ends the run; nothing is lost."
        )
        if self._console.is_terminal:
            self._live.start()

    def evaluated(self, progress: Progress) -> None:
        """See `Watcher`."""
        self._progress = progress

    def generation(self, report: GenerationReport, totals: Totals) -> None:
        """See `Watcher`."""
        self._report, self._totals, self._progress = report, totals, None
        self._bests.append(report.best_fitness)
        if not self._console.is_terminal:
            say(
                f"generation {report.generation}: best {report.best_fitness:.1f}, mean {report.mean_fitness:.1f}, "
                f"{len(report.species)} species, {totals.frames_per_second:,.0f} frames/s, "
                f"{duration(totals.time_left_s)} left"
            )

    def learning(self, start: DeepStart) -> None:
        """See `Watcher`."""
        self._deep = DeepView(start)
        for text in self._early:
            say(text, "yellow")
        self._early.clear()
        config = start.config
        say(f"{config.game} with {config.algo}, seed {config.seed}, into {start.folder}", "bold")
        say(
            f"It sees {' x '.join(map(str, start.observation))} numbers and chooses from {start.actions}, on "
            f"{counted(start.lanes, 'lane')}, {counted(start.threads, 'thread')}, core {start.core}; "
            f"networks run on {start.device}. Ctrl-C ends the run after the current update; nothing is lost."
        )
        if self._console.is_terminal:
            self._live.start()

    def updated(self, report: UpdateReport, totals: DeepTotals) -> None:
        """See `Watcher`."""
        if self._deep is None:
            return
        line = self._deep.update(report, totals)
        if line is not None and not self._console.is_terminal:
            say(line)

    def message(self, text: str) -> None:
        """See `Watcher`."""
        if self._start is None and self._deep is None:
            self._early.append(text)
        else:
            self._console.print(styled(text, "yellow"))

    def finished(self, result: TrainResult) -> None:
        """See `Watcher`."""
        self._live.stop()

    def _panel(self) -> RenderableType:
        from rich.console import Group
        from rich.panel import Panel
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        if self._deep is not None:
            return self._deep.panel()
        start, progress, report, totals = self._start, self._progress, self._report, self._totals
        if start is None:
            return Text()
        generations = start.config.neat.options.generations
        generation = progress.generation if progress else report.generation if report else start.first_generation
        rows = Table.grid(padding=(0, 2))
        rows.add_column(style="cyan")
        rows.add_column(justify="right")
        rows.add_column(style="dim")
        rows.add_row("generation", str(generation), f"of {generations}, counted from 0")
        best = totals.best_fitness if totals else None
        found = f"found in generation {totals.best_generation}" if totals and best is not None else ""
        rows.add_row("best fitness", Text(number(best), "bold green"), found)
        now = (
            f"this generation so far {progress.mean_fitness:.1f}, best {progress.best_fitness:.1f}" if progress else ""
        )
        rows.add_row("mean fitness", number(report.mean_fitness if report else None), now)
        rows.add_row("species", str(len(report.species)) if report else "-", "")
        speed = progress.frames_per_second if progress else totals.frames_per_second if totals else 0.0
        frames = totals.frames if totals else 0
        rows.add_row("frames/s", f"{speed:,.0f}", f"{frames:,} frames played" if frames else "")
        left = progress.time_left_s if progress else totals.time_left_s if totals else None
        rows.add_row("time left", duration(left), f"{duration(monotonic() - self._since_s)} since the start")
        done, total = (progress.num_done, progress.num_total) if progress else (0, start.population)
        bar = Table.grid(padding=(0, 2))
        bar.add_row(ProgressBar(total, done, width=SPARKLINE_WIDTH), Text(f"{done}/{total} genomes", "dim"))
        if generation + 1 >= generations and report and report.generation == generation:
            bar = Text("writing the movie, the video and the plots of the best agent", "dim")
        return Panel(
            Group(rows, Text(sparkline(self._bests), "green"), bar),
            title=Text(f"{start.config.game} · {start.config.algo}", "bold"),
            subtitle=Text(str(start.folder), "dim"),
            expand=False,
            padding=(0, 2),
        )
