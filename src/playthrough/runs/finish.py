"""The end of a run: the best agent's movie and video, and the plots."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from playthrough.errors import DependencyError, RunError
from playthrough.runs.agent import AnyTrainedAgent, load_agent
from playthrough.runs.episode import record_episode
from playthrough.runs.folder import RunFolder
from playthrough.runs.interruption import Interruption
from playthrough.runs.watcher import TrainResult, Watcher

Say = Callable[[str], None]


def finish(folder: RunFolder, result: TrainResult, watcher: Watcher, interruption: Interruption) -> TrainResult:
    """Leave what a person wants to see: the best agent's movie, its video, the plots."""

    def say(text: str) -> None:
        folder.write_log(text)
        watcher.message(text)

    if folder.best_genome.is_file():
        agent = load_agent(folder)
        movie = record_best(agent, agent.folder.best_movie, say)
        result = replace(result, genome=folder.best_genome, movie=movie)
        result = replace(result, plots=_draw_plots(folder, say, with_ghosts=agent.config.video))
        if result.status == "interrupted":
            say("no video was made of an interrupted run")
        elif agent.config.video:
            result = replace(result, video=_film(agent, say, interruption))
    else:
        say("nothing was finished, so there is no best agent yet")
    watcher.finished(result)
    return result


def record_best(agent: AnyTrainedAgent, movie: Path, say: Say) -> Path:
    """The movie of the episode that made an agent the best."""
    episode = agent.episode
    recorded = record_episode(
        agent,
        agent.config.env_options(),
        movie,
        episode.seed,
        state=episode.start_state,
        max_steps=agent.config.max_steps,
    )
    if recorded.reward != episode.reward:
        say(
            f"{agent.name} earned {episode.reward:g} in training, but {recorded.reward:g} for its movie: either the "
            "game's files, its core or a library changed in between, or the game does not repeat itself exactly"
        )
    return recorded.movie


def _draw_plots(folder: RunFolder, say: Say, *, with_ghosts: bool) -> tuple[Path, ...]:
    from playthrough.runs.ghosts import draw_ghosts
    from playthrough.runs.plots import draw_plots

    try:
        plots = draw_plots(folder)
        return (*plots, draw_ghosts(folder)) if with_ghosts and folder.traces.is_dir() else plots
    except DependencyError as error:
        say(f"no plots: {error}")
        return ()


def _film(agent: AnyTrainedAgent, say: Say, interruption: Interruption) -> Path | None:
    from playthrough.runs.video import film_best

    try:
        with interruption.allowed():
            return film_best(agent)
    except (DependencyError, RunError) as error:
        say(f"no video: {error}")
    except KeyboardInterrupt:
        say("no video: interrupted")
    return None
