"""An evolution as plain data: dicts, lists, numbers, texts and numpy arrays."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any, cast

import neat
import numpy as np
from neat.species import Species
from numpy.typing import NDArray

from playthrough.agents.neat.evolution import BreedingOptions, Evolution
from playthrough.agents.neat.genome import Genome, connection_gene, node_gene
from playthrough.agents.neat.neat_python import Indexer
from playthrough.errors import ConfigError

_NODE_ARRAYS = ("node_key", "bias", "response", "time_constant")
_CONNECTION_ARRAYS = ("source", "target", "weight", "enabled")


def genomes_to_plain(genomes: Iterable[Genome]) -> dict[str, Any]:
    """Genomes as arrays: the genes of one after those of the other, in the order of their dictionaries."""
    genomes = list(genomes)
    parts = [genome.genes().arrays() for genome in genomes]
    plain: dict[str, Any] = {
        "key": np.array([genome.key for genome in genomes], dtype=np.int64),
        "fitness": [genome.fitness for genome in genomes],
        "num_nodes": np.array([len(genome.nodes) for genome in genomes], dtype=np.int64),
        "num_connections": np.array([len(genome.connections) for genome in genomes], dtype=np.int64),
        "activation": [name for part in parts for name in part["activation"]],
        "aggregation": [name for part in parts for name in part["aggregation"]],
    }
    for name in (*_NODE_ARRAYS, *_CONNECTION_ARRAYS):
        plain[name] = np.concatenate([part[name] for part in parts]) if parts else np.zeros(0)
    plain["innovation"] = np.array(
        [gene.innovation for genome in genomes for gene in genome.connections.values()], dtype=np.int64
    )
    plain["enabled"] = np.packbits(plain["enabled"].astype(np.bool_))
    return plain


def genomes_from_plain(plain: dict[str, Any]) -> list[Genome]:
    """The genomes that `genomes_to_plain` was given."""
    num_connections = cast("NDArray[np.int64]", plain["num_connections"])
    count = int(num_connections.sum())
    enabled = np.unpackbits(plain["enabled"], count=count).astype(np.bool_)
    node_columns = [plain[name].tolist() for name in _NODE_ARRAYS]
    nodes = zip(*node_columns, plain["activation"], plain["aggregation"], strict=True)
    columns = [plain[name].tolist() for name in ("source", "target", "innovation", "weight")]
    connections = zip(*columns, enabled.tolist(), strict=True)
    genomes: list[Genome] = []
    sizes = zip(
        plain["key"].tolist(), plain["fitness"], plain["num_nodes"].tolist(), num_connections.tolist(), strict=True
    )
    for key, fitness, nodes_here, connections_here in sizes:
        genome = Genome(key)
        genome.fitness = fitness
        for _ in range(nodes_here):
            node, bias, response, time_constant, activation, aggregation = next(nodes)
            genome.nodes[node] = node_gene(node, bias, response, activation, aggregation, time_constant)
        genes = genome.connections
        for _ in range(connections_here):
            source, target, innovation, weight, is_enabled = next(connections)
            pair = (source, target)
            genes[pair] = connection_gene(pair, innovation, weight, is_enabled)
        genomes.append(genome)
    return genomes


def evolution_to_plain(evolution: Evolution) -> dict[str, Any]:
    """Everything that the next generations depend on, besides the configuration."""
    reproduction, species_set = evolution.reproduction, evolution.species_set
    tracker = reproduction.innovation_tracker
    version, words, gauss_next = evolution.random_state
    innovations = cast("dict[tuple[int, int, str], int]", tracker.generation_innovations)
    kinds = sorted({kind for _, _, kind in innovations})
    ancestors = cast("dict[int, tuple[int, ...]]", reproduction.ancestors)
    genome_config = evolution.config.genome_config
    return {
        "generation": evolution.generation,
        "threshold": evolution.threshold,
        "num_inputs": genome_config.num_inputs,
        "num_outputs": genome_config.num_outputs,
        "random": {"version": version, "words": np.array(words, dtype=np.uint32), "gauss_next": gauss_next},
        "next_genome": reproduction.genome_indexer.next_value,
        "next_species": species_set.indexer.next_value,
        "next_node": cast("Indexer", genome_config.node_indexer).next_value,
        "innovations": {
            "counter": tracker.global_counter,
            "kinds": kinds,
            "rows": np.array(
                [[a, b, kinds.index(kind), number] for (a, b, kind), number in innovations.items()], dtype=np.int64
            ).reshape(-1, 4),
        },
        # A first genome has no parents, a child two: -1 stands for none.
        "ancestors": np.array(
            [[key, *(parents or (-1, -1))] for key, parents in ancestors.items()], dtype=np.int64
        ).reshape(-1, 3),
        "population": genomes_to_plain(evolution.population.values()),
        "genome_to_species": np.array(list(species_set.genome_to_species.items()), dtype=np.int64).reshape(-1, 2),
        "species": [
            {
                "key": species.key,
                "created": species.created,
                "last_improved": species.last_improved,
                "representative": species.representative.key,
                "members": list(species.members),
                "fitness": species.fitness,
                "adjusted_fitness": species.adjusted_fitness,
                "fitness_history": list(species.fitness_history),
            }
            for species in species_set.species.values()
        ],
    }


def evolution_from_plain(
    config: neat.Config, plain: dict[str, Any], options: BreedingOptions | None = None
) -> Evolution:
    """The evolution that `evolution_to_plain` was given; the configuration may have changed in between.

    Args:
        config: The configuration.
        plain: What `evolution_to_plain` gave.
        options: See `Evolution`.

    Raises:
        ConfigError: The configuration is for other networks.
    """
    evolution = Evolution(config, 0, options)
    if evolution.num_species:
        evolution.threshold = plain.get("threshold", evolution.threshold)
    genome_config = evolution.config.genome_config
    for name in ("num_inputs", "num_outputs"):
        if getattr(genome_config, name) != plain[name]:
            raise ConfigError(
                f"NEAT configuration: {name} = {getattr(genome_config, name)}, but the run to be continued "
                f"has {plain[name]}. Write {name} = {plain[name]}, or start a new run"
            )
    reproduction, species_set = evolution.reproduction, evolution.species_set
    evolution.generation = plain["generation"]
    numbers = plain["random"]
    evolution.random_state = (numbers["version"], tuple(numbers["words"].tolist()), numbers["gauss_next"])
    random.Random().setstate(evolution.random_state)  # raises here, rather than in the next generation
    reproduction.genome_indexer = Indexer(plain["next_genome"])
    species_set.indexer = Indexer(plain["next_species"])
    genome_config.node_indexer = Indexer(plain["next_node"])
    tracker = reproduction.innovation_tracker
    tracker.global_counter = plain["innovations"]["counter"]
    kinds = plain["innovations"]["kinds"]
    tracker.generation_innovations = {
        (a, b, kinds[kind]): number for a, b, kind, number in plain["innovations"]["rows"].tolist()
    }
    reproduction.ancestors = {
        key: () if parent1 < 0 else (parent1, parent2) for key, parent1, parent2 in plain["ancestors"].tolist()
    }
    evolution.population = {genome.key: genome for genome in genomes_from_plain(plain["population"])}
    species_set.genome_to_species = dict(plain["genome_to_species"].tolist())
    for entry in plain["species"]:
        species = cast("Any", Species(entry["key"], entry["created"]))
        species.last_improved = entry["last_improved"]
        species.representative = evolution.population[entry["representative"]]
        species.members = {key: evolution.population[key] for key in entry["members"]}
        species.fitness, species.adjusted_fitness = entry["fitness"], entry["adjusted_fitness"]
        species.fitness_history = list(entry["fitness_history"])
        species_set.species[entry["key"]] = species
    return evolution
