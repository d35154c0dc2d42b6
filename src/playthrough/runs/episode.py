"""One episode of an agent: played step by step for somebody who watches, or recorded as a movie."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from playthrough.env.batches import batch_of_one
from playthrough.env.options import EnvOptions, StartState
from playthrough.env.single import RetroEnv
from playthrough.errors import RunError
from playthrough.game.atomic_file import write_file
from playthrough.runs.agent_source import Agent, AgentSource


@dataclass(frozen=True, eq=False)
class AgentStep:
    """One decision of an agent and what came of it.

    Attributes:
        observation: What it saw, an array or a dict of arrays.
        thought: What it decided by, as its source's drawing wants it.
        action: What it did.
        buttons: The buttons that this presses, for each player.
        reward: What it earned.
        total_reward: What the episode has earned until then.
        frames: Frames of the episode until then.
        terminated: The game ended by itself.
        truncated: We ended it.
        info: What the environment said.
    """

    observation: Any
    thought: Any
    action: Any
    buttons: tuple[tuple[str, ...], ...]
    reward: float
    total_reward: float
    frames: int
    terminated: bool
    truncated: bool
    info: Mapping[str, Any]


@dataclass(frozen=True)
class RecordedEpisode:
    """An episode that became a movie.

    Attributes:
        movie: The file.
        reward: What the agent earned.
        frames: Frames that the agent played; a movie has the reset's and the no-ops' besides.
        agent_steps: Decisions.
        end: Why it ended: `game`, `script`, `time limit`, `no progress`, or `step limit`.
    """

    movie: Path
    reward: float
    frames: int
    agent_steps: int
    end: str


def play_episode(
    agent: Agent, env: RetroEnv, seed: int, *, state: StartState | None = None, max_steps: int | None = None
) -> Iterator[AgentStep]:
    """Play one episode in a single environment.

    Args:
        agent: Made for this environment: `source.agent(env.lanes)`.
        env: It is reset here.
        seed: Of the episode.
        state: Where it starts; None for the environment's own start.
        max_steps: Stop after so many decisions.
    """
    observation, _ = env.reset(seed=seed, options=None if state is None else {"state": state})
    agent.begin(0, seed)
    total, steps = 0.0, 0
    while True:
        action = agent.act(batch_of_one(observation))[0]
        masks = env.lanes.actions.to_buttons(np.asarray(action)[np.newaxis])[0]
        seen, thought = observation, agent.thought(0)
        observation, reward, terminated, truncated, info = env.step(action)
        total, steps = total + reward, steps + 1
        stopped = max_steps is not None and steps >= max_steps
        yield AgentStep(
            observation=seen,
            thought=thought,
            action=action,
            buttons=tuple(tuple(env.lanes.actions.names(int(mask))) for mask in masks),
            reward=reward,
            total_reward=total,
            frames=int(info["frames"]),
            terminated=terminated,
            truncated=truncated or (stopped and not terminated),
            info=info,
        )
        if terminated or truncated or stopped:
            return


def record_episode(
    source: AgentSource,
    options: EnvOptions,
    movie: Path,
    seed: int,
    *,
    state: StartState | None = None,
    max_steps: int | None = None,
    on_step: Callable[[AgentStep, RetroEnv], None] | None = None,
) -> RecordedEpisode:
    """Play one episode and write its movie.

    Args:
        source: Whose agent plays.
        options: The environment.
        movie: The `.bk2` file; an older one is replaced.
        seed: Of the episode.
        state: Where it starts; None for the environment's own start.
        max_steps: Stop after so many decisions.
        on_step: Called with every step.

    Raises:
        RunError: If the movie cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="playthrough-") as folder:
        env = RetroEnv(replace(options, record=folder))
        step: AgentStep | None = None
        steps = 0
        try:
            agent = source.agent(env.lanes)
            for step in play_episode(agent, env, seed, state=state, max_steps=max_steps):
                steps += 1
                if on_step is not None:
                    on_step(step, env)
        finally:
            env.close()
        recorder = env.lanes.recorder
        recorded = None if recorder is None else recorder.last_paths[0]
        if step is None or recorded is None:
            raise RunError(
                f"no movie of {options.game} could be recorded: an episode that begins from a snapshot has none"
            )
        write_file(movie, recorded.read_bytes())
    end = str(step.info.get("episode_end", "step limit"))
    return RecordedEpisode(movie, step.total_reward, step.frames, steps, end)
