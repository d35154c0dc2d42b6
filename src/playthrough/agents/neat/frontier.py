"""Getting past the pit: some episodes begin where the population has hardly ever been.

What a population meets only at the end of long episodes it learns slowly, and what lies behind the start it never
meets. So, beside the episodes from the level's start that alone decide who is best:

1. The game is divided into cells, made of any of its variables: `x / 64` and `key`, for example.
2. Whoever enters a cell that has no snapshot yet, and is still alive a little later, leaves one of the moment of
   entering.
3. While the population is stuck, all genomes also play a few short episodes from snapshots: of the cells that were
   visited least (to explore), and of the last cells before the place where the best of the generation before came to
   its end (to practise). What they earn there is a part of the fitness by which parents are chosen.
4. Cells that were visited seldom also pay by themselves, if `novelty` says so: one over the root of their visits
   (count-based exploration, Bellemare et al., 2016; returning to snapshots, Ecoffet et al., 2021).

Everything is decided between generations and in the order of the genomes, never by which lane was faster.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playthrough.agents.lanes import SnapshotLaneEnv

Cell = tuple[int, ...]

_KEPT_SNAPSHOTS = 64
"""So many of the least visited cells keep theirs: a snapshot has some thousand bytes, and each checkpoint holds all."""

_RUN_UP = 4
"""So many cells before the one in which the best genome ended are worth a start."""

_AXIS = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:/\s*([1-9]\d*)\s*)?")


def _option(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class FrontierOptions:
    """How episodes from the frontier are played, and what they are worth."""

    cells: tuple[str, ...] = _option((), "what cells are made of: variables, or `x / 64` for steps of 64")
    explore: int = _option(1, "snapshots of hardly visited cells from which every genome plays as well")
    practise: int = _option(1, "snapshots from before the place where the best genome ends, likewise")
    max_steps: int = _option(100, "longest episode from a snapshot, in steps")
    patience: int = _option(3, "generations without a better best after which a population is stuck; 0: always")
    settle_steps: int = _option(25, "steps that one has to live on for a snapshot to be kept")
    weight: float = _option(1.0, "share of what is earned there, on average, in a genome's fitness")
    novelty: float = _option(0.0, "what entering a cell pays that nobody has seen; less, the more have")

    def __post_init__(self) -> None:
        if not self.cells:
            raise ValueError("frontier needs cells = ['x / 64'], the variables that tell one place from another")
        for name in ("explore", "practise", "patience", "settle_steps"):
            if getattr(self, name) < 0:
                raise ValueError(f"frontier {name} must not be negative, found {getattr(self, name)}")
        if self.max_steps < 1:
            raise ValueError(f"frontier max_steps must be at least 1, found {self.max_steps}")
        if not (np.isfinite(self.weight) and np.isfinite(self.novelty)):
            raise ValueError(f"frontier weight and novelty must be finite, found {self.weight} and {self.novelty}")
        self.axes()

    def check(self, variables: Collection[str]) -> None:
        """Make sure that cells are made of variables that there are.

        Raises:
            ValueError: If one is none.
        """
        for name, _ in self.axes():
            if name not in variables:
                raise ValueError(f"frontier cells: there is no variable {name!r}; there are: {', '.join(variables)}")

    def axes(self) -> tuple[tuple[str, int], ...]:
        """Each variable with its step.

        Raises:
            ValueError: If an entry of `cells` is none.
        """
        matches = [(text, _AXIS.fullmatch(text)) for text in self.cells]
        for text, match in matches:
            if match is None:
                raise ValueError(
                    f"frontier cells: expected a variable, or one by a step such as 'x / 64'; found {text!r}"
                )
        return tuple((match[1], int(match[2] or 1)) for _, match in matches if match)


@dataclass(frozen=True)
class Discovery:
    """A cell that somebody entered first.

    Attributes:
        steps: Decisions from the level's start to it.
        episode: The number of the episode, among the generation's.
        snapshot: The lane as it was.
    """

    steps: int
    episode: int
    snapshot: bytes

    @property
    def rank(self) -> tuple[int, int]:
        """The lowest of several is kept: the shortest way, and of those the first genome's."""
        return self.steps, self.episode


@dataclass
class Place:
    """What is known of a cell.

    Attributes:
        visits: Episodes that have come through it.
        steps: Decisions from the level's start to its snapshot; -1 if nobody who entered it lived on.
        snapshot: Where episodes may begin; None if others need it more.
    """

    visits: int = 0
    steps: int = -1
    snapshot: bytes | None = None


class Frontier:
    """All cells that the population has ever entered, and snapshots of those that it hardly knows.

    Args:
        options: What cells are made of, and what they are worth.
    """

    def __init__(self, options: FrontierOptions) -> None:
        self.options = options
        self.axes = options.axes()
        self.places: dict[Cell, Place] = {}
        self.best_way: tuple[Cell, ...] = ()
        """The cells that the best genome came through, in the order in which it entered them first."""
        self._stuck_for = 0
        self._best_fitness = -math.inf

    def starts(self, generation: int) -> list[Place]:
        """Where a generation's extra episodes begin; nowhere while the best becomes better.

        To explore: the cells that were visited least, the newest of them first. To practise: of the last few cells on
        the best genome's way another one in each generation, since nobody knows how long the run-up has to be.
        """
        if self._stuck_for < self.options.patience:
            return []
        found = [(place.visits, -number, place) for number, place in enumerate(self.places.values()) if place.snapshot]
        explored = [place for *_, place in sorted(found, key=lambda entry: entry[:2])[: self.options.explore]]
        way = [self.places[cell] for cell in self.best_way if self.places[cell].snapshot][-_RUN_UP - 1 :]
        turns = [(generation + turn) % len(way) for turn in range(min(self.options.practise, len(way)))]
        return explored + [way[turn] for turn in turns]

    def bonus(self, cells: Collection[Cell]) -> float:
        """What cells pay by themselves, after all generations before this one."""
        if not self.options.novelty:
            return 0.0
        visits = [self.places[cell].visits if cell in self.places else 0 for cell in sorted({*cells})]
        return self.options.novelty * sum((1 + number) ** -0.5 for number in visits)

    def learn(
        self,
        visits: Counter[Cell],
        discoveries: Mapping[Cell, Discovery],
        best_fitness: float,
        best_way: Collection[Cell] = (),
    ) -> None:
        """Take in a generation.

        Args:
            visits: How many episodes came through each cell.
            discoveries: Snapshots of cells that are new.
            best_fitness: Of its best genome.
            best_way: The cells that this genome came through.
        """
        self._stuck_for = 0 if best_fitness > self._best_fitness else self._stuck_for + 1
        self._best_fitness = max(best_fitness, self._best_fitness)
        for cell in sorted(visits):
            self.places.setdefault(cell, Place()).visits += visits[cell]
        for cell, discovery in sorted(discoveries.items()):
            place = self.places.setdefault(cell, Place())
            place.steps, place.snapshot = discovery.steps, discovery.snapshot
        self.best_way = tuple(cell for cell in best_way if cell in self.places)
        ahead = {id(self.places[cell]) for cell in self.best_way[-2 * _RUN_UP :]}
        holders = sorted(
            (place for place in self.places.values() if place.snapshot and id(place) not in ahead),
            key=lambda place: place.visits,
        )
        for place in holders[_KEPT_SNAPSHOTS:]:
            place.snapshot = None

    def state(self) -> dict[str, Any]:
        """Everything that is known, as plain data."""
        places = self.places.values()
        snapshots = [np.frombuffer(place.snapshot or b"", np.uint8) for place in places]
        return {
            "cells": list(self.options.cells),
            "stuck_for": self._stuck_for,
            "best_fitness": self._best_fitness,
            "best_way": np.array(self.best_way, np.int64).reshape(len(self.best_way), len(self.axes)),
            "keys": np.array(list(self.places), np.int64).reshape(len(self.places), len(self.axes)),
            "visits": np.array([place.visits for place in places], np.int64),
            "steps": np.array([place.steps for place in places], np.int64),
            "sizes": np.array([len(snapshot) for snapshot in snapshots], np.int64),
            "snapshots": np.concatenate([*snapshots, np.zeros(0, np.uint8)]),
        }

    @classmethod
    def restore(cls, options: FrontierOptions, state: Mapping[str, Any]) -> Frontier:
        """The frontier whose `state` this was; an empty one if cells are made of something else now."""
        frontier = cls(options)
        if state["cells"] != list(options.cells):
            return frontier
        position = 0
        columns = (state[name].tolist() for name in ("keys", "visits", "steps", "sizes"))
        for key, visits, steps, size in zip(*columns, strict=True):
            snapshot = state["snapshots"][position : position + size].tobytes()
            frontier.places[tuple(key)] = Place(visits, steps, snapshot or None)
            position += size
        frontier.best_way = tuple(tuple(cell) for cell in state["best_way"].tolist())
        frontier._stuck_for = int(state["stuck_for"])
        frontier._best_fitness = float(state["best_fitness"])
        return frontier


@dataclass
class _Visit:
    """What a lane's episode has seen so far."""

    episode: int = -1
    steps: int = 0
    cell: Cell = ()
    cells: dict[Cell, None] = field(default_factory=dict[Cell, None])
    unsettled: list[tuple[Cell, Discovery]] = field(default_factory=list[tuple[Cell, Discovery]])


class FrontierWatch:
    """Follows the lanes through the cells during one generation.

    Args:
        frontier: As it was before the generation; it is not changed.
        env: The lanes.
    """

    def __init__(self, frontier: Frontier, env: SnapshotLaneEnv) -> None:
        self._known = {cell for cell, place in frontier.places.items() if place.steps >= 0}
        self._axes, self._settle = frontier.axes, frontier.options.settle_steps
        self._env = env
        self._lanes = [_Visit() for _ in range(env.num_envs)]
        self.visits: Counter[Cell] = Counter()
        self.discoveries: dict[Cell, Discovery] = {}

    def begin(self, lane: int, episode: int, steps: int) -> None:
        """A lane begins an episode, so many decisions from the level's start."""
        self._lanes[lane] = _Visit(episode, steps)

    def step(self, active: NDArray[np.bool_], ended: NDArray[np.bool_], infos: Mapping[str, Any]) -> None:
        """Take in one step of all lanes."""
        cells = np.stack([np.asarray(infos[name]) // size for name, size in self._axes], axis=1)
        for lane in np.flatnonzero(active).tolist():
            visit = self._lanes[lane]
            visit.steps += 1
            while visit.unsettled and visit.steps - visit.unsettled[0][1].steps >= self._settle:
                self._settle_first(visit)
            cell = tuple(cells[lane].tolist())
            if cell == visit.cell or ended[lane]:
                continue
            visit.cell = cell
            if cell not in visit.cells:
                visit.cells[cell] = None
                self._enter(lane, visit, cell)

    def finish(self, lane: int) -> tuple[Cell, ...]:
        """A lane's episode is over; the cells that it came through, in that order."""
        cells = tuple(self._lanes[lane].cells)
        self.visits.update(cells)
        return cells

    def _enter(self, lane: int, visit: _Visit, cell: Cell) -> None:
        rank = (visit.steps, visit.episode)
        if cell in self._known or (cell in self.discoveries and self.discoveries[cell].rank < rank):
            return
        visit.unsettled.append((cell, Discovery(*rank, self._env.save_state(lane))))

    def _settle_first(self, visit: _Visit) -> None:
        cell, discovery = visit.unsettled.pop(0)
        if cell not in self.discoveries or discovery.rank < self.discoveries[cell].rank:
            self.discoveries[cell] = discovery
