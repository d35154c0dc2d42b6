"""Random genomes that reach the corners: orphans, dead ends, self-loops, disabled genes, outputs as sources."""

from __future__ import annotations

import random

from playthrough._neat import ACTIVATIONS, AGGREGATIONS
from playthrough.agents.neat.genome import Genome, connection_gene, node_gene


def random_genome(
    rng: random.Random, key: int, num_inputs: int, num_outputs: int, *, acyclic: bool, density: float | None = None
) -> Genome:
    genome = Genome(key)
    nodes = list(range(num_outputs + rng.randrange(8)))
    for node in rng.sample(nodes, len(nodes)):
        genome.nodes[node] = node_gene(
            node, rng.gauss(0, 1), rng.gauss(1, 0.5), rng.choice(ACTIVATIONS), rng.choice(AGGREGATIONS), rng.random()
        )
    sources = [*range(-num_inputs, 0), *nodes]
    rank = {node: rng.random() for node in sources}
    density = rng.choice((0.1, 0.3, 0.7)) if density is None else density
    pairs = [(a, b) for a in sources for b in nodes if rng.random() < density]
    rng.shuffle(pairs)
    for source, target in pairs:
        if acyclic and source >= 0 and rank[source] >= rank[target]:
            continue
        genome.connections[source, target] = connection_gene(
            (source, target), rng.randrange(10**6), rng.gauss(0, 2), rng.random() < 0.8
        )
    return genome
