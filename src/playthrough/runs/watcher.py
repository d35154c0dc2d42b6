"""What a run tells whoever watches it: a live panel, a log, a test."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from playthrough.agents.neat import GenerationReport
    from playthrough.runs.config import RunConfig


@dataclass(frozen=True)
class RunStart:
    """What is about to happen.

    Attributes:
        config: The resolved configuration.
        folder: The run folder.
        core: The core that runs the game.
        num_inputs: Values of one observation.
        num_outputs: Values that decide on an action.
        population: Genomes per generation.
        lanes: Emulators that run side by side.
        threads: On how many threads.
        first_generation: The generation that comes next; not 0 for a run that is resumed.
        filled_in: Settings that the NEAT configuration lacked, a line for each.
    """

    config: RunConfig
    folder: Path
    core: str
    num_inputs: int
    num_outputs: int
    population: int
    lanes: int
    threads: int
    first_generation: int
    filled_in: tuple[str, ...]


@dataclass(frozen=True)
class Totals:
    """What a run has come to.

    Attributes:
        generations: How many are finished.
        frames: Emulated pictures of all of them.
        agent_steps: Decisions of all of them.
        elapsed_s: Seconds spent on them, those before a resume included.
        best_fitness: Of the best genome of the run; None before the first generation.
        best_generation: When it was found.
        frames_per_second: Of the last generation's evaluation.
        time_left_s: Seconds until all generations are played; None if nothing is known yet.
    """

    generations: int = 0
    frames: int = 0
    agent_steps: int = 0
    elapsed_s: float = 0.0
    best_fitness: float | None = None
    best_generation: int | None = None
    frames_per_second: float = 0.0
    time_left_s: float | None = None


@dataclass(frozen=True)
class Progress:
    """How far a generation is.

    Attributes:
        generation: Which one, from 0.
        num_done: Genomes that have played all their episodes.
        num_total: Genomes of the generation.
        best_fitness: The best of those so far.
        mean_fitness: Their mean.
        frames_per_second: Of this generation so far.
        time_left_s: Seconds until all generations are played; None if nothing is known yet.
    """

    generation: int
    num_done: int
    num_total: int
    best_fitness: float
    mean_fitness: float
    frames_per_second: float
    time_left_s: float | None


@dataclass(frozen=True)
class TrainResult:
    """What a run left behind.

    Attributes:
        folder: The run folder.
        status: `goal` (it was reached), `finished` (all generations were played) or `interrupted`.
        totals: What it came to.
        genome: best.json; None if no generation was finished.
        movie: best.bk2, likewise.
        video: best.mp4; None if it was not made.
        plots: Pictures.
    """

    folder: Path
    status: Literal["goal", "finished", "interrupted"]
    totals: Totals
    genome: Path | None = None
    movie: Path | None = None
    video: Path | None = None
    plots: tuple[Path, ...] = field(default=())

    @property
    def goal_reached(self) -> bool:
        """Whether training ended because the goal was reached, after `totals.generations` and `totals.frames`."""
        return self.status == "goal"


class Watcher(Protocol):
    """Whoever wants to know how a run goes. All calls come from the thread that trains."""

    def started(self, start: RunStart) -> None:
        """Everything is ready; training begins."""
        ...

    def evaluated(self, progress: Progress) -> None:
        """A genome has played all its episodes."""
        ...

    def generation(self, report: GenerationReport, totals: Totals) -> None:
        """A generation is finished, and its checkpoint written."""
        ...

    def message(self, text: str) -> None:
        """Something that a person should read; it is in the run's log too."""
        ...

    def finished(self, result: TrainResult) -> None:
        """The run is over; its files are written."""
        ...


class Silence:
    """A watcher that does not care."""

    def started(self, start: RunStart) -> None:
        """See `Watcher`."""

    def evaluated(self, progress: Progress) -> None:
        """See `Watcher`."""

    def generation(self, report: GenerationReport, totals: Totals) -> None:
        """See `Watcher`."""

    def message(self, text: str) -> None:
        """See `Watcher`."""

    def finished(self, result: TrainResult) -> None:
        """See `Watcher`."""
