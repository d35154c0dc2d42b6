"""Registering the games' ids with Gymnasium without importing Gymnasium.

`import playthrough` must stay cheap, and after it `gymnasium.make("playthrough/Airstriker-Genesis-v0")` must work. So
where Gymnasium is there already, the ids are registered at once; where it is not, at the moment it is imported.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

MAKE = "playthrough.env.registration:make"
MAKE_VEC = "playthrough.env.registration:make_vec"
BIZHAWK_ID = "BizHawk-v0"
"""GymBizHawk's id."""


def register_when_gymnasium_is_there() -> None:
    """Register all games now, or when somebody imports Gymnasium."""
    if "gymnasium" in sys.modules:
        register_games()
    elif not any(isinstance(finder, _GymnasiumFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _GymnasiumFinder())


def register_games() -> None:
    """Give every known game its Gymnasium id; those that have one keep it."""
    import gymnasium

    from playthrough.game.integration import list_games

    register_bizhawk()
    for game in list_games():
        name = gymnasium_id(game)
        if name not in gymnasium.registry:
            gymnasium.register(name, entry_point=MAKE, vector_entry_point=MAKE_VEC, kwargs={"game": game})


def register_bizhawk() -> None:
    """Give GymBizHawk's id to our environment; where GymBizHawk itself was imported before, it keeps it."""
    import gymnasium

    if BIZHAWK_ID not in gymnasium.registry:
        gymnasium.register(BIZHAWK_ID, entry_point="playthrough.gymbizhawk.bizhawk:BizHawkEnv", nondeterministic=True)


def gymnasium_id(game: str) -> str:
    """The Gymnasium id of a game: `playthrough/Airstriker-Genesis-v0`."""
    return f"playthrough/{game.removesuffix('-v0')}-v0"


class _GymnasiumFinder(MetaPathFinder):
    """Steps in front of the import of Gymnasium once, and out of the way."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "gymnasium":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _RegisteringLoader(spec.loader)
        return spec


class _RegisteringLoader(Loader):
    """Runs a module as its own loader does, and registers the games afterwards."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        register_games()
