"""Where episodes start: which states there are to choose from, and their bytes on the running core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from playthrough.engine.engine import Engine, Observe
from playthrough.errors import StateError
from playthrough.game.integration import Integration
from playthrough.game.states import POWER_ON, Recipe, find_state, read_state, unpack_state

if TYPE_CHECKING:
    from playthrough.env.options import StartState

_MAX_RECIPE_DEPTH = 8


class StartStates:
    """The start states of an environment.

    Args:
        integration: The game.
        engine: Rebuilds recipes, on its lane 0.
        choice: What EnvOptions.state says.
        players: How many pads; the default start state may depend on it.

    Raises:
        StateError: If one does not exist or cannot be read.
        ValueError: If the choice is empty or a weight is not positive.
    """

    def __init__(
        self,
        integration: Integration,
        engine: Engine,
        choice: StartState | Sequence[StartState] | Mapping[str, float] | None,
        players: int,
    ) -> None:
        self._integration, self._engine = integration, engine
        self._known: dict[str, bytes] = {}
        states: list[StartState]
        weights: list[float] | None = None
        if choice is None:
            states = [integration.default_state(players) or POWER_ON]
        elif isinstance(choice, str | bytes | Path):
            states = [choice]
        elif isinstance(choice, Mapping):
            states, weights = list(choice), list(choice.values())
        else:
            states = list(choice)
        if not states or (weights is not None and min(weights) <= 0):
            raise ValueError("state must name at least one start state, with positive weights")
        self._choices = [self.resolve(state) for state in states]
        self._chances = None if weights is None else np.array(weights) / sum(weights)

    def draw(self, random: np.random.Generator) -> tuple[str, bytes]:
        """The name and the bytes of the next start; only several choices use up random numbers."""
        if len(self._choices) == 1:
            return self._choices[0]
        return self._choices[int(random.choice(len(self._choices), p=self._chances))]

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
        if not path.name.endswith(".recipe.json"):
            return read_state(path)
        if depth >= _MAX_RECIPE_DEPTH:
            raise StateError(f"{path}: the recipe starts from itself, through {depth} others")
        recipe = Recipe.read(path, self._integration.system)
        start = b"" if recipe.start == POWER_ON else self._read(recipe.start, depth + 1)
        return play_recipe(self._engine, recipe.masks(self._integration.system), start)


def play_recipe(engine: Engine, masks: np.ndarray[tuple[int, ...], np.dtype[np.uint16]], start: bytes) -> bytes:
    """Play inputs from a start on lane 0 and return the savestate that they lead to.

    Args:
        engine: Configured with no stop program.
        masks: uint16 (frames, players).
        start: A savestate, or nothing for a power-on.
    """
    lanes = engine.num_lanes
    engine.load({0: start})
    frames = np.zeros(lanes, np.int32)
    observe = np.full(lanes, Observe.SKIP, np.uint8)
    for begin in range(0, len(masks), 600):
        chunk = masks[begin : begin + 600]
        buttons = np.zeros((lanes, *chunk.shape), np.uint16)
        buttons[0] = chunk
        frames[0] = len(chunk)
        engine.run(buttons, frames, observe)
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
