"""Our side: one environment or a vector of them, in a process of its own like the others."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

import playthrough as pt
from benchmarks.peer import config_of_this_process, memory_bytes, play, serve

NUM_ACTIONS = 512


def core_facts(env: pt.RetroVectorEnv) -> dict[str, Any]:
    """Which core runs, and how it is answered, so that a bare loop can do the same."""
    from playthrough.engine.cores import core_rules, find_core
    from playthrough.env.fast_core import proven_core
    from playthrough.game.roms import find_rom

    options, integration = env.options, env.integration
    if options.core == "fast":
        core = proven_core(options, integration, find_rom(integration))
    else:
        core = find_core(options.core, integration.system)
    return {"core": str(core.path), "core_name": env.engine.core_name, "options": dict(core_rules(core).options)}


class Side:
    """One side.

    Args:
        config: `game`, `options` of `make` or `make_vec`, and `single` for the former.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        begin = time.perf_counter()
        self.single: pt.RetroEnv | None = None
        if config.get("single"):
            self.single = pt.make(config["game"], **config["options"])
            self.single.reset(seed=0)
            self.vector = self.single.lanes
            self.single.action_space.seed(0)
            self.actions: list[Any] = [self.single.action_space.sample() for _ in range(NUM_ACTIONS)]
        else:
            self.vector = pt.make_vec(config["game"], **config["options"])
            self.vector.reset(seed=0)
            self.first_observation_s = time.perf_counter() - begin
            self.vector.action_space.seed(0)
            self.actions = [self.vector.action_space.sample() for _ in range(NUM_ACTIONS)]
        self.same_step = config["options"].get("autoreset_mode") == "same_step"

    def facts(self) -> dict[str, Any]:
        """About the core, and how long it took to the first observation."""
        return core_facts(self.vector) | {"first_observation_s": getattr(self, "first_observation_s", None)}

    def run(self, seconds: float, fresh: bool = False) -> dict[str, Any]:
        """Play random actions. A step that only resets is no decision and does not count.

        Args:
            seconds: For how long.
            fresh: Begin with new episodes, before time counts.
        """
        if fresh:
            self.vector.reset()
        if self.single is not None:
            env = self.single

            def step(action: Any) -> int:
                _, _, terminated, truncated, _ = env.step(action)
                if terminated or truncated:
                    env.reset()
                    return 1
                return 0

            return play(step, self.actions, 1, seconds)
        vector = self.vector

        def steps(actions: Any) -> int:
            _, _, terminated, truncated, _ = vector.step(actions)
            return int((terminated | truncated).sum())

        result = play(steps, self.actions, vector.num_envs, seconds)
        result["steps"] -= 0 if self.same_step else result["episodes"]
        return result

    def save(self, state: str, buttons: str) -> dict[str, Any]:
        """Write the core's savestate at the start of an episode, and button masks as this side presses them."""
        self.vector.reset()
        Path(state).write_bytes(self.vector.engine.save(0))
        masks = [self.vector.actions.to_buttons(np.reshape(action, (-1, *self._shape()))) for action in self.actions]
        np.concatenate(masks)[:, 0].astype("<u2").tofile(buttons)
        return {}

    def _shape(self) -> tuple[int, ...]:
        return self.vector.single_action_space.shape or ()

    def resets(self, count: int, gap: int) -> dict[str, Any]:
        """Time resets, each after so many steps."""
        assert self.single is not None
        times = []
        for number in range(count):
            for step in range(gap):
                self.single.step(self.actions[(number * gap + step) % NUM_ACTIONS])
            begin = time.perf_counter()
            self.single.reset()
            times.append((time.perf_counter() - begin) * 1e6)
        return {"reset_us": times}

    def learn(self, seconds: float, learner_s: float, asynchronous: bool) -> dict[str, Any]:
        """Lanes and a learner that waits for an accelerator, one after the other or at the same time.

        Args:
            seconds: For how long.
            learner_s: How long the learner takes for what half of the lanes bring.
            asynchronous: Send actions to one half while the learner is busy with the other.
        """
        vector: Any = self.vector
        lanes = vector.num_envs
        halves = [np.arange(lanes // 2), np.arange(lanes // 2, lanes)]
        steps = number = 0
        begin = time.perf_counter()
        if asynchronous:
            for half in halves:
                vector.send(self.actions[0][half], half)
        while time.perf_counter() - begin < seconds:
            number += 1
            actions = self.actions[number % NUM_ACTIONS]
            if asynchronous:
                *_, infos = vector.recv(lanes // 2)
                arrived = np.asarray(infos["lane_ids"] if "lane_ids" in infos else halves[number % 2])
                time.sleep(learner_s * len(arrived) / (lanes // 2))
                vector.send(actions[arrived], arrived)
                steps += len(arrived)
            else:
                vector.step(actions)
                time.sleep(2 * learner_s)
                steps += lanes
        passed = time.perf_counter() - begin
        if asynchronous:
            vector.recv(lanes)
        return {"steps": steps, "seconds": passed, "episodes": 0}


def main() -> None:
    """Serve."""
    side = Side(config_of_this_process())
    serve(
        {
            "run": side.run,
            "save": side.save,
            "resets": side.resets,
            "learn": side.learn,
            "memory": lambda: dict(memory_bytes()),
        },
        side.facts(),
    )


if __name__ == "__main__":
    main()
