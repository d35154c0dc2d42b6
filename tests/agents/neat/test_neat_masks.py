"""Genomes keep to the actions that are allowed, wherever they play."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from neat.nn import RecurrentNetwork
from neat_setups import make_config

import playthrough as pt
from playthrough.agents.neat import NetworkShape, evaluate
from playthrough.agents.neat.evolution import Evolution
from playthrough.runs.neat_agent import NeatAgent


class Traps(gymnasium.Env[Any, Any]):
    """Random pictures, each with other actions forbidden; a forbidden one is paid with -1000. Ends after 5 to 14 steps.

    The reward is the action's number, so that playing otherwise is seen.
    """

    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (4,), np.float32)
    action_space = gymnasium.spaces.Discrete(5)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.left = int(self.np_random.integers(5, 15))
        return self._look()

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        reward = float(action) if self.mask is None or self.mask[action] else -1000.0
        self.left -= 1
        observation, info = self._look()
        return observation, reward, self.left == 0, False, info

    def _look(self) -> tuple[Any, dict[str, Any]]:
        self.mask: Any = self.np_random.integers(0, 2, 5).astype(np.int8)
        self.mask[self.np_random.integers(5)] = 1
        if self.np_random.random() < 0.3:  # nothing is said, nothing is forbidden
            self.mask = None
        info = {} if self.mask is None else {"action_mask": self.mask}
        return self.np_random.uniform(-1, 1, 4).astype(np.float32), info


def population(**changes: str) -> tuple[Any, list[Any]]:
    config = make_config(pop_size="6", **changes)
    evolution = Evolution(config, seed=3)
    evolution.start()
    return config, list(evolution.population.values())


@pytest.mark.parametrize("num_lanes", [1, 4])
def test_no_forbidden_action_is_ever_taken_on_any_lane(num_lanes: int) -> None:
    config, genomes = population(num_inputs="4", num_outputs="5")
    env = SyncVectorEnv([Traps] * num_lanes, autoreset_mode=AutoresetMode.DISABLED)
    results = evaluate(genomes, env, config, run_seed=1, episodes=3)
    alone = Traps()
    for genome, result in zip(genomes, results, strict=True):
        for episode in result.episodes:
            network, total, ended = RecurrentNetwork.create(genome, config), 0.0, False
            observation, info = alone.reset(seed=episode.seed)
            while not ended:
                outputs = network.activate(observation.astype(float).tolist())
                allowed = [action for action in range(5) if info.get("action_mask", np.ones(5))[action]]
                action = max(allowed, key=lambda number: outputs[number])
                observation, reward, ended, _, info = alone.step(action)
                assert reward >= 0
                total += reward
            assert episode.reward == total


def test_a_genome_plays_a_game_again_as_it_was_evaluated() -> None:
    """One that would run on for ever may not beyond a point, and does the next best."""
    options: dict[str, Any] = {
        "state": "Level1-1",
        "observation": "variables",
        "actions": [[], ["RIGHT"], ["LEFT"]],
        "frame_skip": 4,
        "action_mask": {"RIGHT": "x < 100"},
        "max_episode_steps": 40,
        "autoreset_mode": "disabled",
    }
    game = "Wickling-Nes"
    env = pt.make_vec(game, num_envs=2, **options)
    size = str(env.single_observation_space.shape[0])
    config, genomes = population(num_inputs=size, num_outputs="3")
    runner = genomes[0]
    for node, bias in enumerate((-0.4, 0.4, -0.2)):  # nothing, RIGHT, LEFT, whatever is seen
        runner.nodes[node].bias, runner.nodes[node].activation = bias, "identity"
    for connection in runner.connections.values():
        connection.weight = 0.0
    runner.genes_changed()
    (episode,) = evaluate(genomes[:3], env, config, run_seed=1)[0].episodes
    env.close()
    assert 90 < episode.info["x"] < 120

    one = pt.make_vec(game, num_envs=1, **options)
    agent = NeatAgent("runner", runner, NetworkShape.of(config), one)
    observations, infos = one.reset(seed=[episode.seed])
    agent.begin(0, episode.seed)
    total, taken, ended = 0.0, [], False
    while not ended:
        before = int(infos["x"][0])
        (action,) = agent.act(observations)
        assert int(action) == (1 if before < 100 else 2)
        taken.append(int(action))
        observations, rewards, terminated, truncated, infos = one.step(np.array([action]))
        total, ended = total + float(rewards[0]), bool(terminated[0] or truncated[0])
    one.close()
    assert (total, len(taken), infos["x"][0]) == (episode.reward, episode.agent_steps, episode.info["x"])
    assert set(taken) == {1, 2}
