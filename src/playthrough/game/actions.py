"""From an agent's choice to pressed buttons.

The rules are stable-retro's. A pad's buttons fall into groups (up and down; left and right; the fire buttons), each
with the choices that make sense together. The groups are ordered by the number that all their buttons make, the choices
of a group by their own numbers, and of two groups over the same buttons the first counts. `buttons` takes any
combination and lets go of a group whose combination is not one of its choices; `discrete` numbers all combinations of
choices, the first group's changing fastest and player 1 before player 2; `multi_discrete` takes one number per group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

if TYPE_CHECKING:
    import gymnasium as gym
    from numpy.typing import NDArray

    from playthrough.engine.systems import System

ActionKind = Literal["buttons", "all", "discrete", "multi_discrete", "list"]

# What each button adds to a mask.
_LITTLE = np.dtype("<u2")

_KINDS = ("buttons", "all", "discrete", "multi_discrete")


@dataclass(frozen=True, eq=False)
class ActionMap:
    """Turns the actions of a Gymnasium space into button masks, for a whole batch at a time.

    Attributes:
        kind: Which of the five meanings actions have.
        system: Whose buttons they press.
        num_players: Number of pads.
        groups: The choices of each button group as masks, both ascending.
        choices: For `list`: the mask that each number stands for.
        space: The space of one environment's actions.
        filter_table: For `buttons` and `all`: what is pressed for every combination, uint16 (2 ** number of buttons,).
    """

    kind: ActionKind
    system: System
    num_players: int
    groups: tuple[tuple[int, ...], ...]
    choices: tuple[int, ...]
    space: gym.Space[Any]
    filter_table: NDArray[np.uint16]

    @classmethod
    def create(
        cls,
        kind_or_list: str | Sequence[Sequence[str]],
        system: System,
        scenario_actions: Sequence[Sequence[Sequence[str]]] | None = None,
        players: int = 1,
    ) -> ActionMap:
        """Make the map for a system and a scenario.

        Args:
            kind_or_list: `buttons`, `all`, `discrete`, `multi_discrete`, or lists of buttons that are pressed together,
                one per number: `[[], ["B"], ["B", "LEFT"]]`.
            system: The system played on.
            scenario_actions: Button groups that replace the system's, if not empty.
            players: Number of pads, from 1.

        Raises:
            ValueError: If a name is no action kind or no button, or a list or group is empty.
        """
        from gymnasium import spaces

        if isinstance(players, bool) or not isinstance(players, int | np.integer) or players < 1:  # pyright: ignore
            raise ValueError(f"players must be a whole number, 1 or more, not {players!r}")
        groups = _masks_of_groups(scenario_actions or system.button_groups, system)
        num_buttons = len(system.buttons)
        choices: tuple[int, ...] = ()
        table = np.zeros(0, np.uint16)
        kind: ActionKind
        space: gym.Space[Any]
        if isinstance(kind_or_list, str):
            if kind_or_list not in _KINDS:
                raise ValueError(
                    f"{kind_or_list!r} is no action kind; expected one of {', '.join(_KINDS)}, or a list of button "
                    'lists such as [[], ["B"], ["B", "LEFT"]]'
                )
            kind = kind_or_list
        else:
            kind, choices = "list", _masks_of_list(kind_or_list, system)
        if kind in ("buttons", "all"):
            space = spaces.MultiBinary(num_buttons * players)
            table = _filter_table(groups if kind == "buttons" else None, system)
        elif kind == "discrete":
            num_actions = _count(groups) ** players
            if num_actions > np.iinfo(np.int64).max:
                raise ValueError(
                    f"{players} players have {num_actions} combinations, too many to number; use 'buttons'"
                )
            space = spaces.Discrete(num_actions)
        elif kind == "multi_discrete":
            space = spaces.MultiDiscrete([len(group) for group in groups] * players)
        elif players == 1:
            space = spaces.Discrete(len(choices))
        else:
            space = spaces.MultiDiscrete([len(choices)] * players)
        return cls(kind, system, players, groups, choices, space, table)

    @property
    def single_space(self) -> gym.Space[Any]:
        """The space of one lane's actions."""
        return self.space

    def batch_space(self, num_lanes: int) -> gym.Space[Any]:
        """The space of the actions of all lanes at once."""
        from gymnasium.vector.utils import batch_space

        return batch_space(self.space, num_lanes)

    def to_buttons(self, actions: NDArray[Any] | Sequence[Any]) -> NDArray[np.uint16]:
        """The buttons that actions press.

        Args:
            actions: Whole numbers or booleans with a leading lane axis, shape (lanes, *space.shape).

        Returns:
            Button masks, uint16 (lanes, players).

        Raises:
            ValueError: If the shape or a number does not fit the space; the message names the lane.
            TypeError: If the actions are no whole numbers.
        """
        array = np.asarray(actions)
        shape = cast("tuple[int, ...]", self.space.shape or ())
        if array.dtype.kind == "f" and (array == np.rint(array)).all():
            array = array.astype(np.int64)  # stable-baselines3 gives MultiBinary actions as 0.0 and 1.0
        if array.dtype.kind not in "biu":
            raise TypeError(f"actions must be whole numbers or booleans for {self.space}, not {array.dtype}")
        if array.shape[1:] != shape or array.ndim == 0:
            expected = ", ".join(("lanes", *(str(size) for size in shape)))
            raise ValueError(f"actions have shape {array.shape}, expected ({expected}) for {self.space}")
        self._check_range(array)
        num_lanes = array.shape[0]
        if self.kind in ("buttons", "all"):
            num_buttons = len(self.system.buttons)
            pads = np.packbits(array.reshape(num_lanes, self.num_players, num_buttons), axis=-1, bitorder="little")
            pressed = pads[..., 0] if num_buttons <= 8 else pads.view(_LITTLE)[..., 0]
            return self.filter_table[pressed]
        if self.kind == "list":
            return np.array(self.choices, np.uint16)[array.reshape(num_lanes, self.num_players)]
        if self.kind == "multi_discrete":
            digits = array.reshape(num_lanes, self.num_players, len(self.groups))
        else:
            digits = np.empty((num_lanes, self.num_players, len(self.groups)), np.int64)
            rest = array.astype(np.int64)
            for player in range(self.num_players):
                for index, group in enumerate(self.groups):
                    rest, digits[:, player, index] = np.divmod(rest, len(group))
        masks = np.zeros((num_lanes, self.num_players), np.uint16)
        for index, group in enumerate(self.groups):
            masks |= np.array(group, np.uint16)[digits[:, :, index]]
        return masks

    def names(self, mask: int) -> list[str]:
        """The names of the buttons pressed in one pad's mask."""
        return self.system.names_of(int(mask))

    def meaning(self, action: Any) -> list[str] | list[list[str]]:
        """The names of the buttons that one environment's action presses; a list per player for more than one."""
        masks = self.to_buttons(np.asarray(action)[None])[0]
        pressed = [self.names(mask) for mask in masks]
        return pressed[0] if self.num_players == 1 else pressed

    def _check_range(self, array: NDArray[Any]) -> None:
        if array.dtype.kind == "b" or not array.size:
            return
        if self.kind in ("buttons", "all"):
            if array.itemsize == 1 and not np.count_nonzero(array.view(np.uint8) & 254):
                return  # the usual case, at a third of the cost
            limits: Any = 2
        elif self.kind == "multi_discrete":
            limits = np.array([len(group) for group in self.groups] * self.num_players)
        else:
            limits = len(self.choices) if self.kind == "list" else _count(self.groups) ** self.num_players
        wrong = (array < 0) | (array >= limits)
        if wrong.any():
            where = np.argwhere(wrong)[0]
            raise ValueError(f"lane {where[0]}: the action {array[where[0]]} is not in {self.space}")


def _count(groups: tuple[tuple[int, ...], ...]) -> int:
    total = 1
    for group in groups:
        total *= len(group)
    return total


def _masks_of_groups(groups: Sequence[Sequence[Sequence[str]]], system: System) -> tuple[tuple[int, ...], ...]:
    by_buttons: dict[int, tuple[int, ...]] = {}
    for group in groups:
        if not group:
            raise ValueError("a button group has no choice; expected at least one, such as [[], ['UP'], ['DOWN']]")
        masks = {system.mask_of(list(choice)) for choice in group}
        all_buttons = 0
        for mask in masks:
            all_buttons |= mask
        by_buttons.setdefault(all_buttons, tuple(sorted(masks)))
    return tuple(by_buttons[key] for key in sorted(by_buttons))


def _masks_of_list(choices: Sequence[Sequence[str]], system: System) -> tuple[int, ...]:
    if not isinstance(choices, Sequence):  # pyright: ignore[reportUnnecessaryIsInstance]
        kinds = ", ".join(_KINDS)
        raise TypeError(f"actions must be one of {kinds}, or a list of button lists, not {choices!r}")
    if not choices:
        raise ValueError('the list of actions is empty; expected button lists such as [[], ["B"], ["B", "LEFT"]]')
    masks: list[int] = []
    for choice in choices:
        if isinstance(choice, str):
            raise ValueError(f"each action is a list of buttons: write [{choice!r}] instead of {choice!r}")
        if not isinstance(choice, Sequence):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"each action is a list of buttons such as ['B', 'LEFT'], not {choice!r}")
        masks.append(system.mask_of(list(choice)))
    return tuple(masks)


def _filter_table(groups: tuple[tuple[int, ...], ...] | None, system: System) -> NDArray[np.uint16]:
    """What stays pressed of every combination. Ids without a name are never pressed: they can be turbo buttons."""
    pressed = np.arange(1 << len(system.buttons), dtype=np.uint32)
    if groups is None:
        named = sum(1 << i for i, name in enumerate(system.buttons) if name)
        return (pressed & named).astype(np.uint16)
    kept = np.zeros_like(pressed)
    for group in groups:
        all_buttons = 0
        for mask in group:
            all_buttons |= mask
        part = pressed & all_buttons
        kept |= np.where(np.isin(part, group), part, 0)
    return kept.astype(np.uint16)
