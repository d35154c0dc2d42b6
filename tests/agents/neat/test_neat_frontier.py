"""Episodes from the frontier: on a corridor whose numbers are known, and on our platformer."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from neat_setups import CARTPOLE, make_cartpole, make_config

import playthrough as pt
from playthrough.agents.neat import FrontierOptions, GenerationReport, NeatOptions, NeatTrainer, decode, encode
from playthrough.agents.neat.frontier import Discovery, Frontier
from playthrough.agents.neat.spaces import inputs_needed

LONG, DEATH = 60, 17


class Corridor:
    """Somebody walks right (reward 1) or stays; who stands on place 17 on an odd step dies two steps later.

    An episode of its own lasts 40 steps. A snapshot is the lane's place and step.
    """

    freezes_finished_lanes = True

    def __init__(self, num_envs: int) -> None:
        self.num_envs = num_envs
        self.metadata = {"autoreset_mode": AutoresetMode.DISABLED}
        self.single_observation_space = gymnasium.spaces.Box(0.0, 1.0, (3,), np.float32)
        self.single_action_space = gymnasium.spaces.Discrete(2)
        self.place, self.steps, self.dying = (np.zeros(num_envs, np.int64) for _ in range(3))
        self.begun: list[tuple[int, int]] = []
        self.ended = np.zeros(num_envs, np.bool_)

    def save_state(self, lane: int) -> bytes:
        return bytes([self.place[lane], self.steps[lane], self.dying[lane]])

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        options = options or {}
        for lane in np.flatnonzero(options.get("reset_mask", np.ones(self.num_envs, np.bool_))):
            state = options["state"][lane] if "state" in options else None
            self.place[lane], self.steps[lane], self.dying[lane] = state or (0, 0, 0)
            self.ended[lane] = False
            self.begun.append((int(self.place[lane]), int(self.steps[lane])))
        return self._seen(), self._infos()

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        moving = ~self.ended
        rewards = np.where(moving & (actions == 1), 1.0, 0.0)
        self.place += rewards.astype(np.int64)
        self.steps += moving
        self.dying = np.where(self.dying > 0, self.dying + moving, (self.place == DEATH) & (self.steps % 2 == 1))
        terminated = moving & ((self.dying > 2) | (self.place >= LONG))
        truncated = moving & (self.steps >= 40) & ~terminated
        self.ended |= terminated | truncated
        return self._seen(), rewards, terminated, truncated, self._infos()

    def _seen(self) -> Any:
        return np.stack([self.place / LONG, self.steps % 2, np.ones(self.num_envs)], axis=1).astype(np.float32)

    def _infos(self) -> dict[str, Any]:
        return {"place": self.place.copy(), "frames": self.steps * 4}


def trainer_of(env: Any, frontier: FrontierOptions | None, **options: Any) -> NeatTrainer:
    config = make_config(
        num_inputs=str(inputs_needed(env.single_observation_space)),
        num_outputs=str(env.single_action_space.n),
        pop_size="12",
        fitness_threshold="1e9",
    )
    return NeatTrainer(config, env, seed=4, options=NeatOptions(generations=99, frontier=frontier, **options))


def reports(trainer: NeatTrainer, generations: int) -> list[GenerationReport]:
    played = (trainer.run_generation() for _ in range(generations))
    return [replace(report, evaluate_s=0.0, reproduce_s=0.0, speciate_s=0.0) for report in played]


CORRIDOR = FrontierOptions(cells=("place / 4",), patience=0, max_steps=10, settle_steps=4, weight=0.5, novelty=3.0)


def test_only_the_levels_start_decides_who_is_best_and_the_frontier_has_a_share_in_selection() -> None:
    env = Corridor(5)
    trainer = trainer_of(env, CORRIDOR)
    first, second = reports(trainer, 2)
    assert all(not result.frontier for result in first.genomes), "nothing is known before the first generation"
    for report in (first, second):
        assert report.best_fitness == max(result.fitness for result in report.genomes)
        for result in report.genomes:
            (episode,) = result.episodes
            assert result.fitness == episode.reward
            assert result.frames == 4 * result.agent_steps, "steps before a snapshot are not played again"
    for result in second.genomes:
        assert len(result.frontier) == 2
        assert all(episode.agent_steps <= 10 for episode in result.frontier)
        extra = 0.5 * sum(episode.reward for episode in result.frontier) / 2
        assert result.selection >= result.fitness + extra, "cells pay besides"
    assert any(result.selection > result.fitness for result in first.genomes)


def test_whoever_is_about_to_die_leaves_no_snapshot() -> None:
    env = Corridor(4)
    trainer = trainer_of(env, replace(CORRIDOR, novelty=0.0))
    reports(trainer, 8)
    begun_on_the_way = {place for place, steps in env.begun if steps > 0}
    assert any(place > DEATH for place in begun_on_the_way), "the frontier lies behind the danger"
    for place, steps in env.begun:
        assert not (place == DEATH and steps % 2 == 1), f"an episode began doomed, on place {place} in step {steps}"


def test_the_frontier_gets_further_than_the_start_alone() -> None:
    env = Corridor(4)
    reports(trainer_of(env, None), 6)
    assert {steps for _, steps in env.begun} == {0}
    other = Corridor(4)
    reports(trainer_of(other, CORRIDOR), 6)
    assert max(place for place, _ in other.begun) > DEATH


@pytest.mark.parametrize("make", [Corridor, lambda lanes: wickling(lanes)], ids=["corridor", "wickling"])
def test_lanes_and_interruptions_change_nothing(make: Any) -> None:
    frontier = (
        CORRIDOR
        if make is Corridor
        else FrontierOptions(cells=("x / 32", "y / 64"), patience=0, max_steps=15, novelty=5.0)
    )
    runs = []
    for lanes in (1, 5):
        trainer = trainer_of(make(lanes), frontier, max_steps_per_episode=60)
        runs.append((reports(trainer, 3), encode(trainer.state())))
    assert runs[0] == runs[1]
    assert any(result.frontier for result in runs[0][0][-1].genomes)
    trainer = trainer_of(make(3), frontier, max_steps_per_episode=60)
    begun = reports(trainer, 1)
    config = make_config(
        num_inputs=str(inputs_needed(trainer._env.single_observation_space)),
        num_outputs=str(trainer._env.single_action_space.n),
        pop_size="12",
        fitness_threshold="1e9",
    )
    options = NeatOptions(generations=99, frontier=frontier, max_steps_per_episode=60)
    again = NeatTrainer.restore(config, make(2), decode(encode(trainer.state())), options)
    assert begun + reports(again, 2) == runs[0][0]
    assert encode(again.state()) == runs[0][1]


def wickling(lanes: int) -> Any:
    return pt.make_vec(
        "Wickling-Nes",
        num_envs=lanes,
        observation="tiles",
        actions=[["RIGHT"], ["RIGHT", "A"], ["LEFT"]],
        frame_skip=8,
        autoreset_mode="disabled",
    )


def test_least_visited_places_come_first_and_the_newest_of_them() -> None:
    frontier = Frontier(FrontierOptions(cells=("x",), patience=0, explore=3, practise=2, novelty=8.0))
    visits = Counter({(0,): 50, (1,): 3, (2,): 1, (3,): 1, (4,): 1})
    frontier.learn(visits, {(x,): Discovery(x, 0, bytes([x])) for x in (0, 1, 2, 3)}, 1.0)
    assert [place.snapshot for place in frontier.starts(0)] == [b"\x03", b"\x02", b"\x01"]
    assert frontier.bonus({(0,), (3,), (9,)}) == pytest.approx(8.0 * (51**-0.5 + 2**-0.5 + 1))
    assert frontier.bonus(set()) == 0.0


def test_practice_begins_before_the_place_where_the_best_ended() -> None:
    frontier = Frontier(FrontierOptions(cells=("x",), patience=0, explore=0, practise=2))
    cells = [(x,) for x in range(9)]
    snapshots = {cell: Discovery(x, 0, bytes([x])) for x, cell in enumerate(cells) if x != 5}
    seen: set[bytes] = set()
    for generation in range(5):
        frontier.learn(Counter(cells), snapshots, 1.0, cells[:7])
        starts = [place.snapshot or b"" for place in frontier.starts(generation)]
        assert len(set(starts)) == 2
        seen.update(starts)
    assert seen == {bytes([x]) for x in (1, 2, 3, 4, 6)}, "every run-up has its turn; where nobody left one, none"
    frontier.learn(Counter(cells), {}, 1.0, cells[:1])
    assert [place.snapshot for place in frontier.starts(0)] == [b"\x00"]


def test_the_frontier_waits_until_the_best_becomes_no_better() -> None:
    frontier = Frontier(FrontierOptions(cells=("x",), patience=2))
    snapshot = {(0,): Discovery(0, 0, b"here")}
    lengths = []
    for fitness in (1.0, 2.0, 2.0, 1.5, 2.0, 3.0, 3.0):
        frontier.learn(Counter([(0,)]), snapshot, fitness, [(0,)])
        lengths.append(len(frontier.starts(0)))
    assert lengths == [0, 0, 0, 2, 2, 0, 0]


def test_a_frontier_with_other_cells_starts_anew() -> None:
    frontier = Frontier(FrontierOptions(cells=("x",)))
    frontier.learn(Counter({(0,): 1}), {(0,): Discovery(1, 0, b"snapshot")}, 1.0, [(0,)])
    same = Frontier.restore(FrontierOptions(cells=("x",), explore=9), frontier.state())
    assert same.places == frontier.places and same.best_way == ((0,),)
    assert Frontier.restore(FrontierOptions(cells=("x / 2",)), frontier.state()).places == {}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"cells": ()}, "frontier needs cells"),
        ({"cells": ("x / 0",)}, "expected a variable, or one by a step"),
        ({"cells": ("x + y",)}, "expected a variable, or one by a step"),
        ({"cells": ("x",), "explore": -1}, "explore must not be negative"),
        ({"cells": ("x",), "max_steps": 0}, "max_steps must be at least 1"),
        ({"cells": ("x",), "weight": math.nan}, "must be finite"),
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FrontierOptions(**wrong)


def test_an_environment_without_snapshots_is_refused() -> None:
    config = make_config(CARTPOLE)
    trainer = NeatTrainer(config, make_cartpole(2), seed=1, options=NeatOptions(frontier=FrontierOptions(cells=("x",))))
    with pytest.raises(ValueError, match="save_state"):
        trainer.run_generation()


def test_who_is_best_from_the_start_stays_whatever_others_earn_at_the_frontier() -> None:
    trainer = trainer_of(Corridor(5), replace(CORRIDOR, weight=-50.0))
    others_earned_more = False
    for _ in range(8):
        (report,) = reports(trainer, 1)
        assert report.best_genome in trainer.population
        others_earned_more |= max(report.genomes, key=lambda result: result.selection).key != report.best_genome
    assert others_earned_more
