"""How children are made: from one parent or two, from the best of all, and how much they change."""

from __future__ import annotations

from statistics import mean
from typing import Any

import numpy as np
import pytest
from neat_setups import Lights, make_config

from playthrough.agents.neat import NeatOptions, NeatTrainer
from playthrough.agents.neat.endings import Ending, EndingWatch
from playthrough.agents.neat.evolution import BreedingOptions, Evolution

_RATES = """
    bias_mutate_rate bias_replace_rate response_mutate_rate response_replace_rate
    weight_mutate_rate weight_replace_rate enabled_mutate_rate
    conn_add_prob conn_delete_prob node_add_prob node_delete_prob
"""
NO_CHANGE = dict.fromkeys(_RATES.split(), "0.0")


def generation_after(options: BreedingOptions, **changes: str) -> tuple[dict[int, Any], Evolution]:
    """A first generation, whose genome of the highest key is the fittest, and the evolution after a step on."""
    config = make_config(num_inputs="30", num_outputs="4", pop_size="60", **changes)
    evolution = Evolution(config, seed=3, options=options)
    evolution.start()
    parents = dict(evolution.population)
    for key, genome in parents.items():
        genome.fitness = float(key)
    evolution.advance()
    return parents, evolution


def weights(genome: Any) -> dict[int, float]:
    return {gene.innovation: gene.weight for gene in genome.connections.values()}


def children_of(evolution: Evolution, parents: dict[int, Any]) -> dict[int, Any]:
    return {key: genome for key, genome in evolution.population.items() if key not in parents}


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_children_with_one_parent_have_its_genes(share: float) -> None:
    parents, evolution = generation_after(BreedingOptions(crossover_share=share), **NO_CHANGE)
    alike: list[bool] = []
    for key, child in children_of(evolution, parents).items():
        first, second = evolution.reproduction.ancestors[key]
        if first != second:
            alike.append(weights(child) == weights(parents[max(first, second)]))
    assert len(alike) > 20
    assert abs(mean(alike) - (1 - share)) < 0.25


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_best_genome_has_its_share_of_the_children(share: float) -> None:
    parents, evolution = generation_after(BreedingOptions(champion_share=share), **NO_CHANGE)
    children = children_of(evolution, parents)
    best = max(parents)
    of_best = [key for key in children if evolution.reproduction.ancestors[key] == (best, best)]
    assert len(evolution.population) == 60
    assert best in evolution.population, "an elite stays"
    assert len(of_best) >= min(len(children), round(share * 60))
    assert all(weights(children[key]) == weights(parents[best]) for key in of_best)
    if share == 0.25:
        assert len(of_best) < len(children) / 2


def test_children_change_much_or_little() -> None:
    only_weights = {**NO_CHANGE, "weight_mutate_rate": "1.0"}

    def changed(spread: float) -> list[float]:
        options = BreedingOptions(crossover_share=0.0, mutation_spread=spread)
        parents, evolution = generation_after(options, **only_weights)
        shares: list[float] = []
        for key, child in children_of(evolution, parents).items():
            parent = weights(parents[max(evolution.reproduction.ancestors[key])])
            shares.append(mean(weight != parent[number] for number, weight in weights(child).items()))
        return shares

    assert changed(1.0) == [1.0] * len(changed(1.0))
    spread = changed(30.0)
    assert min(spread) < 0.1 and max(spread) > 0.7
    assert 0.15 < mean(spread) < 0.45, "log-uniform between 1/30 and 1: 0.28 on average"


def test_a_run_with_all_of_them_goes_on_as_if_it_had_never_stopped() -> None:
    options = NeatOptions(
        generations=9, num_species=4, crossover_share=0.4, champion_share=0.3, local_share=0.5, mutation_spread=10.0
    )
    config = make_config(num_inputs="30", num_outputs="4", pop_size="24", fitness_threshold="1e9")
    through = NeatTrainer(config, Lights(6, 30, 4), seed=7, options=options)
    stopped = NeatTrainer(config, Lights(5, 30, 4), seed=7, options=options)
    reports = [through.run_generation() for _ in range(4)]
    for _ in range(2):
        stopped.run_generation()
    going_on = NeatTrainer.restore(config, Lights(3, 30, 4), stopped.state(), options)
    for expected in reports[2:]:
        assert going_on.run_generation().genomes == expected.genomes
    assert any(node.activation == "sigmoid" for genome in through.population.values() for node in genome.nodes.values())
    plain = NeatTrainer(config, Lights(6, 30, 4), seed=7, options=NeatOptions(generations=9))
    assert [plain.run_generation().genomes for _ in range(4)][-1] != reports[-1].genomes


@pytest.mark.parametrize(
    ("option", "value"),
    [("crossover_share", 1.5), ("champion_share", -0.1), ("mutation_spread", 0.5), ("mutation_spread", float("inf"))],
)
def test_nonsense_is_refused(option: str, value: float) -> None:
    with pytest.raises(ValueError, match=option):
        NeatOptions(**{option: value})


def test_a_local_node_speaks_in_its_situation_alone() -> None:
    parents, evolution = generation_after(BreedingOptions(), **NO_CHANGE)
    config = evolution.config.genome_config
    numbers = np.random.default_rng(0)
    usual = numbers.random(30)
    situation = np.where(numbers.random(30) < 0.5, usual, 1 - usual)
    genome, before = evolution.population[max(parents)], set(evolution.population[max(parents)].nodes)
    num_connections = len(genome.connections)
    genome.add_local_node(Ending(situation[np.newaxis], usual), config)
    (added,) = set(genome.nodes) - before
    assert len(genome.connections) == num_connections + np.count_nonzero(situation != usual) + 1

    def says(inputs: np.ndarray) -> float:
        gene = genome.nodes[added]
        total = gene.bias + sum(
            connection.weight * inputs[-source - 1]
            for (source, target), connection in genome.connections.items()
            if target == added
        )
        return 1 / (1 + np.exp(-5 * total))

    assert says(situation) > 0.99
    assert says(usual) < 0.01 and says(usual + 0.5 * (situation - usual)) < 0.01
    others = [np.where(numbers.random(30) < 0.5, usual, 1 - usual) for _ in range(50)]
    assert sum(says(other) < 0.01 for other in others) > 40
    # Nothing to tell apart, nothing added.
    genome.add_local_node(Ending(usual[np.newaxis], usual), config)
    assert set(genome.nodes) == before | {added}


def test_an_ending_is_what_the_network_saw_last() -> None:
    watch = EndingWatch(num_lanes=2, num_inputs=3)
    watch.begin(0)
    watch.begin(1)
    seen = np.arange(40 * 2 * 3, dtype=np.float64).reshape(40, 2, 3)
    for step in range(40):
        watch.step(np.array([True, step < 5]), seen[step])
    long, short = watch.finish(0), watch.finish(1)
    assert {tuple(row) for row in long.situations} == {tuple(row) for row in seen[-24:, 0]}
    assert np.allclose(long.usual, seen[:, 0].mean(axis=0))
    assert np.array_equal(short.situations, seen[:5, 1]) and np.allclose(short.usual, seen[:5, 1].mean(axis=0))
    watch.begin(1)
    watch.step(np.array([False, True]), seen[7])
    assert np.array_equal(watch.finish(1).situations, seen[7:8, 1])
