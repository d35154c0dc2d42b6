"""The folder that is the user's own: imported ROMs, start states, games. Never a part of an installed package."""

from __future__ import annotations

import os
from pathlib import Path


def home_folder() -> Path:
    """The folder that PLAYTHROUGH_HOME names, else the one where this system keeps an application's data."""
    home = os.environ.get("PLAYTHROUGH_HOME")
    if home:
        return Path(home).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("playthrough", appauthor=False))


def user_integrations() -> Path:
    """Where the user's own games, and their own start states of other games, are found without being named."""
    return home_folder() / "integrations"


def cache_folder() -> Path:
    """Where things are kept that can be found out again."""
    if os.environ.get("PLAYTHROUGH_HOME"):
        return home_folder() / "cache"
    import platformdirs

    return Path(platformdirs.user_cache_dir("playthrough", appauthor=False))
