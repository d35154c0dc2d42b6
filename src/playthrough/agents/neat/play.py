"""Plays one episode of one genome and shows what its network does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
import neat
import numpy as np
from numpy.typing import NDArray

from playthrough._neat import NetworkBatch
from playthrough.agents.neat.config import check_fits
from playthrough.agents.neat.genome import Genome
from playthrough.agents.neat.network import NetworkShape, compile_network
from playthrough.agents.neat.spaces import ActionDecoder, as_inputs, inputs_needed


@dataclass(frozen=True)
class PlayStep:
    """One step.

    Attributes:
        observation: What the network saw.
        node_values: The network's nodes after it saw that, by key; the outputs are 0, 1, ...
        outputs: Its outputs (num_outputs,).
        action: What it did.
        reward: What that earned.
        terminated: Whether the game ended by itself.
        truncated: Whether we ended it.
        info: What the environment said.
    """

    observation: Any
    node_values: Mapping[int, float]
    outputs: NDArray[np.float64]
    action: Any
    reward: float
    terminated: bool
    truncated: bool
    info: Mapping[str, Any]


def play(
    genome: Genome,
    config: neat.Config | NetworkShape,
    env: gymnasium.Env[Any, Any],
    seed: int,
    *,
    state: str | bytes | None = None,
    max_steps: int | None = None,
) -> Iterator[PlayStep]:
    """Plays an episode in a single environment, step by step.

    With the seed of an `EpisodeResult`, its start state and the same limit it is that episode again.

    Args:
        genome: The genome; it may come from `genome_from_json`.
        config: The NEAT configuration, or the shape that came with the genome.
        env: The environment; it is reset here.
        seed: Seed of the episode.
        state: Start state; None is the environment's own.
        max_steps: Longest episode, in steps.

    Raises:
        ConfigError: The network does not fit the environment's spaces.
    """
    shape = NetworkShape.of(config)
    decoder = ActionDecoder(env.action_space)
    check_fits(shape, inputs_needed(env.observation_space), decoder.num_outputs)
    network = compile_network(genome, shape)
    batch = NetworkBatch(1, shape.num_inputs, shape.num_outputs)
    batch.set_network(0, network)
    outputs = np.zeros((1, shape.num_outputs))
    observation, _ = env.reset(seed=seed, options=None if state is None else {"state": state})
    num_steps = 0
    ended = False
    while not ended and (max_steps is None or num_steps < max_steps):
        batch.activate(as_inputs(observation[np.newaxis]), outputs, saturate=True)
        values = dict(zip(network.node_keys, batch.node_values(0).tolist(), strict=True))
        action = decoder(outputs)[0]
        seen = np.array(observation)  # an environment may use its buffer again
        observation, reward, terminated, truncated, info = env.step(action)
        num_steps += 1
        ended = terminated or truncated
        yield PlayStep(
            observation=seen,
            node_values=values,
            outputs=outputs[0].copy(),
            action=action,
            reward=float(reward),
            terminated=bool(terminated),
            truncated=bool(truncated) or (num_steps == max_steps and not terminated),
            info=info,
        )
