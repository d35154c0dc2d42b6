"""A replay buffer: what was played, and which of it to learn from next.

Every lane has a ring of slots. A slot holds one observation and what was done on it; where observations are stacks of
pictures it holds the newest picture alone, a quarter of the memory, and a stack is put together from the slots before.

    slot      0        1        2        3 (last)    4 (first)   5
    picture   reset    o1       o2       o3 final    reset       o1   <- the present; nothing done on it yet
    action    a0       a1       a2, end  -           a0

The last observation of an episode has a slot of its own: where an episode was cut short, what would have followed is
estimated from there. An episode that begins with a stack that is not its first picture over and over gets slots for
those pictures as well. What may be drawn is said by the sum tree alone: a slot has weight as soon as the next n steps,
or the episode's end, are known, until its pictures are about to be overwritten. What is beside an observation, such as
which actions are allowed on it, has a place in the observation's slot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from playthrough.agents.deep.learner import ArrayState
from playthrough.agents.deep.sumtree import SumTree
from playthrough.errors import StateError

MakeArray = Callable[[str, tuple[int, ...], DTypeLike], NDArray[Any]]
"""Makes an array of this name, shape and type: zeros, or what a stored run left in it."""

TRUNCATED, TERMINATED = 1, 2
"""How an episode ended with a step; 0 for a step that did not end it."""

PRIORITY_FLOOR = 1e-6  # so that nothing is forgotten for good


def make_zeros(name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """An array in memory; the system takes up its pages as they are written."""
    return np.zeros(shape, dtype)


@dataclass(frozen=True)
class ReplayShape:
    """What a replay buffer holds.

    Attributes:
        lanes: Lanes that play side by side.
        capacity: Steps to draw from, of all lanes together; the last observation of an episode takes the place of one.
        observation_shape: Of one lane's observation.
        dtype: Of the observations.
        stacked: Whether observations are stacks, oldest first along the first axis, of which one new picture comes
            per step.
        n_step: Rewards that are summed before the rest is estimated.
        gamma: Discount per step.
        alpha: How much priorities count; 0 draws uniformly.
        spare: Steps of all lanes together that can follow on `state()` without touching what it refers to.
        beside: What else belongs to an observation, by name: its shape, and its type.
    """

    lanes: int
    capacity: int
    observation_shape: tuple[int, ...]
    dtype: DTypeLike = np.uint8
    stacked: bool = True
    n_step: int = 1
    gamma: float = 0.99
    alpha: float = 0.0
    spare: int = 0
    beside: Mapping[str, tuple[tuple[int, ...], DTypeLike]] = field(
        default_factory=dict[str, tuple[tuple[int, ...], DTypeLike]]
    )

    @property
    def stack(self) -> int:
        """Pictures in one observation."""
        return self.observation_shape[0] if self.stacked else 1

    @property
    def slots_per_lane(self) -> int:
        """Slots in one lane's ring: for the capacity, and for what may not be drawn from."""
        return -(-self.capacity // self.lanes) + self.n_step + self.stack + 1 + self.spare_per_lane

    @property
    def spare_per_lane(self) -> int:
        """Slots that are kept free of what may be drawn; episodes' last observations take some, too."""
        return -(-self.spare * 9 // (8 * self.lanes)) + 16 if self.spare else 0


@dataclass(frozen=True)
class Seen:
    """What was seen, of a few lanes or steps.

    Attributes:
        observations: (rows, *observation).
        beside: What else belongs to them, by name: (rows, ...).
    """

    observations: NDArray[Any]
    beside: Mapping[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])


@dataclass(frozen=True)
class Batch:
    """Steps to learn from.

    Attributes:
        slots: Where they are; `update_priorities` wants them back.
        seen: What was seen before each step.
        actions: int64 (batch,).
        returns: float32 (batch,): the discounted sum of the next n rewards, or of those until the episode's end.
        following: What was seen n steps later, or at the episode's end.
        discounts: float32 (batch,): what the estimate of what follows counts: gamma to the number of steps between, 0
            where the game ended.
        weights: float32 (batch,): importance weights, the largest 1.
    """

    slots: NDArray[np.int64]
    seen: Seen
    actions: NDArray[np.int64]
    returns: NDArray[np.float32]
    following: Seen
    discounts: NDArray[np.float32]
    weights: NDArray[np.float32]


class ReplayBuffer:
    """Remembers steps of several lanes and draws from them by priority (Schaul et al. 2016, section 3.3).

    Args:
        shape: What it holds.
        make_array: Makes the large arrays, such as files mapped into memory.

    Raises:
        ValueError: The capacity is too small.
    """

    def __init__(self, shape: ReplayShape, make_array: MakeArray = make_zeros) -> None:
        least = shape.lanes * (shape.n_step + 2 * shape.stack)
        if shape.capacity < least:
            raise ValueError(
                f"a replay buffer for {shape.lanes} lanes, {shape.n_step} steps and stacks of {shape.stack} must hold "
                f"at least {least} steps, not {shape.capacity}"
            )
        self.shape = shape
        self._size, self._stack = shape.slots_per_lane, shape.stack
        picture = shape.observation_shape[1:] if shape.stacked else shape.observation_shape
        rings = (shape.lanes, self._size)
        self._pictures = make_array("pictures", (*rings, *picture), shape.dtype).reshape(-1, *picture)
        self._actions = make_array("actions", rings, np.int32).reshape(-1)
        self._rewards = make_array("rewards", rings, np.float32).reshape(-1)
        self._ends = make_array("ends", rings, np.uint8).reshape(-1)
        self._ages = make_array("ages", rings, np.uint8).reshape(-1)
        self._beside = {
            name: make_array(name, (*rings, *part), dtype).reshape(-1, *part)
            for name, (part, dtype) in shape.beside.items()
        }
        self._written = make_array("written", (shape.lanes,), np.int64)
        """Slots written per lane since the beginning; the last is that of the present observation."""
        self._tree = SumTree(shape.lanes * self._size)
        self._episode_steps = np.zeros(shape.lanes, np.int64)
        self._highest = 1.0
        self._lanes = np.arange(shape.lanes)
        self._powers = shape.gamma ** np.arange(shape.n_step + 1)
        self._gone: list[NDArray[np.int64]] = []
        self._ready: list[NDArray[np.int64]] = []

    def __len__(self) -> int:
        """How many steps can be drawn."""
        return len(self.drawable())

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be drawn yet."""
        return self._tree.total <= 0.0

    # Writing ---------------------------------------------------------------------------------------------------------

    def start(self, seen: Seen) -> None:
        """Begin with what every lane sees first; what was remembered before is gone."""
        self._written[:] = 0
        self._tree.fill(np.zeros(self.shape.lanes * self._size, np.float32))
        for lane in range(self.shape.lanes):
            self._begin_episode(lane, seen)
        self._weigh()

    def add(
        self,
        actions: NDArray[Any],
        rewards: NDArray[Any],
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
        seen: Seen,
        finals: Mapping[int, Seen] | None = None,
    ) -> None:
        """Remember one step of every lane.

        Args:
            actions: What was done on the present observations.
            rewards: What was paid for it.
            terminated: Where the game ended.
            truncated: Where the episode was cut short.
            seen: What came next; where an episode ended, the first of the one after.
            finals: What was seen last, one row for each lane whose episode ended.
        """
        ended = terminated | truncated
        at = self._slots(self._lanes, self._written - 1)
        self._actions[at], self._rewards[at] = actions, rewards
        self._ends[at] = np.where(terminated, TERMINATED, np.where(truncated, TRUNCATED, 0))
        ages = self._ages[at]
        self._episode_steps += 1
        ending: list[int] = np.flatnonzero(ended).tolist()
        pictures, beside = self._newest(seen), seen.beside
        if len(ending):
            assert finals is not None
            pictures, beside = pictures.copy(), {name: part.copy() for name, part in beside.items()}
            for lane in ending:
                pictures[lane] = self._newest(finals[lane])[0]
                for name, part in beside.items():
                    part[lane] = finals[lane].beside[name][0]
        self._write(self._lanes, pictures, np.minimum(ages + 1, self._stack - 1), beside)
        steps = self.shape.n_step
        known = ~ended & (self._episode_steps >= steps)
        self._ready.append(self._slots(self._lanes[known], self._written[known] - 1 - steps))
        for lane in ending:
            back = np.arange(1, min(steps, self._episode_steps[lane]) + 1)
            self._ready.append(self._slots(np.full(len(back), lane), self._written[lane] - 1 - back))
            self._begin_episode(lane, seen)
        self._weigh()

    def _begin_episode(self, lane: int, seen: Seen) -> None:
        self._episode_steps[lane] = 0
        observation, beside = seen.observations[lane], {name: part[[lane]] for name, part in seen.beside.items()}
        pictures = observation if self.shape.stacked else observation[np.newaxis]
        if (pictures == pictures[-1:]).all():
            pictures = pictures[-1:]
        for age, picture in enumerate(pictures):
            self._write(np.array([lane]), picture[np.newaxis], np.array([age], np.uint8), beside)

    def _write(
        self,
        lanes: NDArray[np.int64],
        pictures: NDArray[Any],
        ages: NDArray[np.uint8],
        beside: Mapping[str, NDArray[Any]],
    ) -> None:
        written = self._written[lanes]
        at = self._slots(lanes, written)
        # Told before it is done: whoever reads these arrays after a crash sees what may have been overwritten.
        self._written[lanes] = written + 1
        self._pictures[at], self._ages[at] = pictures, ages
        for name, ring in self._beside.items():
            ring[at] = beside[name]
        self._gone.append(self._slots(lanes, written + self._stack - 1 + self.shape.spare_per_lane))

    def _weigh(self) -> None:
        """Tell the tree which slots may be drawn now and which no more."""
        gone, ready = np.concatenate(self._gone), np.concatenate([*self._ready, np.zeros(0, np.int64)])
        weights = np.zeros(len(gone) + len(ready))
        weights[: len(ready)] = self._highest**self.shape.alpha
        self._tree.set(np.concatenate([ready, gone]), weights)
        self._gone, self._ready = [], []

    def _slots(self, lanes: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        return lanes * self._size + numbers % self._size

    def _newest(self, seen: Seen) -> NDArray[Any]:
        return seen.observations[:, -1] if self.shape.stacked else seen.observations

    # Reading ---------------------------------------------------------------------------------------------------------

    def sample(self, num_steps: int, random: np.random.Generator, beta: float = 0.0) -> Batch:
        """Draw steps, one from each of equal shares of all priorities.

        Args:
            num_steps: How many.
            random: Decides which.
            beta: How far the importance weights make up for not drawing uniformly; 1 is fully.

        Raises:
            ValueError: There is nothing to draw yet.
        """
        total = self._tree.total
        if total <= 0.0:
            raise ValueError("nothing can be drawn from the replay buffer yet: no step is far enough back")
        shares = (np.arange(num_steps) + random.random(num_steps)) / num_steps
        slots = self._tree.find(shares * total)
        scarcity = 1.0 / self._tree.weights(slots)
        weights = (scarcity / scarcity.max()) ** beta  # the number of steps cancels out
        return self.read(slots, weights.astype(np.float32))

    def read(self, slots: NDArray[np.int64], weights: NDArray[np.float32]) -> Batch:
        """The steps in some slots."""
        lanes, first = slots // self._size, slots % self._size
        returns, steps = np.zeros(len(slots)), np.zeros(len(slots), np.int64)
        goes_on, over = np.ones(len(slots), np.bool_), np.zeros(len(slots), np.bool_)
        for step in range(self.shape.n_step):
            at = self._slots(lanes, first + step)
            returns += np.where(goes_on, self._powers[step] * self._rewards[at], 0.0)
            steps += goes_on
            over |= goes_on & (self._ends[at] == TERMINATED)
            goes_on &= self._ends[at] == 0
        discounts = np.where(over, 0.0, self._powers[steps])
        return Batch(
            slots,
            self._seen(lanes, first),
            self._actions[slots].astype(np.int64),
            returns.astype(np.float32),
            self._seen(lanes, first + steps),
            discounts.astype(np.float32),
            weights,
        )

    def _seen(self, lanes: NDArray[np.int64], numbers: NDArray[np.int64]) -> Seen:
        at = self._slots(lanes, numbers)
        beside = {name: ring[at] for name, ring in self._beside.items()}
        if not self.shape.stacked:
            return Seen(self._pictures[at], beside)
        back = np.minimum(np.arange(self._stack - 1, -1, -1), self._ages[at][:, np.newaxis])
        return Seen(self._pictures[self._slots(lanes[:, np.newaxis], numbers[:, np.newaxis] - back)], beside)

    def drawable(self) -> NDArray[np.int64]:
        """All slots that can be drawn, in no order that means anything."""
        return np.flatnonzero(self._tree.leaves)

    def update_priorities(self, slots: NDArray[np.int64], priorities: NDArray[np.floating]) -> None:
        """Say how much there was to learn from steps that were drawn since the last `add`."""
        if self.shape.alpha == 0.0:
            return
        raised = np.asarray(priorities, np.float64) + PRIORITY_FLOOR
        self._highest = max(self._highest, float(raised.max()))
        self._tree.set(slots, raised**self.shape.alpha)

    # Storing ---------------------------------------------------------------------------------------------------------

    def state(self) -> ArrayState:
        """What is needed to go on besides the arrays that `make_array` made."""
        arrays = {
            "weights": self._tree.leaves,
            "written": self._written.copy(),
            "episode_steps": self._episode_steps.copy(),
        }
        return ArrayState("replay", arrays, {"highest": self._highest})

    def load(self, state: ArrayState) -> int:
        """Go on from a state, with arrays that hold what they held then, and maybe more.

        Returns:
            How many steps can be drawn no more because the arrays were written to for longer than the spare steps; 0
            means that everything goes on exactly.

        Raises:
            StateError: The arrays are not those that the state refers to.
        """
        written, weights = state.arrays["written"], state.arrays["weights"].astype(np.float32)
        if written.shape != self._written.shape or weights.shape != (self.shape.lanes * self._size,):
            raise StateError(
                f"the replay buffer was stored with {len(written)} lanes and {len(weights)} slots, this one has "
                f"{self.shape.lanes} lanes and {self.shape.lanes * self._size} slots: go on with the same number of "
                "lanes and the same buffer size, n and spare steps"
            )
        if (self._written < written).any():
            raise StateError(
                "the replay buffer's arrays hold less than the stored state refers to: give the learner the arrays "
                "that it wrote before"
            )
        lost = 0
        for lane in range(self.shape.lanes):
            # Slots written later lie on older ones; those that are spare have no weight anyway.
            number = int(self._written[lane] - written[lane])
            if number > self._size - self.shape.n_step - 2 * self._stack:
                raise StateError(
                    f"lane {lane} of the replay buffer was overwritten completely since the state was stored: begin "
                    "anew, and store more often or give the buffer more spare steps"
                )
            reach = np.arange(number + self._stack - 1)
            at = self._slots(np.full(len(reach), lane), written[lane] + reach)
            lost += int(np.count_nonzero(weights[at]))
            weights[at] = 0.0
        self._tree.fill(weights)
        self._written[:] = written
        self._episode_steps[:] = state.arrays["episode_steps"]
        self._highest = float(state.values["highest"])
        return lost
