"""Carries out a run: trains, keeps what happened, and leaves the best agent with its movie, video and plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from playthrough.runs.config import RunConfig, load_config
from playthrough.runs.deep_run import resume_deep, train_deep
from playthrough.runs.folder import RunFolder
from playthrough.runs.neat_run import resume_neat, train_neat
from playthrough.runs.watcher import Silence, TrainResult, Watcher


def train(config: RunConfig, *, fresh: bool = False, watcher: Watcher | None = None) -> TrainResult:
    """Start a run and carry it out.

    Ctrl-C and SIGTERM end it cleanly: a checkpoint of what was finished is there, and so are the best agent,
    its movie and the plots.

    Args:
        config: From `resolve`.
        fresh: Delete the run that `config.out` holds, once it is clear that the new one can begin.
        watcher: Told how it goes.

    Returns:
        What it left behind; `status` says how it ended.

    Raises:
        PlaythroughError: If the game cannot be had, the configuration does not fit it, or the disk is full.
    """
    start = train_deep if config.deep else train_neat
    return start(config, fresh=fresh, watcher=watcher or Silence())


def resume(folder: str | Path, *, changes: Sequence[str] = (), watcher: Watcher | None = None) -> TrainResult:
    """Go on with a run from its newest whole checkpoint, as if it had never stopped.

    Args:
        folder: The run folder.
        changes: `key=value` each, such as `neat.generations=50`, `ppo.steps=2000000`, `threads=4` or
            `neat.config.pop_size=100`; they are written into the run's configuration. After a change of NEAT's rules
            (env.*, episodes, start states, step limit) the best agent so far counts no more: its files stay as
            `best-before-GENERATION.*`. A deep run keeps its environment and its lanes.
        watcher: Told how it goes.

    Raises:
        BadInputError: If the folder holds no run.
        StateError: If no checkpoint is whole.
        ConfigError: If a change is wrong.
        RunError: If another process trains into the folder.
    """
    run_folder = RunFolder.open(folder)
    go_on = resume_deep if load_config(run_folder.config).deep else resume_neat
    return go_on(run_folder, changes=changes, watcher=watcher or Silence())
