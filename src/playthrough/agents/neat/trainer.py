"""Trains a population: evaluates a generation, reports on it, makes the next one."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, pstdev
from time import perf_counter
from typing import Any

import neat
import numpy as np

from playthrough.agents.lanes import LaneEnv, require_lanes
from playthrough.agents.neat.config import check_fits
from playthrough.agents.neat.evaluation import GenomeResult, evaluate
from playthrough.agents.neat.evolution import BreedingOptions, Evolution
from playthrough.agents.neat.frontier import Frontier, FrontierOptions
from playthrough.agents.neat.genome import Genome
from playthrough.agents.neat.network import NetworkShape
from playthrough.agents.neat.spaces import inputs_needed, outputs_needed
from playthrough.agents.neat.state import (
    evolution_from_plain,
    evolution_to_plain,
    genomes_from_plain,
    genomes_to_plain,
)
from playthrough.errors import StateError

_DISTANCE_PAIRS = 200


def _option(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, kw_only=True)
class NeatOptions(BreedingOptions):
    """How a population is trained, besides the NEAT configuration."""

    generations: int = _option(100, "generations to play, the first included")
    episodes_per_genome: int = _option(1, "episodes per genome and start state; fitness is their mean")
    start_states: tuple[str | bytes, ...] = _option((), "where episodes start; none: the environment's own start")
    max_steps_per_episode: int | None = _option(None, "longest episode in steps; none: as the environment says")
    num_network_threads: int = _option(1, "threads that run the networks; the environment has its own")
    frontier: FrontierOptions | None = field(
        default=None, metadata={"help": "episodes from where the population has hardly ever been"}
    )
    trace: tuple[str, ...] = _option((), "variables to keep for every step, such as x and y for a ghost race")


@dataclass(frozen=True)
class SpeciesReport:
    """One species in one generation.

    Attributes:
        key: The species.
        age: Generations since it appeared.
        size: Genomes in this generation.
        best_fitness: Of its genomes.
        mean_fitness: Of its genomes.
        adjusted_fitness: Its share in the next generation's children, 0 to 1 before normalisation; None if it died out.
        stagnation: Generations since it last improved.
        members: The keys of its genomes.
    """

    key: int
    age: int
    size: int
    best_fitness: float
    mean_fitness: float
    adjusted_fitness: float | None
    stagnation: int
    members: tuple[int, ...]


@dataclass(frozen=True)
class GenerationReport:
    """One generation that has been played.

    Attributes:
        generation: Its number, from 0.
        best_fitness: Of its genomes.
        mean_fitness: Of its genomes.
        fitness_stdev: Of its genomes (population standard deviation).
        best_genome: Key of the best genome of this generation.
        best_nodes: Its nodes, without inputs.
        best_connections: Its enabled connections.
        species: Its species.
        genomes: How each genome did.
        agent_steps: Decisions of all genomes.
        frames: Emulated pictures of all genomes.
        evaluate_s: Seconds for playing.
        reproduce_s: Seconds for making the next generation.
        speciate_s: Seconds for dividing it into species.
        goal_reached: Whether the fitness criterion reached the threshold.
        extinct: Whether all species died out afterwards, so that evolution starts again.
        mean_distance: The mean genetic distance of two genomes, from a sample: is there diversity left?
    """

    generation: int
    best_fitness: float
    mean_fitness: float
    fitness_stdev: float
    best_genome: int
    best_nodes: int
    best_connections: int
    species: tuple[SpeciesReport, ...]
    genomes: tuple[GenomeResult, ...]
    agent_steps: int
    frames: int
    evaluate_s: float
    reproduce_s: float
    speciate_s: float
    goal_reached: bool
    extinct: bool
    mean_distance: float


class NeatTrainer:
    """Evolves networks that play an environment.

    1. Play every genome of the generation; its fitness is its mean reward.
    2. Keep the best genome so far, whatever becomes of its species.
    3. See whether the goal is reached.
    4. Make the next generation and divide it into species. Should all have died out, the best genomes of each and the
       best of the run are among those that begin again.

    The same configuration, environment, seed and options give the same generations, whatever the number of lanes and
    threads, and whether or not the run was stored and restored in between. Whenever a call is interrupted, the trainer
    is as it was after the last generation that was finished.

    Args:
        config: From `load_neat_config`, or neat-python's own.
        env: Lanes to play on.
        seed: Seed of the run, not negative.
        options: How to train.
        on_genome: Called after each genome's last episode.

    Raises:
        ConfigError: The configuration does not fit the environment.
    """

    def __init__(
        self,
        config: neat.Config,
        env: LaneEnv,
        seed: int,
        options: NeatOptions | None = None,
        *,
        on_genome: Callable[[GenomeResult], None] | None = None,
    ) -> None:
        self._prepare(env, seed, options, on_genome)
        evolution = Evolution(config, seed, self._options)
        self._check(evolution)
        evolution.start()
        self._evolution = evolution
        self._best: Genome | None = None
        self._goal_reached = False

    @property
    def generation(self) -> int:
        """The generation that is played next; so many are finished."""
        return self._evolution.generation

    @property
    def goal_reached(self) -> bool:
        """Whether a generation reached the configuration's fitness_threshold."""
        return self._goal_reached

    @property
    def finished(self) -> bool:
        """Whether the goal is reached or all generations are played."""
        return self._goal_reached or self.generation >= self._options.generations

    @property
    def population(self) -> dict[int, Genome]:
        """The genomes that are played next, by key."""
        return self._evolution.population

    @property
    def played(self) -> dict[int, Genome]:
        """The genomes that were played last, by key; none after `restore`."""
        return self._played

    @property
    def best_genome(self) -> Genome | None:
        """The best genome of the whole run, with the fitness that it had then; None before the first generation."""
        return self._best

    @property
    def ancestors(self) -> dict[int, tuple[int, ...]]:
        """The parents of every genome of the run; none for the genomes of a first generation."""
        return self._evolution.reproduction.ancestors

    @property
    def network_shape(self) -> NetworkShape:
        """What `compile_network`, `play` and `genome_to_json` need besides a genome."""
        genome_config = self._evolution.config.genome_config
        return NetworkShape(genome_config.num_inputs, genome_config.num_outputs, genome_config.feed_forward)

    def run_generation(self) -> GenerationReport:
        """Plays the generation and makes the next one.

        Raises:
            RunError: All species died out and the configuration says reset_on_extinction = False, or a fitness is not
                finite. `best_genome` is up to date nevertheless.
        """
        evolution, config, options = self._evolution, self._evolution.config, self._options
        generation = evolution.generation
        started = perf_counter()
        frontier = copy.deepcopy(self._frontier)  # what is interrupted has taught nothing
        results = evaluate(
            evolution.population.values(),
            self._env,
            self.network_shape,
            run_seed=self._seed,
            generation=generation,
            episodes=options.episodes_per_genome,
            start_states=options.start_states,
            max_steps=options.max_steps_per_episode,
            num_threads=options.num_network_threads,
            on_genome=self._on_genome,
            frontier=frontier,
            trace=options.trace,
            endings=options.champion_share * options.local_share > 0,
        )
        evaluate_s = perf_counter() - started

        fitnesses = {result.key: result.fitness for result in results}
        for result in results:
            evolution.population[result.key].fitness = result.selection
        played = evolution.population
        best = played[max(fitnesses, key=fitnesses.__getitem__)]
        if frontier:
            # Who does best from the level's start stays the first of its species, whatever others earn elsewhere.
            kin = evolution.species_set.species[evolution.species_of(best.key)].members.values()
            best.fitness = math.nextafter(max(genome.fitness for genome in kin), math.inf)
        self._keep_if_best(best, fitnesses[best.key])
        criterion = {"max": max, "min": min, "mean": fmean}[config.fitness_criterion]
        reached = not config.no_fitness_termination and criterion(fitnesses.values()) >= config.fitness_threshold
        species = dict(evolution.species_set.species)
        members = {key: tuple(entry.members) for key, entry in species.items()}

        advance = evolution.advance(
            may_end=reached,
            survivors=self._best_ones(species.values(), members),
            endings={result.key: result.ending for result in results if result.ending is not None},
        )
        self._frontier, self._played = frontier, played
        self._goal_reached = self._goal_reached or reached
        nodes, connections = best.size()
        return GenerationReport(
            generation=generation,
            best_fitness=fitnesses[best.key],
            mean_fitness=fmean(fitnesses.values()),
            fitness_stdev=pstdev(fitnesses.values()),
            best_genome=best.key,
            best_nodes=nodes,
            best_connections=connections,
            species=tuple(
                SpeciesReport(
                    key=key,
                    age=generation - entry.created,
                    size=len(members[key]),
                    best_fitness=max(fitnesses[member] for member in members[key]),
                    mean_fitness=fmean(fitnesses[member] for member in members[key]),
                    adjusted_fitness=entry.adjusted_fitness,
                    stagnation=generation - entry.last_improved,
                    members=members[key],
                )
                for key, entry in sorted(species.items())
            ),
            genomes=tuple(results),
            agent_steps=sum(result.agent_steps for result in results),
            frames=sum(result.frames for result in results),
            evaluate_s=evaluate_s,
            reproduce_s=advance.reproduce_s,
            speciate_s=advance.speciate_s,
            goal_reached=reached,
            extinct=advance.extinct,
            mean_distance=self._mean_distance(played),
        )

    def state(self) -> dict[str, Any]:
        """Everything that the run depends on, besides configuration, environment and options, as plain data."""
        return {
            "seed": self._seed,
            "goal_reached": self._goal_reached,
            "best": genomes_to_plain([] if self._best is None else [self._best]),
            "evolution": evolution_to_plain(self._evolution),
            "frontier": None if self._frontier is None else self._frontier.state(),
        }

    @classmethod
    def restore(
        cls,
        config: neat.Config,
        env: LaneEnv,
        state: dict[str, Any],
        options: NeatOptions | None = None,
        *,
        on_genome: Callable[[GenomeResult], None] | None = None,
    ) -> NeatTrainer:
        """The trainer whose `state` this was. Configuration and options may have changed in between.

        Raises:
            ConfigError: The configuration does not fit the environment or the state.
            StateError: The state is damaged.
        """
        trainer = cls.__new__(cls)
        try:
            trainer._prepare(env, state["seed"], options, on_genome)
            trainer._evolution = evolution_from_plain(config, state["evolution"], trainer._options)
            trainer._best = next(iter(genomes_from_plain(state["best"])), None)
            trainer._goal_reached = bool(state["goal_reached"])
            if trainer._options.frontier and state.get("frontier"):
                trainer._frontier = Frontier.restore(trainer._options.frontier, state["frontier"])
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, AssertionError, StopIteration) as error:
            raise StateError(f"NEAT state is damaged: {type(error).__name__}: {error}") from error
        trainer._check(trainer._evolution)
        return trainer

    def _prepare(
        self,
        env: LaneEnv,
        seed: int,
        options: NeatOptions | None,
        on_genome: Callable[[GenomeResult], None] | None,
    ) -> None:
        if seed < 0:
            raise ValueError(f"expected a seed that is not negative, got {seed}")
        self._env, self._seed, self._on_genome = env, seed, on_genome
        self._options = options or NeatOptions()
        self._played: dict[int, Genome] = {}
        self._frontier = Frontier(self._options.frontier) if self._options.frontier else None

    def _check(self, evolution: Evolution) -> None:
        require_lanes(self._env)
        genome_config = evolution.config.genome_config
        shape = NetworkShape(genome_config.num_inputs, genome_config.num_outputs, genome_config.feed_forward)
        check_fits(
            shape, inputs_needed(self._env.single_observation_space), outputs_needed(self._env.single_action_space)
        )

    def _mean_distance(self, population: Mapping[int, Genome]) -> float:
        """Of pairs drawn with numbers of their own, so that nothing else changes."""
        config: Any = self._evolution.config.genome_config
        genomes = list(population.values())
        if len(genomes) < 2:
            return 0.0
        numbers = np.random.default_rng([self._seed, self._evolution.generation])
        firsts = numbers.integers(0, len(genomes), _DISTANCE_PAIRS)
        seconds = (firsts + numbers.integers(1, len(genomes), _DISTANCE_PAIRS)) % len(genomes)
        pairs: list[tuple[int, int]] = np.stack([firsts, seconds], axis=1).tolist()
        return fmean(genomes[i].distance(genomes[j], config) for i, j in pairs)

    def _best_ones(self, species: Iterable[Any], members: Mapping[int, Sequence[int]]) -> list[Genome]:
        """The best genome of the run and the best of each species, the fittest first."""
        population = self._evolution.population
        champions = [max((population[key] for key in members[entry.key]), key=_fitness) for entry in species]
        champions.sort(key=_fitness, reverse=True)
        best = [] if self._best is None else [copy.copy(self._best)]  # it is played again; see `_keep_if_best`
        return list({genome.key: genome for genome in [*best, *champions]}.values())

    def _keep_if_best(self, genome: Genome, fitness: float) -> None:
        if self._best is None or self._best.fitness is None or fitness > self._best.fitness:
            # A copy, because an elite is played again and its fitness set anew; the genes are shared.
            self._best = copy.copy(genome)
            self._best.fitness = fitness


def _fitness(genome: Genome) -> float:
    return -math.inf if genome.fitness is None else genome.fitness
