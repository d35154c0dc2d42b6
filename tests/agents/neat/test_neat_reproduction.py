"""Populations in which neat-python's own reproduction gives up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import neat
import pytest
from neat.reporting import ReporterSet
from neat_setups import CARTPOLE, TUTORIAL, Lights, config_with, make_config

from playthrough.agents.neat import NeatOptions, NeatTrainer
from playthrough.agents.neat.evolution import Evolution
from playthrough.agents.neat.reproduction import Reproduction
from playthrough.errors import RunError


def crowded_config(**changes: str) -> Any:
    """Every genome is a species of its own."""
    return make_config(**{"pop_size": "30", "compatibility_threshold": "0.01", **changes})


def set_fitness(population: dict[int, Any]) -> None:
    for key, genome in population.items():
        genome.fitness = float(key % 7) + key / 1000


def test_more_species_than_the_population_can_hold() -> None:
    evolution = Evolution(crowded_config(), seed=1)
    evolution.start()
    assert len(evolution.species_set.species) == 30
    set_fitness(evolution.population)
    fittest = sorted(evolution.population, key=lambda key: evolution.population[key].fitness)[-15:]
    evolution.advance()
    # Two genomes each (min_species_size, elitism): room for the fittest 15, each with its only genome and a child.
    assert len(evolution.population) == 30
    assert set(fittest) == {key for key in evolution.population if key <= 30}
    for _ in range(5):
        set_fitness(evolution.population)
        evolution.advance()
        assert len(evolution.population) == 30


def test_neat_python_stops_there(tmp_path: Path) -> None:
    # If this fails, neat-python has changed and Reproduction can go.
    file = tmp_path / "neat.cfg"
    file.write_text(config_with(CARTPOLE, pop_size="30", compatibility_threshold="0.01"))
    config = neat.Config(
        neat.DefaultGenome, neat.DefaultReproduction, neat.DefaultSpeciesSet, neat.DefaultStagnation, str(file)
    )
    with pytest.raises(RuntimeError, match="Configuration conflict"):
        neat.Population(config, seed=1).run(lambda genomes, _: set_fitness(dict(genomes)), 1)


@pytest.mark.parametrize("changes", [{"species_elitism": "25"}, {"elitism": "50"}, {"min_species_size": "31"}])
def test_promises_that_cannot_all_be_kept(changes: dict[str, str]) -> None:
    evolution = Evolution(crowded_config(**changes), seed=1)
    evolution.start()
    for _ in range(4):
        set_fitness(evolution.population)
        best = max(evolution.population, key=lambda key: evolution.population[key].fitness)
        evolution.advance()
        assert len(evolution.population) == 30
        assert best in evolution.population
    if "species_elitism" in changes:
        assert len(evolution.species_set.species) >= 25


def test_many_small_species_beside_a_large_one() -> None:
    config = make_config()
    stagnation = config.stagnation_type(config.stagnation_config, ReporterSet())
    ours = Reproduction(config.reproduction_config, ReporterSet(), stagnation)
    theirs = neat.DefaultReproduction(config.reproduction_config, ReporterSet(), stagnation)
    amounts = [2] * 9 + [20]
    with pytest.raises(RuntimeError, match="Internal error"):
        theirs._adjust_spawn_exact(list(amounts), 30, 2)
    assert ours._adjust_spawn_exact(list(amounts), 30, 2) == [2] * 9 + [12]
    for amounts in ([2, 9, 20], [5, 5, 5], [10, 11, 12]):
        assert ours._adjust_spawn_exact(list(amounts), 30, 2) == theirs._adjust_spawn_exact(list(amounts), 30, 2)


def dying_config(**changes: str) -> Any:
    return make_config(
        num_inputs="30", num_outputs="4", max_stagnation="1", species_elitism="0", fitness_threshold="1e9", **changes
    )


def test_extinction_starts_again_and_keeps_the_best_genome() -> None:
    trainer = NeatTrainer(dying_config(reset_on_extinction="True"), Lights(4, 30, 4), seed=5)
    best = -1.0
    extinct = False
    for _ in range(12):
        before = max(trainer.population)
        report = trainer.run_generation()
        best = max(best, report.best_fitness)
        assert trainer.best_genome is not None
        assert trainer.best_genome.fitness == best
        assert len(trainer.population) == 20
        extinct = extinct or report.extinct
        if report.extinct:
            newcomers = [key for key in trainer.population if trainer.ancestors[key] == () and key > before]
            survivors = trainer.population.keys() - set(newcomers)
            assert len(newcomers) >= 15 and 1 <= len(survivors) <= 5
            assert trainer.best_genome.key in survivors
    assert extinct


def test_extinction_without_reset_is_one_clear_error() -> None:
    trainer = NeatTrainer(dying_config(reset_on_extinction="False"), Lights(4, 30, 4), seed=5)
    with pytest.raises(RunError, match=r"all species died out in generation \d+.*reset_on_extinction = True"):
        for _ in range(30):
            finished = trainer.generation
            trainer.run_generation()
    # It is where it was, so a changed configuration can go on from there.
    assert trainer.generation == finished > 0
    assert trainer.best_genome is not None
    assert len(trainer.population) == 20
    again = NeatTrainer.restore(dying_config(reset_on_extinction="True"), Lights(4, 30, 4), trainer.state())
    assert again.run_generation().extinct


def test_the_tutorials_configuration_evolves() -> None:
    trainer = NeatTrainer(make_config(TUTORIAL), Lights(8), seed=0, options=NeatOptions(generations=3))
    assert len(trainer.population) == 30
    reports = [trainer.run_generation() for _ in range(3)]
    assert [report.generation for report in reports] == [0, 1, 2]
    assert all(len(report.genomes) == 30 for report in reports)
    assert sum(species.size for species in reports[2].species) == 30
    assert reports[0].best_connections > 3000
    assert trainer.finished and not trainer.goal_reached


@pytest.mark.parametrize("threshold", ["0.3", "2.6"])
def test_a_wanted_number_of_species_moves_the_threshold(threshold: str) -> None:
    """From far too many species, and from one alone, towards four."""
    config = make_config(
        num_inputs="30", num_outputs="4", pop_size="40", fitness_threshold="1e9", compatibility_threshold=threshold
    )
    wanted = NeatTrainer(config, Lights(8, 30, 4), seed=5, options=NeatOptions(num_species=4))
    as_configured = NeatTrainer(config, Lights(8, 30, 4), seed=5)
    thresholds, misses, misses_as_configured = [wanted._evolution.threshold], 0, 0
    for _ in range(25):
        report, other = wanted.run_generation(), as_configured.run_generation()
        thresholds.append(wanted._evolution.threshold)
        found = len(report.species)
        misses, misses_as_configured = misses + abs(found - 4), misses_as_configured + abs(len(other.species) - 4)
        if thresholds[-2] != thresholds[-1] and found != 4:
            assert (thresholds[-1] > thresholds[-2]) == (found > 4) or report.generation == 0
    assert len(set(thresholds)) > 5
    assert as_configured._evolution.threshold == float(threshold)
    assert misses < misses_as_configured
