"""Is an agent better than another one? Episodes with chance in them, and intervals around their mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playthrough.agents.lanes import lane_info
from playthrough.env.options import EnvOptions, StartState
from playthrough.env.vector import RetroVectorEnv
from playthrough.runs.agent_source import AgentSource

NOOP_MAX = 30
REPEAT_ACTION_PROBABILITY = 0.25
MAX_FRAMES = 18_000

# Student's t for a two-sided 95 % interval, by degrees of freedom from 1 on (any table of statistics has it). From
# there on the expansion below is right to four digits.
_T_95 = (
    *(12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281),
    *(2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860),
    *(2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423),
)
_Z_95 = 1.959964


@dataclass(frozen=True)
class JudgedEpisode:
    """One episode.

    Attributes:
        seed: Of its environment.
        reward: The sum of its rewards.
        frames: Emulated pictures.
        end: Why it ended: `game`, `script`, `time limit` or `no progress`.
        start_state: What it was reset with; None for the environment's own start.
        info: What the environment said on its last step: among it the name of its `start_state`.
    """

    seed: int
    reward: float
    frames: int
    end: str
    start_state: StartState | None = None
    info: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False, repr=False)


@dataclass(frozen=True)
class Judgement:
    """What an agent earns per episode.

    Attributes:
        name: The agent.
        episodes: All that were played, in the order of their seeds.
    """

    name: str
    episodes: tuple[JudgedEpisode, ...]

    @property
    def rewards(self) -> list[float]:
        """Of each episode."""
        return [episode.reward for episode in self.episodes]

    @property
    def mean(self) -> float:
        """Mean reward of an episode."""
        return fmean(self.rewards)

    @property
    def median(self) -> float:
        """Median reward of an episode."""
        return median(self.rewards)

    @property
    def standard_error(self) -> float:
        """Standard error of the mean: the sample's standard deviation over the root of the number of episodes."""
        return stdev(self.rewards) / math.sqrt(len(self.rewards))

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the mean, by Student's t distribution."""
        reach = student_t_95(len(self.rewards) - 1) * self.standard_error
        return self.mean - reach, self.mean + reach

    def by_start_state(self) -> dict[str, list[JudgedEpisode]]:
        """The episodes by the names of their start states."""
        episodes: dict[str, list[JudgedEpisode]] = {}
        for episode in self.episodes:
            episodes.setdefault(str(episode.info["start_state"]), []).append(episode)
        return episodes

    def better_than(self, other: Judgement) -> bool:
        """Whether it earns more, and the 95 % intervals do not overlap."""
        return self.interval[0] > other.interval[1]

    def __str__(self) -> str:
        low, high = self.interval
        count = len(self.episodes)
        return f"{self.name}: {self.mean:.1f} (95 % interval {low:.1f} to {high:.1f}, t distribution, {count} episodes)"


def student_t_95(degrees_of_freedom: int) -> float:
    """Student's t for a two-sided 95 % interval.

    Above 30 degrees of freedom by the Cornish-Fisher expansion around the normal distribution (Abramowitz and Stegun,
    26.7.5).
    """
    if degrees_of_freedom <= len(_T_95):
        return _T_95[degrees_of_freedom - 1]
    z, n = _Z_95, degrees_of_freedom
    return z + (z**3 + z) / (4 * n) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)


def evaluate_agent(
    source: AgentSource,
    options: EnvOptions,
    *,
    episodes: int = 30,
    seed: int = 0,
    lanes: int = 8,
    threads: int | None = None,
    on_episode: Callable[[int, int], None] | None = None,
) -> Judgement:
    """Judge an agent by episodes in which it can learn nothing by heart.

    Every episode starts after a random number of frames without a button (at most 30), and on each frame the buttons of
    the frame before are repeated with a chance of 25 %. An environment that delays actions, as reference runs in the
    integrations' metadata were played with, does that instead. An episode without an end is cut off after five minutes
    of play. Episode i has the seed `seed` + i: two agents that are judged with the same seed start alike. Where there
    are several start states, they take turns. Neither lanes nor threads change anything.

    Args:
        source: Whose agent plays: a TrainedAgent, or RandomPlay().
        options: The environment, as the agent knows it.
        episodes: How many, at least 2.
        seed: Of the first episode.
        lanes: How many are played side by side.
        threads: On how many threads.
        on_episode: Called after each episode with how many are done, and how many there are.

    Raises:
        ConfigError: If the agent does not fit the environment.
    """
    if episodes < 2:
        raise ValueError(f"episodes must be at least 2 for an interval, not {episodes}")
    is_late = options.delay_action_probability > 0
    changes: dict[str, Any] = {
        "num_envs": max(1, min(lanes, episodes)),
        "num_threads": threads,
        "autoreset_mode": "disabled",
        "max_episode_steps": options.max_episode_steps or math.ceil(MAX_FRAMES / options.frame_skip),
        "noop_max": NOOP_MAX,
        "repeat_action_probability": options.repeat_action_probability if is_late else REPEAT_ACTION_PROBABILITY,
        "record": None,
        "render_mode": None,
        "sound": False,
    }
    env = RetroVectorEnv(replace(options, **changes))
    try:
        return Judgement(source.name, play_episodes(source, env, episodes, seed, on_episode))
    finally:
        env.close()


def play_episodes(
    source: AgentSource,
    env: RetroVectorEnv,
    episodes: int,
    seed: int,
    on_episode: Callable[[int, int], None] | None = None,
) -> tuple[JudgedEpisode, ...]:
    """Let an agent play episodes side by side; which lane plays which changes nothing.

    Args:
        source: Whose agent plays.
        env: Lanes that start anew when told, and not before.
        episodes: How many. Where the environment has several start states, they take turns.
        seed: Of the first; episode i has the seed `seed` + i.
        on_episode: Called after each with how many are done, and how many there are.
    """
    lanes = env.num_envs
    agent = source.agent(env)
    states = _start_states(env.options)
    results: dict[int, JudgedEpisode] = {}
    playing = list(range(lanes))  # the episode on each lane; -1 for none
    started = lanes
    rewards = np.zeros(lanes)

    def start(again: NDArray[np.bool_]) -> NDArray[Any]:
        numbers = [max(0, episode) for episode in playing]
        options: dict[str, Any] = {"reset_mask": again, "state": [states[number % len(states)] for number in numbers]}
        observations, _ = env.reset(seed=[seed + number for number in numbers], options=options)
        for lane in map(int, np.flatnonzero(again)):
            agent.begin(lane, seed + numbers[lane])
        return observations

    observations = start(np.ones(lanes, np.bool_))
    while len(results) < episodes:
        observations, paid, terminated, truncated, infos = env.step(agent.act(observations))
        rewards += paid
        ended = np.array([episode >= 0 for episode in playing]) & (terminated | truncated)
        if not ended.any():
            continue
        again = np.zeros(lanes, np.bool_)
        for lane in map(int, np.flatnonzero(ended)):
            episode = playing[lane]
            results[episode] = JudgedEpisode(
                seed + episode,
                float(rewards[lane]),
                int(infos["frames"][lane]),
                str(infos["episode_end"][lane]),
                states[episode % len(states)],
                lane_info(infos, lane),
            )
            if on_episode is not None:
                on_episode(len(results), episodes)
            playing[lane], rewards[lane] = -1, 0.0
            if started < episodes:
                playing[lane], again[lane] = started, True
                started += 1
        if again.any():
            observations = start(again)
    return tuple(results[episode] for episode in range(episodes))


def _start_states(options: EnvOptions) -> Sequence[StartState | None]:
    """The start states of an environment with several; else None, which is its only one."""
    state = options.state
    if state is None or isinstance(state, str | bytes | Path):
        return [None]
    return list(state)
