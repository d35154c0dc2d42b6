"""Where episodes start: which states there are to choose from, and their bytes on the running core."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.engine import Engine, Observe, PixelSpec
from playthrough.errors import LaneError, StateError
from playthrough.game.integration import Integration
from playthrough.game.states import POWER_ON, Recipe, find_state, read_state, unpack_state

if TYPE_CHECKING:
    from playthrough.env.options import StartState

_MAX_RECIPE_DEPTH = 8


class StartStates:
    """The start states of an environment.

    Args:
        integration: The game.
        open_engine: Opens another engine of the game with one lane, to play recipes on.
        choice: What EnvOptions.state says.
        players: How many pads; the default start state may depend on it.
        recipes_first: Whether recipes count where there are stored bytes as well, because these were made by another
            core.

    Raises:
        StateError: If one does not exist or cannot be read.
        ValueError: If the choice is empty or a weight is not positive.
    """

    def __init__(
        self,
        integration: Integration,
        open_engine: Callable[[], Engine],
        choice: StartState | Sequence[StartState] | Mapping[str, float] | None,
        players: int,
        *,
        recipes_first: bool = False,
    ) -> None:
        self._integration, self._open_engine, self._recipes_first = integration, open_engine, recipes_first
        self._known: dict[str, bytes] = {}
        states: list[StartState]
        weights: list[float] | None = None
        if choice is None:
            states = [integration.default_state(players) or POWER_ON]
        elif isinstance(choice, str | bytes | Path):
            states = [choice]
        elif isinstance(choice, Mapping):
            states, weights = list(choice), list(choice.values())
        elif isinstance(choice, Sequence):  # pyright: ignore[reportUnnecessaryIsInstance]
            states = list(choice)
        else:
            raise TypeError(f"state must be a start state's name, its bytes or its file, or several, not {choice!r}")
        for state in states:
            if not isinstance(state, str | bytes | Path):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(f"state must be a start state's name, its bytes or its file, or several, not {state!r}")
        for weight in weights or ():
            if not isinstance(weight, int | float):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(f"state: the weight of a start state must be a number, not {weight!r}")
        if not states or (weights is not None and min(weights) <= 0):
            raise ValueError("state must name at least one start state, with positive weights")
        self.choices = [self.resolve(state) for state in states]
        self._chances = None if weights is None else np.array(weights) / sum(weights)

    def draw(self, random: np.random.Generator) -> tuple[str, bytes]:
        """The name and the bytes of the next start; only several choices use up random numbers."""
        if len(self.choices) == 1:
            return self.choices[0]
        return self.choices[int(random.choice(len(self.choices), p=self._chances))]

    def is_recipe(self, name: str) -> bool:
        """Whether a named state is, or would be, rebuilt from its recipe."""
        return self._recipes_first and name in self._integration.recipes

    def resolve(self, state: StartState) -> tuple[str, bytes]:
        """The name and the bytes of a start state; no bytes is a power-on.

        Raises:
            StateError: If it does not exist or cannot be read.
        """
        if isinstance(state, bytes):
            if not state:
                raise StateError("the state is empty; expected the bytes of a savestate, or the name of a start state")
            return "bytes", unpack_state(state) if state.startswith(b"\x1f\x8b") else state
        if str(state) == POWER_ON:
            return POWER_ON, b""
        name = Path(state).name.removesuffix(".state").removesuffix(".recipe.json")
        key = str(state)
        if key not in self._known:
            self._known[key] = self._read(state, 0)
        return name, self._known[key]

    def _read(self, state: str | Path, depth: int) -> bytes:
        path = find_state(self._integration, state)
        if isinstance(state, str) and self.is_recipe(name := path.name.removesuffix(".state")):
            path = self._integration.recipes[name]
        if not path.name.endswith(".recipe.json"):
            return read_state(path)
        if depth >= _MAX_RECIPE_DEPTH:
            raise StateError(f"{path}: the recipe starts from itself, through {depth} others")
        recipe = Recipe.read(path, self._integration.system)
        start = b"" if recipe.start == POWER_ON else self._read(recipe.start, depth + 1)
        engine = self._open_engine()
        try:
            return play_recipe(engine, recipe.masks(self._integration.system), start)
        finally:
            engine.close()


def play_recipe(engine: Engine, masks: NDArray[np.uint16], start: bytes) -> bytes:
    """Play inputs from a start on an engine with one lane, and return the savestate that they lead to.

    Args:
        engine: Whose lane is put to the start.
        masks: uint16 (frames, players).
        start: A savestate, or nothing for a power-on.
    """
    engine.configure((), None, PixelSpec())
    engine.load({0: start})
    frames = np.array([len(masks)], np.int32)
    result = engine.run(np.ascontiguousarray(masks[None]), frames, np.array([Observe.SKIP], np.uint8))
    for reason in result.lost.values():
        raise LaneError(f"{reason} while it played a start state's recipe of {len(masks)} frames")
    return engine.save(0)


def as_sequence(value: object, lanes: int) -> list[StartState | None]:
    """One start state per lane from `options["state"]`: the same for all, or a sequence with one each.

    Raises:
        ValueError: If a sequence has another length.
    """
    if value is None or isinstance(value, str | bytes | Path):
        return [value] * lanes
    states = list(cast("Sequence[StartState | None]", value))
    if len(states) != lanes:
        raise ValueError(f'options["state"] has {len(states)} entries for {lanes} lanes')
    return states
