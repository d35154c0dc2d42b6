"""Plays every genome of a population on the lanes of a vector environment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import neat
import numpy as np
from numpy.typing import NDArray

from playthrough._neat import NetworkBatch
from playthrough.agents.lanes import LaneEnv, freezes_finished_lanes, lane_info, require_lanes
from playthrough.agents.neat.config import check_fits
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
    """

    seed: int
    start_state: str | bytes | None
    reward: float
    agent_steps: int
    frames: int
    terminated: bool
    truncated: bool
    info: Mapping[str, Any]


@dataclass(frozen=True)
class GenomeResult:
    """How one genome did.

    Attributes:
        key: The genome.
        fitness: The mean reward of its episodes.
        agent_steps: Decisions in all its episodes.
        frames: Emulated pictures in all its episodes.
        episodes: Its episodes: for each start state in turn, each repetition.
    """

    key: int
    fitness: float
    agent_steps: int
    frames: int
    episodes: tuple[EpisodeResult, ...]


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
) -> list[GenomeResult]:
    """Plays the genomes, one per lane; a lane that has finished takes the next episode at once.

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

    Returns:
        One result for each genome, in the order given.

    Raises:
        ConfigError: The networks do not fit the environment's spaces.
        RunError: A fitness is not finite.
    """
    if episodes < 1 or (max_steps is not None and max_steps < 1):
        raise ValueError(f"expected at least 1 episode and 1 step, got {episodes} and {max_steps}")
    require_lanes(env)
    evaluation = _Evaluation(list(genomes), env, config, run_seed, generation, episodes, start_states, on_genome)
    evaluation.play(max_steps, num_threads)
    return evaluation.results()


class _Evaluation:
    """Episodes are numbered genome by genome; each lane holds the number of its episode, or -1."""

    def __init__(
        self,
        genomes: list[Genome],
        env: LaneEnv,
        config: neat.Config | NetworkShape,
        run_seed: int,
        generation: int,
        repetitions: int,
        start_states: Sequence[str | bytes],
        on_genome: Callable[[GenomeResult], None] | None,
    ) -> None:
        self._genomes, self._env = genomes, env
        self._shape = NetworkShape.of(config)
        self._starts: list[str | bytes | None] = list(start_states) or [None]
        self._per_genome = len(self._starts) * repetitions
        self._seeds = [
            episode_seed(run_seed, generation, genome.key, start, repetition)
            for genome in genomes
            for start in range(len(self._starts))
            for repetition in range(repetitions)
        ]
        self._on_genome = on_genome
        self._episodes: list[EpisodeResult | None] = [None] * len(self._seeds)
        self._results: list[GenomeResult | None] = [None] * len(genomes)
        self._next_episode = 0
        self._lane_episodes = np.full(env.num_envs, -1)

    def play(self, max_steps: int | None, num_threads: int) -> None:
        if not self._seeds:
            return
        env, shape, num_lanes = self._env, self._shape, self._env.num_envs
        decoder = ActionDecoder(env.single_action_space)
        check_fits(shape, inputs_needed(env.single_observation_space), decoder.num_outputs)
        frozen = freezes_finished_lanes(env)
        batch = NetworkBatch(num_lanes, shape.num_inputs, shape.num_outputs, num_threads)
        outputs = np.zeros((num_lanes, shape.num_outputs))
        returns = np.zeros(num_lanes)
        steps = np.zeros(num_lanes, dtype=np.int64)

        self._fill(np.ones(num_lanes, dtype=np.bool_), batch)
        active = self._lane_episodes >= 0
        observations = self._reset(None)
        while active.any():
            batch.activate(as_inputs(observations), outputs, active, saturate=True)
            observations, rewards, terminated, truncated, infos = env.step(decoder(outputs))
            returns[active] += rewards[active]
            steps += 1
            ended = terminated | truncated
            finished = active & ended
            if max_steps is not None:
                finished |= active & (steps >= max_steps)
            if finished.any():
                for lane in np.flatnonzero(finished):
                    self._record(lane, float(returns[lane]), int(steps[lane]), terminated, truncated, infos)
                self._fill(finished, batch)
                returns[finished], steps[finished], outputs[finished] = 0.0, 0, 0.0
                active = self._lane_episodes >= 0
            stale = finished & active if frozen else (finished & active) | (ended & ~active)
            if stale.any() and active.any():
                observations = self._reset(stale)

    def results(self) -> list[GenomeResult]:
        return [result for result in self._results if result is not None]

    def _fill(self, free: NDArray[np.bool_], batch: NetworkBatch) -> None:
        """Gives each free lane the next episode, as long as there are any."""
        for lane in np.flatnonzero(free):
            episode = self._next_episode if self._next_episode < len(self._seeds) else -1
            self._lane_episodes[lane] = episode
            if episode >= 0:
                self._next_episode += 1
                genome = self._genomes[episode // self._per_genome]
                batch.set_network(int(lane), compile_network(genome, self._shape))
            else:
                batch.set_network(int(lane), None)

    def _reset(self, mask: NDArray[np.bool_] | None) -> Any:
        """Starts the lanes of the mask, or all; idle ones with a seed that means nothing."""
        episodes = [int(episode) for episode in self._lane_episodes]
        seeds = [_THROWAWAY_SEED if episode < 0 else self._seeds[episode] for episode in episodes]
        options: dict[str, Any] = {} if mask is None else {"reset_mask": mask}
        if self._starts != [None]:
            options["state"] = [self._start_of(max(episode, 0)) for episode in episodes]
        observations, _ = self._env.reset(seed=list[int | None](seeds), options=options or None)
        return observations

    def _start_of(self, episode: int) -> str | bytes | None:
        place = episode % self._per_genome
        return self._starts[place // (self._per_genome // len(self._starts))]

    def _record(
        self,
        lane: np.intp,
        reward: float,
        steps: int,
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
        infos: dict[str, Any],
    ) -> None:
        episode = int(self._lane_episodes[lane])
        info = lane_info(infos, int(lane))
        ended = bool(terminated[lane])
        self._episodes[episode] = EpisodeResult(
            seed=self._seeds[episode],
            start_state=self._start_of(episode),
            reward=reward,
            agent_steps=steps,
            frames=int(info.get("frames", steps)),
            terminated=ended,
            truncated=bool(truncated[lane]) or not ended,
            info=info,
        )
        number = episode // self._per_genome
        place = slice(number * self._per_genome, (number + 1) * self._per_genome)
        played = tuple(result for result in self._episodes[place] if result is not None)
        if len(played) == self._per_genome:
            self._finish(number, played)

    def _finish(self, number: int, episodes: tuple[EpisodeResult, ...]) -> None:
        key = self._genomes[number].key
        fitness = sum(episode.reward for episode in episodes) / len(episodes)
        if not np.isfinite(fitness):
            raise RunError(f"the fitness of genome {key} is {fitness}: the environment's rewards must be finite")
        result = GenomeResult(
            key=key,
            fitness=fitness,
            agent_steps=sum(episode.agent_steps for episode in episodes),
            frames=sum(episode.frames for episode in episodes),
            episodes=episodes,
        )
        self._results[number] = result
        if self._on_genome is not None:
            self._on_genome(result)
