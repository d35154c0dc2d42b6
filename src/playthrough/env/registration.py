"""`pt.make` and `pt.make_vec`, which Gymnasium calls as well."""

from __future__ import annotations

from typing import Any

from gymnasium.envs.registration import EnvSpec

from playthrough.env.gymnasium_ids import MAKE, MAKE_VEC, gymnasium_id
from playthrough.env.options import EnvOptions
from playthrough.env.single import RetroEnv
from playthrough.env.vector import RetroVectorEnv


def make(game: str, **options: Any) -> RetroEnv:
    """Make one game an environment.

    Args:
        game: Its name, with or without `-v0`, or the path of its integration folder.
        **options: See `EnvOptions`: state, scenario, info, observation, actions, frame_skip, players, render_mode,
            record, core, engine, and more.

    Raises:
        PlaythroughError: If the game, its ROM, a core or a state cannot be had; the message says what to do.
        ValueError, TypeError: If an option is unknown or has a wrong value.
    """
    for name in ("num_envs", "num_threads", "autoreset_mode"):
        if name in options:
            raise TypeError(f"{name} is an option of make_vec; make() gives one environment")
    env = RetroEnv(EnvOptions(game=game, **options))
    env.spec = EnvSpec(
        id=gymnasium_id(env.lanes.integration.name),
        entry_point=MAKE,
        vector_entry_point=MAKE_VEC,
        kwargs={"game": game, **options},
    )
    return env


def make_vec(game: str, num_envs: int = 1, **options: Any) -> RetroVectorEnv:
    """Make one game a vector environment of `num_envs` lanes.

    Args:
        game: Its name, with or without `-v0`, or the path of its integration folder.
        num_envs: How many lanes.
        **options: See `EnvOptions`; beside those of `make`, num_threads and autoreset_mode.

    Raises:
        PlaythroughError: If the game, its ROM, a core or a state cannot be had; the message says what to do.
        ValueError, TypeError: If an option is unknown or has a wrong value.
    """
    return RetroVectorEnv(EnvOptions(game=game, num_envs=num_envs, **options))
