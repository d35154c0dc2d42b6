"""A population on its way from generation to generation, without anybody's fitness."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, cast

import neat
from neat.reporting import ReporterSet

from playthrough.agents.neat.endings import Ending
from playthrough.agents.neat.genome import Genome
from playthrough.agents.neat.neat_python import Indexer, NeatConfig
from playthrough.agents.neat.reproduction import Reproduction
from playthrough.errors import RunError


@dataclass(frozen=True, kw_only=True)
class BreedingOptions:
    """How children are made, besides what neat-python's configuration says of it."""

    num_species: int | None = field(
        default=None,
        metadata={"help": "species to aim at, by moving the compatibility threshold; none: as configured"},
    )
    crossover_share: float = field(
        default=1.0,
        metadata={"help": "share of children that have two parents; the others have the fitter one's genes, mutated"},
    )
    champion_share: float = field(
        default=0.0, metadata={"help": "share of children that have the generation's best genome for their only parent"}
    )
    champion_margin: float = field(
        default=0.0,
        metadata={"help": "genomes whose fitness is lower than the best one's by up to this share count as best too"},
    )
    local_share: float = field(
        default=0.0,
        metadata={"help": "share of those children that get a node for one of the situations in which the best ended"},
    )
    mutation_spread: float = field(
        default=1.0,
        metadata={"help": "each child mutates at the configured rates, or up to so many times less; 1: all alike"},
    )

    def __post_init__(self) -> None:
        for name in ("crossover_share", "champion_share", "champion_margin", "local_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must be between 0 and 1, found {getattr(self, name)}")
        if not 1.0 <= self.mutation_spread < math.inf:
            raise ValueError(f"mutation_spread must be a number from 1 on, found {self.mutation_spread}")


@dataclass(frozen=True)
class Advance:
    """What one step from generation to generation did.

    Attributes:
        reproduce_s: Seconds for stagnation, crossover and mutation.
        speciate_s: Seconds for dividing the children into species.
        extinct: Whether all species had died out, so that a new population was made around the survivors.
    """

    reproduce_s: float
    speciate_s: float
    extinct: bool


class Evolution:
    """neat-python's Population, taken apart so that it can be stopped, stored and continued.

    1. Genomes are made from the configuration and divided into species.
    2. Somebody sets the fitness of every genome.
    3. `advance` lets stagnant species die out, makes children of the fitter genomes, and divides them into species.
    4. Go to 2.

    It keeps the state of Python's random numbers to itself: what other code draws from `random` does not matter to a
    run, nor the other way round. Two of these do not share anything, even with the same configuration.

    Args:
        config: A NEAT configuration; it is copied, and with neat-python's own classes it gets ours.
        seed: Seed of the random numbers; equals `neat.Population(config, seed=seed)`.
        options: How many species there should be: from generation to generation the compatibility threshold grows
            while there are more, and shrinks while there are fewer. How children are made: few mutations keep what
            parents can do, many find what they cannot, and nobody knows beforehand which it takes, so a child's rates
            may be drawn (log-uniform; Doerr, Le, Makhmara and Nguyen, Fast Genetic Algorithms, 2017).
    """

    def __init__(self, config: neat.Config, seed: int, options: BreedingOptions | None = None) -> None:
        options = options or BreedingOptions()
        self.config = own_config(config)
        self.config.genome_config.crossover_share = options.crossover_share
        self.config.genome_config.mutation_spread = options.mutation_spread
        self.num_species = options.num_species
        self.random_state: Any = random.Random(seed).getstate()
        self.reporters = ReporterSet()
        self.stagnation = self.config.stagnation_type(self.config.stagnation_config, self.reporters)
        self.reproduction = self.config.reproduction_type(
            self.config.reproduction_config, self.reporters, self.stagnation
        )
        self.species_set = self.config.species_set_type(self.config.species_set_config, self.reporters)
        self.reproduction.champion_share, self.reproduction.local_share = options.champion_share, options.local_share
        self.reproduction.champion_margin = options.champion_margin
        self.reproduction.genome_indexer = Indexer(1)
        self.species_set.indexer = Indexer(1)
        # neat-python starts this one where the first genome lacks a key, which is after the outputs.
        self.config.genome_config.node_indexer = Indexer(self.config.genome_config.num_outputs)
        self.config.genome_config.innovation_tracker = self.reproduction.innovation_tracker
        self.generation = 0
        self.population: dict[int, Genome] = {}

    def start(self) -> None:
        """Makes the first generation."""
        with self._random_numbers():
            self.population = self._new_population()
            self._speciate()

    def advance(
        self,
        *,
        may_end: bool = False,
        survivors: Sequence[Genome] = (),
        endings: Mapping[int, Ending] | None = None,
    ) -> Advance:
        """Makes the next generation. When interrupted, everything is as before.

        Args:
            may_end: Make a new population after an extinction whatever the configuration says; for a run that has
                reached its goal.
            survivors: Genomes that are part of a population made anew after an extinction, up to a quarter of it.
            endings: What genomes saw last, by key, for local nodes.

        Raises:
            RunError: All species have died out, and the configuration says not to start again.
        """
        before = self._copy()
        self.reproduction.endings = endings or {}
        try:
            with self._random_numbers():
                return self._advance(may_end, survivors)
        except BaseException:
            self._put_back(before)
            raise

    @property
    def threshold(self) -> float:
        """The genetic distance from which on two genomes are of different species."""
        return self.species_set.species_set_config.compatibility_threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        self.species_set.species_set_config.compatibility_threshold = value

    def species_of(self, genome_key: int) -> int:
        """The species that a genome belongs to."""
        return cast("int", self.species_set.genome_to_species[genome_key])

    def _advance(self, may_end: bool, survivors: Sequence[Genome]) -> Advance:
        started = perf_counter()
        self.population = self.reproduction.reproduce(
            self.config, self.species_set, self.config.pop_size, self.generation
        )
        extinct = not self.species_set.species
        if extinct:
            if not (self.config.reset_on_extinction or may_end):
                raise RunError(
                    f"all species died out in generation {self.generation}, because none improved for "
                    f"{self.config.stagnation_config.max_stagnation} generations (max_stagnation). Set "
                    "reset_on_extinction = True to start again, or species_elitism = 2 so that the best two stay"
                )
            kept = {genome.key: genome for genome in survivors[: self.config.pop_size // 4]}
            made = list(self._new_population().items())
            self.population = kept | dict(made[: self.config.pop_size - len(kept)])
        reproduced = perf_counter()
        self._speciate()
        self.generation += 1
        return Advance(reproduced - started, perf_counter() - reproduced, extinct)

    def _new_population(self) -> dict[int, Genome]:
        config = self.config
        return self.reproduction.create_new(config.genome_type, config.genome_config, config.pop_size)

    def _speciate(self) -> None:
        if self.num_species and self.generation:
            found = len(self.species_set.species)
            self.threshold *= 1.1 if found > self.num_species else 1 / 1.05 if found < self.num_species else 1.0
        self.species_set.speciate(self.config, self.population, self.generation)

    @contextmanager
    def _random_numbers(self) -> Generator[None]:
        """Lets neat-python draw from this run's random numbers, and nobody else notice."""
        others = random.getstate()
        random.setstate(self.random_state)
        try:
            yield
            self.random_state = random.getstate()
        finally:
            random.setstate(others)

    def _copy(self) -> dict[str, Any]:
        """What `advance` changes. Genomes do not change once they are made, so they are shared."""
        tracker = self.reproduction.innovation_tracker
        return {
            "population": self.population,
            "generation": self.generation,
            "threshold": self.threshold,
            "species": {key: _copy_of_species(species) for key, species in self.species_set.species.items()},
            "genome_to_species": self.species_set.genome_to_species,
            "indexers": [indexer.next_value for indexer in self._indexers()],
            "ancestors": dict(self.reproduction.ancestors),
            "innovations": (tracker.global_counter, dict(tracker.generation_innovations)),
        }

    def _put_back(self, before: dict[str, Any]) -> None:
        self.population, self.generation = before["population"], before["generation"]
        self.threshold = before["threshold"]
        self.species_set.species = before["species"]
        self.species_set.genome_to_species = before["genome_to_species"]
        for indexer, value in zip(self._indexers(), before["indexers"], strict=True):
            indexer.next_value = value
        self.reproduction.ancestors = before["ancestors"]
        tracker = self.reproduction.innovation_tracker
        tracker.global_counter, tracker.generation_innovations = before["innovations"]

    def _indexers(self) -> list[Indexer]:
        node_indexer = cast("Indexer", self.config.genome_config.node_indexer)
        return [self.reproduction.genome_indexer, self.species_set.indexer, node_indexer]


def own_config(config: neat.Config) -> NeatConfig:
    """A copy that evolution may write to; neat-python's classes are replaced by ours, which give the same results."""
    own = cast("NeatConfig", copy.copy(config))
    # Not copy.copy: that would draw a number from the node indexer.
    genome_config = object.__new__(type(own.genome_config))
    genome_config.__dict__.update(own.genome_config.__dict__)
    own.genome_config = genome_config
    own.species_set_config = copy.copy(own.species_set_config)
    if own.genome_type is neat.DefaultGenome:
        own.genome_type = Genome
    if own.reproduction_type is neat.DefaultReproduction:
        own.reproduction_type = Reproduction
    return own


def _copy_of_species(species: Any) -> Any:
    twin = copy.copy(species)
    twin.members = dict(species.members)
    twin.fitness_history = list(species.fitness_history)
    return twin
