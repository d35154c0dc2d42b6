"""Lets one genome play, on all lanes of an environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import gymnasium
import numpy as np
from numpy.typing import NDArray

from playthrough._neat import NetworkBatch
from playthrough.agents.neat.config import check_fits
from playthrough.agents.neat.genome import Genome
from playthrough.agents.neat.network import NetworkShape, compile_network
from playthrough.agents.neat.spaces import ActionDecoder, as_inputs, inputs_needed


class NeatPlayer:
    """One genome on a number of lanes, with a network state for each.

    With the seed of an `EpisodeResult` and its start state it plays that episode again.

    Args:
        genome: What plays; it may come from `genome_from_json`.
        shape: Its network's shape.
        observation_space: Of one lane.
        action_space: Of one lane.
        num_lanes: How many.

    Raises:
        ConfigError: If the network does not fit the spaces.
    """

    def __init__(
        self,
        genome: Genome,
        shape: NetworkShape,
        observation_space: gymnasium.Space[Any],
        action_space: gymnasium.Space[Any],
        num_lanes: int,
    ) -> None:
        self._decoder = ActionDecoder(action_space)
        check_fits(shape, inputs_needed(observation_space), self._decoder.num_outputs)
        self._network = compile_network(genome, shape)
        self._batch = NetworkBatch(num_lanes, shape.num_inputs, shape.num_outputs)
        self._outputs = np.zeros((num_lanes, shape.num_outputs))
        for lane in range(num_lanes):
            self._batch.set_network(lane, self._network)

    def begin(self, lane: int) -> None:
        """A lane begins an episode: its network forgets what it remembers."""
        self._batch.reset(lane)

    def act(self, observations: NDArray[Any], masks: NDArray[np.bool_] | None = None) -> NDArray[Any]:
        """One action for each lane.

        Args:
            observations: (lanes, ...).
            masks: bool (lanes, actions): which actions are allowed; None for all.
        """
        self._batch.activate(as_inputs(observations), self._outputs, saturate=True)
        return self._decoder(self._outputs, masks)

    def node_values(self, lane: int) -> Mapping[int, float]:
        """What the nodes of a lane's network hold after `act`, by key; the outputs are 0, 1, ..."""
        values = cast("list[float]", self._batch.node_values(lane).tolist())
        return dict(zip(self._network.node_keys, values, strict=True))
