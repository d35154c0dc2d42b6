"""New start states: where inputs lead to from another start, as a savestate and as a recipe."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playthrough.env.emulator import open_engine
from playthrough.env.options import EnvOptions
from playthrough.env.starts import StartStates, play_recipe
from playthrough.errors import BadInputError, StateError
from playthrough.game.home import user_integrations
from playthrough.game.integration import Integration, is_shipped, load_integration
from playthrough.game.movies import Movie
from playthrough.game.states import POWER_ON, Recipe, read_state, save_state


@dataclass(frozen=True)
class NewState:
    """A start state that has no name yet.

    Attributes:
        data: The savestate.
        recipe: How it was reached; None where it began at a savestate without a name.
    """

    data: bytes
    recipe: Recipe | None

    def save(self, folder: Path, name: str) -> list[Path]:
        """Write `NAME.state`, and `NAME.recipe.json` where there is a recipe.

        Returns:
            The files.

        Raises:
            BadInputError: If the name is none for a file.
            RunError: If they cannot be written.
        """
        require_state_name(name)
        files = [folder / f"{name}.state"]
        save_state(files[0], self.data)
        if self.recipe is not None:
            files.append(folder / f"{name}.recipe.json")
            self.recipe.write(files[1])
        return files


def record_inputs(options: EnvOptions, inputs: NDArray[np.uint16]) -> NewState:
    """Where inputs lead to from the start state of the options.

    Args:
        options: The game; its `state` is one name, file or savestate, and None stands for power-on. Where that is not
            one of the game's own states, there is no recipe.
        inputs: Button masks, uint16 (frames, players).

    Raises:
        PlaythroughError: If the game, its ROM, a core or the state cannot be had.
        ValueError: If `state` names several.
    """
    start = POWER_ON if options.state is None else options.state
    if not isinstance(start, str | bytes | Path):
        raise ValueError(f"state must be one start state, not {start!r}")
    integration = load_integration(options.game, info=options.info, scenario=options.scenario)
    engine = open_engine(options, integration)
    try:
        data = start if isinstance(start, bytes) else _resolve(integration, options, start)
        name = _name_of(integration, start, data)
        recipe = None if name is None else Recipe.from_masks(inputs, integration.system, name)
        return NewState(play_recipe(engine, inputs, data), recipe)
    finally:
        engine.close()


def record_movie(options: EnvOptions, movie: Movie, num_frames: int | None = None) -> NewState:
    """Where a movie leads to, from its own start.

    Args:
        options: The game.
        movie: Of this game.
        num_frames: Only so many frames of it.

    Raises:
        BadInputError: If the movie is of another system, or presses the console's reset button.
        PlaythroughError: If the game, its ROM or a core cannot be had.
    """
    integration = load_integration(options.game, info=options.info, scenario=options.scenario)
    mine = integration.system.name
    if movie.system.name != mine:
        raise BadInputError(f"the movie is of a {movie.system.name} game, but {integration.name} runs on {mine}")
    if movie.resets:
        raise BadInputError(
            f"the movie presses the console's reset button (frame {movie.resets[0]}), which no recipe can"
        )
    return record_inputs(replace(options, state=movie.state or POWER_ON), movie.inputs[:num_frames])


def states_folder(integration: Integration) -> Path:
    """Where new states of a game go: to its folder if that is the user's own, never into an installed package."""
    return user_integrations() / integration.name if is_shipped(integration.folder) else integration.folder


def require_state_name(name: str) -> None:
    """Refuse a name under which a state could not be found again.

    Raises:
        BadInputError: If it is none.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.+-]*", name) or name == POWER_ON:
        raise BadInputError(
            f"{name!r} cannot be a state's name; expected letters, digits, dots and dashes, as in Level2"
        )


def _resolve(integration: Integration, options: EnvOptions, start: str | Path) -> bytes:
    return StartStates(integration, lambda: open_engine(options, integration), start, players=1).resolve(start)[1]


def _name_of(integration: Integration, start: str | Path | bytes, data: bytes) -> str | None:
    """What a recipe can call a start; None if the game has no such state."""
    if not data:
        return POWER_ON
    known = {*integration.states, *integration.recipes}
    if isinstance(start, str) and start.removesuffix(".state") in known:
        return start.removesuffix(".state")
    for name, path in integration.states.items():
        with contextlib.suppress(StateError):  # a damaged neighbour is not the state that is looked for
            if read_state(path) == data:
                return name
    return None
