"""Which actions a game's state allows: rules that say under which condition buttons may be pressed.

    [env.action_mask]
    B = "ammo > 0"              # an action that presses B is allowed only while there is ammunition
    "LEFT+B" = "power >= 2"     # one that presses both, only with enough power

The environment plays a forbidden action all the same; whoever chooses actions is told not to. Where the rules would
forbid everything, everything is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from playthrough.game.actions import ActionMap
from playthrough.game.condition import Condition

_MAX_ACTIONS = 4096


class ActionMasks:
    """Says of every action whether it is allowed.

    Args:
        rules: A condition for each button, or buttons joined by `+`.
        actions: What there is to choose from.
        variables: The names of the values' columns.

    Raises:
        ValueError: If a rule is none, or speaks of a button or a variable that does not exist, or actions are not one
            of a number.
    """

    def __init__(self, rules: Mapping[str, str], actions: ActionMap, variables: Sequence[str]) -> None:
        space = actions.single_space
        if not isinstance(space, spaces.Discrete):
            raise ValueError(
                f"action_mask needs actions of which one is chosen, not {space}: use actions='discrete' or a list of "
                "button lists"
            )
        num_actions = int(space.n)
        if num_actions > _MAX_ACTIONS:
            raise ValueError(f"action_mask works with at most {_MAX_ACTIONS} actions, there are {num_actions}")
        pressed = actions.to_buttons(np.arange(num_actions))  # (actions, players)
        self._conditions: list[Condition] = []
        self._presses = np.zeros((len(rules), num_actions), np.bool_)
        for number, (text, condition) in enumerate(rules.items()):
            buttons = _buttons(text, actions)
            self._presses[number] = (pressed & buttons == buttons).any(axis=1)
            if not self._presses[number].any():
                raise ValueError(f"action_mask {text}: no action presses that")
            try:
                parsed = Condition.parse(condition)
            except ValueError as error:
                raise ValueError(f"action_mask {text}: {error}") from None
            unknown = [name for name in parsed.variables if name not in variables]
            if unknown:
                raise ValueError(f"action_mask {text}: no variable {unknown[0]!r}; there are: {', '.join(variables)}")
            self._conditions.append(parsed)
        used = dict.fromkeys(name for condition in self._conditions for name in condition.variables)
        self._columns = {name: list(variables).index(name) for name in used}

    def __call__(self, values: NDArray[np.int64]) -> NDArray[np.bool_]:
        """The masks of all lanes, bool (lanes, actions), from their variables, (lanes, variables)."""
        now = {name: values[:, column] for name, column in self._columns.items()}
        allowed: NDArray[np.bool_] = np.ones((len(values), self._presses.shape[1]), np.bool_)
        for condition, presses in zip(self._conditions, self._presses, strict=True):
            allowed &= condition.holds(now)[:, None] | ~presses
        allowed[~np.any(allowed, axis=1)] = True
        return allowed


def _buttons(text: str, actions: ActionMap) -> int:
    try:
        return actions.system.mask_of([name.strip() for name in text.split("+")])
    except ValueError as error:
        raise ValueError(f"action_mask {text}: {error}") from None
