"""Steps that run while the caller does something else: `send` hands actions over, `recv` takes what came of them.

The lanes that are sent together run together, in the background, on the engine's threads; batches run in the order in
which they were sent. So a learner that sends half of the lanes and then learns, or decides for the other half, loses no
time. What a lane plays does not depend on whom it was sent with.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from playthrough.env.batches import joined

if TYPE_CHECKING:
    from playthrough.env.vector import RetroVectorEnv


@dataclass(frozen=True, slots=True)
class Received:
    """What some lanes have done; row i of everything belongs to lane `lanes[i]`.

    Attributes:
        lanes: int64 (n,), in the order in which they were sent.
        observations: (n, *single observation), or a dict of such.
        rewards: float64 (n,), player 1's.
        terminated: bool (n,).
        truncated: bool (n,).
        infos: As of `step`, with n entries per key.
    """

    lanes: NDArray[np.int64]
    observations: Any
    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    infos: dict[str, Any]


class Background:
    """The steps of an environment that are under way.

    Args:
        env: Whose lanes they are. Between `send` and the last `recv` nothing else may be asked of it.
    """

    def __init__(self, env: RetroVectorEnv) -> None:
        self._env = env
        self._runner = ThreadPoolExecutor(1, thread_name_prefix="playthrough-lanes")
        self._batches: deque[tuple[NDArray[np.int64], Future[Received]]] = deque()

    @property
    def lanes(self) -> set[int]:
        """Those that are under way, or done and not received."""
        return {int(lane) for lanes, _ in self._batches for lane in lanes}

    def send(self, actions: NDArray[Any], lanes: Sequence[int] | NDArray[np.integer[Any]] | None) -> None:
        """Let lanes step.

        Raises:
            ValueError: If a lane does not exist, is named twice, or is under way already, or the actions do not fit.
        """
        num_envs = self._env.num_envs
        numbers = np.arange(num_envs) if lanes is None else np.asarray(lanes, np.int64).reshape(-1)
        distinct = set(numbers.tolist())
        if not distinct or min(distinct) < 0 or max(distinct) >= num_envs or len(distinct) < len(numbers):
            raise ValueError(f"lane_ids must name some of the lanes 0 to {num_envs - 1}, each once, not {lanes}")
        if busy := self.lanes & distinct:
            raise ValueError(f"lane {min(busy)} is under way already; recv() it first")
        given = np.asarray(actions)
        if given.shape[:1] != numbers.shape:
            raise ValueError(f"{len(given)} actions for {len(numbers)} lanes")
        masks = self._env.actions.to_buttons(given)  # so that a bad action is told at once, to whoever made it
        self._batches.append((numbers, self._runner.submit(self._env.step_lanes, masks, numbers)))

    def recv(self, min_lanes: int | None) -> Received:
        """Wait until at least so many lanes are done, and take all that are; None for those that were sent first.

        Raises:
            ValueError: If not so many lanes were sent.
        """
        sent = sum(len(lanes) for lanes, _ in self._batches)
        wanted = (len(self._batches[0][0]) if self._batches else 1) if min_lanes is None else min_lanes
        if not 1 <= wanted <= sent:
            raise ValueError(f"cannot wait for {wanted} lanes: {sent} were sent and not received")
        taken: list[Received] = []
        count = 0
        while self._batches and (count < wanted or self._batches[0][1].done()):
            lanes, future = self._batches.popleft()
            taken.append(future.result())
            count += len(lanes)
        return taken[0] if len(taken) == 1 else _joined(taken)

    def require_idle(self) -> None:
        """Nothing else may happen while lanes are under way.

        Raises:
            RuntimeError: If some are.
        """
        if self._batches:
            raise RuntimeError(f"{len(self.lanes)} lanes were sent and not received; call recv() first")

    def close(self) -> None:
        """Wait for what is under way."""
        self._runner.shutdown(wait=True, cancel_futures=True)
        self._batches.clear()


def _joined(parts: list[Received]) -> Received:
    fields = ("lanes", "observations", "rewards", "terminated", "truncated")
    arrays = {name: joined([getattr(part, name) for part in parts]) for name in fields}
    return Received(**arrays, infos=_joined_infos([(part.infos, len(part.lanes)) for part in parts]))


def _joined_infos(parts: list[tuple[dict[str, Any], int]]) -> dict[str, Any]:
    joined: dict[str, Any] = {}
    for key in dict.fromkeys(key for infos, _ in parts for key in infos):
        like = next(infos[key] for infos, _ in parts if key in infos)
        if isinstance(like, dict):
            joined[key] = _joined_infos([(infos.get(key, {}), count) for infos, count in parts])
        else:
            joined[key] = np.concatenate([infos.get(key, _nothing(like, count)) for infos, count in parts])
    return joined


def _nothing(like: NDArray[Any], count: int) -> NDArray[Any]:
    shape = (count, *like.shape[1:])
    return np.full(shape, None, object) if like.dtype == object else np.zeros(shape, like.dtype)


def rows_of(infos: dict[str, Any], lanes: NDArray[np.int64]) -> dict[str, Any]:
    """The infos of some lanes, in their order."""
    rows: dict[str, Any] = {}
    for key, value in infos.items():
        rows[key] = rows_of(cast("dict[str, Any]", value), lanes) if isinstance(value, dict) else value[lanes]
    return rows
