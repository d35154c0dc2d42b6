"""What lanes have to tell: variables, frames, rewards, allowed actions, start states, and why episodes ended."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from playthrough.env.episodes import Episodes
from playthrough.env.infos import Infos, plain_of_lane_0
from playthrough.env.lanes import Lanes
from playthrough.env.masks import ActionMasks
from playthrough.env.outcome import Outcome


class LaneInfos:
    """Makes the infos of an environment.

    Args:
        variables: The names of the lanes' values.
        lanes: What is in memory.
        episodes: Where the lanes stand.
        masks: Which actions are allowed, if anybody says so.
        players: How many rewards there are.
    """

    def __init__(
        self, variables: tuple[str, ...], lanes: Lanes, episodes: Episodes, masks: ActionMasks | None, players: int
    ) -> None:
        self._variables, self._lanes, self._episodes = variables, lanes, episodes
        self._masks, self._players = masks, players

    def of_start(self, lanes: NDArray[np.bool_]) -> Infos:
        """The lanes of a mask have just started."""
        rewards = np.zeros((len(lanes), self._players), np.float64)
        return self._of(lanes, rewards) | self._start_states(lanes)

    def of_step(self, outcome: Outcome) -> Infos:
        """A step was made."""
        infos = self._of(outcome.played, outcome.rewards)
        if outcome.reward_terms is not None:
            infos |= {"reward_terms": outcome.reward_terms, "_reward_terms": outcome.played}
        if outcome.any_ended or outcome.restarted is not None:
            infos |= outcome.infos_of_ends()
            infos |= self._start_states(
                outcome.ended if outcome.restarted is None else outcome.ended | outcome.restarted
            )
        return infos

    def of_lane_0(self, outcome: Outcome) -> dict[str, Any]:
        """The same for an environment of one lane: plain numbers."""
        if outcome.any_ended or self._lanes.scripts or self._masks or outcome.reward_terms is not None:
            return plain_of_lane_0(self.of_step(outcome))
        info: dict[str, Any] = dict(zip(self._variables, self._lanes.values[0].tolist(), strict=True))
        info["frames"], info["rewards"] = int(self._episodes.frames[0]), outcome.rewards[0]
        return info

    def _of(self, lanes: NDArray[np.bool_], rewards: NDArray[np.float64]) -> Infos:
        infos: Infos = {}
        scripts = self._lanes.scripts
        values = scripts.shown(self._lanes.values) if scripts else self._lanes.values
        for column, name in enumerate(self._variables):
            infos[name] = values[:, column]
            infos["_" + name] = lanes
        if scripts:
            infos |= scripts.infos(lanes)
        infos |= {"frames": self._episodes.frames.copy(), "_frames": lanes, "rewards": rewards, "_rewards": lanes}
        if self._masks:
            # As Gymnasium's `space.sample(mask=...)` wants it.
            infos |= {"action_mask": self._masks(self._lanes.values).astype(np.int8), "_action_mask": lanes}
        return infos

    def _start_states(self, lanes: NDArray[np.bool_]) -> Infos:
        names = np.full(len(lanes), None, object)
        names[lanes] = self._episodes.start_states[lanes]
        return {"start_state": names, "_start_state": lanes}
