"""Our compiled networks beside neat-python's own."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from neat.activations import ActivationFunctionSet
from neat.aggregations import AggregationFunctionSet
from neat.nn import FeedForwardNetwork, RecurrentNetwork
from neat_setups import make_config
from random_genomes import random_genome

from playthrough._neat import ACTIVATIONS, AGGREGATIONS, Network, NetworkBatch
from playthrough.agents.neat import NetworkShape, compile_network
from playthrough.agents.neat.genome import Genome, connection_gene, node_gene


def same(a: list[float], b: list[float]) -> bool:
    """Equal to the last bit; NaN equals NaN, and the sign of a zero is left out (a median may pick either)."""
    return all(x == y or (math.isnan(x) and math.isnan(y)) for x, y in zip(a, b, strict=True))


def single(network: Network) -> NetworkBatch:
    batch = NetworkBatch(1, network.num_inputs, network.num_outputs)
    batch.set_network(0, network)
    return batch


def activate(batch: NetworkBatch, inputs: list[float], *, saturate: bool = False) -> list[float]:
    outputs = np.empty((1, batch.num_outputs))
    batch.activate(np.array([inputs]), outputs, saturate=saturate)
    return outputs[0].tolist()


def test_every_function_of_neat_python_is_built_in() -> None:
    assert set(ACTIVATIONS) == set(ActivationFunctionSet().functions)
    assert set(AGGREGATIONS) == set(AggregationFunctionSet().functions)


@pytest.mark.parametrize("recurrent", [True, False])
def test_250_random_genomes_equal_neat_python(recurrent: bool) -> None:
    rng = random.Random(5 if recurrent else 6)
    num_activations = num_overflows = 0
    used: set[str] = set()
    for key in range(250):
        num_inputs, num_outputs = rng.randrange(1, 12), rng.randrange(1, 6)
        config = make_config(num_inputs=str(num_inputs), num_outputs=str(num_outputs), feed_forward=str(not recurrent))
        # A third of the feed-forward ones have cycles, whose nodes neat-python leaves at 0.
        genome = random_genome(rng, key, num_inputs, num_outputs, acyclic=not recurrent and rng.random() < 0.67)
        used |= {node.activation for node in genome.nodes.values()}
        used |= {node.aggregation for node in genome.nodes.values()}
        oracle: Any = (RecurrentNetwork if recurrent else FeedForwardNetwork).create(genome, config)
        batch = single(compile_network(genome, config))
        for _ in range(20):
            inputs = [rng.gauss(0, 1) for _ in range(num_inputs)]
            try:
                expected = oracle.activate(inputs)
            except OverflowError:
                with pytest.raises(OverflowError):
                    activate(batch, inputs)
                num_overflows += 1
                break
            if any(math.isnan(value) for value in expected):
                break  # what a NaN becomes in a median afterwards is not compared
            assert same(activate(batch, inputs), expected), key
            num_activations += 1
    assert num_activations > 4000
    assert used == {*ACTIVATIONS, *AGGREGATIONS}
    assert num_overflows < 50


def test_a_game_sized_genome_equals_neat_python() -> None:
    rng = random.Random(7)
    config = make_config(num_inputs="1120", num_outputs="12")
    genome = random_genome(rng, 1, 1120, 12, acyclic=False, density=0.4)
    for node in genome.nodes.values():  # powers overflow within a few steps at this size
        node.activation = rng.choice(("sigmoid", "gauss", "tanh", "sin", "clamped", "hat"))
    oracle = RecurrentNetwork.create(genome, config)
    batch = single(compile_network(genome, config))
    for _ in range(20):
        inputs = [rng.random() for _ in range(1120)]
        assert same(activate(batch, inputs), oracle.activate(inputs))


def one_node(activation: str, aggregation: str, num_inputs: int) -> Genome:
    genome = Genome(1)
    genome.nodes[0] = node_gene(0, 0.0, 1.0, activation, aggregation, 1.0)
    for i in range(num_inputs):
        genome.connections[-i - 1, 0] = connection_gene((-i - 1, 0), i, 1.0, True)
    return genome


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_at_their_limits(activation: str) -> None:
    function = ActivationFunctionSet().get(activation)
    batch = single(compile_network(one_node(activation, "sum", 1), NetworkShape(1, 1, True)))
    points = [0.0, -0.0, 1e-300, -1e-300, 1e-8, 1.0, -1.0, 3.4, -3.4, 3.5, 24.0, -24.0, 60.0, -61.0, 750.0, -750.0]
    points += [1e103, -1e103, 1e155, -1e155, 1e308, math.inf, -math.inf, math.nan, 0.1, -0.7, 1 / 3]
    for z in points:
        try:
            expected = function(0.0 + 1.0 * (0.0 + z * 1.0))
        except OverflowError:
            with pytest.raises(OverflowError):
                activate(batch, [z])
            assert math.isinf(activate(batch, [z], saturate=True)[0])
            continue
        assert same(activate(batch, [z]), [expected]), z


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_aggregations_keep_pythons_order_of_nan_and_equals(aggregation: str) -> None:
    function = AggregationFunctionSet().get(aggregation)
    rows = [[1.0, -3.0, 3.0], [-2.0, 2.0, 1.0], [5.0, 5.0, 5.0], [math.inf, 1.0, -2.0], [1e308, 1e308, -1e308]]
    if aggregation != "median":
        rows += [[math.nan, 1.0, 2.0], [1.0, math.nan, 2.0], [1.0, 2.0, math.nan], [math.inf, -math.inf, 1.0]]
    for row in rows:
        for count in (1, 2, 3):
            batch = single(compile_network(one_node("identity", aggregation, count), NetworkShape(count, 1, True)))
            values = row[:count]
            assert same(activate(batch, values), [0.0 + 1.0 * function([v * 1.0 for v in values])]), values


def test_median_of_nan_is_nan() -> None:
    batch = single(compile_network(one_node("identity", "median", 3), NetworkShape(3, 1, True)))
    assert math.isnan(activate(batch, [1.0, math.nan, 2.0])[0])


def test_a_node_without_inputs_gives_its_bias_only_in_a_feed_forward_network() -> None:
    genome = Genome(1)
    genome.nodes[0] = node_gene(0, 0.75, 1.0, "identity", "max", 1.0)
    for feed_forward, expected in ((True, 0.75), (False, 0.0)):
        config = make_config(num_inputs="1", num_outputs="1", feed_forward=str(feed_forward))
        oracle: Any = (FeedForwardNetwork if feed_forward else RecurrentNetwork).create(genome, config)
        assert activate(single(compile_network(genome, config)), [9.0]) == oracle.activate([9.0]) == [expected]


def test_compensated_sum_is_that_of_python_3_12() -> None:
    rng = random.Random(8)
    count, num_different = 300, 0
    for _ in range(200):
        values = [rng.gauss(0, 1) * 10.0 ** rng.randrange(-8, 9) for _ in range(count)]
        results: list[float] = []
        for compensated in (False, True):
            genes = one_node("identity", "sum", count).genes()
            results += activate(single(Network(genes, count, 1, True, compensated)), values)
        plain = total = compensation = 0.0
        for x in values:
            plain += x
            t = total + x  # CPython 3.12, Python/bltinmodule.c, builtin_sum
            compensation += (total - t) + x if abs(total) >= abs(x) else (x - t) + total
            total = t
        assert results == [plain, total + compensation]
        num_different += results[0] != results[1]
    assert num_different > 50


def test_a_batch_of_different_genomes_equals_each_alone_on_any_number_of_threads() -> None:
    rng = random.Random(9)
    shape = NetworkShape(600, 5, False)
    networks = [
        compile_network(random_genome(rng, key, 600, 5, acyclic=False, density=0.7), shape) for key in range(30)
    ]
    # Enough links to be shared among threads.
    assert sum(network.num_links for network in networks) > 30_000
    alone = [single(network) for network in networks]
    batches = [NetworkBatch(30, 600, 5, threads) for threads in (1, 2, 3, 64)]
    for batch in batches:
        for lane, network in enumerate(networks):
            batch.set_network(lane, network)
    numbers = np.random.default_rng(10)
    for _ in range(10):
        inputs = numbers.random((30, 600), dtype=np.float32)
        mask = numbers.random(30) < 0.7
        outputs = [np.full((30, 5), -7.0) for _ in batches]
        for batch, out in zip(batches, outputs, strict=True):
            batch.activate(inputs, out, mask, saturate=True)
            np.testing.assert_array_equal(out, outputs[0])
        for lane, batch in enumerate(alone):
            if mask[lane]:
                row = np.empty((1, 5))
                batch.activate(inputs[lane : lane + 1].astype(np.float64), row, saturate=True)
                np.testing.assert_array_equal(outputs[0][lane], row[0])
            else:
                assert (outputs[0][lane] == -7.0).all()


def test_uint8_inputs_count_as_their_numbers() -> None:
    rng = random.Random(11)
    network = compile_network(random_genome(rng, 1, 20, 3, acyclic=True, density=0.9), NetworkShape(20, 3, True))
    pixels = np.random.default_rng(12).integers(0, 256, (1, 20), dtype=np.uint8)
    outputs = np.empty((1, 3))
    single(network).activate(pixels, outputs, saturate=True)
    assert same(outputs[0].tolist(), activate(single(network), pixels[0].astype(float).tolist(), saturate=True))


def test_swapping_resetting_and_restoring_a_lane() -> None:
    rng = random.Random(13)
    shape = NetworkShape(6, 2, False)
    genome = random_genome(rng, 1, 6, 2, acyclic=False, density=0.8)
    for node in genome.nodes.values():
        node.activation, node.aggregation = "tanh", "sum"
    network = compile_network(genome, shape)
    batch = single(network)
    rows = [[rng.gauss(0, 1) for _ in range(6)] for _ in range(8)]
    first = [activate(batch, row) for row in rows[:4]]
    kept = batch.node_values(0)
    rest = [activate(batch, row) for row in rows[4:]]
    batch.set_node_values(0, kept)
    assert [activate(batch, row) for row in rows[4:]] == rest
    batch.reset(0)
    assert [activate(batch, row) for row in rows[:4]] == first
    assert first[1:] != [activate(single(network), row) for row in rows[1:4]], "the network has no memory"
    batch.set_network(0, network)
    assert [activate(batch, row) for row in rows[:4]] == first
    assert dict(zip(network.node_keys, batch.node_values(0).tolist(), strict=True))[1] == first[3][1]


def test_mistakes_are_told_apart() -> None:
    shape = NetworkShape(2, 1, False)
    batch = NetworkBatch(2, 2, 1)
    out = np.empty((2, 1))
    with pytest.raises(ValueError, match="lane 0 has no network"):
        batch.activate(np.zeros((2, 2)), out)
    batch.set_network(0, compile_network(one_node("tanh", "sum", 2), shape))
    batch.activate(np.zeros((2, 2)), out, np.array([True, False]))
    with pytest.raises(ValueError, match=r"inputs: expected the shape \(2, 2\), got \(2, 3\)"):
        batch.activate(np.zeros((2, 3)), out)
    with pytest.raises(TypeError, match="float64, float32 or uint8"):
        batch.activate(np.zeros((2, 2), dtype=np.int32), out)
    with pytest.raises(ValueError, match="expected a network with 2 inputs"):
        batch.set_network(1, compile_network(one_node("tanh", "sum", 3), NetworkShape(3, 1, False)))
    with pytest.raises(IndexError, match="lane 5 of 2"):
        batch.reset(5)
    with pytest.raises(ValueError, match="activation 'wobble', which is not built in"):
        compile_network(one_node("wobble", "sum", 2), shape)
    genome = one_node("tanh", "sum", 2)
    genome.connections[-1, 4] = connection_gene((-1, 4), 9, 1.0, True)
    genome.connections[4, 0] = connection_gene((4, 0), 10, 1.0, True)
    with pytest.raises(ValueError, match="node 4, but no gene"):
        compile_network(genome, shape)
