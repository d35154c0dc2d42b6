"""A run of a deep learner: update after update, the best policy by evaluation, and checkpoints to go on from."""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, Literal, cast

from gymnasium.spaces.utils import flatdim

from playthrough.agents.deep import make_learner, make_policy
from playthrough.agents.deep.selfplay import ITSELF
from playthrough.env.options import EnvOptions
from playthrough.env.vector import RetroVectorEnv
from playthrough.errors import ConfigError, StateError
from playthrough.runs.agent_source import BestEpisode
from playthrough.runs.config import RunConfig, load_config
from playthrough.runs.deep_agent import PolicySource
from playthrough.runs.deep_checkpoint import (
    DeepCheckpoint,
    MappedArrays,
    forget_deep_checkpoints_after,
    latest_deep_checkpoint,
    write_deep_checkpoint,
)
from playthrough.runs.deep_settings import require_deep
from playthrough.runs.episodes_file import EpisodesFile
from playthrough.runs.finish import finish
from playthrough.runs.folder import RunFolder
from playthrough.runs.interruption import Interruption
from playthrough.runs.judge import MAX_FRAMES, JudgedEpisode, play_episodes
from playthrough.runs.lanes import open_lanes
from playthrough.runs.metrics import MetricsFile, Number
from playthrough.runs.opponents import Opponents
from playthrough.runs.policy_file import StoredPolicy, write_policy
from playthrough.runs.settings import plain
from playthrough.runs.watcher import DeepStart, DeepTotals, TrainResult, Watcher

if TYPE_CHECKING:
    from playthrough.agents.deep.learner import FinishedEpisode, Learner, UpdateReport

EVALUATION_SEED = 1_000_000
"""Of the first evaluation episode: the same in every run, and none that training begins with."""

_WINDOW = 100
_CHECKPOINT_S = 120.0


def train_deep(config: RunConfig, *, fresh: bool, watcher: Watcher) -> TrainResult:
    """Start a run of a deep learner and carry it out; see `train`."""
    require_deep()
    with closing(open_lanes(config, "same_step")) as env:
        if config.goal is not None:
            config.goal.check(env.variables)
        if fresh and config.out is not None:
            RunFolder(config.out).clear()
        folder = RunFolder.create(config.out, env.integration.name, config.algo)
        with folder.lock(), Interruption() as interruption:
            run = _DeepRun(config, folder, env, watcher, interruption)
            run.begin(None)
            folder.write_config(config.to_toml())
            folder.write_versions(env.engine.core_name)
            result = run.carry_out()
            env.close()
            return finish(folder, result, watcher, interruption)


def resume_deep(folder: RunFolder, *, changes: Sequence[str], watcher: Watcher) -> TrainResult:
    """Go on with a run of a deep learner; see `resume`."""
    require_deep()
    with folder.lock(), Interruption() as interruption:
        folder.remove_leftovers()
        config = load_config(folder.config, changes)
        _require_same_environment(config, load_config(folder.config))
        checkpoint, problems = latest_deep_checkpoint(folder)
        with closing(open_lanes(config, "same_step")) as env:
            run = _DeepRun(config, folder, env, watcher, interruption)
            for problem in problems:
                run.say(f"{problem}; going on from agent step {checkpoint.agent_steps} instead")
            run.begin(checkpoint, other_goal=any(change.strip().startswith("goal") for change in changes))
            forget_deep_checkpoints_after(folder, checkpoint.agent_steps)
            folder.write_config(config.to_toml())
            folder.write_versions(env.engine.core_name)
            for change in changes:
                run.say(f"changed for agent step {checkpoint.agent_steps} and later: {change}")
            run.say_if_nothing_is_left()
            result = run.carry_out()
        return finish(folder, result, watcher, interruption)


def _require_same_environment(config: RunConfig, before: RunConfig) -> None:
    """The learner's state belongs to its lanes, and its returns to the environment's rules."""
    where = {"engine", "isolation", "client", "mode", "bind", "attach"}
    names = {name for name in {*config.env, *before.env} - where if config.env.get(name) != before.env.get(name)}
    changed = [f"env.{name}" for name in sorted(names)] + (["lanes"] if config.lanes != before.lanes else [])
    changed += ["selfplay"] if config.selfplay != before.selfplay else []
    if changed:
        raise ConfigError(
            f"{', '.join(changed)}: a run of {config.algo} keeps its environment and its lanes; "
            "start a new run for others"
        )


class _DeepRun:
    """Plays and learns until all steps are done; what is written down always belongs to whole updates."""

    def __init__(
        self, config: RunConfig, folder: RunFolder, env: RetroVectorEnv, watcher: Watcher, interruption: Interruption
    ) -> None:
        assert config.deep is not None
        self._config, self._deep, self._folder, self._env = config, config.deep, folder, env
        self._watcher, self._interruption = watcher, interruption
        self._opponents = None if config.selfplay is None else Opponents(config, config.selfplay, folder, env)
        spaces = env if self._opponents is None else self._opponents.lanes
        self._spaces = (cast("Any", spaces.single_observation_space), cast("Any", spaces.single_action_space))
        self._totals = DeepTotals()
        self._returns: deque[float] = deque(maxlen=_WINDOW)
        self._goal_reached = False
        self._evaluated_at = 0
        self._checkpoint_at, self._checkpoint_s = 0, time.perf_counter()
        self._steps_before = 0
        self._rows = env.num_envs
        self._learner: Learner
        self._metrics: MetricsFile
        self._episodes: EpisodesFile

    def say(self, text: str) -> None:
        """Tell the watcher, and the log."""
        self._folder.write_log(text)
        self._watcher.message(text)

    def begin(self, checkpoint: DeepCheckpoint | None, *, other_goal: bool = False) -> None:
        """Make the learner, or take it out of a checkpoint."""
        lanes = self._env.num_envs
        if checkpoint is not None:
            self._read_progress(checkpoint, other_goal=other_goal)
            if len(checkpoint.lanes) != lanes:
                raise StateError(f"the checkpoint has {len(checkpoint.lanes)} lanes, the run {lanes}")
            self._env.reset(seed=self._config.seed)
            for lane, snapshot in enumerate(checkpoint.lanes):
                self._env.load_state(lane, snapshot)
        played: Any = self._env
        if self._opponents is not None:
            played = self._opponents.begin(None if checkpoint is None else checkpoint.opponents)
        self._rows = played.num_envs
        try:
            self._learner = make_learner(
                self._deep.options,
                played,
                self._config.seed,
                state=None if checkpoint is None else checkpoint.learner,
                make_array=MappedArrays(self._folder.replay, fresh=checkpoint is None),
                spare_steps=self._deep.spare_steps(self._rows),
            )
        except ValueError as error:
            raise ConfigError(f"[{self._config.algo}] does not suit {self._config.game}: {error}") from error
        lost = getattr(self._learner, "steps_lost", 0)
        if lost:
            self.say(f"{lost} steps of the replay buffer were overwritten after the checkpoint and are left out")
        totals = self._totals
        self._metrics = MetricsFile(
            self._folder.metrics, self._folder.tensorboard, totals.updates, keep_step=totals.agent_steps
        )
        self._episodes = EpisodesFile(self._folder.episodes, totals.episodes)
        for text in (self._metrics.damage, self._metrics.missing):
            if text is not None:
                self.say(text)
        if checkpoint is None:
            self._write_checkpoint()
        self._steps_before = totals.agent_steps
        self._folder.write_log(f"agent step {totals.agent_steps} begins, seed {self._config.seed}")
        self._watcher.learning(
            DeepStart(
                config=self._config,
                folder=self._folder.path,
                core=self._env.engine.core_name,
                observation=tuple(self._spaces[0].shape or (flatdim(self._spaces[0]),)),
                actions=str(self._spaces[1]),
                lanes=lanes,
                threads=min(lanes, self._config.threads or os.cpu_count() or 1),
                device=_device(self._learner),
                agent_steps=totals.agent_steps,
            )
        )

    def say_if_nothing_is_left(self) -> None:
        """Say so where a run is resumed that has nothing more to do, and how it goes on all the same."""
        steps = self._totals.agent_steps
        if self._goal_reached:
            self.say(
                "nothing is left to train: the goal was reached; to go on, set another one with "
                "--set goal.fitness=NUMBER, or none with --set goal={}"
            )
        elif steps >= self._deep.steps:
            self.say(
                f"nothing is left to train: all {self._deep.steps} steps are done; "
                f"to go on, say how many there are to be in all: --steps {2 * steps}"
            )

    def carry_out(self) -> TrainResult:
        """Play and learn until the goal is reached, all steps are done, or somebody interrupts."""
        status: Literal["goal", "finished", "interrupted"] = "finished"
        try:
            while not self._goal_reached and self._totals.agent_steps < self._deep.steps:
                if self._interruption.asked:
                    status = "interrupted"
                    break
                began_s = time.perf_counter()
                self._keep(self._learner.run_update(), began_s)
            status = "goal" if self._goal_reached else status
            if self._checkpoint_at != self._totals.agent_steps:
                self._write_checkpoint()
            if self._totals.best_evaluation is None and self._totals.updates:
                # Interrupted before the first evaluation: this one counts for nothing but the movie.
                self._write_best(self._evaluate())
        finally:
            self._metrics.close()
        totals = self._totals
        words = {"goal": "the goal was reached", "finished": "all steps are done", "interrupted": "interrupted"}
        self._folder.write_log(f"{words[status]} after {totals.agent_steps} agent steps and {totals.frames} frames")
        return TrainResult(self._folder.path, status, totals)

    def _keep(self, report: UpdateReport, began_s: float) -> None:
        """Write down an update: its episodes, the policy if it is the best, the numbers, then perhaps a checkpoint."""
        before = self._totals
        self._episodes.append(self._episode_row(report, episode) for episode in report.episodes)
        # Against itself the learner wins as much as it loses, which says nothing.
        others = (episode for episode in report.episodes if episode.info.get("opponent") != ITSELF)
        self._returns.extend(episode.reward for episode in others)
        if self._opponents is not None:
            self._opponents.joined_by(self._learner.policy, report.agent_steps)
        steps = report.agent_steps - before.agent_steps
        update_s = time.perf_counter() - began_s
        evaluation: tuple[JudgedEpisode, ...] = ()
        is_last = report.agent_steps >= self._deep.steps
        if is_last or report.agent_steps - self._evaluated_at >= self._deep.evaluate_every:
            evaluation = self._evaluate()
            self._evaluated_at = report.agent_steps
        rewards = [episode.reward for episode in evaluation]
        mean = judged = fmean(rewards) if rewards else None
        if _is_better(mean, before.best_evaluation):
            # Of many evaluations the luckiest looks best, so whoever seems better has to play on.
            evaluation += self._evaluate(self._deep.run.evaluation_episodes, 2)
            judged = fmean(episode.reward for episode in evaluation)
        improved = _is_better(judged, before.best_evaluation)
        elapsed_s = before.elapsed_s + time.perf_counter() - began_s
        done = report.agent_steps
        self._totals = DeepTotals(
            agent_steps=done,
            updates=report.update,
            episodes=before.episodes + len(report.episodes),
            frames=before.frames + steps * self._env.num_envs // self._rows * self._env.options.frame_skip,
            elapsed_s=elapsed_s,
            mean_return=fmean(self._returns) if self._returns else None,
            best_return=max(self._returns, default=None),
            evaluations=before.evaluations + (mean is not None),
            evaluation=before.evaluation if mean is None else mean,
            best_evaluation=judged if improved else before.best_evaluation,
            best_agent_steps=done if improved else before.best_agent_steps,
            steps_per_second=steps / update_s,
            time_left_s=elapsed_s / done * max(0, self._deep.steps - done),
        )
        if improved:
            self._write_best(evaluation)
        error = stdev(rewards) / math.sqrt(len(rewards)) if rewards else None
        self._metrics.append(done, _row(report, self._totals, mean, error))
        goal = self._config.goal
        if goal is not None and mean is not None:
            self._goal_reached = goal.met(mean, [episode.info for episode in evaluation])
        late_s = time.perf_counter() - self._checkpoint_s
        every = self._deep.checkpoint_every(self._rows)
        if improved or is_last or self._goal_reached or done - self._checkpoint_at >= every or late_s > _CHECKPOINT_S:
            self._write_checkpoint()
        self._watcher.updated(report, self._totals)
        if self._goal_reached:
            self.say(f"goal reached after {done} agent steps: the evaluation's mean is {mean:g}")

    def _evaluate(self, first: int = 0, rounds: int = 1) -> tuple[JudgedEpisode, ...]:
        """The same episodes every time, played by the policy as it will be stored.

        Args:
            first: The number of the first of them.
            rounds: How many times `evaluation_episodes`.
        """
        state = self._learner.policy.state()
        policy = make_policy(state, *self._spaces)
        episodes = self._deep.run.evaluation_episodes
        with closing(RetroVectorEnv(evaluation_options(self._config, episodes))) as env:
            return play_episodes(PolicySource("policy", policy), env, rounds * episodes, EVALUATION_SEED + first)

    def _write_best(self, evaluation: Sequence[JudgedEpisode]) -> None:
        best = max(evaluation, key=lambda episode: episode.reward)
        start = best.start_state if isinstance(best.start_state, str | bytes | None) else str(best.start_state)
        stored = StoredPolicy(
            self._learner.policy.state(),
            *self._spaces,
            {"game": self._config.game, **plain(self._config.env)},
            BestEpisode(self._learner.agent_steps, best.seed, start, best.reward),
            fmean(episode.reward for episode in evaluation),
        )
        write_policy(self._folder.best_policy, self._folder.best_genome, stored)

    def _write_checkpoint(self) -> None:
        totals = {name: value for name, value in asdict(self._totals).items() if name != "time_left_s"}
        progress: dict[str, Any] = {
            "totals": totals,
            "returns": list(self._returns),
            "goal_reached": self._goal_reached,
            "evaluated_at": self._evaluated_at,
        }
        lanes = [self._env.save_state(lane) for lane in range(self._env.num_envs)]
        steps = self._totals.agent_steps
        opponents = None if self._opponents is None else self._opponents.state()
        write_deep_checkpoint(self._folder, DeepCheckpoint(steps, progress, self._learner.state(), lanes, opponents))
        if self._opponents is not None:
            self._opponents.forget_others()
        self._checkpoint_at, self._checkpoint_s = steps, time.perf_counter()

    def _read_progress(self, checkpoint: DeepCheckpoint, *, other_goal: bool) -> None:
        progress = checkpoint.progress
        try:
            self._totals = DeepTotals(**progress["totals"])
            self._returns.extend(progress["returns"])
            self._goal_reached = bool(progress["goal_reached"]) and not other_goal
            self._evaluated_at = int(progress["evaluated_at"])
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"the checkpoint of agent step {checkpoint.agent_steps} is damaged: {error}") from error
        self._checkpoint_at = checkpoint.agent_steps

    def _episode_row(self, report: UpdateReport, episode: FinishedEpisode) -> tuple[object, ...]:
        info = episode.info
        state = info.get("start_state", "")
        end = info.get("episode_end", "")
        frames = info.get("frames", episode.steps * self._env.options.frame_skip)
        return (report.agent_steps, episode.lane, f"{episode.reward:g}", episode.steps, int(frames), state, end)


def _is_better(mean: float | None, best: float | None) -> bool:
    return mean is not None and (best is None or mean > best)


def evaluation_options(config: RunConfig, episodes: int) -> EnvOptions:
    """The environment that policies are compared in: that of the run, and no episode without an end."""
    steps = config.env.get("max_episode_steps") or math.ceil(MAX_FRAMES / config.env.get("frame_skip", 1))
    lanes = min(config.lanes or episodes, episodes)
    return config.lane_options(autoreset_mode="disabled", num_envs=lanes, max_episode_steps=steps)


def _row(
    report: UpdateReport, totals: DeepTotals, evaluation_mean: float | None, evaluation_error: float | None
) -> dict[str, Number]:
    """One row of metrics.csv: the run's numbers, then the learner's own."""
    return {
        "agent_steps": totals.agent_steps,
        "frames": totals.frames,
        "update": totals.updates,
        "episodes": totals.episodes,
        "mean_return": totals.mean_return,
        "best_return": totals.best_return,
        "evaluation_mean": evaluation_mean,
        "evaluation_standard_error": evaluation_error,
        "best_evaluation": totals.best_evaluation,
        "steps_per_second": totals.steps_per_second,
        "collect_s": report.collect_s,
        "learn_s": report.learn_s,
        "elapsed_s": totals.elapsed_s,
        **report.metrics,
    }


def _device(learner: Any) -> str:
    return str(getattr(learner, "_device", "cpu"))
