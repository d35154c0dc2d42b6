"""Genomes on the lanes of vector environments."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from neat.nn import RecurrentNetwork
from neat_setups import Lights, make_cartpole, make_config

from playthrough.agents.lanes import LaneEnv
from playthrough.agents.neat import GenomeResult, NeatPlayer, NetworkShape, episode_seed, evaluate
from playthrough.agents.neat.evolution import Evolution
from playthrough.errors import ConfigError, RunError


def population(config: Any) -> list[Any]:
    evolution = Evolution(config, seed=3)
    evolution.start()
    return list(evolution.population.values())


def lights_genomes() -> tuple[Any, list[Any]]:
    config = make_config(num_inputs="30", num_outputs="4", pop_size="11")
    return config, population(config)


def test_cartpole_equals_playing_each_genome_alone_with_neat_python() -> None:
    config = make_config()
    genomes = population(config)
    results = evaluate(genomes, make_cartpole(3), config, run_seed=7, generation=2, episodes=2)
    assert [result.key for result in results] == [genome.key for genome in genomes]
    assert isinstance(make_cartpole(1), LaneEnv)
    env = gymnasium.make("CartPole-v1")
    for genome, result in zip(genomes, results, strict=True):
        rewards = []
        for repetition in range(2):
            network = RecurrentNetwork.create(genome, config)
            seed = episode_seed(7, 2, genome.key, 0, repetition)
            observation, _ = env.reset(seed=seed)
            total, ended = 0.0, False
            while not ended:
                # float32 observations as Python's floats: numpy would round the products to float32.
                outputs = network.activate(observation.astype(float).tolist())
                observation, reward, terminated, truncated, _ = env.step(int(np.argmax(outputs)))
                total += float(reward)
                ended = terminated or truncated
            rewards.append(total)
            episode = result.episodes[repetition]
            assert (episode.seed, episode.reward, episode.agent_steps) == (seed, total, total)
            assert (episode.terminated, episode.truncated) == (terminated, truncated)
            assert episode.frames == episode.agent_steps  # CartPole does not count frames
        assert result.fitness == sum(rewards) / 2
        assert result.agent_steps == sum(rewards)


@pytest.mark.parametrize("freezes", [True, False])
def test_lanes_and_threads_do_not_matter(freezes: bool) -> None:
    config, genomes = lights_genomes()
    finished: list[GenomeResult] = []
    expected = None
    for num_lanes, num_threads in ((1, 1), (3, 2), (8, 1), (64, 4)):
        finished.clear()
        env = Lights(num_lanes, 30, 4, freezes)
        results = evaluate(
            genomes,
            env,
            config,
            run_seed=1,
            episodes=2,
            start_states=("poor", "rich"),
            num_threads=num_threads,
            on_genome=finished.append,
        )
        expected = expected or results
        assert results == expected
        assert sorted(result.key for result in finished) == [genome.key for genome in genomes]
        assert all(result in results for result in finished)
        if freezes and num_lanes < 44:
            assert env.num_lane_steps == sum(result.agent_steps for result in results), "steps were wasted"


def test_each_start_state_is_played_and_reported() -> None:
    config, genomes = lights_genomes()
    results = evaluate(genomes, Lights(4, 30, 4), config, run_seed=1, episodes=3, start_states=("poor", "rich"))
    for result in results:
        assert [episode.start_state for episode in result.episodes] == ["poor"] * 3 + ["rich"] * 3
        assert len({episode.seed for episode in result.episodes}) == 6
        assert all(episode.reward % 10 == 0 for episode in result.episodes[3:])
        assert result.frames == 4 * result.agent_steps == sum(episode.info["frames"] for episode in result.episodes)
        for episode in result.episodes:
            assert episode.terminated != episode.truncated
            assert episode.truncated == (episode.agent_steps == 12) or episode.terminated
    assert {episode.terminated for result in results for episode in result.episodes} == {True, False}


@pytest.mark.parametrize("num_lanes", [1, 5, 16])
def test_a_limit_on_steps_truncates(num_lanes: int) -> None:
    config, genomes = lights_genomes()
    results = evaluate(genomes, Lights(num_lanes, 30, 4, freezes=False), config, run_seed=1, max_steps=5)
    assert all(result.agent_steps <= 5 for result in results)
    for result in results:
        (episode,) = result.episodes
        assert episode.truncated != episode.terminated
        assert episode.terminated or episode.agent_steps == 5


def test_seeds_differ_by_what_is_played() -> None:
    arguments = [(run, generation, key, start, repetition)
                 for run in (0, 1) for generation in (0, 1) for key in (1, 2) for start in (0, 1)
                 for repetition in (0, 1)]  # fmt: skip
    assert len({episode_seed(*a) for a in arguments}) == 32
    assert episode_seed(1, 2, 3) == episode_seed(1, 2, 3, 0, 0)


def test_an_episode_can_be_played_again_with_a_look_inside() -> None:
    config = make_config()
    genome = population(config)[4]
    (result,) = evaluate([genome], make_cartpole(2), config, run_seed=5)
    (episode,) = result.episodes
    env = gymnasium.make("CartPole-v1")
    player = NeatPlayer(genome, NetworkShape.of(config), env.observation_space, env.action_space, 1)
    for _ in range(2):  # a network that is begun anew remembers nothing
        player.begin(0)
        observation, _ = env.reset(seed=episode.seed)
        total, num_steps, terminated = 0.0, 0, False
        while num_steps < episode.agent_steps:
            assert not terminated
            (action,) = player.act(observation[None])
            values = player.node_values(0)
            assert action == int(values[1] > values[0])
            observation, reward, terminated, _, _ = env.step(int(action))
            total, num_steps = total + float(reward), num_steps + 1
        assert total == episode.reward and terminated == episode.terminated


def test_environments_that_do_not_fit_are_refused() -> None:
    config, genomes = lights_genomes()
    with pytest.raises(ConfigError, match="Write num_inputs = 4"):
        evaluate(genomes, make_cartpole(1), config, run_seed=1)
    with pytest.raises(ConfigError, match="Write num_inputs = 4"):
        one = gymnasium.make("CartPole-v1")
        NeatPlayer(genomes[0], NetworkShape.of(config), one.observation_space, one.action_space, 1)
    itself = SyncVectorEnv([lambda: gymnasium.make("CartPole-v1")], autoreset_mode=AutoresetMode.NEXT_STEP)
    with pytest.raises(ValueError, match="DISABLED"):
        evaluate(genomes, itself, config, run_seed=1)
    with pytest.raises(ValueError, match="at least 1 episode"):
        evaluate(genomes, Lights(1, 30, 4), config, run_seed=1, episodes=0)


def test_a_fitness_that_is_no_number_is_an_error() -> None:
    class Broken(Lights):
        def step(self, actions: Any) -> Any:
            observations, rewards, *rest = super().step(actions)
            return observations, rewards * float("nan"), *rest

    config, genomes = lights_genomes()
    with pytest.raises(RunError, match=r"fitness of genome \d+ is nan"):
        evaluate(genomes, Broken(2, 30, 4), config, run_seed=1)
