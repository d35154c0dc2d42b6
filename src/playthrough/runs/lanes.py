"""The lanes of a run."""

from __future__ import annotations

from playthrough.env.options import Autoreset
from playthrough.env.vector import RetroVectorEnv
from playthrough.errors import ConfigError
from playthrough.runs.config import RunConfig


def open_lanes(config: RunConfig, autoreset_mode: Autoreset = "disabled") -> RetroVectorEnv:
    """The lanes that a run trains on.

    Raises:
        ConfigError: If a setting of the environment does not suit the game.
    """
    try:
        return RetroVectorEnv(config.lane_options(autoreset_mode=autoreset_mode, **config.training_env))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"[env] does not suit {config.game}: {error}") from error
