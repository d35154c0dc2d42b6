"""A deep policy on disk: `best.safetensors` with its parameters, and `best.json` with everything else.

Together they are enough to make the policy again, and nothing in them is executed: numbers, names, and one of the kinds
of network that are known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import gymnasium
import numpy as np
from gymnasium import spaces

from playthrough.agents.deep import make_policy
from playthrough.agents.deep.learner import ArrayState
from playthrough.errors import StateError
from playthrough.runs.agent_source import BestEpisode
from playthrough.runs.deep_settings import DEEP_OPTIONS, require_deep
from playthrough.runs.described_state import read_described, write_described

if TYPE_CHECKING:
    from playthrough.agents.deep.learner import Policy


@dataclass(frozen=True)
class StoredPolicy:
    """A policy as it is stored.

    Attributes:
        state: The policy's own.
        observation_space: Of one lane.
        action_space: Of one lane.
        env: The environment that it learned in: settings of EnvOptions, as JSON holds them.
        episode: The episode in which it earned most when it was evaluated.
        evaluation_mean: What it earned on average then.
    """

    state: ArrayState
    observation_space: gymnasium.Space[Any]
    action_space: gymnasium.Space[Any]
    env: Mapping[str, Any]
    episode: BestEpisode
    evaluation_mean: float

    def policy(self) -> Policy:
        """The policy, on the processor.

        Raises:
            StateError: If its numbers are those of another network.
            DependencyError: If PyTorch is not installed.
        """
        require_deep()
        try:
            return make_policy(self.state, self.observation_space, self.action_space)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise StateError(f"the policy's numbers and its description do not fit together: {error}") from error


def write_policy(parameters: Path, description: Path, stored: StoredPolicy) -> None:
    """Write a policy: its parameters first.

    Raises:
        RunError: If a file cannot be written.
    """
    more = {
        "observation_space": _plain_space(stored.observation_space),
        "action_space": _plain_space(stored.action_space),
        "env": stored.env,
        "evaluation_mean": stored.evaluation_mean,
        "episode": stored.episode.plain(),
    }
    write_described(description, parameters, stored.state, more)


def read_policy(description: Path) -> StoredPolicy:
    """Read a policy. The files may be anybody's: nothing in them is executed.

    Args:
        description: `best.json`; its parameters lie beside it.

    Raises:
        StateError: If it is no policy of a kind that is known, or damaged.
    """
    state, table = read_described(description)
    if state.kind not in DEEP_OPTIONS:
        raise StateError(
            f"{description} holds a policy of the unknown kind {state.kind!r}; known are {', '.join(DEEP_OPTIONS)}"
        )
    try:
        return StoredPolicy(
            state,
            _space(table["observation_space"]),
            _space(table["action_space"]),
            dict(table["env"]),
            BestEpisode.from_plain(table["episode"]),
            float(table["evaluation_mean"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StateError(f"{description} is no description of a policy: {type(error).__name__}: {error}") from error


def _plain_space(space: gymnasium.Space[Any]) -> dict[str, Any]:
    if isinstance(space, spaces.Discrete):
        return {"kind": "discrete", "n": int(space.n)}
    if isinstance(space, spaces.MultiBinary):
        return {"kind": "buttons", "n": int(np.prod(space.shape))}
    if isinstance(space, spaces.Dict):
        parts = cast("dict[str, gymnasium.Space[Any]]", space.spaces)
        return {"kind": "dict", "parts": {name: _plain_space(part) for name, part in parts.items()}}
    box = cast("spaces.Box", space)
    return {
        "kind": "box",
        "shape": list(box.shape),
        "dtype": str(box.dtype),
        "low": float(box.low.min()) if np.isfinite(box.low).all() else None,
        "high": float(box.high.max()) if np.isfinite(box.high).all() else None,
    }


def _space(table: Mapping[str, Any]) -> gymnasium.Space[Any]:
    if table["kind"] == "discrete":
        return spaces.Discrete(int(table["n"]))
    if table["kind"] == "buttons":
        return spaces.MultiBinary(int(table["n"]))
    if table["kind"] == "dict":
        return spaces.Dict({str(name): _space(part) for name, part in dict(table["parts"]).items()})
    if table["kind"] != "box" or table["dtype"] not in ("uint8", "float32"):
        raise ValueError(f"no space that policies know: {table['kind']} {table.get('dtype', '')}")
    low = -np.inf if table["low"] is None else table["low"]
    high = np.inf if table["high"] is None else table["high"]
    return spaces.Box(low, high, tuple(int(size) for size in table["shape"]), np.dtype(table["dtype"]).type)
