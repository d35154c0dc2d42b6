"""What agents that evaluate one candidate per lane need from a vector environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast, runtime_checkable

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray


@runtime_checkable
class LaneEnv(Protocol):
    """The part of a `gymnasium.vector.VectorEnv` in `AutoresetMode.DISABLED` that is used here.

    A plain `SyncVectorEnv([...], autoreset_mode=AutoresetMode.DISABLED)` is one.

    - `reset(seed=[one int or None per lane])` starts every lane; with `options={"reset_mask": bool array}` only those
      whose mask is set. The observation returned is that of all lanes.
    - `options["state"]`, a list with one start state per lane, is passed when start states are asked for.
    - `step(actions)` gives observations, rewards, terminated, truncated and info. Where info has `frames`, that is the
      number of emulated frames since the lane's reset; where it has `action_mask`, the actions allowed next, as
      Gymnasium's `Discrete.sample(mask=...)` takes them.
    - An environment whose attribute `freezes_finished_lanes` is true may be stepped while lanes have ended: they stay
      as they are, at no cost. Without it, such lanes are started anew with a throwaway seed.
    """

    num_envs: int
    metadata: dict[str, Any]

    @property
    def single_observation_space(self) -> gymnasium.Space[Any]:
        """The observation space of one lane."""
        ...

    @property
    def single_action_space(self) -> gymnasium.Space[Any]:
        """The action space of one lane."""
        ...

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Starts all lanes, or those that `options["reset_mask"]` names."""
        ...

    def step(
        self, actions: Any
    ) -> tuple[Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Advances every lane by one step."""
        ...


class SnapshotLaneEnv(LaneEnv, Protocol):
    """Lanes whose moments can be kept: `options["state"]` of `reset` takes what `save_state` gave."""

    def save_state(self, lane: int) -> bytes:
        """Everything that decides how a lane goes on."""
        ...


def freezes_finished_lanes(env: LaneEnv) -> bool:
    """Whether lanes that have ended may be left as they are."""
    return bool(getattr(env, "freezes_finished_lanes", False))


def require_lanes(env: LaneEnv) -> None:
    """Checks that lanes are reset only when asked.

    Raises:
        ValueError: The environment resets lanes by itself.
    """
    mode = env.metadata.get("autoreset_mode")
    if mode is None or AutoresetMode(mode) is not AutoresetMode.DISABLED:
        raise ValueError(
            f"expected a vector environment with autoreset_mode DISABLED, got {mode}: "
            'make it with autoreset_mode="disabled" (Gymnasium: AutoresetMode.DISABLED)'
        )


def require_snapshots(env: LaneEnv) -> SnapshotLaneEnv:
    """The same lanes, checked for snapshots.

    Raises:
        ValueError: The environment has none.
    """
    if not callable(getattr(env, "save_state", None)):
        raise ValueError("expected an environment with save_state(lane), as RetroVectorEnv has; this one keeps none")
    return cast("SnapshotLaneEnv", env)


def allowed_actions(infos: Mapping[str, Any], num_lanes: int, num_actions: int) -> NDArray[np.bool_] | None:
    """Which actions the infos of a reset or a step allow under `action_mask`, bool (lanes, actions).

    A lane of which they say nothing may do everything; None where they say nothing of any lane.

    Raises:
        ValueError: There is not one entry for each action of each lane.
    """
    if "action_mask" not in infos:
        return None
    masks = np.asarray(infos["action_mask"], np.bool_)
    if masks.shape != (num_lanes, num_actions):
        raise ValueError(f"expected action_mask of shape {(num_lanes, num_actions)} in the infos, got {masks.shape}")
    said = infos.get("_action_mask")
    return masks if said is None or said.all() else masks | ~said[:, None]


def batch_of_one(observation: Any) -> Any:
    """One lane's observation, an array or a dict of such, with a lane axis."""
    if isinstance(observation, Mapping):
        parts = cast("Mapping[str, Any]", observation)
        return {name: np.asarray(part)[np.newaxis] for name, part in parts.items()}
    return np.asarray(observation)[np.newaxis]


def lane_info(infos: dict[str, Any], lane: int) -> dict[str, Any]:
    """One lane's entries of a vector environment's info, without those that the lane did not set."""
    entries: dict[str, Any] = {}
    for name, values in infos.items():
        if name.startswith("_"):
            continue
        is_set = infos.get(f"_{name}")
        if is_set is not None and not is_set[lane]:
            continue
        entries[name] = lane_info(cast("dict[str, Any]", values), lane) if isinstance(values, dict) else values[lane]
    return entries
