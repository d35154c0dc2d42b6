"""How children are made: from one parent or two, from the best of all, and how much they change."""

from __future__ import annotations

from statistics import mean
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from neat_setups import Lights, make_config

from playthrough.agents.neat import ActionDecoder, NeatOptions, NeatTrainer
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


def test_whoever_is_nearly_the_best_is_a_parent_like_it() -> None:
    options = BreedingOptions(champion_share=1.0, champion_margin=0.1)
    parents, evolution = generation_after(options, **NO_CHANGE)
    pairs = [evolution.reproduction.ancestors[key] for key in children_of(evolution, parents)]
    assert {first for first, _ in pairs} == {key for key in parents if key >= 0.9 * max(parents)}
    assert all(first == second for first, second in pairs)


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
    [
        ("crossover_share", 1.5),
        ("champion_share", -0.1),
        ("champion_margin", 2.0),
        ("mutation_spread", 0.5),
        ("mutation_spread", float("inf")),
    ],
)
def test_nonsense_is_refused(option: str, value: float) -> None:
    with pytest.raises(ValueError, match=option):
        NeatOptions(**{option: value})


def what_it_says(genome: Any, node: int, seen: np.ndarray) -> np.ndarray:
    """A node that hears inputs alone: its value for rows of inputs."""
    weights = np.zeros(seen.shape[1])
    for (source, target), connection in genome.connections.items():
        if target == node:
            weights[-source - 1] = connection.weight
    return 1 / (1 + np.exp(-5 * (genome.nodes[node].bias + seen @ weights)))


@pytest.mark.parametrize("num_seen", [20, 200], ids=["fewer than inputs", "more than inputs"])
def test_a_local_node_speaks_in_its_situation_alone(num_seen: int) -> None:
    parents, evolution = generation_after(BreedingOptions(), **NO_CHANGE)
    config = evolution.config.genome_config
    numbers = np.random.default_rng(0)
    # Inputs that go together, as tiles of one wall do: what tells situations apart is not what is largest in them.
    seen = (numbers.normal(size=(num_seen, 10)) @ numbers.normal(size=(10, 30)) > 1.0).astype(np.float32)
    situation = seen[num_seen // 2]
    for _ in range(20):
        genome = evolution.population[max(parents)]
        nodes, connections = set(genome.nodes), set(genome.connections)
        genome.add_local_node(Ending(situation[np.newaxis], np.eye(1, 4, k=2, dtype=np.bool_), seen), config)
        speaker, *echo = sorted(set(genome.nodes) - nodes)
        said = what_it_says(genome, speaker, seen)
        alike = np.abs(seen - situation).sum(axis=1) <= 1
        assert said[num_seen // 2] > 0.99
        assert said[~alike].mean() < 0.02
        added = {key: genome.connections[key].weight for key in set(genome.connections) - connections}
        if echo:
            assert added.pop((speaker, echo[0])) == 1.0
            assert 0.5 <= added.pop((echo[0], echo[0])) < 1.0
        ((_, output), weight) = next((key, weight) for key, weight in added.items() if key[0] in (speaker, *echo))
        assert (weight < 0) == (output == 2), "against what the network chose, or for what it did not"
    # Nothing to tell apart, or no numbers: nothing added.
    nodes = set(genome.nodes)
    for useless in (seen[:1], np.where(np.arange(30) == 7, np.nan, seen), np.where(np.arange(30) == 7, np.inf, seen)):
        genome.add_local_node(Ending(useless[:1], np.ones((1, 4), np.bool_), useless), config)
    assert set(genome.nodes) == nodes


def test_a_local_node_is_worth_the_same_to_a_digit_that_every_processor_agrees_on() -> None:
    parents, evolution = generation_after(BreedingOptions(), **NO_CHANGE)
    genome, numbers = evolution.population[max(parents)], np.random.default_rng(0)
    seen = numbers.random((50, 30)).astype(np.float32)
    before = set(genome.connections)
    genome.add_local_node(Ending(seen[:1], np.ones((1, 4), np.bool_), seen), evolution.config.genome_config)
    weights = [genome.connections[key].weight for key in set(genome.connections) - before if key[0] < 0]
    assert len(weights) == 30
    assert all(weight == round(weight, 4) for weight in weights)


def test_an_ending_is_what_the_network_saw_last() -> None:
    watch = EndingWatch(num_lanes=2, num_inputs=3, decoder=ActionDecoder(spaces.MultiBinary(2)))
    numbers = np.random.default_rng(2)
    seen, chosen = numbers.random((600, 2, 3)).astype(np.float32), numbers.random((600, 2, 2)) > 0.5
    watch.begin(0)
    watch.begin(1)
    for step in range(600):
        watch.step(np.array([True, step < 5]), seen[step], chosen[step].astype(float))
    long, short = watch.finish(0), watch.finish(1)
    assert np.array_equal(long.situations, seen[-24:, 0]) and np.array_equal(long.chosen, chosen[-24:, 0])
    assert np.array_equal(long.seen, seen[::3, 0]), "evenly spaced, at most 256"
    assert np.array_equal(short.situations, seen[:5, 1]) and np.array_equal(short.chosen, chosen[:5, 1])
    assert np.array_equal(short.seen, seen[:5, 1])
    watch.begin(1)
    watch.step(np.array([False, True]), seen[7], chosen[7].astype(float))
    assert np.array_equal(watch.finish(1).situations, seen[7:8, 1])
