"""Plays every genome of a population on the lanes of a vector environment."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import neat
import numpy as np
from numpy.typing import NDArray

from playthrough._neat import NetworkBatch
from playthrough.agents.lanes import (
    LaneEnv,
    allowed_actions,
    freezes_finished_lanes,
    lane_info,
    require_lanes,
    require_snapshots,
)
from playthrough.agents.neat.config import check_fits
from playthrough.agents.neat.endings import Ending, EndingWatch
from playthrough.agents.neat.frontier import Cell, Frontier, FrontierWatch
from playthrough.agents.neat.genome import Genome
from playthrough.agents.neat.network import NetworkShape, compile_network
from playthrough.agents.neat.spaces import ActionDecoder, as_inputs, inputs_needed
from playthrough.errors import RunError

_THROWAWAY_SEED = 0


@dataclass(frozen=True)
class EpisodeResult:
    """One episode of one genome.

    Attributes:
        seed: What the lane was reset with; a single environment reset with it plays the same episode.
        start_state: What it started from; None is the environment's own.
        reward: The sum of its rewards.
        agent_steps: Decisions.
        frames: Emulated pictures, where the environment counts them; else steps.
        terminated: The game ended by itself.
        truncated: We ended it, also by the limit on steps.
        info: What the environment said of the last step.
        trace: The traced variables after each step, int64 (agent_steps, variables); None if none are traced.
        ending: What its network saw last; None if nobody wants to know.
    """

    seed: int
    start_state: str | bytes | None
    reward: float
    agent_steps: int
    frames: int
    terminated: bool
    truncated: bool
    info: Mapping[str, Any]
    trace: NDArray[np.int64] | None = field(default=None, compare=False, repr=False)
    ending: Ending | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class GenomeResult:
    """How one genome did.

    Attributes:
        key: The genome.
        fitness: The mean reward of its episodes; it decides who is best.
        selection: What parents are chosen by: the fitness, and what the frontier adds to it.
        nodes: Its nodes, without inputs.
        connections: Its connections, disabled ones included.
        agent_steps: Decisions in all its episodes.
        frames: Emulated pictures in all its episodes.
        episodes: Its episodes: for each start state in turn, each repetition.
        frontier: Its episodes from the frontier's snapshots, which fitness does not count.
    """

    key: int
    fitness: float
    selection: float
    nodes: int
    connections: int
    agent_steps: int
    frames: int
    episodes: tuple[EpisodeResult, ...]
    frontier: tuple[EpisodeResult, ...] = ()

    @property
    def ending(self) -> Ending | None:
        """What its network saw at the end of its worst episode; None if nobody wanted to know."""
        return min(self.episodes, key=lambda episode: episode.reward).ending


def episode_seed(run_seed: int, generation: int, genome_key: int, start: int = 0, repetition: int = 0) -> int:
    """The seed of one episode: it depends on what is played, never on where or when.

    Args:
        run_seed: The run's seed.
        generation: The generation, from 0.
        genome_key: The genome's key.
        start: The index of the start state.
        repetition: Which of the episodes from this start state.
    """
    sequence = np.random.SeedSequence([run_seed, generation, genome_key, start, repetition])
    return int(sequence.generate_state(1, np.uint32)[0])


@dataclass(frozen=True)
class _Episode:
    """An episode that is to be played.

    Attributes:
        number: Among all of the generation.
        genome: The index of who plays it.
        seed: What its lane is reset with.
        start_state: Where it starts; None is the environment's own.
        begun_steps: Decisions that lie before it, on the way from the level's start.
        max_steps: Its length at most.
        from_frontier: Whether it starts from one of the frontier's snapshots.
    """

    number: int
    genome: int
    seed: int
    start_state: str | bytes | None
    begun_steps: int
    max_steps: float
    from_frontier: bool


def evaluate(
    genomes: Iterable[Genome],
    env: LaneEnv,
    config: neat.Config | NetworkShape,
    *,
    run_seed: int,
    generation: int = 0,
    episodes: int = 1,
    start_states: Sequence[str | bytes] = (),
    max_steps: int | None = None,
    num_threads: int = 1,
    on_genome: Callable[[GenomeResult], None] | None = None,
    frontier: Frontier | None = None,
    trace: Sequence[str] = (),
    endings: bool = False,
) -> list[GenomeResult]:
    """Plays the genomes, one per lane; a lane that has finished takes the next episode at once.

    Where infos hold `action_mask`, the best of the allowed actions is taken.

    The results depend on neither the number of lanes nor of threads. A network whose square or cube leaves the range of
    a float goes on with an infinity, where neat-python would end the run with an OverflowError.

    Args:
        genomes: The genomes; their fitness is left alone.
        env: Lanes to play on, all of which are reset first.
        config: The NEAT configuration, for the networks' shape.
        run_seed: Seed of the run, not negative.
        generation: The generation, for the seeds.
        episodes: Episodes per genome and start state.
        start_states: Where episodes start, one after the other; none means the environment's own start.
        max_steps: Longest episode, in steps; a longer one is truncated.
        num_threads: Threads for the networks (the environment has its own).
        on_genome: Called after each genome's last episode, in the order in which they finish.
        frontier: Where extra episodes start; it learns from all episodes, once they are played.
        trace: Variables that are kept for every step of every episode but the frontier's.
        endings: Keep what networks saw last, of the same episodes.

    Returns:
        One result for each genome, in the order given.

    Raises:
        ConfigError: The networks do not fit the environment's spaces.
        RunError: A fitness is not finite.
    """
    if episodes < 1 or (max_steps is not None and max_steps < 1):
        raise ValueError(f"expected at least 1 episode and 1 step, got {episodes} and {max_steps}")
    require_lanes(env)
    genomes = list(genomes)
    starts: list[str | bytes | None] = list(start_states) or [None]
    extra = frontier.starts(generation) if frontier else []
    plan: list[_Episode] = []
    for index, genome in enumerate(genomes):
        for start, state in enumerate(starts):
            for repetition in range(episodes):
                seed = episode_seed(run_seed, generation, genome.key, start, repetition)
                plan.append(_Episode(len(plan), index, seed, state, 0, max_steps or math.inf, False))
        for start, place in enumerate(extra, len(starts)):
            seed = episode_seed(run_seed, generation, genome.key, start)
            longest = frontier.options.max_steps if frontier else 0
            plan.append(_Episode(len(plan), index, seed, place.snapshot, place.steps, longest, True))
    watch = FrontierWatch(frontier, require_snapshots(env)) if frontier else None
    shape = NetworkShape.of(config)
    evaluation = _Evaluation(genomes, env, shape, plan, frontier, watch, trace, endings, on_genome)
    evaluation.play(num_threads)
    if frontier and watch and genomes:
        frontier.learn(watch.visits, watch.discoveries, *evaluation.best())
    return evaluation.results()


class _Evaluation:
    """Plays a plan: each lane holds an episode of it, or none once there are no more."""

    def __init__(
        self,
        genomes: list[Genome],
        env: LaneEnv,
        shape: NetworkShape,
        plan: list[_Episode],
        frontier: Frontier | None,
        watch: FrontierWatch | None,
        trace: Sequence[str],
        endings: bool,
        on_genome: Callable[[GenomeResult], None] | None,
    ) -> None:
        self._genomes, self._env, self._shape, self._plan = genomes, env, shape, plan
        self._decoder = ActionDecoder(env.single_action_space)
        self._frontier, self._watch, self._trace, self._on_genome = frontier, watch, trace, on_genome
        self._endings = EndingWatch(env.num_envs, shape.num_inputs, self._decoder) if endings else None
        self._per_genome = len(plan) // max(1, len(genomes))
        self._ask_for_states = any(episode.start_state is not None for episode in plan)
        self._played: list[EpisodeResult | None] = [None] * len(plan)
        self._cells: list[tuple[Cell, ...]] = [()] * len(plan)
        self._results: list[GenomeResult | None] = [None] * len(genomes)
        self._next_episode = 0
        self._lanes: list[_Episode | None] = [None] * env.num_envs
        self._traces: list[list[list[int]]] = [[] for _ in self._lanes]
        self._begun_frames: NDArray[np.int64] = np.zeros(env.num_envs, np.int64)
        self._masks: NDArray[np.bool_] | None = None  # the actions that are allowed next; None for all

    def play(self, num_threads: int) -> None:
        if not self._plan:
            return
        env, shape, num_lanes = self._env, self._shape, self._env.num_envs
        decoder = self._decoder
        check_fits(shape, inputs_needed(env.single_observation_space), decoder.num_outputs)
        frozen = freezes_finished_lanes(env)
        batch = NetworkBatch(num_lanes, shape.num_inputs, shape.num_outputs, num_threads)
        outputs = np.zeros((num_lanes, shape.num_outputs))
        returns = np.zeros(num_lanes)
        steps = np.zeros(num_lanes, dtype=np.int64)

        limits = self._fill(np.ones(num_lanes, dtype=np.bool_), batch, np.full(num_lanes, math.inf))
        active = self._busy()
        observations = self._reset(None)
        while active.any():
            inputs = as_inputs(observations)
            batch.activate(inputs, outputs, active, saturate=True)
            if self._endings:
                self._endings.step(active, inputs, outputs)
            observations, rewards, terminated, truncated, infos = env.step(decoder(outputs, self._masks))
            self._masks = allowed_actions(infos, num_lanes, decoder.num_outputs)
            returns[active] += rewards[active]
            steps += 1
            ended = terminated | truncated
            if self._trace:
                self._keep_traces(active, infos)
            if self._watch:
                self._watch.step(active, ended, infos)
            finished = active & (ended | (steps >= limits))
            if finished.any():
                for lane in np.flatnonzero(finished):
                    self._record(int(lane), float(returns[lane]), int(steps[lane]), terminated, truncated, infos)
                limits = self._fill(finished, batch, limits)
                returns[finished], steps[finished], outputs[finished] = 0.0, 0, 0.0
                active = self._busy()
            stale = finished & active if frozen else (finished & active) | (ended & ~active)
            if stale.any() and active.any():
                observations = self._reset(stale)

    def best(self) -> tuple[float, tuple[Cell, ...]]:
        """The best fitness, and the cells that its genome came through in its best episode."""
        results = self.results()
        index = max(range(len(results)), key=lambda number: results[number].fitness)
        episodes = results[index].episodes
        best = max(range(len(episodes)), key=lambda number: episodes[number].reward)
        return results[index].fitness, self._cells[index * self._per_genome + best]

    def results(self) -> list[GenomeResult]:
        return [result for result in self._results if result is not None]

    def _busy(self) -> NDArray[np.bool_]:
        return np.array([episode is not None for episode in self._lanes])

    def _fill(self, free: NDArray[np.bool_], batch: NetworkBatch, limits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Gives each free lane the next episode, as long as there are any; the lanes' limits in steps."""
        limits = limits.copy()
        for lane in np.flatnonzero(free).tolist():
            episode = self._plan[self._next_episode] if self._next_episode < len(self._plan) else None
            self._lanes[lane], self._traces[lane] = episode, []
            if episode is None:
                batch.set_network(lane, None)
                continue
            self._next_episode += 1
            limits[lane] = episode.max_steps
            batch.set_network(lane, compile_network(self._genomes[episode.genome], self._shape))
            if self._watch:
                self._watch.begin(lane, episode.number, episode.begun_steps)
            if self._endings:
                self._endings.begin(lane)
        return limits

    def _reset(self, mask: NDArray[np.bool_] | None) -> Any:
        """Starts the lanes of the mask, or all; idle ones with a seed that means nothing."""
        seeds = [_THROWAWAY_SEED if episode is None else episode.seed for episode in self._lanes]
        options: dict[str, Any] = {} if mask is None else {"reset_mask": mask}
        if self._ask_for_states:
            options["state"] = [(episode or self._plan[0]).start_state for episode in self._lanes]
        observations, infos = self._env.reset(seed=list[int | None](seeds), options=options or None)
        if "frames" in infos:  # an episode from a snapshot begins with those that led to it
            self._begun_frames = np.where(True if mask is None else mask, infos["frames"], self._begun_frames)
        masks = allowed_actions(infos, self._env.num_envs, self._decoder.num_outputs)
        if mask is not None and self._masks is not None:  # the lanes outside the mask stay where they are
            masks = np.where(mask[:, None], True if masks is None else masks, self._masks)
        self._masks = masks
        return observations

    def _keep_traces(self, active: NDArray[np.bool_], infos: Mapping[str, Any]) -> None:
        values = np.stack([np.asarray(infos[name]) for name in self._trace], axis=1).tolist()
        for lane in np.flatnonzero(active).tolist():
            self._traces[lane].append(values[lane])

    def _record(
        self,
        lane: int,
        reward: float,
        steps: int,
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
        infos: dict[str, Any],
    ) -> None:
        episode = self._lanes[lane]
        assert episode is not None  # only lanes that play finish
        info = lane_info(infos, lane)
        ended = bool(terminated[lane])
        traced = self._trace and not episode.from_frontier
        self._played[episode.number] = EpisodeResult(
            seed=episode.seed,
            start_state=episode.start_state,
            reward=reward,
            agent_steps=steps,
            frames=int(info["frames"] - self._begun_frames[lane]) if "frames" in info else steps,
            terminated=ended,
            truncated=bool(truncated[lane]) or not ended,
            info=info,
            trace=np.array(self._traces[lane], np.int64).reshape(steps, -1) if traced else None,
            ending=self._endings.finish(lane) if self._endings and not episode.from_frontier else None,
        )
        if self._watch:
            cells = self._watch.finish(lane)
            self._cells[episode.number] = () if episode.from_frontier else cells
        place = slice(episode.genome * self._per_genome, (episode.genome + 1) * self._per_genome)
        played = [result for result in self._played[place] if result is not None]
        if len(played) == self._per_genome:
            from_frontier = [planned.from_frontier for planned in self._plan[place]]
            self._finish(episode.genome, played, from_frontier)

    def _finish(self, index: int, played: list[EpisodeResult], from_frontier: list[bool]) -> None:
        genome = self._genomes[index]
        key = genome.key
        episodes = tuple(result for result, extra in zip(played, from_frontier, strict=True) if not extra)
        extras = tuple(result for result, extra in zip(played, from_frontier, strict=True) if extra)
        fitness = selection = sum(episode.reward for episode in episodes) / len(episodes)
        if self._frontier:
            place = slice(index * self._per_genome, (index + 1) * self._per_genome)
            selection += self._frontier.bonus({cell for cells in self._cells[place] for cell in cells})
            if extras:
                selection += self._frontier.options.weight * sum(extra.reward for extra in extras) / len(extras)
        if not np.isfinite(selection):
            raise RunError(f"the fitness of genome {key} is {selection}: the environment's rewards must be finite")
        result = GenomeResult(
            key=key,
            fitness=fitness,
            selection=selection,
            nodes=len(genome.nodes),
            connections=len(genome.connections),
            agent_steps=sum(episode.agent_steps for episode in played),
            frames=sum(episode.frames for episode in played),
            episodes=episodes,
            frontier=extras,
        )
        self._results[index] = result
        if self._on_genome is not None:
            self._on_genome(result)
