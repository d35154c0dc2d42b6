"""From a genome to its compiled network."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import cast

import neat

from playthrough._neat import Network
from playthrough.agents.neat.genome import Genome
from playthrough.agents.neat.neat_python import NeatConfig

# sum() of floats is compensated since CPython 3.12. Networks follow the Python that runs, as neat-python's do.
COMPENSATED_SUM = sys.version_info >= (3, 12)


@dataclass(frozen=True)
class NetworkShape:
    """What a genome does not say about its network.

    Attributes:
        num_inputs: Values of one observation.
        num_outputs: Values that decide on the action.
        feed_forward: Whether nodes read this step's values, in layers, rather than the previous step's.
    """

    num_inputs: int
    num_outputs: int
    feed_forward: bool

    @classmethod
    def of(cls, config: neat.Config | NetworkShape) -> NetworkShape:
        """The shape that a configuration asks for."""
        if isinstance(config, NetworkShape):
            return config
        genome = cast("NeatConfig", config).genome_config
        return cls(genome.num_inputs, genome.num_outputs, genome.feed_forward)


def compile_network(genome: Genome | neat.DefaultGenome, config: neat.Config | NetworkShape) -> Network:
    """The network of a genome: neat-python's RecurrentNetwork or FeedForwardNetwork, with the same results.

    Raises:
        ValueError: A node's activation or aggregation is not built in, or a connection leads to a missing node.
    """
    shape = NetworkShape.of(config)
    genes = genome.genes() if isinstance(genome, Genome) else as_genome(genome).genes()
    return Network(genes, shape.num_inputs, shape.num_outputs, shape.feed_forward, COMPENSATED_SUM)


def as_genome(genome: neat.DefaultGenome) -> Genome:
    """Our view of one of neat-python's genomes; the genes are shared."""
    result = Genome(cast("int", genome.key))
    result.nodes, result.connections, result.fitness = genome.nodes, genome.connections, genome.fitness
    return result
