"""Carries out a run: trains, keeps what happened, and leaves the best agent with its movie, video and plots."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from playthrough.env.vector import RetroVectorEnv
from playthrough.errors import ConfigError, DependencyError, RunError, StateError
from playthrough.game.atomic_file import write_file
from playthrough.runs.agent import BestEpisode, TrainedAgent, best_text, load_agent
from playthrough.runs.config import RunConfig, load_config
from playthrough.runs.episode import record_episode
from playthrough.runs.folder import Checkpoint, RunFolder
from playthrough.runs.interruption import Interruption
from playthrough.runs.metrics import MetricsFile, Number
from playthrough.runs.watcher import Progress, RunStart, Silence, Totals, TrainResult, Watcher

if TYPE_CHECKING:
    from playthrough.agents.neat import GenerationReport, Genome, GenomeResult, NeatTrainer


Say = Callable[[str], None]


def train(config: RunConfig, *, fresh: bool = False, watcher: Watcher | None = None) -> TrainResult:
    """Start a run and carry it out.

    Ctrl-C and SIGTERM end it cleanly: the checkpoint of the last finished generation is there, and so are the best
    genome, its movie and the plots.

    Args:
        config: From `resolve`.
        fresh: Delete the run that `config.out` holds, once it is clear that the new one can begin.
        watcher: Told how it goes.

    Returns:
        What it left behind; `status` says how it ended.

    Raises:
        PlaythroughError: If the game cannot be had, the configuration does not fit it, or the disk is full.
    """
    watcher = watcher or Silence()
    with closing(_open_lanes(config)) as env:
        config, neat_config, filled_in = _fit_to(config, env)
        if fresh and config.out is not None:
            RunFolder(config.out).clear()
        folder = RunFolder.create(config.out, env.integration.name, config.algo)
        with folder.lock(), Interruption() as interruption:
            folder.write_config(config.to_toml())
            folder.write_versions(env.engine.core_name)
            run = _Run(config, folder, env, watcher, interruption)
            run.begin(neat_config, filled_in, None)
            result = run.carry_out()
            env.close()
            return _finish(folder, result, watcher, interruption)


def resume(folder: str | Path, *, changes: Sequence[str] = (), watcher: Watcher | None = None) -> TrainResult:
    """Go on with a run from its newest whole checkpoint, as if it had never stopped.

    Args:
        folder: The run folder.
        changes: `key=value` each, such as `neat.generations=50`, `lanes=16` or `neat.config.pop_size=100`; they are
            written into the run's configuration.
        watcher: Told how it goes.

    Raises:
        BadInputError: If the folder holds no run.
        StateError: If no checkpoint is whole.
        ConfigError: If a change is wrong.
        RunError: If another process trains into the folder.
    """
    watcher = watcher or Silence()
    run_folder = RunFolder.open(folder)
    with run_folder.lock(), Interruption() as interruption:
        config = load_config(run_folder.config, changes)
        checkpoint, problems = run_folder.latest_checkpoint()
        with closing(_open_lanes(config)) as env:
            config, neat_config, filled_in = _fit_to(config, env)
            run = _Run(config, run_folder, env, watcher, interruption)
            for problem in problems:
                run.say(f"{problem}; going on from generation {checkpoint.generation} instead")
            run.begin(neat_config, filled_in, checkpoint)
            if any(change.strip().startswith("goal") for change in changes):
                run.forget_goal()
            run_folder.forget_checkpoints_after(checkpoint.generation)
            run_folder.write_config(config.to_toml())
            run_folder.write_versions(env.engine.core_name)
            for change in changes:
                run.say(f"changed for generation {checkpoint.generation} and later: {change}")
            result = run.carry_out()
        return _finish(run_folder, result, watcher, interruption)


def _open_lanes(config: RunConfig) -> RetroVectorEnv:
    try:
        return RetroVectorEnv(config.lane_options())
    except (ValueError, TypeError) as error:
        raise ConfigError(f"[env] does not suit {config.game}: {error}") from error


def _fit_to(config: RunConfig, env: RetroVectorEnv) -> tuple[RunConfig, Any, list[str]]:
    """The configuration with its networks' sizes filled in, NEAT's own, and what the latter lacked."""
    from playthrough.agents.neat import inputs_needed, load_neat_config, outputs_needed

    if config.goal is not None:
        config.goal.check(env.variables)
    num_inputs = inputs_needed(cast("Any", env.single_observation_space))
    num_outputs = outputs_needed(cast("Any", env.single_action_space))
    config = config.with_sizes(num_inputs, num_outputs)
    neat_config, filled_in = load_neat_config(config.neat.config, num_inputs=num_inputs, num_outputs=num_outputs)
    return config, neat_config, filled_in


class _Run:
    """Plays generation after generation and writes each one down before the next begins."""

    def __init__(
        self, config: RunConfig, folder: RunFolder, env: RetroVectorEnv, watcher: Watcher, interruption: Interruption
    ) -> None:
        self._config, self._folder, self._env = config, folder, env
        self._watcher, self._interruption = watcher, interruption
        self._totals = Totals()
        self._episode: BestEpisode | None = None
        self._goal_reached = False
        self._done: list[GenomeResult] = []
        self._began_s = 0.0
        self._trainer: NeatTrainer
        self._metrics: MetricsFile

    def say(self, text: str) -> None:
        """Tell the watcher, and the log."""
        self._folder.write_log(text)
        self._watcher.message(text)

    def begin(self, neat_config: Any, filled_in: list[str], checkpoint: Checkpoint | None) -> None:
        """Make the trainer, or take it out of a checkpoint."""
        from playthrough.agents.neat import NeatTrainer, decode

        config, options = self._config, self._config.neat.options
        if checkpoint is None:
            self._trainer = NeatTrainer(neat_config, self._env, config.seed, options, on_genome=self._on_genome)
        else:
            state = decode(checkpoint.trainer)
            self._trainer = NeatTrainer.restore(neat_config, self._env, state, options, on_genome=self._on_genome)
            self._read_progress(checkpoint)
        self._metrics = MetricsFile(self._folder.metrics, self._folder.tensorboard, self._totals.generations)
        if self._metrics.missing:
            self.say(self._metrics.missing)
        for line in filled_in:
            self.say(f"the NEAT configuration lacks a setting, filled in: {line}")
        if checkpoint is None:
            self._write_checkpoint()
        self._folder.write_log(f"generation {self._trainer.generation} begins, seed {config.seed}")
        shape = self._trainer.network_shape
        self._watcher.started(
            RunStart(
                config=config,
                folder=self._folder.path,
                core=self._env.engine.core_name,
                num_inputs=shape.num_inputs,
                num_outputs=shape.num_outputs,
                population=len(self._trainer.population),
                lanes=self._env.num_envs,
                threads=min(self._env.num_envs, config.threads or os.cpu_count() or 1),
                first_generation=self._trainer.generation,
                filled_in=tuple(filled_in),
            )
        )

    def forget_goal(self) -> None:
        """The goal is another one now, so it is not reached yet."""
        self._goal_reached = False

    def carry_out(self) -> TrainResult:
        """Play until the goal is reached, all generations are played, or somebody interrupts."""
        status: Literal["goal", "finished", "interrupted"]
        try:
            while not (self._goal_reached or self._trainer.finished):
                self._done, self._began_s = [], time.perf_counter()
                with self._interruption.allowed():
                    report = self._trainer.run_generation()
                self._keep(report)
            status = "goal" if self._goal_reached else "finished"
        except KeyboardInterrupt:
            status = "interrupted"
        finally:
            self._metrics.close()
        totals = self._totals
        words = {"goal": "the goal was reached", "finished": "all generations are played", "interrupted": "interrupted"}
        self._folder.write_log(f"{words[status]} after {totals.generations} generations, {totals.frames} frames")
        return TrainResult(self._folder.path, status, totals)

    def _keep(self, report: GenerationReport) -> None:
        """Write down a finished generation: first the numbers, then the best genome, last the checkpoint."""
        before = self._totals
        best = self._trainer.best_genome
        generations = before.generations + 1
        elapsed_s = before.elapsed_s + time.perf_counter() - self._began_s
        improved = (
            best is not None
            and best.fitness is not None
            and (before.best_fitness is None or best.fitness > before.best_fitness)
        )
        self._totals = Totals(
            generations=generations,
            frames=before.frames + report.frames,
            agent_steps=before.agent_steps + report.agent_steps,
            elapsed_s=elapsed_s,
            best_fitness=best.fitness if best is not None and improved else before.best_fitness,
            best_generation=report.generation if improved else before.best_generation,
            frames_per_second=report.frames / report.evaluate_s if report.evaluate_s else 0.0,
            time_left_s=elapsed_s / generations * (self._config.neat.options.generations - generations),
        )
        goal = self._config.goal
        reached = [
            result.key
            for result in report.genomes
            if goal is not None and goal.met(result.fitness, [episode.info for episode in result.episodes])
        ]
        self._goal_reached = bool(reached) or report.goal_reached
        if best is not None and improved:
            self._episode = _best_episode(report, best.key)
            self._write_best(best, self._episode)
        self._metrics.append(report.generation, _row(report, self._totals))
        self._write_checkpoint()
        self._watcher.generation(report, self._totals)
        if report.extinct:
            self.say(
                f"generation {report.generation}: all species died out; evolution starts again, the best genome is kept"
            )
        if reached:
            self.say(
                f"goal reached by genome {reached[0]} in generation {report.generation}, "
                f"after {self._totals.frames} frames"
            )

    def _write_best(self, genome: Genome, episode: BestEpisode) -> None:
        write_file(self._folder.best_genome, best_text(genome, self._trainer.network_shape, episode).encode())

    def _write_checkpoint(self) -> None:
        from playthrough.agents.neat import encode

        totals = {name: value for name, value in asdict(self._totals).items() if name != "time_left_s"}
        episode = None if self._episode is None else self._episode.plain()
        progress = {"totals": totals, "episode": episode, "goal_reached": self._goal_reached}
        self._folder.write_checkpoint(Checkpoint(self._trainer.generation, progress, encode(self._trainer.state())))

    def _read_progress(self, checkpoint: Checkpoint) -> None:
        progress = checkpoint.progress
        try:
            self._totals = Totals(**progress["totals"])
            self._episode = None if progress["episode"] is None else BestEpisode.from_plain(progress["episode"])
            self._goal_reached = bool(progress["goal_reached"])
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"the checkpoint of generation {checkpoint.generation} is damaged: {error}") from error
        best = self._trainer.best_genome
        if best is not None and self._episode is not None:
            # A generation that the checkpoint does not know of may have written a better one before the run ended.
            self._write_best(best, self._episode)
        else:
            self._folder.best_genome.unlink(missing_ok=True)

    def _on_genome(self, result: GenomeResult) -> None:
        self._done.append(result)
        done, total = len(self._done), len(self._trainer.population)
        elapsed_s = time.perf_counter() - self._began_s
        fitnesses = [genome.fitness for genome in self._done]
        this_one_s = elapsed_s / done * total
        left = self._config.neat.options.generations - self._trainer.generation
        totals = self._totals
        a_generation_s = totals.elapsed_s / totals.generations if totals.generations else this_one_s
        self._watcher.evaluated(
            Progress(
                generation=self._trainer.generation,
                num_done=done,
                num_total=total,
                best_fitness=max(fitnesses),
                mean_fitness=sum(fitnesses) / done,
                frames_per_second=sum(genome.frames for genome in self._done) / max(elapsed_s, 1e-9),
                time_left_s=max(0.0, this_one_s - elapsed_s) + (left - 1) * a_generation_s,
            )
        )


def _best_episode(report: GenerationReport, key: int) -> BestEpisode:
    result = next(result for result in report.genomes if result.key == key)
    episode = max(result.episodes, key=lambda episode: episode.reward)
    return BestEpisode(report.generation, episode.seed, episode.start_state, episode.reward)


def _row(report: GenerationReport, totals: Totals) -> dict[str, Number]:
    """One row of metrics.csv: all numbers of the report, then the run's."""
    row: dict[str, Number] = {}
    for entry in fields(report):
        value = getattr(report, entry.name)
        if isinstance(value, tuple):
            if entry.name == "species":
                row["num_species"] = len(report.species)
        else:
            row[entry.name] = int(value) if isinstance(value, bool) else value
    return row | {
        "total_frames": totals.frames,
        "total_agent_steps": totals.agent_steps,
        "elapsed_s": totals.elapsed_s,
        "best_fitness_so_far": totals.best_fitness,
    }


def _finish(folder: RunFolder, result: TrainResult, watcher: Watcher, interruption: Interruption) -> TrainResult:
    """Leave what a person wants to see: the best agent's movie, its video, the plots."""

    def say(text: str) -> None:
        folder.write_log(text)
        watcher.message(text)

    if folder.best_genome.is_file():
        agent = load_agent(folder)
        movie = _record_best(agent, say)
        result = replace(result, genome=folder.best_genome, movie=movie)
        result = replace(result, plots=_draw_plots(folder, say))
        if result.status == "interrupted":
            say("no video was made of an interrupted run")
        elif agent.config.video:
            result = replace(result, video=_film(agent, say, interruption))
    else:
        say("no generation was finished, so there is no best agent yet")
    watcher.finished(result)
    return result


def _record_best(agent: TrainedAgent, say: Say) -> Path:
    """The movie of the episode that made the best genome the best."""
    episode = agent.episode
    recorded = record_episode(
        agent,
        agent.config.env_options(),
        agent.folder.best_movie,
        episode.seed,
        state=episode.start_state,
        max_steps=agent.config.neat.options.max_steps_per_episode,
    )
    if recorded.reward != episode.reward:
        say(
            f"the best genome earned {episode.reward:g} in training, but {recorded.reward:g} for its movie: "
            "the core does not repeat itself exactly"
        )
    return recorded.movie


def _draw_plots(folder: RunFolder, say: Say) -> tuple[Path, ...]:
    from playthrough.runs.plots import draw_plots

    try:
        return draw_plots(folder)
    except DependencyError as error:
        say(f"no plots: {error}")
        return ()


def _film(agent: TrainedAgent, say: Say, interruption: Interruption) -> Path | None:
    from playthrough.runs.video import film_best

    try:
        with interruption.allowed():
            return film_best(agent)
    except (DependencyError, RunError) as error:
        say(f"no video: {error}")
    except KeyboardInterrupt:
        say("no video: interrupted")
    return None
