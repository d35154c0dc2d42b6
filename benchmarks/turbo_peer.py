"""Peer B: stable-retro-turbo's RetroVecEnv, run by the Python of a virtual environment that holds it.

It takes stable_retro's import name, so it cannot live beside stable-retro. RETRO_CORE_PATH, an environment variable of
its own, makes it run other core files than those it brings.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import stable_retro
from stable_retro import stella_state

from benchmarks.peer import config_of_this_process, play, serve

NUM_ACTIONS = 512


def cores_in_this_process() -> list[str]:
    """The core files that are mapped into memory: proof of what ran."""
    maps = Path("/proc/self/maps").read_text().splitlines()
    return sorted({line.split()[-1] for line in maps if "_libretro" in line})


def main() -> None:
    """Serve."""
    config = config_of_this_process()
    if config["keep_states"]:  # its own Stella needs other savestates than stable-retro's, which it converts
        stella_state.migrate_legacy_state = lambda emulator, state: state
    stable_retro.data.Integrations.add_custom_path(config["folder"])
    env = stable_retro.RetroVecEnv(
        config["game"],
        inttype=stable_retro.data.Integrations.CUSTOM_ONLY,
        render_mode="rgb_array",
        num_envs=config["lanes"],
        num_threads=config["threads"],
        obs_copy="safe_view",
        obs_resize=(84, 84),
        obs_grayscale=True,
        obs_resize_algorithm="area",
        obs_layout="chw",
        frame_skip=4,
        frame_stack=4,
        maxpool_last_two=True,
        use_fire_reset=False,  # nobody else presses it
    )
    env.reset(seed=0)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(NUM_ACTIONS)]

    def step(action: Any) -> int:
        _, _, terminated, _, _ = env.step(action)
        return int(terminated.sum())

    serve(
        {"run": lambda seconds: play(step, actions, config["lanes"], seconds)},
        {"cores": cores_in_this_process()},
    )
    env.close()


if __name__ == "__main__":
    main()
