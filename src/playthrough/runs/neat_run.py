"""A run of NEAT: generation after generation, each written down before the next begins."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from playthrough.env.vector import RetroVectorEnv
from playthrough.errors import ConfigError, StateError
from playthrough.game.atomic_file import write_file
from playthrough.runs.agent_source import BestEpisode
from playthrough.runs.config import RunConfig, load_config
from playthrough.runs.finish import finish, record_best
from playthrough.runs.folder import Checkpoint, RunFolder
from playthrough.runs.genomes_file import GenomesFile, lineage, read_genomes, rows_as_csv, write_traces
from playthrough.runs.interruption import Interruption
from playthrough.runs.lanes import open_lanes
from playthrough.runs.metrics import MetricsFile, Number
from playthrough.runs.neat_agent import TrainedAgent, best_text
from playthrough.runs.rules import changed_rules, is_about_the_goal, rules_of, without_fitness
from playthrough.runs.settings import suggest
from playthrough.runs.watcher import Progress, RunStart, Totals, TrainResult, Watcher

if TYPE_CHECKING:
    from playthrough.agents.neat import GenerationReport, Genome, GenomeResult, NeatOptions, NeatTrainer


def train_neat(config: RunConfig, *, fresh: bool, watcher: Watcher) -> TrainResult:
    """Start a run of NEAT and carry it out; see `train`."""
    with closing(open_lanes(config)) as env:
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
            return finish(folder, result, watcher, interruption)


def resume_neat(run_folder: RunFolder, *, changes: Sequence[str], watcher: Watcher) -> TrainResult:
    """Go on with a run of NEAT; see `resume`."""
    with run_folder.lock(), Interruption() as interruption:
        run_folder.remove_leftovers()
        config = load_config(run_folder.config, changes)
        checkpoint, problems = run_folder.latest_checkpoint()
        other_rules = _changed_rules(run_folder, config, checkpoint)
        with closing(open_lanes(config)) as env:
            config, neat_config, filled_in = _fit_to(config, env, resumed=True)
            run = _Run(config, run_folder, env, watcher, interruption)
            for problem in problems:
                run.say(f"{problem}; going on from generation {checkpoint.generation} instead")
            goal = any(is_about_the_goal(change) for change in changes)
            run.begin(neat_config, filled_in, checkpoint, other_rules=other_rules, other_goal=goal)
            run_folder.forget_checkpoints_after(checkpoint.generation)
            run_folder.write_config(config.to_toml())
            run_folder.write_versions(env.engine.core_name)
            for change in changes:
                run.say(f"changed for generation {checkpoint.generation} and later: {change}")
            run.say_if_nothing_is_left()
            result = run.carry_out()
        return finish(run_folder, result, watcher, interruption)


def _changed_rules(folder: RunFolder, config: RunConfig, checkpoint: Checkpoint) -> list[str]:
    """The settings under which a checkpoint's fitness was earned and that are others now."""
    # A checkpoint of an older version does not say; then its run's configuration does.
    before = checkpoint.progress.get("rules") or rules_of(load_config(folder.config))
    changed = changed_rules(before, rules_of(config))
    played, generations = checkpoint.generation, config.neat.options.generations
    if changed and played >= generations:
        raise ConfigError(
            f"a change of {', '.join(changed)} has no effect: all {generations} generations are played; "
            f"go on with more: --generations {2 * played} (--set neat.generations={2 * played})"
        )
    return changed


def _fit_to(config: RunConfig, env: RetroVectorEnv, *, resumed: bool = False) -> tuple[RunConfig, Any, list[str]]:
    """The configuration with its networks' sizes filled in, NEAT's own, and what the latter lacked."""
    from playthrough.agents.neat import inputs_needed, load_neat_config, outputs_needed

    if config.goal is not None:
        config.goal.check(env.variables)
    num_inputs = inputs_needed(cast("Any", env.single_observation_space))
    num_outputs = outputs_needed(cast("Any", env.single_action_space))
    config = config.with_sizes(num_inputs, num_outputs)
    neat = replace(config.neat, options=_options_for(config.neat.options, env.variables))
    config = replace(config, settings=neat)
    if resumed:
        neat_config, filled_in = load_neat_config(neat.config, source=neat.source)
        genomes = cast("Any", neat_config).genome_config
        if (genomes.num_inputs, genomes.num_outputs) != (num_inputs, num_outputs):
            raise ConfigError(
                f"the run's networks have {genomes.num_inputs} inputs and {genomes.num_outputs} outputs, but now the "
                f"observations have {num_inputs} values and the actions need {num_outputs}; a run keeps its networks: "
                "start a new run for others"
            )
        return config, neat_config, filled_in
    neat_config, filled_in = load_neat_config(
        neat.config, num_inputs=num_inputs, num_outputs=num_outputs, source=neat.source
    )
    return config, neat_config, filled_in


def _options_for(options: NeatOptions, variables: Sequence[str]) -> NeatOptions:
    """Options that speak of the game's variables alone; a game with an `x` and a `y` has every way traced."""
    if not options.trace and {"x", "y"} <= set(variables):
        options = replace(options, trace=("x", "y"))
    for name in options.trace:
        if name not in variables:
            raise ConfigError(f"[neat] trace: no variable {name!r}; {suggest(name, variables)}")
    if options.frontier:
        try:
            options.frontier.check(variables)
        except ValueError as error:
            raise ConfigError(f"[neat] {error}") from error
    return options


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
        self._genomes: GenomesFile

    def say(self, text: str) -> None:
        """Tell the watcher, and the log."""
        self._folder.write_log(text)
        self._watcher.message(text)

    def begin(
        self,
        neat_config: Any,
        filled_in: list[str],
        checkpoint: Checkpoint | None,
        *,
        other_rules: Sequence[str] = (),
        other_goal: bool = False,
    ) -> None:
        """Make the trainer, or take it out of a checkpoint.

        Args:
            neat_config: NEAT's configuration.
            filled_in: What it lacked.
            checkpoint: Where to go on; None to begin.
            other_rules: Settings that give fitness another meaning than the checkpoint's.
            other_goal: Whether the goal is another one now, so that it is not reached yet.
        """
        from playthrough.agents.neat import NeatTrainer, decode

        config, options = self._config, self._config.neat.options
        if checkpoint is None:
            self._trainer = NeatTrainer(neat_config, self._env, config.seed, options, on_genome=self._on_genome)
        else:
            state = decode(checkpoint.trainer)
            if other_goal:
                state["goal_reached"] = False
            restored = without_fitness(state) if other_rules else state
            self._trainer = NeatTrainer.restore(neat_config, self._env, restored, options, on_genome=self._on_genome)
            self._read_progress(checkpoint, state)
            self._goal_reached = self._goal_reached and not other_goal
            if other_rules:
                self._forget_best(other_rules)
        self._metrics = MetricsFile(self._folder.metrics, self._folder.tensorboard, self._totals.generations)
        self._genomes = GenomesFile(self._folder.genomes, self._env.variables, self._trainer.generation)
        for text in (self._metrics.damage, self._metrics.missing):
            if text is not None:
                self.say(text)
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

    def say_if_nothing_is_left(self) -> None:
        """Say so where a run is resumed that has nothing more to do, and how it goes on all the same."""
        played = self._trainer.generation
        if self._goal_reached:
            self.say(
                "nothing is left to train: the goal was reached; to go on, set another one with "
                "--set goal.fitness=NUMBER, or none with --set goal={} --set neat.config.no_fitness_termination=True"
            )
        elif self._trainer.finished:
            self.say(
                f"nothing is left to train: all {self._config.neat.options.generations} generations are played; "
                f"to go on, say how many there are to be in all: --generations {2 * played}"
            )

    def _forget_best(self, other_rules: Sequence[str]) -> None:
        """Fitness means something else from here on, so the best until now is best no more; its files are kept."""
        generation, fitness = self._trainer.generation, self._totals.best_fitness
        kept = self._folder.put_best_aside(generation)
        self._totals = replace(self._totals, best_fitness=None, best_generation=None)
        self._episode, self._goal_reached = None, False
        # Written before the configuration is: a checkpoint never claims a fitness of other rules than it names.
        self._write_checkpoint()
        text = f"{', '.join(other_rules)} changed: from generation {generation} on, fitness means something else"
        if fitness is not None:
            text += f"; the best until now (fitness {fitness:g}) counts no more"
        self.say(text + (f" and is kept as {', '.join(path.name for path in kept)}" if kept else ""))

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
        self._write_lineage()
        totals = self._totals
        played = f"{totals.generations} generation{'s' * (totals.generations != 1)}"
        words = {"goal": "the goal was reached", "finished": "all generations are played", "interrupted": "interrupted"}
        self._folder.write_log(f"{words[status]} after {played} and {totals.frames} frames")
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
        if not reached and report.goal_reached:
            reached = [report.best_genome]
        if best is not None and improved:
            self._episode = _best_episode(report, best.key)
            self._write_best(best, self._episode)
            self._write_champion(report.generation, best, self._episode)
        self._genomes.append(report, self._trainer.ancestors)
        write_traces(self._folder.traces / f"{report.generation:06d}.npz", report, self._config.neat.options.trace)
        self._metrics.append(report.generation, _row(report, self._totals))
        self._write_checkpoint()
        self._watcher.generation(report, self._totals)
        if report.extinct:
            self.say(
                f"generation {report.generation}: all species died out; evolution starts again, the best genome is kept"
            )
        for key in reached:
            self._film_goal(report, key)
        if reached:
            self.say(
                f"goal reached by genome {reached[0]} in generation {report.generation}, "
                f"after {self._totals.frames} frames"
            )

    def _write_best(self, genome: Genome, episode: BestEpisode) -> None:
        write_file(self._folder.best_genome, best_text(genome, self._trainer.network_shape, episode).encode())

    def _write_champion(self, generation: int, genome: Genome, episode: BestEpisode) -> None:
        """Keep whoever was the best, for the film of how they became better."""
        text = best_text(genome, self._trainer.network_shape, episode)
        write_file(self._folder.champions / f"{generation:06d}.json", text.encode())

    def _film_goal(self, report: GenerationReport, key: int) -> None:
        """The movie of a genome that reached the goal."""
        agent = TrainedAgent(
            f"genome {key}",
            self._config,
            self._trainer.played[key],
            self._trainer.network_shape,
            _best_episode(report, key),
            self._folder,
        )
        record_best(agent, self._folder.goals / f"{report.generation:06d}-{key}.bk2", self.say)

    def _write_lineage(self) -> None:
        """Where the best genome comes from, generation by generation."""
        best = self._trainer.best_genome
        if best is not None:
            rows = lineage(read_genomes(self._folder.genomes), best.key)
            write_file(self._folder.lineage, rows_as_csv(rows))

    def _write_checkpoint(self) -> None:
        from playthrough.agents.neat import encode

        totals = {name: value for name, value in asdict(self._totals).items() if name != "time_left_s"}
        episode = None if self._episode is None else self._episode.plain()
        rules = rules_of(self._config)
        progress = {"totals": totals, "episode": episode, "goal_reached": self._goal_reached, "rules": rules}
        self._folder.write_checkpoint(Checkpoint(self._trainer.generation, progress, encode(self._trainer.state())))

    def _read_progress(self, checkpoint: Checkpoint, state: Mapping[str, Any]) -> None:
        from playthrough.agents.neat.state import genomes_from_plain

        progress = checkpoint.progress
        try:
            self._totals = Totals(**progress["totals"])
            self._episode = None if progress["episode"] is None else BestEpisode.from_plain(progress["episode"])
            self._goal_reached = bool(progress["goal_reached"])
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"the checkpoint of generation {checkpoint.generation} is damaged: {error}") from error
        best = next(iter(genomes_from_plain(state["best"])), None)
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
