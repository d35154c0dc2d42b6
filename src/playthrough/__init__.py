"""Playthrough turns any emulated video game into a fast Gymnasium environment, and trains agents that finish it.

    import playthrough as pt

    env = pt.make("Airstriker-Genesis")                                    # gymnasium.Env
    venv = pt.make_vec("Airstriker-Genesis", num_envs=8, observation="gray84", frame_skip=4)

An engine (`playthrough.engine`) runs emulators; an integration (`playthrough.game`) gives their memory a meaning; an
environment (`playthrough.env`) offers that to an agent (`playthrough.agents`); a run (`playthrough.runs`) keeps what
happened. Nothing is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from playthrough.env.gymnasium_ids import register_when_gymnasium_is_there

if TYPE_CHECKING:
    from playthrough.env.gymnasium_ids import register_games as register_games
    from playthrough.env.multiplayer import RetroParallelEnv as RetroParallelEnv
    from playthrough.env.multiplayer import make_parallel as make_parallel
    from playthrough.env.observation import Grid as Grid
    from playthrough.env.observation import Pixels as Pixels
    from playthrough.env.observation import Ram as Ram
    from playthrough.env.observation import Variables as Variables
    from playthrough.env.options import EnvOptions as EnvOptions
    from playthrough.env.registration import make as make
    from playthrough.env.registration import make_vec as make_vec
    from playthrough.env.script import make_script as make_script
    from playthrough.env.script_vector import make_script_vec as make_script_vec
    from playthrough.env.seats import Mirror as Mirror
    from playthrough.env.shaping import ShapingTerm as ShapingTerm
    from playthrough.env.single import RetroEnv as RetroEnv
    from playthrough.env.vector import RetroVectorEnv as RetroVectorEnv
    from playthrough.errors import PlaythroughError as PlaythroughError
    from playthrough.game.integration import add_integrations as add_integrations
    from playthrough.game.integration import list_games as list_games
    from playthrough.game.integration import list_states as list_states
    from playthrough.game.roms import import_roms as import_roms
    from playthrough.game.roms import list_playable as list_playable
    from playthrough.integrate.search import search as search

__version__ = "0.1.0"

_PUBLIC = {
    "EnvOptions": "env.options",
    "Grid": "env.observation",
    "Mirror": "env.seats",
    "Pixels": "env.observation",
    "PlaythroughError": "errors",
    "Ram": "env.observation",
    "RetroEnv": "env.single",
    "RetroParallelEnv": "env.multiplayer",
    "RetroVectorEnv": "env.vector",
    "ShapingTerm": "env.shaping",
    "Variables": "env.observation",
    "add_integrations": "game.integration",
    "import_roms": "game.roms",
    "list_games": "game.integration",
    "list_playable": "game.roms",
    "list_states": "game.integration",
    "make": "env.registration",
    "make_parallel": "env.multiplayer",
    "make_script": "env.script",
    "make_script_vec": "env.script_vector",
    "make_vec": "env.registration",
    "register_games": "env.gymnasium_ids",
    "search": "integrate.search",
}

__all__ = [
    "EnvOptions",
    "Grid",
    "Mirror",
    "Pixels",
    "PlaythroughError",
    "Ram",
    "RetroEnv",
    "RetroParallelEnv",
    "RetroVectorEnv",
    "ShapingTerm",
    "Variables",
    "__version__",
    "add_integrations",
    "import_roms",
    "list_games",
    "list_playable",
    "list_states",
    "make",
    "make_parallel",
    "make_script",
    "make_script_vec",
    "make_vec",
    "register_games",
    "search",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'playthrough' has no attribute {name!r}")
    value = getattr(import_module(f"playthrough.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))


register_when_gymnasium_is_there()
