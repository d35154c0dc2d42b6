"""neat-python's reproduction, for populations in which it would give up."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

import neat

from playthrough.agents.neat.endings import Ending
from playthrough.agents.neat.genome import Genome
from playthrough.agents.neat.neat_python import NeatConfig, ReproductionConfig


class Reproduction(neat.DefaultReproduction):
    """Makes the next generation as neat-python does, and also where that raises "Configuration conflict".

    Every surviving species is promised `max(min_species_size, elitism)` genomes. Once the species are so many that the
    promises exceed `pop_size` (29 species in a population of 30, at two genomes each), neat-python 2.0 stops the run.
    Here:

    1. The fittest species are kept, as many as `pop_size` can hold at that size; the others die out.
    2. No fewer than `species_elitism` are kept. If even those are too many, each gets a smaller share, and keeps only
       as many elites.

    Wherever neat-python does not raise, the genomes are the same as its own.
    """

    reproduction_config: ReproductionConfig
    stagnation: Any
    ancestors: dict[int, tuple[int, ...]]
    champion_share: float = 0.0
    """How many of a generation's children have the fittest genome of all for their only parent."""

    champion_margin: float = 0.0
    """Genomes whose fitness is lower by up to this share are such parents as well."""

    local_share: float = 0.0
    """How many of those differ from it by a local node."""

    endings: Mapping[int, Ending] = MappingProxyType({})
    """What the genomes of the generation saw last, by key."""

    def reproduce(self, config: NeatConfig, species: Any, pop_size: int, generation: int) -> dict[int, Genome]:
        """The population of the next generation; `species` is left with the species that survive."""
        stagnation, settings = self.stagnation, self.reproduction_config
        verdicts: list[tuple[int, Any, bool]] = stagnation.update(species, generation)
        num_alive = sum(not stagnant for _, _, stagnant in verdicts)
        size = max(1, settings.min_species_size, settings.elitism)
        members = [genome for entry in species.species.values() for genome in entry.members.values()]
        affordable = settings
        if num_alive * size > pop_size:
            num_kept = min(num_alive, pop_size, max(config.stagnation_config.species_elitism, pop_size // size, 1))
            verdicts = _without_the_least_fit(verdicts, num_alive - num_kept)
            affordable = copy.copy(settings)
            affordable.min_species_size = min(size, pop_size // num_kept)
            affordable.elitism = min(settings.elitism, affordable.min_species_size)
        try:
            self.stagnation, self.reproduction_config = _Decided(verdicts), affordable
            made = cast("dict[int, Genome]", super().reproduce(config, species, pop_size, generation))
        finally:
            self.stagnation, self.reproduction_config = stagnation, settings
        if self.champion_share and made:
            self._add_champions_children(made, members, config)
        return made

    def _add_champions_children(self, made: dict[int, Genome], members: list[Genome], config: NeatConfig) -> None:
        """Lets the fittest have a share of all children, who take the place of others; the elites stay."""
        best = max(map(_fitness, members))
        parents = [genome for genome in members if _fitness(genome) >= best - abs(best) * self.champion_margin]
        children = [key for key, genome in made.items() if genome.fitness is None]
        num_of_champion = min(len(children), round(self.champion_share * len(made)))
        for key in sorted(random.sample(children, num_of_champion)):
            parent = random.choice(parents) if len(parents) > 1 else parents[0]
            ending = self.endings.get(parent.key)
            child = made[key] = config.genome_type(key)
            child.configure_crossover(parent, parent, config.genome_config)
            if ending is not None and random.random() < self.local_share:
                child.add_local_node(ending, config.genome_config)
            else:
                child.mutate(config.genome_config)
            self.ancestors[key] = (parent.key, parent.key)

    def _adjust_spawn_exact(self, spawn_amounts: list[int], pop_size: int, min_species_size: int) -> list[int]:
        """Makes the numbers of children add up to `pop_size`.

        neat-python takes at most one child from each species, and raises if that was not enough (nine species at their
        minimum and one large one, for example). This goes on, always taking from the largest.
        """
        amounts = list(spawn_amounts)
        surplus = sum(amounts) - pop_size
        can_fit = len(amounts) * min_species_size <= pop_size
        if can_fit and surplus > sum(1 for amount in amounts if amount > min_species_size):
            while surplus > 0:
                largest = max(range(len(amounts)), key=amounts.__getitem__)
                amounts[largest] -= 1
                surplus -= 1
            return amounts
        return cast("list[int]", super()._adjust_spawn_exact(amounts, pop_size, min_species_size))


def _fitness(genome: Genome) -> float:
    assert genome.fitness is not None
    return genome.fitness


class _Decided:
    """Stands in for the stagnation scheme once it has spoken: `update` counts, so it may be called only once."""

    def __init__(self, verdicts: list[tuple[int, Any, bool]]) -> None:
        self._verdicts = verdicts

    def update(self, species: Any, generation: int) -> list[tuple[int, Any, bool]]:
        return self._verdicts


def _without_the_least_fit(verdicts: list[tuple[int, Any, bool]], num_dropped: int) -> list[tuple[int, Any, bool]]:
    """Marks the first `num_dropped` species that are alive as stagnant; verdicts come in ascending order of fitness."""
    result: list[tuple[int, Any, bool]] = []
    for key, species, stagnant in verdicts:
        drop = not stagnant and num_dropped > 0
        num_dropped -= drop
        result.append((key, species, stagnant or drop))
    return result


# neat-python finds the section of a class in the configuration file by the class's name.
Reproduction.__name__ = "DefaultReproduction"
