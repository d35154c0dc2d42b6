"""What a run tells whoever watches it: a live panel, a log, a test."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from playthrough.agents.deep.learner import UpdateReport
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
class DeepStart:
    """What is about to happen in a deep run.

    Attributes:
        config: The resolved configuration.
        folder: The run folder.
        core: The core that runs the game.
        observation: The shape of what it sees.
        actions: What it can do, such as `Discrete(18)`.
        lanes: Emulators that run side by side.
        threads: On how many threads.
        device: Where the networks run.
        agent_steps: How many are done already.
    """

    config: RunConfig
    folder: Path
    core: str
    observation: tuple[int, ...]
    actions: str
    lanes: int
    threads: int
    device: str
    agent_steps: int


@dataclass(frozen=True)
class DeepTotals:
    """What a deep run has come to.

    Attributes:
        agent_steps: Decisions of all lanes together.
        updates: Rounds of playing and learning.
        episodes: Episodes that ended.
        frames: Emulated pictures that the decisions lasted.
        elapsed_s: Seconds spent, those before a resume included.
        mean_return: Of the last hundred episodes; None before the first.
        best_return: The best of those.
        evaluations: How many there were.
        evaluation: Mean of the last evaluation's episodes; None before the first.
        best_evaluation: The best policy's mean, over its other episodes as well.
        best_agent_steps: After how many agent steps that was.
        steps_per_second: Of the last update.
        time_left_s: Seconds until all steps are done; None if nothing is known yet.
    """

    agent_steps: int = 0
    updates: int = 0
    episodes: int = 0
    frames: int = 0
    elapsed_s: float = 0.0
    mean_return: float | None = None
    best_return: float | None = None
    evaluations: int = 0
    evaluation: float | None = None
    best_evaluation: float | None = None
    best_agent_steps: int | None = None
    steps_per_second: float = 0.0
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
        status: `goal` (it was reached), `finished` (all generations or steps are done) or `interrupted`.
        totals: What it came to.
        genome: best.json; None if nothing was finished. A policy's parameters lie beside it, in best.safetensors.
        movie: best.bk2, likewise.
        video: best.mp4; None if it was not made.
        plots: Pictures.
    """

    folder: Path
    status: Literal["goal", "finished", "interrupted"]
    totals: Totals | DeepTotals
    genome: Path | None = None
    movie: Path | None = None
    video: Path | None = None
    plots: tuple[Path, ...] = field(default=())

    @property
    def goal_reached(self) -> bool:
        """Whether training ended because the goal was reached."""
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

    def learning(self, start: DeepStart) -> None:
        """Everything is ready; a deep learner begins."""
        ...

    def updated(self, report: UpdateReport, totals: DeepTotals) -> None:
        """A deep learner has played and learned once more."""
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

    def learning(self, start: DeepStart) -> None:
        """See `Watcher`."""

    def updated(self, report: UpdateReport, totals: DeepTotals) -> None:
        """See `Watcher`."""

    def message(self, text: str) -> None:
        """See `Watcher`."""

    def finished(self, result: TrainResult) -> None:
        """See `Watcher`."""
