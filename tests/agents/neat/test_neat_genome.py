"""Distance and evolution beside neat-python's own: the same genomes and species from the same seed."""

from __future__ import annotations

import copy
import math
import pickle
import random
from pathlib import Path
from typing import Any

import neat
import pytest
from neat_setups import CARTPOLE, TUTORIAL, config_with
from random_genomes import random_genome

from playthrough.agents.neat import Genome, genome_from_json, genome_to_json, load_neat_config
from playthrough.agents.neat.evolution import Evolution
from playthrough.errors import StateError


def test_distance_equals_neat_pythons_to_the_last_bit() -> None:
    rng = random.Random(1)
    config, _ = load_neat_config(CARTPOLE)
    genome_config: Any = config.genome_config
    genomes = [random_genome(rng, key, 30, 4, acyclic=False) for key in range(40)]
    genomes += [Genome(100), random_genome(rng, 101, 30, 4, acyclic=False, density=0.0)]
    for a in genomes:
        for b in genomes:
            assert a.distance(b, genome_config) == neat.DefaultGenome.distance(a, b, genome_config)


def test_evolved_genomes_have_the_same_distances_and_sizes() -> None:
    config, _ = load_neat_config(config_with(TUTORIAL, num_inputs="60", num_outputs="5", compatibility_threshold="9"))
    evolution = Evolution(config, seed=3)
    evolution.start()
    rng = random.Random(4)
    for _ in range(6):
        for genome in evolution.population.values():
            genome.fitness = rng.random()
        evolution.advance()
        genomes = list(evolution.population.values())
        for a in genomes:
            assert a.size() == neat.DefaultGenome.size(a)
            for b in genomes[::3]:
                assert a.distance(b, evolution.config.genome_config) == neat.DefaultGenome.distance(
                    a, b, evolution.config.genome_config
                )


def genes_of(population: dict[int, Any]) -> list[Any]:
    return [
        (
            key,
            [(n.key, n.bias, n.response, n.activation, n.aggregation, n.time_constant) for n in genome.nodes.values()],
            [(c.key, c.innovation, c.weight, c.enabled) for c in genome.connections.values()],
        )
        for key, genome in population.items()
    ]


def species_of(species_set: Any) -> list[Any]:
    return [
        (key, s.created, s.last_improved, s.representative.key, list(s.members), s.fitness_history)
        for key, s in species_set.species.items()
    ]


def fitness_of(genome: Any) -> float:
    """Some deterministic landscape over weights and structure."""
    weights = sum(math.sin(c.weight * 3.0 + c.key[1]) for c in genome.connections.values() if c.enabled)
    return weights - 0.3 * len(genome.nodes) + sum(math.cos(n.bias) for n in genome.nodes.values())


@pytest.mark.parametrize(
    "changes",
    [
        {"feed_forward": "False"},
        {"feed_forward": "True", "num_hidden": "2", "initial_connection": "full_direct"},
        {"feed_forward": "True", "conn_add_prob": "0.9", "node_add_prob": "0.9", "node_delete_prob": "0.1"},
        {"single_structural_mutation": "true", "structural_mutation_surer": "true", "weight_init_type": "uniform"},
        {"initial_connection": "partial_direct 0.4", "enabled_rate_to_true_add": "0.3", "aggregation_mutate_rate": "0"},
        {"initial_connection": "fs_neat_nohidden", "max_stagnation": "2", "species_elitism": "1"},
        {"max_stagnation": "2", "species_elitism": "0", "species_fitness_func": "mean", "elitism": "0"},
    ],
    ids=lambda changes: " ".join(f"{key}={value}" for key, value in changes.items()),
)
def test_a_run_equals_one_of_neat_python(changes: dict[str, str], tmp_path: Path) -> None:
    changes = {
        "pop_size": "60",
        "num_inputs": "7",
        "num_outputs": "3",
        "min_species_size": "1",
        "elitism": "1",
        "compatibility_threshold": "3.4",
        "aggregation_options": "sum max mean",
        "aggregation_mutate_rate": "0.1",
        "fitness_threshold": "1e9",
        **changes,
    }
    text = config_with(CARTPOLE, **changes)
    file = tmp_path / "neat.cfg"
    file.write_text(text)
    config = neat.Config(
        neat.DefaultGenome, neat.DefaultReproduction, neat.DefaultSpeciesSet, neat.DefaultStagnation, str(file)
    )
    num_generations = 12

    def set_fitness(genomes: Any, _: Any = None) -> None:
        for _, genome in genomes:
            genome.fitness = fitness_of(genome)

    evolution = Evolution(load_neat_config(text)[0], seed=42)
    evolution.start()
    population = neat.Population(config, seed=42)
    num_extinctions = 0
    for _ in range(num_generations):
        assert genes_of(evolution.population) == genes_of(population.population)
        assert species_of(evolution.species_set) == species_of(population.species)
        set_fitness(evolution.population.items())
        # Ours draws from numbers of its own, so the two can take turns.
        num_extinctions += evolution.advance().extinct
        population.run(set_fitness, 1)
    assert genes_of(evolution.population) == genes_of(population.population)
    assert evolution.reproduction.ancestors == population.reproduction.ancestors
    assert (num_extinctions > 0) == (changes.get("species_elitism") == "0")


def test_a_copy_does_not_share_the_compiled_genes() -> None:
    genome = random_genome(random.Random(2), 1, 5, 2, acyclic=False, density=0.9)
    before = genome.size()
    for twin in (copy.deepcopy(genome), pickle.loads(pickle.dumps(genome))):
        next(iter(twin.connections.values())).enabled ^= True
        assert twin.size() != before
    assert genome.size() == before


def test_a_genome_file_says_everything() -> None:
    config, _ = load_neat_config(CARTPOLE)
    genome = random_genome(random.Random(3), 17, 4, 2, acyclic=False)
    genome.fitness = 1 / 3
    text = genome_to_json(genome, config)
    twin, shape = genome_from_json(text)
    assert genes_of({17: twin}) == genes_of({17: genome})
    assert (twin.key, twin.fitness) == (17, 1 / 3)
    assert (shape.num_inputs, shape.num_outputs, shape.feed_forward) == (4, 2, False)
    assert genome_to_json(twin, shape) == text


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "line .*, column"),
        (lambda text: "{}", "expected a genome file"),
        (lambda text: text.replace('"version": 1', '"version": 2'), "expected version 1, found 2"),
        (lambda text: text.replace('"nodes"', '"noodles"'), "nodes"),
        (lambda text: text.replace('"sigmoid"', "1"), "damaged"),
        (lambda text: text.replace(", 0.5, ", ', "heavy", '), "damaged"),
        (lambda text: "[1]", "damaged"),
    ],
)
def test_a_damaged_genome_file_is_refused(damage: Any, message: str) -> None:
    config, _ = load_neat_config(CARTPOLE)
    genome = random_genome(random.Random(3), 17, 4, 2, acyclic=False)
    next(iter(genome.nodes.values())).activation = "sigmoid"
    next(iter(genome.connections.values())).weight = 0.5
    text = genome_to_json(genome, config)
    genome_from_json(text)
    with pytest.raises(StateError, match=message):
        genome_from_json(damage(text))
