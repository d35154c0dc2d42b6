"""The replay buffer against a list that forgets nothing, and its sum tree against plain sums."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike, NDArray

from playthrough.agents.deep.replay import Batch, ReplayBuffer, ReplayShape, Seen
from playthrough.agents.deep.sumtree import SumTree
from playthrough.errors import StateError

GAMMA = 0.9


@dataclass
class Step:
    """One step as it happened; `following` is what was seen after it, an episode's last observation included."""

    observation: NDArray[Any]
    action: int
    reward: float
    terminated: bool
    truncated: bool
    following: NDArray[Any]


BESIDE: dict[str, tuple[tuple[int, ...], DTypeLike]] = {"marks": ((2, 2), np.float32), "allowed": ((3,), np.bool_)}


def see(shape: ReplayShape, observations: NDArray[Any]) -> Seen:
    """Observations with something beside them that follows from each, so that it can be told whether it is theirs."""
    newest = observations[:, -1] if shape.stacked else observations
    numbers = newest.reshape(len(newest), math.prod(newest.shape[1:]))[:, 1].astype(np.float32)
    beside = {
        "marks": numbers[:, None, None] * np.array([[1, 2], [3, 4]], np.float32),
        "allowed": numbers[:, None] % [2, 3, 5] == 0,
    }
    return Seen(observations, {name: beside[name] for name in shape.beside})


class History:
    """Random episodes on several lanes: the reference, and what feeds the buffer.

    Pictures are numbered, so that no two of one lane are alike within some thousand steps.
    """

    def __init__(self, shape: ReplayShape, seed: int, starts_full: bool = False) -> None:
        self.shape, self.random, self.starts_full = shape, np.random.default_rng(seed), starts_full
        self.steps: list[list[Step]] = [[] for _ in range(shape.lanes)]
        self.number = np.zeros(shape.lanes, np.int64)
        self.present = np.stack([self.first(lane) for lane in range(shape.lanes)])

    def picture(self, lane: int) -> NDArray[Any]:
        self.number[lane] += 1
        shape = self.shape.observation_shape[1:] if self.shape.stacked else self.shape.observation_shape
        values = np.full(shape, 0, np.int64).reshape(-1)
        values[:3] = lane, self.number[lane] % 251, self.number[lane] // 251
        return values.reshape(shape).astype(self.shape.dtype)

    def first(self, lane: int) -> NDArray[Any]:
        if not self.shape.stacked:
            return self.picture(lane)
        if self.starts_full and self.random.random() < 0.5:  # as an episode begins that goes on from a snapshot
            return np.stack([self.picture(lane) for _ in range(self.shape.stack)])
        return np.repeat(self.picture(lane)[np.newaxis], self.shape.stack, 0)

    def next(self, lane: int) -> NDArray[Any]:
        if not self.shape.stacked:
            return self.picture(lane)
        return np.concatenate([self.present[lane][1:], self.picture(lane)[np.newaxis]])

    def play(self, buffer: ReplayBuffer) -> None:
        lanes = self.shape.lanes
        actions, rewards = self.random.integers(5, size=lanes), self.random.normal(size=lanes).astype(np.float32)
        terminated, truncated = self.random.random(lanes) < 0.1, self.random.random(lanes) < 0.1
        finals: dict[int, Seen] = {}
        present = self.present.copy()
        for lane in range(lanes):
            following = self.next(lane)
            ended = bool(terminated[lane] or truncated[lane])
            self.steps[lane].append(
                Step(
                    self.present[lane].copy(),
                    int(actions[lane]),
                    float(rewards[lane]),
                    bool(terminated[lane]),
                    bool(truncated[lane]),
                    following,
                )
            )
            if ended:
                finals[lane] = see(self.shape, following[np.newaxis])
            present[lane] = self.first(lane) if ended else following
        self.present = present
        buffer.add(actions, rewards, terminated, truncated, see(self.shape, present), finals)

    def expected(self, lane: int, number: int) -> tuple[float, NDArray[Any], float] | None:
        """Return, next observation and discount of a step; None while they are not known."""
        total, discount = 0.0, 1.0
        for ahead in range(self.shape.n_step):
            if number + ahead >= len(self.steps[lane]):
                return None
            step = self.steps[lane][number + ahead]
            total += discount * step.reward
            discount *= GAMMA
            if step.terminated:
                return total, step.following, 0.0
            if step.truncated or ahead == self.shape.n_step - 1:
                return total, step.following, discount
        raise AssertionError


def everything(buffer: ReplayBuffer) -> Batch:
    slots = buffer.drawable()
    return buffer.read(slots, np.ones(len(slots), np.float32))


def drawn_beside(one: Seen, other: Seen) -> None:
    assert one.beside.keys() == other.beside.keys()
    for name, part in one.beside.items():
        np.testing.assert_array_equal(part, other.beside[name], err_msg=name)


def check(buffer: ReplayBuffer, history: History) -> None:
    """All that can be drawn is right, and all that should be can be drawn, exactly once."""
    batch = everything(buffer)
    for seen in (batch.seen, batch.following):
        drawn_beside(seen, see(buffer.shape, seen.observations))
    known: dict[bytes, list[tuple[int, int]]] = {}
    for lane, steps in enumerate(history.steps):
        for number, step in enumerate(steps):
            known.setdefault(step.observation.tobytes(), []).append((lane, number))
    drawn: list[list[int]] = [[] for _ in history.steps]
    for row in range(len(batch.slots)):
        ((lane, number),) = known[batch.seen.observations[row].tobytes()]
        step, expected = history.steps[lane][number], history.expected(lane, number)
        assert expected is not None, "drawn before its n steps were known"
        total, following, discount = expected
        assert batch.actions[row] == step.action
        assert batch.returns[row] == pytest.approx(total, abs=1e-5)
        assert batch.discounts[row] == pytest.approx(discount, abs=1e-6)
        if discount:
            np.testing.assert_array_equal(batch.following.observations[row], following)
        drawn[lane].append(number)
    capacity = history.shape.capacity // history.shape.lanes
    for lane, numbers in enumerate(drawn):
        complete = [n for n in range(len(history.steps[lane])) if history.expected(lane, n) is not None]
        assert sorted(numbers) == complete[len(complete) - len(numbers) :], "a gap, or something twice"
        # An episode's last observation takes a slot, and its first ones up to a stack's more.
        extra = sum(s.terminated or s.truncated for s in history.steps[lane][-capacity:])
        extra *= history.shape.stack if history.starts_full else 1
        assert len(numbers) >= min(len(complete), capacity - extra - history.shape.stack)
        assert len(numbers) <= capacity + 1 + history.shape.n_step


SHAPES = [
    ReplayShape(3, 90, (4, 2, 3), np.uint8, n_step=3, gamma=GAMMA),
    ReplayShape(2, 26, (4, 2, 3), np.uint8, n_step=5, gamma=GAMMA, spare=6, beside=BESIDE),
    ReplayShape(1, 40, (2, 5), np.uint8, n_step=1, gamma=GAMMA),
    ReplayShape(3, 60, (5,), np.float32, stacked=False, n_step=3, gamma=GAMMA, beside=BESIDE),
    ReplayShape(2, 40, (3, 2, 2), np.uint8, stacked=False, n_step=2, gamma=GAMMA, spare=10),
]


@pytest.mark.parametrize("starts_full", [False, True])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_everything_drawn_is_what_happened(shape: ReplayShape, seed: int, starts_full: bool) -> None:
    buffer, history = ReplayBuffer(shape), History(shape, seed, starts_full)
    buffer.start(see(shape, history.present))
    for number in range(250):
        history.play(buffer)
        if number < 12 or number % 17 == 0 or number > 240:
            check(buffer, history)


def test_a_stack_takes_the_memory_of_one_picture() -> None:
    sizes: dict[str, int] = {}

    def make_array(name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        sizes[name] = int(np.prod(shape)) * np.dtype(dtype).itemsize
        return np.zeros(shape, dtype)

    ReplayBuffer(ReplayShape(8, 10_000, (4, 84, 84), n_step=3), make_array)
    assert sum(sizes.values()) < 1.03 * 10_000 * 84 * 84


class Files:
    """Arrays that outlive the process that wrote them, as a mapped file does."""

    def __init__(self) -> None:
        self.arrays: dict[str, NDArray[Any]] = {}

    def make_array(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        return self.arrays.setdefault(name, np.zeros(shape, dtype))


def drawn_alike(one: Batch, other: Batch) -> None:
    for name in ("slots", "actions", "returns", "discounts", "weights"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    for left, right in ((one.seen, other.seen), (one.following, other.following)):
        np.testing.assert_array_equal(left.observations, right.observations)
        drawn_beside(left, right)


@pytest.mark.parametrize(("later", "is_exact"), [(0, True), (12, True), (60, False)])
def test_a_stored_buffer_goes_on_though_its_arrays_were_written_to_later(later: int, is_exact: bool) -> None:
    shape = ReplayShape(2, 160, (4, 2, 3), n_step=3, gamma=GAMMA, alpha=0.6, spare=24, beside=BESIDE)
    files, history = Files(), History(shape, 7)
    buffer = ReplayBuffer(shape, files.make_array)
    buffer.start(see(shape, history.present))
    priorities = np.random.default_rng(1)
    for _ in range(300):
        history.play(buffer)
        batch = buffer.sample(8, priorities, 0.5)
        buffer.update_priorities(batch.slots, priorities.random(8))
    state, stored = buffer.state(), everything(buffer)
    for _ in range(later):
        history.play(buffer)  # and then the process is killed

    again = ReplayBuffer(shape, files.make_array)
    lost = again.load(state)
    assert (lost == 0) is is_exact
    kept = everything(again)
    if is_exact:
        drawn_alike(kept, stored)
        drawn_alike(again.sample(32, np.random.default_rng(3), 0.4), again.sample(32, np.random.default_rng(3), 0.4))
        assert again.state().values == state.values
    else:
        assert len(kept.slots) == len(stored.slots) - lost > 0
        rows = {slot: row for row, slot in enumerate(stored.slots.tolist())}
        for row, slot in enumerate(kept.slots.tolist()):
            np.testing.assert_array_equal(kept.seen.observations[row], stored.seen.observations[rows[slot]])
            np.testing.assert_array_equal(kept.following.observations[row], stored.following.observations[rows[slot]])


def test_a_stored_buffer_refuses_arrays_of_another_run() -> None:
    shape = ReplayShape(2, 60, (3,), np.float32, stacked=False)
    history, buffer = History(shape, 0), ReplayBuffer(shape)
    buffer.start(see(shape, history.present))
    for _ in range(20):
        history.play(buffer)
    with pytest.raises(StateError, match="less than the stored state"):
        ReplayBuffer(shape).load(buffer.state())
    with pytest.raises(StateError, match="2 lanes"):
        ReplayBuffer(ReplayShape(3, 60, (3,), np.float32, stacked=False)).load(buffer.state())


def test_priorities_decide_how_often_and_weights_make_up_for_it() -> None:
    shape = ReplayShape(1, 200, (3,), np.float32, stacked=False, alpha=0.5)
    history, buffer = History(shape, 2), ReplayBuffer(shape)
    buffer.start(see(shape, history.present))
    for _ in range(101):
        history.play(buffer)
    slots = buffer.drawable()
    priorities = np.random.default_rng(4).uniform(0.1, 4.0, len(slots))
    buffer.update_priorities(slots, priorities)
    random = np.random.default_rng(5)
    times = np.zeros(int(slots.max()) + 1)
    for _ in range(4000):
        batch = buffer.sample(32, random, beta=1.0)
        np.add.at(times, batch.slots, 1)
        # Fully weighted, every step counts the same on average: its chance times its weight is a constant.
        chances = np.sqrt(priorities)[np.searchsorted(slots, batch.slots)]
        np.testing.assert_allclose(batch.weights * chances, (batch.weights * chances)[0], rtol=1e-4)
        assert batch.weights.max() == 1.0
    expected = np.sqrt(priorities) / np.sqrt(priorities).sum()
    np.testing.assert_allclose(times[slots] / times.sum(), expected, rtol=0.12)


def test_new_steps_come_with_the_highest_priority() -> None:
    shape = ReplayShape(1, 200, (3,), np.float32, stacked=False, alpha=1.0)
    history, buffer = History(shape, 2), ReplayBuffer(shape)
    buffer.start(see(shape, history.present))
    for _ in range(50):
        history.play(buffer)
    old = buffer.drawable()
    buffer.update_priorities(old, np.linspace(0.1, 9.0, len(old)))
    history.play(buffer)
    new = np.setdiff1d(buffer.drawable(), old)
    assert len(new) == 1
    random = np.random.default_rng(0)
    share = np.mean([np.mean(buffer.sample(32, random).slots == new) for _ in range(3000)])
    assert share == pytest.approx(9.0 / (np.linspace(0.1, 9.0, len(old)).sum() + 9.0), rel=0.1)


def test_too_small_a_buffer_and_an_empty_one_say_so() -> None:
    with pytest.raises(ValueError, match="at least 44 steps, not 43"):
        ReplayBuffer(ReplayShape(4, 43, (4, 2, 3), n_step=3))
    buffer = ReplayBuffer(ReplayShape(1, 44, (4, 2, 3), n_step=3))
    buffer.start(Seen(np.zeros((1, 4, 2, 3), np.uint8)))
    with pytest.raises(ValueError, match="nothing can be drawn"):
        buffer.sample(1, np.random.default_rng(0))


@pytest.mark.parametrize("num_leaves", [1, 2, 3, 64, 1000])
def test_the_sum_tree_finds_what_running_sums_say(num_leaves: int) -> None:
    random = np.random.default_rng(num_leaves)
    tree, plain = SumTree(num_leaves), np.zeros(num_leaves, np.float32)
    for _ in range(30):
        leaves = random.integers(num_leaves, size=min(num_leaves, 20))
        weights = random.integers(0, 5, len(leaves)).astype(np.float32)
        tree.set(leaves, weights)
        plain[leaves] = weights
        np.testing.assert_array_equal(tree.leaves, plain)
        assert tree.total == plain.sum()
        if plain.any():
            sums = random.random(50) * tree.total
            np.testing.assert_array_equal(tree.find(sums), np.searchsorted(np.cumsum(plain), sums, side="right"))
    rebuilt = SumTree(num_leaves)
    rebuilt.fill(plain)
    assert rebuilt.total == tree.total


def test_the_sum_tree_never_finds_a_weight_of_zero() -> None:
    """Not even at the very end of all sums, where rounding may carry a number past the last weight."""
    random = np.random.default_rng(0)
    for _ in range(200):
        tree = SumTree(37)
        leaves = random.choice(37, 5, replace=False)
        tree.set(leaves, random.random(5) * 10.0 ** random.integers(-8, 8, 5))
        found = tree.find(np.array([0.0, np.nextafter(tree.total, 0.0), tree.total]))
        assert np.isin(found, leaves).all()
