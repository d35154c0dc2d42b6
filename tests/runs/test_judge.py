from __future__ import annotations

import math
from contextlib import closing
from dataclasses import replace

import pytest
from small_run import Listener

from playthrough.env.options import EnvOptions
from playthrough.env.vector import RetroVectorEnv
from playthrough.errors import ConfigError
from playthrough.runs.agent import RandomPlay, load_agent
from playthrough.runs.judge import JudgedEpisode, Judgement, evaluate_agent, play_episodes, student_t_95
from playthrough.runs.watcher import TrainResult


def judgement(*rewards: float) -> Judgement:
    return Judgement("somebody", tuple(JudgedEpisode(i, reward, 1, "game") for i, reward in enumerate(rewards)))


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [(1, 12.7062), (9, 2.2622), (29, 2.0452), (30, 2.0423), (31, 2.0395), (60, 2.0003), (120, 1.9799), (10**6, 1.96)],
)
def test_students_t_is_that_of_the_tables(degrees: int, expected: float) -> None:
    assert student_t_95(degrees) == pytest.approx(expected, abs=2e-4)


def test_the_interval_is_the_textbooks() -> None:
    judged = judgement(10, 12, 9, 11, 8)
    assert (judged.mean, judged.median) == (10, 10)
    assert judged.standard_error == pytest.approx(math.sqrt(2.5 / 5))
    assert judged.interval == pytest.approx((10 - 2.7764 * math.sqrt(0.5), 10 + 2.7764 * math.sqrt(0.5)))


def test_better_means_that_intervals_do_not_overlap() -> None:
    low, middle, high = judgement(1, 2, 3), judgement(4, 6, 8), judgement(20, 21, 22)
    assert high.better_than(low) and high.better_than(middle)
    assert not middle.better_than(low) and not low.better_than(high)


def test_lanes_and_threads_change_nothing() -> None:
    options = EnvOptions(game="Airstriker-Genesis", frame_skip=8, max_episode_steps=60, observation="ram")
    alone = evaluate_agent(RandomPlay(), options, episodes=5, seed=3, lanes=1, threads=1)
    together = evaluate_agent(RandomPlay(), options, episodes=5, seed=3, lanes=3, threads=2)
    assert alone == together
    assert [episode.seed for episode in alone.episodes] == [3, 4, 5, 6, 7]
    assert {episode.end for episode in alone.episodes} == {"time limit"}


def test_actions_stick_or_come_late_as_the_agent_knows_it() -> None:
    plain = EnvOptions(game="Airstriker-Genesis", frame_skip=4, max_episode_steps=80, observation="ram")
    sticky, late = replace(plain, repeat_action_probability=0.25), replace(plain, delay_action_probability=0.25)
    judged = [evaluate_agent(RandomPlay(), options, episodes=3, threads=1) for options in (plain, sticky, late)]
    assert judged[0] == judged[1] != judged[2]
    with closing(RetroVectorEnv(replace(late, num_envs=3, autoreset_mode="disabled", noop_max=30))) as env:
        assert play_episodes(RandomPlay(), env, 3, 0) == judged[2].episodes


def test_a_trained_agent_is_judged_and_has_no_memory_of_other_episodes(
    finished_run: tuple[TrainResult, Listener],
) -> None:
    agent = load_agent(finished_run[0].folder)
    options = agent.config.env_options(max_episode_steps=60)
    done: list[tuple[int, int]] = []
    many = evaluate_agent(agent, options, episodes=5, lanes=2, on_episode=lambda *counts: done.append(counts))
    last = evaluate_agent(agent, options, episodes=2, lanes=2, seed=3)
    assert many.episodes[3:] == last.episodes
    assert done == [(n, 5) for n in range(1, 6)]


def test_an_agent_that_does_not_fit_is_refused(finished_run: tuple[TrainResult, Listener]) -> None:
    with pytest.raises(ConfigError, match="num_inputs"):
        evaluate_agent(load_agent(finished_run[0].folder), EnvOptions(game="Airstriker-Genesis", observation="ram"))
