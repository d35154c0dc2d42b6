"""The parts of neat-python that are used here, with types: it has none itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol


class NodeGene(Protocol):
    """neat-python's DefaultNodeGene."""

    key: int
    bias: float
    response: float
    activation: str
    aggregation: str
    time_constant: float

    def mutate(self, config: Any) -> None: ...  # noqa: D102
    def copy(self) -> NodeGene: ...  # noqa: D102
    def crossover(self, gene2: NodeGene) -> NodeGene: ...  # noqa: D102


class ConnectionGene(Protocol):
    """neat-python's DefaultConnectionGene."""

    key: tuple[int, int]
    innovation: int
    weight: float
    enabled: bool


class GenomeConfig(Protocol):
    """neat-python's DefaultGenomeConfig: the section [DefaultGenome]."""

    num_inputs: int
    num_outputs: int
    feed_forward: bool
    compatibility_disjoint_coefficient: float
    compatibility_weight_coefficient: float
    single_structural_mutation: bool
    conn_add_prob: float
    conn_delete_prob: float
    node_add_prob: float
    node_delete_prob: float
    weight_init_type: str
    weight_init_mean: float
    weight_init_stdev: float
    weight_mutate_rate: float
    weight_mutate_power: float
    weight_replace_rate: float
    weight_max_value: float
    weight_min_value: float
    enabled_mutate_rate: float
    enabled_rate_to_true_add: float
    enabled_rate_to_false_add: float
    crossover_share: float
    mutation_spread: float
    node_indexer: Iterator[int] | None
    innovation_tracker: Any

    def get_new_node_key(self, node_dict: Any) -> int: ...  # noqa: D102


class ReproductionConfig(Protocol):
    """The section [DefaultReproduction]."""

    elitism: int
    survival_threshold: float
    min_species_size: int


class StagnationConfig(Protocol):
    """The section [DefaultStagnation]."""

    species_fitness_func: str
    max_stagnation: int
    species_elitism: int


class NeatConfig(Protocol):
    """neat-python's Config."""

    pop_size: int
    fitness_criterion: str
    fitness_threshold: float
    reset_on_extinction: bool
    no_fitness_termination: bool
    genome_type: Any
    reproduction_type: Any
    species_set_type: Any
    stagnation_type: Any
    genome_config: GenomeConfig
    reproduction_config: ReproductionConfig
    species_set_config: Any
    stagnation_config: StagnationConfig


class Indexer:
    """Counts up like itertools.count, but its next value can be read, so it can be stored."""

    def __init__(self, next_value: int) -> None:
        self.next_value = next_value

    def __iter__(self) -> Indexer:
        return self

    def __next__(self) -> int:
        self.next_value += 1
        return self.next_value - 1
