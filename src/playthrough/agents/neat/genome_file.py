"""One genome as a JSON text that says everything needed to run its network."""

from __future__ import annotations

import json
from typing import Any, cast

import neat

from playthrough.agents.neat.genome import Genome, connection_gene, node_gene
from playthrough.agents.neat.network import NetworkShape, as_genome
from playthrough.errors import StateError

_FORMAT = "playthrough-neat-genome"
_VERSION = 1
_NODE_FIELDS = ("key", "bias", "response", "activation", "aggregation", "time_constant")
_CONNECTION_FIELDS = ("source", "target", "weight", "enabled", "innovation")


def genome_to_json(genome: Genome | neat.DefaultGenome, config: neat.Config | NetworkShape) -> str:
    """A genome with its network's shape, one gene per line.

    Numbers are written so that they are read back exactly.
    """
    genome = genome if isinstance(genome, Genome) else as_genome(genome)
    shape = NetworkShape.of(config)
    head = {
        "format": _FORMAT,
        "version": _VERSION,
        "key": genome.key,
        "fitness": genome.fitness,
        "num_inputs": shape.num_inputs,
        "num_outputs": shape.num_outputs,
        "feed_forward": shape.feed_forward,
        "node_fields": _NODE_FIELDS,
        "connection_fields": _CONNECTION_FIELDS,
    }
    nodes = [[getattr(node, field) for field in _NODE_FIELDS] for node in genome.nodes.values()]
    connections = [[*gene.key, gene.weight, gene.enabled, gene.innovation] for gene in genome.connections.values()]
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}," for name, value in head.items()]
    return "\n".join(["{", *lines, _rows("nodes", nodes) + ",", _rows("connections", connections), "}", ""])


def genome_from_json(text: str) -> tuple[Genome, NetworkShape]:
    """Reads what `genome_to_json` wrote.

    Raises:
        StateError: The text is damaged, or something else.
    """
    try:
        document = cast("dict[str, Any]", json.loads(text))
        if document.get("format") != _FORMAT:
            raise StateError(f"expected a genome file (format {_FORMAT}), found format {document.get('format')!r}")
        if document["version"] != _VERSION:
            raise StateError(
                f"genome file: expected version {_VERSION}, found {document['version']}: update playthrough"
            )
        genome = Genome(int(document["key"]))
        fitness = document["fitness"]
        genome.fitness = None if fitness is None else float(fitness)
        for key, bias, response, activation, aggregation, time_constant in document["nodes"]:
            genome.nodes[key] = node_gene(key, bias, response, activation, aggregation, time_constant)
        for source, target, weight, enabled, innovation in document["connections"]:
            genome.connections[source, target] = connection_gene((source, target), innovation, weight, enabled)
        shape = NetworkShape(int(document["num_inputs"]), int(document["num_outputs"]), bool(document["feed_forward"]))
        genome.genes()
    except json.JSONDecodeError as error:
        raise StateError(f"genome file: line {error.lineno}, column {error.colno}: {error.msg}") from error
    except (KeyError, TypeError, ValueError, AttributeError, AssertionError) as error:
        raise StateError(f"genome file is damaged: {type(error).__name__}: {error}") from error
    return genome, shape


def _rows(name: str, rows: list[list[Any]]) -> str:
    body = ",\n".join(f"    {json.dumps(row)}" for row in rows)
    return f'  "{name}": [\n{body}\n  ]'
