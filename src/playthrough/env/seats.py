"""Seats: what each player of a game sees and presses.

All players of a lane share one picture and one memory. A seat is a player's place at it: its buttons go to the pads
that it holds, and it may see the game in a mirror, so that an agent which learned to play on the right also plays on
the left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from playthrough.engine.systems import System
from playthrough.env.batches import batch_of_one, rows
from playthrough.env.observation import Observation, Pixels, Together, Variables, Window, observation_of
from playthrough.env.vector import RetroVectorEnv
from playthrough.game.actions import ActionMap
from playthrough.game.wiring import wiring_of

Reflection = Callable[[Any], Any]
"""Turns a batch of observations, or a dict of such, into what is seen in the mirror."""


def _option(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


def _nothing() -> Mapping[str, float]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Mirror:
    """How every player but the first sees the game as player 1 does."""

    flip: bool = _option(False, "LEFT and RIGHT change places on the pad, and pictures are turned left to right")
    swap: tuple[tuple[str, str], ...] = _option(
        (), "pairs of variables that change places, such as the two players' positions"
    )
    reflect: Mapping[str, float] = field(
        default_factory=_nothing,
        metadata={"help": "variables along the mirrored axis, each with what it and its reflection add up to"},
    )

    def __bool__(self) -> bool:
        return bool(self.flip or self.swap or self.reflect)


class Seats:
    """The seats of an environment's players.

    Args:
        env: Its lanes, with as many players as there are seats.
        mirror: How players from the second on see the game.

    Raises:
        ValueError: If the observation cannot be mirrored, or a variable is not in it.
    """

    def __init__(self, env: RetroVectorEnv, mirror: Mirror | None = None) -> None:
        mirror = mirror or Mirror()
        integration = env.integration
        self.num_seats = env.options.players
        self.actions = ActionMap.create(env.options.actions, integration.system, integration.scenario.actions)
        """From one player's action to that player's buttons."""
        self._wiring = wiring_of(integration, self.num_seats)
        self._turn_buttons = _Turn(integration.system) if mirror.flip else None
        self._reflection: Reflection | None = None
        self.observation_space: spaces.Space[Any] = cast("Any", env.single_observation_space)
        """What every player sees."""
        if mirror:
            self._reflection = _reflection(observation_of(env.options.observation), env.variables, mirror)
            self.observation_space = _wider(self.observation_space, self._reflection)

    @property
    def action_space(self) -> spaces.Space[Any]:
        """What every player can do."""
        return self.actions.single_space

    @property
    def idle_action(self) -> Any:
        """The action that presses nothing; None where every action presses something."""
        space = self.action_space
        if not isinstance(space, spaces.Discrete):
            first = np.zeros(space.shape or (), space.dtype)
            return None if self.actions.to_buttons(first[np.newaxis]).any() else first
        pressed = self.actions.to_buttons(np.arange(int(space.n)))[:, 0]
        return int(pressed.argmin()) if not pressed.min() else None

    def pads(self, actions: NDArray[Any]) -> NDArray[np.uint16]:
        """What is pressed on the pads.

        Args:
            actions: (lanes, seats, ...), one action of `action_space` for every player.

        Returns:
            uint16 (lanes, pads).
        """
        given = np.asarray(actions)
        if given.shape[1:2] != (self.num_seats,):
            raise ValueError(f"actions have shape {given.shape}, expected one for each of {self.num_seats} players")
        return self.on_pads(np.stack([self.buttons(given[:, seat], seat) for seat in range(self.num_seats)], axis=1))

    def buttons(self, actions: NDArray[Any], seat: int) -> NDArray[np.uint16]:
        """What the player on one seat presses, uint16 (lanes,), for one of its actions on every lane."""
        masks = self.actions.to_buttons(actions)[:, 0]
        return self._turn_buttons(masks) if self._turn_buttons and seat else masks

    def on_pads(self, buttons: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """What is pressed on the pads, uint16 (lanes, pads), when players press these buttons, (lanes, seats)."""
        return self._wiring.masks(buttons)

    def observations(self, batch: Any) -> Any:
        """What every player sees.

        Args:
            batch: (lanes, ...), the environment's observations, or a dict of such.

        Returns:
            (lanes, seats, ...), or a dict of such.
        """
        others = self._reflection(batch) if self._reflection else batch
        if isinstance(batch, dict):
            parts = cast("dict[str, NDArray[Any]]", batch)
            return {name: self._seated(part, others[name]) for name, part in parts.items()}
        return self._seated(batch, others)

    def _seated(self, first: NDArray[Any], others: NDArray[Any]) -> NDArray[Any]:
        return np.stack([first, *[others] * (self.num_seats - 1)], axis=1)


class _Turn:
    """LEFT and RIGHT change places."""

    def __init__(self, system: System) -> None:
        self._left, self._right = (
            np.uint16(system.mask_of([name])) if name in system.buttons else np.uint16(0) for name in ("LEFT", "RIGHT")
        )

    def __call__(self, masks: NDArray[np.uint16]) -> NDArray[np.uint16]:
        sides = self._left | self._right
        left = np.where(masks & self._right, self._left, np.uint16(0))
        right = np.where(masks & self._left, self._right, np.uint16(0))
        return (masks & ~sides) | left | right


def _reflection(observation: Observation, variables: Sequence[str], mirror: Mirror) -> Reflection:
    """What a mirror does to a batch of observations.

    Raises:
        ValueError: If the observation has no mirror image.
    """
    if isinstance(observation, Together):
        parts = {name: _reflection(part, variables, mirror) for name, part in observation.parts.items()}
        return lambda batch: {name: parts[name](part) for name, part in batch.items()}
    if isinstance(observation, Window):
        return _reflection(observation_of(observation.observation), variables, mirror)
    if isinstance(observation, Pixels):
        axis = -1 if observation.gray else -2
        return lambda batch: np.flip(batch, axis) if mirror.flip else batch
    if not isinstance(observation, Variables):
        raise ValueError(f"mirror: pictures and variables have a mirror image, {type(observation).__name__} has none")
    names = list(observation.names or variables)
    for name in (*(name for pair in mirror.swap for name in pair), *mirror.reflect):
        if name not in names:
            raise ValueError(f"mirror: the observation has no variable {name!r}; it has {', '.join(names)}")
    columns = np.arange(len(names))
    for one, other in mirror.swap:
        first, second = names.index(one), names.index(other)
        columns[[first, second]] = columns[[second, first]]
    sums = np.array([mirror.reflect.get(name, np.nan) * observation.scale for name in names], np.float32)

    def reflected(batch: NDArray[Any]) -> NDArray[Any]:
        swapped = batch[..., columns]
        return np.where(np.isnan(sums), swapped, sums - swapped)

    return reflected


def _wider(space: spaces.Space[Any], reflection: Reflection) -> spaces.Space[Any]:
    """A space that holds observations and their reflections."""
    if isinstance(space, spaces.Dict):
        parts = cast("dict[str, spaces.Box]", space.spaces)
        lows = reflection({name: part.low for name, part in parts.items()})
        highs = reflection({name: part.high for name, part in parts.items()})
        return spaces.Dict({name: _wider_box(part, lows[name], highs[name]) for name, part in parts.items()})
    box = cast("spaces.Box", space)
    return _wider_box(box, reflection(box.low), reflection(box.high))


def _wider_box(box: spaces.Box, one: NDArray[Any], other: NDArray[Any]) -> spaces.Box:
    low, high = np.minimum(box.low, np.minimum(one, other)), np.maximum(box.high, np.maximum(one, other))
    return spaces.Box(low, high, dtype=cast("Any", box.dtype))


class SeatedLanes:
    """Lanes on which every player decides for itself.

    It is to a RetroVectorEnv what PettingZoo's parallel environments are to Gymnasium's: observations, actions and
    rewards have an axis of seats after that of lanes. All players' episodes begin and end together.

    Args:
        env: The lanes; it belongs to this object from now on.
        mirror: How players from the second on see the game.
    """

    def __init__(self, env: RetroVectorEnv, mirror: Mirror | None = None) -> None:
        self.env, self.seats = env, Seats(env, mirror)
        self.num_envs, self.num_seats = env.num_envs, self.seats.num_seats
        self.metadata = env.metadata
        self.single_observation_space, self.single_action_space = self.seats.observation_space, self.seats.action_space

    @property
    def idle_action(self) -> Any:
        """The action that presses nothing; None where every action presses something."""
        return self.seats.idle_action

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start episodes; see `RetroVectorEnv.reset`.

        Returns:
            Observations (lanes, seats, ...), and infos.
        """
        observations, infos = self.env.reset(seed=seed, options=options)
        return self.seats.observations(observations), infos

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Decide once for every player of every lane.

        Args:
            actions: (lanes, seats, ...)

        Returns:
            Observations (lanes, seats, ...), rewards (lanes, seats), terminations and truncations (lanes,), and infos;
            what `final_obs` holds of a lane is (seats, ...).
        """
        observations, _, terminated, truncated, infos = self.env.press(self.seats.pads(actions))
        rewards: NDArray[np.float64] = infos["rewards"]
        if "final_obs" in infos:
            ended = infos["_final_obs"]
            rewards = np.where(ended[:, None], infos["final_info"]["rewards"], rewards)
            finals = np.full(self.num_envs, None, object)
            for lane in np.flatnonzero(ended):
                finals[lane] = rows(self.seats.observations(batch_of_one(infos["final_obs"][lane])), 0)
            infos = {**infos, "final_obs": finals}
        return self.seats.observations(observations), rewards, terminated, truncated, infos

    def save_state(self, lane: int) -> bytes:
        """Everything that decides how a lane goes on."""
        return self.env.save_state(lane)

    def load_state(self, lane: int, snapshot: bytes) -> None:
        """Go on from a snapshot."""
        self.env.load_state(lane, snapshot)

    def close(self) -> None:
        """End the emulators."""
        self.env.close()
