"""neat-python's genome with the same results, faster: its distance is compiled and its loops are written out."""

from __future__ import annotations

import warnings
from collections import defaultdict
from random import gauss, random, randrange, uniform  # the generator that neat-python draws from
from typing import Any, cast

import neat
import numpy as np
from neat.genes import DefaultConnectionGene, DefaultNodeGene
from numpy.typing import NDArray

from playthrough._neat import Genes
from playthrough.agents.neat.endings import Ending
from playthrough.agents.neat.neat_python import ConnectionGene, GenomeConfig, NodeGene

_LOCAL_STEEPNESS = 25.0
"""How fast a local node falls silent; large beside the weights that mutations add."""

_LOCAL_NEARNESS = 0.8
"""How far on the way to its situation a local node begins to speak."""

_LOCAL_RIDGE = 0.3
"""Added to every input's variance, in mean variances, so that what was never seen does not count endlessly."""

_LOCAL_ECHO = (0.5, 0.95)
"""What is left of an echo a decision later."""

_DIGITS = 4
"""Of a local node's weights and bias: other processors' linear algebra differs in the last ones, runs shall not."""

_LOCAL_STRENGTH = 24.0
"""A local node's weight at most: what the other inputs say of a button adds up to less, more often than not."""


class Genome(neat.DefaultGenome):
    """A genome: nodes and connections, each with its genes.

    It draws the same random numbers in the same order as neat-python's DefaultGenome, so that a run from the same seed
    gives the same genomes; the tests compare whole runs. A genome changes only while it is made (`configure_new`,
    `configure_crossover`, `mutate`), so the compiled copy of its genes is kept until then. Whoever edits a gene by hand
    calls `genes_changed` afterwards.
    """

    key: int
    nodes: dict[int, NodeGene]
    connections: dict[tuple[int, int], ConnectionGene]
    fitness: float | None

    def __init__(self, key: int) -> None:
        super().__init__(key)
        self._genes: Genes | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_genes": None}

    def genes(self) -> Genes:
        """The genes as compiled arrays."""
        if self._genes is None:
            self._genes = Genes(self.nodes, self.connections)
        return self._genes

    def genes_changed(self) -> None:
        """Forgets the compiled copy."""
        self._genes = None

    def distance(self, other: Genome, config: GenomeConfig) -> float:
        """The genetic distance that decides on species (the paper's delta, section 3.3, by neat-python's formula)."""
        return self.genes().distance(
            other.genes(), config.compatibility_disjoint_coefficient, config.compatibility_weight_coefficient
        )

    def size(self) -> tuple[int, int]:
        """The number of nodes (without inputs) and of enabled connections."""
        genes = self.genes()
        return genes.num_nodes, genes.num_enabled

    def configure_new(self, config: GenomeConfig) -> None:
        """Makes this a first genome."""
        self.genes_changed()
        super().configure_new(config)

    def configure_crossover(self, genome1: Genome, genome2: Genome, config: GenomeConfig) -> None:
        """Makes this a child: matching genes from either parent, the others from the fitter one (paper, page 108).

        With `crossover_share` below 1, the other children have the fitter parent's genes alone.
        """
        self.genes_changed()
        assert genome1.fitness is not None and genome2.fitness is not None
        parent1, parent2 = (genome1, genome2) if genome1.fitness > genome2.fitness else (genome2, genome1)
        share: float = getattr(config, "crossover_share", 1.0)  # neat-python's own configurations know no such thing
        if share < 1.0 and random() >= share:
            parent2 = parent1
        genes1 = {gene.innovation: gene for gene in parent1.connections.values()}
        genes2 = {gene.innovation: gene for gene in parent2.connections.values()}
        connections = self.connections
        new = cast("Any", DefaultConnectionGene.__new__)
        cycles = _CycleCheck() if config.feed_forward else None

        # The order of this set is the order of the child's genes, so it is built exactly as neat-python does.
        for innovation in set(genes1.keys()) | set(genes2.keys()):
            gene1 = genes1.get(innovation)
            if gene1 is None:
                continue
            gene2 = genes2.get(innovation)
            weight, enabled = gene1.weight, gene1.enabled
            if gene2 is not None:
                if gene1.key == gene2.key:
                    either_disabled = not enabled or not gene2.enabled
                    if random() <= 0.5:
                        weight = gene2.weight
                    if random() <= 0.5:
                        enabled = gene2.enabled
                    if either_disabled and random() < 0.75:
                        enabled = False
                else:
                    warnings.warn(
                        f"Innovation number collision: innovation {innovation} assigned to both "
                        f"{gene1.key} and {gene2.key}. Treating as disjoint genes.",
                        RuntimeWarning,
                        stacklevel=2,
                    )
            key = gene1.key
            if cycles is not None and not cycles.add(key):
                continue
            child: ConnectionGene = new(DefaultConnectionGene)
            child.key = key
            child.innovation = innovation
            child.weight = weight
            child.enabled = enabled
            connections[key] = child

        nodes2 = parent2.nodes
        for node_key, node1 in parent1.nodes.items():
            node2 = nodes2.get(node_key)
            self.nodes[node_key] = node1.copy() if node2 is None else node1.crossover(node2)

    def mutate(self, config: GenomeConfig) -> None:
        """Changes structure, weights and node attributes at random.

        With a `mutation_spread` above 1, all rates of this child are up to that many times smaller.
        """
        self.genes_changed()
        spread: float = getattr(config, "mutation_spread", 1.0)
        share = spread ** -random() if spread > 1.0 else 1.0
        add_node, delete_node = config.node_add_prob * share, config.node_delete_prob * share
        add_connection, delete_connection = config.conn_add_prob * share, config.conn_delete_prob * share
        if config.single_structural_mutation:
            total = max(1, add_node + delete_node + add_connection + delete_connection)
            r = random()
            if r < add_node / total:
                self.mutate_add_node(config)
            elif r < (add_node + delete_node) / total:
                self.mutate_delete_node(config)
            elif r < (add_node + delete_node + add_connection) / total:
                self.mutate_add_connection(config)
            elif r < (add_node + delete_node + add_connection + delete_connection) / total:
                self.mutate_delete_connection()
        else:
            if random() < add_node:
                self.mutate_add_node(config)
            if random() < delete_node:
                self.mutate_delete_node(config)
            if random() < add_connection:
                self.mutate_add_connection(config)
            if random() < delete_connection:
                self.mutate_delete_connection()
        self._mutate_connections(config, share)
        for node in self.nodes.values():
            if share == 1.0 or random() < share:
                node.mutate(config)

    def add_local_node(self, ending: Ending, config: GenomeConfig) -> None:
        """Adds a node that is 1 in a situation from before an episode's end, and 0 elsewhere, with a say in an output.

        Where situations that look nearly the same want different buttons, mutations that change what a network does
        in one of them nearly always spoil others. A node that knows one situation does not (RBF-NEAT: Kohl and
        Miikkulainen, Evolving neural networks for strategic decision-making problems, 2009). What tells it from the
        rest of the episode is Fisher's linear discriminant, with a ridge. It speaks against what the network chose
        there: for an output that did not have its way, or against one that did. Half of these nodes speak through a
        second one that echoes them, fading away, as a jump wants a button held for a while.
        """
        self.genes_changed()
        number = randrange(len(ending.situations))
        if not (np.isfinite(ending.seen).all() and np.isfinite(ending.situations[number]).all()):
            return
        usual = ending.seen.mean(axis=0, dtype=np.float64)
        weights = _discriminant(ending.situations[number] - usual, ending.seen - usual)
        if weights is None:
            return  # an episode in which everything looked the same
        weights = np.round(weights * _LOCAL_STEEPNESS, _DIGITS)
        bias = round(-_LOCAL_STEEPNESS * _LOCAL_NEARNESS - float(weights @ usual), _DIGITS)
        speaker = self._add_node("sigmoid", bias, config)
        for index in np.flatnonzero(weights).tolist():
            self._connect(-index - 1, speaker, float(weights[index]), "add_node_in", config)
        heard = number + (not config.feed_forward)  # what a recurrent network's node says counts a decision later
        if not config.feed_forward and random() < 0.5:
            echo = self._add_node("identity", 0.0, config)
            self._connect(speaker, echo, 1.0, "add_node_in", config)
            self._connect(echo, echo, uniform(*_LOCAL_ECHO), "add_node_self", config)
            speaker, heard = echo, heard + 1
        output, strength = randrange(config.num_outputs), uniform(_LOCAL_STRENGTH / 4, _LOCAL_STRENGTH)
        against = bool(ending.chosen[min(heard, len(ending.chosen) - 1), output])
        self._connect(speaker, output, -strength if against else strength, "add_node_out", config)

    def _add_node(self, activation: str, bias: float, config: GenomeConfig) -> int:
        key = config.get_new_node_key(self.nodes)
        node = cast("NodeGene", neat.DefaultGenome.create_node(config, key))
        node.bias, node.response, node.activation, node.aggregation = bias, 1.0, activation, "sum"
        self.nodes[key] = node
        return key

    def _connect(self, source: int, target: int, weight: float, kind: str, config: GenomeConfig) -> None:
        weight = min(max(weight, config.weight_min_value), config.weight_max_value)
        innovation: int = config.innovation_tracker.get_innovation_number(source, target, kind)
        self.connections[source, target] = connection_gene((source, target), innovation, weight, True)

    def _mutate_connections(self, config: GenomeConfig, share: float) -> None:
        """neat-python's FloatAttribute.mutate_value and BoolAttribute.mutate_value for every connection."""
        mutate_rate = config.weight_mutate_rate * share
        replace_rate = config.weight_replace_rate * share + mutate_rate
        power = config.weight_mutate_power
        low, high = config.weight_min_value, config.weight_max_value
        init_weight = cast("Any", DefaultConnectionGene)._gene_attributes[0].init_value
        disable_rate = (config.enabled_mutate_rate + config.enabled_rate_to_false_add) * share
        enable_rate = (config.enabled_mutate_rate + config.enabled_rate_to_true_add) * share
        for gene in self.connections.values():
            r = random()
            if r < mutate_rate:
                weight = gene.weight + gauss(0.0, power)
                if weight > high:
                    weight = high
                gene.weight = low if weight < low else weight
            elif r < replace_rate:
                gene.weight = init_weight(config)
            rate = disable_rate if gene.enabled else enable_rate
            if rate > 0 and random() < rate:
                gene.enabled = random() < 0.5


class _CycleCheck:
    """neat-python's creates_cycle for a genome that grows connection by connection.

    Nothing leads to an input, so connections from inputs close no cycle and need no search; in a game's genome those
    are nearly all.
    """

    def __init__(self) -> None:
        self._targets: defaultdict[int, list[int]] = defaultdict(list)

    def add(self, key: tuple[int, int]) -> bool:
        """Adds a connection, unless it closes a cycle."""
        source, target = key
        if source < 0:
            return True
        seen, to_visit = {target}, [target]
        while to_visit:
            node = to_visit.pop()
            if node == source:
                return False
            for following in self._targets.get(node, ()):
                if following not in seen:
                    seen.add(following)
                    to_visit.append(following)
        self._targets[source].append(target)
        return True


def _discriminant(situation: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Weights that are 1 for a situation and small for the others, float64 (inputs,); None if it is not unusual.

    Args:
        situation: How it differs from what is usual, (inputs,).
        others: How each of the others does, (others, inputs).
    """
    num_others, num_inputs = others.shape
    ridge = _LOCAL_RIDGE * float(np.square(others).mean())
    if not ridge or not situation.any():
        return None
    if num_inputs <= num_others:
        weights = _solve(others.T @ others / num_others + ridge * np.eye(num_inputs), situation)
    else:  # the same, by the smaller matrix
        inner = others @ others.T + num_others * ridge * np.eye(num_others)
        weights = situation - others.T @ _solve(inner, others @ situation)
    return weights / float(weights @ situation)


def _solve(matrix: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    return cast("NDArray[np.float64]", cast("Any", np.linalg).solve(matrix, values))


def connection_gene(key: tuple[int, int], innovation: int, weight: float, enabled: bool) -> ConnectionGene:
    """A connection gene with these values."""
    gene = cast("ConnectionGene", DefaultConnectionGene(key, innovation=innovation))
    gene.weight, gene.enabled = weight, enabled
    return gene


def node_gene(
    key: int, bias: float, response: float, activation: str, aggregation: str, time_constant: float
) -> NodeGene:
    """A node gene with these values."""
    gene = cast("NodeGene", DefaultNodeGene(key))
    gene.bias, gene.response, gene.time_constant = bias, response, time_constant
    gene.activation, gene.aggregation = activation, aggregation
    return gene


# neat-python finds the section of a class in the configuration file by the class's name.
Genome.__name__ = "DefaultGenome"
