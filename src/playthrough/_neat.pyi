"""The compiled part of `playthrough.agents.neat`; sources in native/neat.hpp."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

ACTIVATIONS: tuple[str, ...]
AGGREGATIONS: tuple[str, ...]

class Genes:
    """One genome's genes as arrays: a copy, in the order of its dictionaries, taken when this is made."""

    def __init__(self, nodes: Mapping[int, Any], connections: Mapping[tuple[int, int], Any]) -> None: ...
    @property
    def num_nodes(self) -> int: ...
    @property
    def num_connections(self) -> int: ...
    @property
    def num_enabled(self) -> int: ...
    def arrays(self) -> dict[str, Any]:
        """node_key, bias, response, time_constant, activation, aggregation (lists of names); source, target,
        weight, enabled (uint8)."""

    def distance(self, other: Genes, disjoint_coefficient: float, weight_coefficient: float) -> float:
        """neat-python's DefaultGenome.distance, to the last bit."""

class Network:
    """A genome compiled to arrays; it holds no state and can be shared.

    Raises:
        ValueError: a connection leads to a node without a gene, or a function is not built in.
    """

    def __init__(
        self, genes: Genes, num_inputs: int, num_outputs: int, feed_forward: bool, compensated_sum: bool
    ) -> None: ...
    @property
    def num_inputs(self) -> int: ...
    @property
    def num_outputs(self) -> int: ...
    @property
    def num_links(self) -> int: ...
    @property
    def feed_forward(self) -> bool: ...
    @property
    def node_keys(self) -> list[int]:
        """The node of each entry of `NetworkBatch.node_values`; the outputs come first."""

class NetworkBatch:
    """Lanes that each hold a network and its node values."""

    def __init__(self, num_lanes: int, num_inputs: int, num_outputs: int, num_threads: int = 1) -> None: ...
    @property
    def num_lanes(self) -> int: ...
    @property
    def num_inputs(self) -> int: ...
    @property
    def num_outputs(self) -> int: ...
    def set_network(self, lane: int, network: Network | None) -> None:
        """Puts a network into a lane, with all node values 0."""

    def reset(self, lane: int) -> None: ...
    def activate(
        self,
        inputs: NDArray[Any],
        outputs: NDArray[np.float64],
        mask: NDArray[np.bool_] | None = None,
        saturate: bool = False,
    ) -> None:
        """Activates every lane, or those whose mask is set; the rows of the others are left alone.

        Args:
            inputs: (num_lanes, num_inputs), float64, float32 or uint8.
            outputs: (num_lanes, num_outputs), written in place.
            mask: (num_lanes,).
            saturate: whether a square or a cube beyond the range of a float is an infinity, not an OverflowError.
        """

    def node_values(self, lane: int) -> NDArray[np.float64]: ...
    def set_node_values(self, lane: int, values: NDArray[np.float64]) -> None: ...
