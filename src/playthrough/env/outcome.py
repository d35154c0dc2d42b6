"""What one step of all lanes came to, and what there is to say about ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playthrough.env.infos import Infos


@dataclass(slots=True)
class Outcome:
    """What one step came to, before anything is said about it.

    Attributes:
        observations: Of all lanes, an array or a dict of arrays.
        rewards: float64 (lanes, players).
        terminated: bool (lanes,), the game's own ends, and those of a reward of our own.
        truncated: bool (lanes,), ours.
        ended: bool (lanes,), both.
        any_ended: Whether there is one.
        played: bool (lanes,), which lanes have something to say.
        reasons: For each reason to truncate, which lanes it holds for.
        lost: Lanes whose emulator was lost, and why.
        restarted: bool (lanes,), which lanes began a new episode instead; None for no lane.
        reached: bool (lanes,), which episodes were ended by our own reward (`ends = true`); None without one.
        reward_terms: What each term paid, by its name: an object array of dicts (lanes,); None if nobody asked.
    """

    observations: Any
    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    ended: NDArray[np.bool_]
    any_ended: bool
    played: NDArray[np.bool_]
    reasons: dict[str, NDArray[np.bool_]]
    lost: dict[int, str]
    restarted: NDArray[np.bool_] | None
    reached: NDArray[np.bool_] | None
    reward_terms: NDArray[Any] | None = None

    def infos_of_ends(self) -> Infos:
        """Why episodes ended: `episode_end`, and `lost` with what became of an emulator; nothing if none did."""
        if not self.any_ended:
            return {}
        num_lanes = len(self.ended)
        why = np.full(num_lanes, None, object)
        for reason, lanes in self.reasons.items():
            why[lanes] = reason
        why[self.terminated] = "game"
        if self.reached is not None:
            why[self.reached] = "goal"
        infos: Infos = {"episode_end": why, "_episode_end": self.ended.copy()}
        if self.lost:
            infos["_lost"] = self.reasons["lost"]
            infos["lost"] = np.array([self.lost.get(lane) for lane in range(num_lanes)], object)
        return infos
