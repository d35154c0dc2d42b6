"""ScriptVectorEnv: several lanes of one processor script, each with a Lua state and a core of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array, iterate
from numpy.typing import NDArray

from playthrough.env.infos import joined
from playthrough.env.options import Autoreset, autoreset
from playthrough.env.resets import seeds_of
from playthrough.env.script import ScriptEnv

_Outcome = tuple[Any, float, bool, bool, dict[str, Any]]


class ScriptVectorEnv(VectorEnv[Any, Any, Any]):
    """Lanes of a processor script, on threads: Lua and the cores run without Python's lock.

    Lane i after `reset(seed=s)` plays as `make_script` does after `reset(seed=s + i)`. A lane keeps its thread.

    Args:
        script: The Lua file.
        rom: As for `make_script`.
        num_envs: How many lanes.
        num_threads: On how many threads; None for one per processor, but no more than lanes.
        autoreset_mode: `next_step`, `same_step` or `disabled`, as Gymnasium means them. In `disabled`,
            `reset(options={"reset_mask": ...})` starts the lanes that it names, and a lane whose episode has ended
            stays as it is, at no cost.
        **options: Those of `make_script`, such as frameskip and vector.

    Raises:
        PlaythroughError: As `make_script`.
        ValueError: If an option has a wrong value.
    """

    freezes_finished_lanes = True

    def __init__(
        self,
        script: str | Path,
        rom: str | Path | None = None,
        num_envs: int = 1,
        *,
        num_threads: int | None = None,
        autoreset_mode: Autoreset | AutoresetMode = "next_step",
        **options: Any,
    ) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs must be at least 1, not {num_envs}")
        if num_threads is not None and num_threads < 1:
            raise ValueError(f"num_threads must be at least 1, not {num_threads}")
        self._mode = autoreset(autoreset_mode)
        self.num_envs = num_envs
        num_threads = min(num_envs, num_threads or _num_processors())
        self._threads = [ThreadPoolExecutor(1, f"script-{number}") for number in range(num_threads)]
        self.lanes: list[ScriptEnv] = []
        """The lanes' environments."""
        try:
            for lane in range(num_envs):
                self.lanes.append(self._thread(lane).submit(ScriptEnv, script, rom, **options).result())
        except BaseException:
            self.close()
            raise
        first = self.lanes[0]
        self.single_observation_space, self.single_action_space = first.observation_space, first.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.render_mode = first.render_mode
        self.metadata = {**first.metadata, "autoreset_mode": self._mode}
        self._observations: list[Any] = [None] * num_envs
        self._over = np.zeros(num_envs, np.bool_)
        self._begun = np.zeros(num_envs, np.bool_)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start episodes.

        Args:
            seed: One number (lane i gets seed + i), or one number or None per lane.
            options: `reset_mask`, bool (lanes,): which lanes start anew.

        Returns:
            Observations of all lanes, and the infos of those that started.
        """
        asked = dict(options or {})
        mask = np.asarray(asked.pop("reset_mask", np.ones(self.num_envs, np.bool_)))
        if asked:
            raise ValueError(
                f"unknown reset option {next(iter(asked))!r}, only reset_mask is known; a script starts its episodes "
                "itself, and setup_str= tells it how"
            )
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_:
            raise ValueError(f"reset_mask must be bool ({self.num_envs},), not {mask.dtype} {mask.shape}")
        if not (mask | self._begun).all():
            raise gym.error.ResetNeeded("a lane that the reset_mask leaves out was never reset")
        seeds = seeds_of(seed, self.num_envs)
        started = self._on_threads(np.flatnonzero(mask), lambda lane: self.lanes[lane].reset(seed=seeds[lane]))
        for lane, (observation, _) in started.items():
            self._observations[lane], self._over[lane], self._begun[lane] = observation, False, True
        return self._batch(), joined({lane: info for lane, (_, info) in started.items()}, self.num_envs)

    def step(
        self, actions: Any
    ) -> tuple[Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Decide once for every lane.

        Args:
            actions: One action per lane.

        Returns:
            Observations, rewards, terminations, truncations, infos.
        """
        if not self._begun.all():
            raise gym.error.ResetNeeded("call reset() before step()")
        wanted = list(cast("Any", iterate(self.action_space, actions)))
        if len(wanted) != self.num_envs:
            raise ValueError(f"{len(wanted)} actions for {self.num_envs} lanes")
        frozen = self._over if self._mode is AutoresetMode.DISABLED else np.zeros_like(self._over)
        restarting = self._over if self._mode is AutoresetMode.NEXT_STEP else np.zeros_like(self._over)

        def play(lane: int) -> tuple[_Outcome, tuple[Any, dict[str, Any]] | None]:
            env = self.lanes[lane]
            if restarting[lane]:
                observation, info = env.reset()
                return (observation, 0.0, False, False, info), None
            outcome = env.step(wanted[lane])
            again = self._mode is AutoresetMode.SAME_STEP and (outcome[2] or outcome[3])
            return outcome, env.reset() if again else None

        played = self._on_threads(np.flatnonzero(~frozen), play)
        rewards = np.zeros(self.num_envs, np.float64)
        terminated, truncated = np.zeros(self.num_envs, np.bool_), np.zeros(self.num_envs, np.bool_)
        infos: dict[int, dict[str, Any]] = {}
        over = frozen.copy()
        for lane, (outcome, new) in played.items():
            observation, rewards[lane], terminated[lane], truncated[lane], info = outcome
            if new is not None:
                infos[lane] = {"final_obs": observation, "final_info": info, **new[1]}
                observation = new[0]
            else:
                infos[lane] = info
                over[lane] = terminated[lane] or truncated[lane]
            self._observations[lane] = observation
        self._over = over
        return self._batch(), rewards, terminated, truncated, joined(infos, self.num_envs)

    def render(self) -> tuple[Any, ...] | None:
        """The lanes' pictures, each uint8 (height, width, 3); None without render_mode."""
        return None if self.render_mode is None else tuple(env.render() for env in self.lanes)

    def get_invalid_actions(self) -> list[list[list[int]]]:
        """What each lane's script forbids now."""
        return [env.get_invalid_actions() for env in self.lanes]

    def close_extras(self, **_kwargs: Any) -> None:
        """End the scripts, the emulators and the threads."""
        ends = [self._thread(lane).submit(env.close) for lane, env in enumerate(self.lanes)]
        for thread in self._threads:
            thread.shutdown()
        for end in ends:
            end.result()

    def _thread(self, lane: int) -> ThreadPoolExecutor:
        return self._threads[lane % len(self._threads)]

    def _on_threads(self, lanes: NDArray[np.intp], call: Callable[[int], Any]) -> dict[int, Any]:
        """Call for each lane, on its thread. If a lane fails, that is raised once all threads are done."""

        def call_all(mine: list[int]) -> list[Any]:
            return [call(lane) for lane in mine]

        futures: list[tuple[list[int], Future[list[Any]]]] = []
        for number, thread in enumerate(self._threads):
            share = [int(lane) for lane in lanes if lane % len(self._threads) == number]
            if share:
                futures.append((share, thread.submit(call_all, share)))
        for _, future in futures:
            future.exception()
        found = {lane: result for share, future in futures for lane, result in zip(share, future.result(), strict=True)}
        return dict(sorted(found.items()))

    def _batch(self) -> Any:
        space = cast("gym.Space[Any]", self.single_observation_space)
        return concatenate(space, self._observations, create_empty_array(space, self.num_envs))


def _num_processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


make_script_vec = ScriptVectorEnv
"""The name under which the package offers it."""
