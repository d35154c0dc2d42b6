"""NEAT's two costs next to neat-python's own: activating a network, and dividing a population into species.

The task is a Genesis game's: 1 120 inputs, 12 buttons, recurrent, half of all connections, seven aggregations. Both
sides do the same work in the same process, in turn; the ratio is the median of five. Results are compared as well.

    python -m benchmarks neat_networks [--short]
"""

from __future__ import annotations

import copy
import random
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from statistics import median
from time import perf_counter

import neat
import numpy as np
from neat.genome import DefaultGenome
from neat.nn import RecurrentNetwork
from neat.reporting import ReporterSet

from playthrough._neat import NetworkBatch
from playthrough.agents.neat import compile_network, load_neat_config
from playthrough.agents.neat.evolution import Evolution

CONFIG = Path(__file__).parent.parent / "tests" / "agents" / "neat" / "tutorial-0.92.cfg"
NUM_ROUNDS = 5
NUM_GENOMES = 8  # as many as lanes in a usual run


def evolved(pop_size: int, generations: int) -> Evolution:
    """A population after some generations under random fitness: its genomes are mutated, not fresh."""
    config, _ = load_neat_config(CONFIG)
    config.pop_size = pop_size
    evolution = Evolution(config, seed=1)
    evolution.start()
    fitness = random.Random(2)
    for _ in range(generations):
        for genome in evolution.population.values():
            genome.fitness = fitness.random()
        evolution.advance()
    return evolution


def benchmark_activation(evolution: Evolution) -> None:
    """One activation of one network: neat-python's, ours alone, and ours in a batch of lanes with float32 pictures."""
    config = evolution.config
    genomes = list(evolution.population.values())[-NUM_GENOMES:]
    theirs = [RecurrentNetwork.create(genome, config) for genome in genomes]
    compiled = [compile_network(genome, config) for genome in genomes]
    num_links = sum(network.num_links for network in compiled) / len(compiled)
    singles = [NetworkBatch(1, 1120, 12) for _ in genomes]
    for batch, network in zip(singles, compiled, strict=True):
        batch.set_network(0, network)
    batches = {threads: NetworkBatch(NUM_GENOMES, 1120, 12, threads) for threads in (1, 2)}
    for batch in batches.values():
        for lane, network in enumerate(compiled):
            batch.set_network(lane, network)

    steps = 10
    inputs = np.random.default_rng(3).random((steps, 1120))
    rows = inputs.tolist()
    wide = [np.repeat(row[np.newaxis], NUM_GENOMES, axis=0).astype(np.float32) for row in inputs]
    out, wide_out = np.empty((1, 12)), np.empty((NUM_GENOMES, 12))
    repeats = 40
    times: dict[str, list[float]] = {"neat-python": [], "one lane": [], "batch, 1 thread": [], "batch, 2 threads": []}
    for _ in range(NUM_ROUNDS):
        started = perf_counter()
        for network in theirs:
            for row in rows:
                network.activate(row)
        times["neat-python"].append((perf_counter() - started) / (steps * NUM_GENOMES))
        started = perf_counter()
        for batch in singles:
            for _ in range(repeats):
                for row in inputs:
                    batch.activate(row[np.newaxis], out)
        times["one lane"].append((perf_counter() - started) / (steps * NUM_GENOMES * repeats))
        for threads, batch in batches.items():
            started = perf_counter()
            for _ in range(repeats):
                for row in wide:
                    batch.activate(row, wide_out)
            name = f"batch, {threads} thread{'s' * (threads > 1)}"
            times[name].append((perf_counter() - started) / (steps * NUM_GENOMES * repeats))

    num_equal = 0
    for network, batch in zip(theirs, singles, strict=True):
        network.reset()
        batch.reset(0)
        for row in inputs:
            batch.activate(row[np.newaxis], out, saturate=True)
            num_equal += network.activate(row.tolist()) == out[0].tolist()
    print(f"activation, 1120 inputs, 12 outputs, recurrent, {num_links:.0f} links on average")
    print(f"  equal to the last bit: {num_equal} of {NUM_GENOMES * steps} activations")
    print(f"  neat-python        {median(times['neat-python']) * 1e6:8.1f} us")
    for name in list(times)[1:]:
        ratio = median(a / b for a, b in zip(times["neat-python"], times[name], strict=True))
        print(f"  {name:<18} {median(times[name]) * 1e6:8.1f} us   {ratio:6.1f} times as fast")


def benchmark_speciation(evolution: Evolution) -> None:
    """Dividing a generation among the species of the one before; every genome's genes are read anew."""
    config, population = evolution.config, evolution.population
    times: dict[str, list[float]] = {"neat-python": [], "playthrough": []}
    divisions: dict[str, dict[int, int]] = {}
    fast_distance = type(next(iter(population.values()))).distance
    genome_class = type(next(iter(population.values())))
    for round_number in range(NUM_ROUNDS):
        for name, distance in (("neat-python", DefaultGenome.distance), ("playthrough", fast_distance)):
            if name == "neat-python" and round_number >= 3:
                continue  # three of these take most of the time
            for genome in population.values():
                genome.genes_changed()
            genome_class.distance = distance
            species_set = neat.DefaultSpeciesSet(config.species_set_config, ReporterSet())
            species_set.species = {key: copy.copy(species) for key, species in evolution.species_set.species.items()}
            species_set.indexer = count(evolution.species_set.indexer.next_value)
            started = perf_counter()
            species_set.speciate(config, population, 0)
            times[name].append(perf_counter() - started)
            divisions[name] = species_set.genome_to_species
        genome_class.distance = fast_distance
    equal = "equal" if divisions["neat-python"] == divisions["playthrough"] else "DIFFERENT"
    ratio = median(a / b for a, b in zip(times["neat-python"], times["playthrough"], strict=False))
    num_species = len(set(divisions["playthrough"].values()))
    print(f"speciation, population {len(population)}, {num_species} species ({equal})")
    print(f"  neat-python        {median(times['neat-python']):8.3f} s")
    print(f"  playthrough        {median(times['playthrough']):8.3f} s    {ratio:6.1f} times as fast")


def main(arguments: Sequence[str] = ()) -> None:
    """Compare both costs; `--short` takes smaller populations."""
    short = "--short" in arguments
    print(f"Python {sys.version.split()[0]}")
    benchmark_activation(evolved(pop_size=30, generations=3 if short else 8))
    benchmark_speciation(evolved(pop_size=40 if short else 150, generations=1))


if __name__ == "__main__":
    main(sys.argv[1:])
