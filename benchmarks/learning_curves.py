"""Learning curves: the mean of a few seeds, and its 95 % interval.

    python -m benchmarks learning_curves airstriker-ppo --seeds 3 --steps 200000
    python -m benchmarks learning_curves airstriker-ppo --seeds 3 --steps 200000 --processes 2 \
        --variant ours --variant "plain: --set ppo.precision=fp32 --set ppo.channels_last=false"

A variant is a name, and after a colon what it adds to the command line. A picture, and a table in Markdown: what 30
episodes with random starts and sticky actions earned at the end, of each seed. Interrupted runs go on when the command
is given again.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import matplotlib
import numpy as np
from numpy.typing import NDArray

from benchmarks.games import BUILD
from benchmarks.scaling_plot import STYLE
from benchmarks.training_runs import train
from playthrough.cli.console import counted
from playthrough.env.options import EnvOptions
from playthrough.runs.agent import load_agent
from playthrough.runs.agent_source import RandomPlay
from playthrough.runs.folder import RunFolder
from playthrough.runs.judge import Judgement, evaluate_agent, student_t_95
from playthrough.runs.metrics import read_metrics

matplotlib.use("Agg")

import matplotlib.pyplot as plt

RUNS = BUILD / "learning_curves"
COLOURS = ("#3b6fd4", "#d9822b", "#2e9e6b", "#a3438f", "#8a6d3b", "#4a4f57")
NUM_POINTS = 200


@dataclass(frozen=True)
class Curve:
    """What one run earned on its way, and in the end.

    Attributes:
        steps: Agent steps, float64 (rows,).
        returns: Mean of the last hundred episodes of training by then, float64 (rows,).
        seconds: Since the run began, at its last step.
        judged: 30 episodes with chance in them.
    """

    steps: NDArray[np.float64]
    returns: NDArray[np.float64]
    seconds: float
    judged: Judgement


def run(recipe: str, label: str, arguments: Sequence[str], seed: int, threads: int) -> tuple[Curve, EnvOptions]:
    """Train with a seed, or go on with a run that was interrupted; its curve, and the environment."""
    folder = RUNS / f"{recipe}-{label.replace(' ', '-').replace('.', '-')}-{seed}"
    train(folder, recipe, seed, threads=threads, arguments=["--set", "video=false", *arguments])
    agent, rows = load_agent(folder), read_metrics(RunFolder(folder).metrics)
    options = agent.config.env_options()
    played = [row for row in rows if row["mean_return"]]
    return Curve(
        np.array([float(row["agent_steps"]) for row in played]),
        np.array([float(row["mean_return"]) for row in played]),
        float(rows[-1]["elapsed_s"]),
        evaluate_agent(agent, options, threads=threads),
    ), options


def draw(curves: dict[str, list[Curve]], random_play: float, title: str, image: Path) -> None:
    """All variants in one picture: mean over the seeds, and Student's 95 % interval of it."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(9, 5), layout="constrained")
        for (label, runs), colour in zip(curves.items(), COLOURS, strict=False):
            _draw_variant(axes, label, runs, colour)
        axes.axhline(random_play, color="#9aa1ab", linestyle=":", label="random play")
        axes.set_title(title)
        axes.set_xlabel("agent steps")
        axes.set_ylabel("return, last 100 episodes of training")
        axes.legend(loc="upper left")
        image.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(image, dpi=110)
        plt.close(figure)


def _draw_variant(axes: Any, label: str, runs: Sequence[Curve], colour: str) -> None:
    if not all(run.steps.size for run in runs):
        return  # in some run no episode has ended
    steps = np.linspace(max(run.steps[0] for run in runs), min(run.steps[-1] for run in runs), NUM_POINTS)
    returns = np.stack([np.interp(steps, run.steps, run.returns) for run in runs])
    mean = returns.mean(axis=0)
    axes.plot(steps, mean, color=colour, linewidth=2, label=f"{label}, {counted(len(runs), 'seed')}")
    if len(runs) > 1:
        reach = student_t_95(len(runs) - 1) * returns.std(axis=0, ddof=1) / np.sqrt(len(runs))
        axes.fill_between(steps, mean - reach, mean + reach, color=colour, alpha=0.15, linewidth=0)


def main(arguments: Sequence[str] = ()) -> None:
    """Run all variants and seeds, draw the picture and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks learning_curves")
    parser.add_argument("recipe", nargs="?", default="airstriker-ppo")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=200_000)
    parser.add_argument("--variant", action="append", help="NAME, or NAME: what it adds to the command line")
    parser.add_argument("--processes", type=int, default=1, help="runs side by side")
    parser.add_argument("--threads", type=int, default=2, help="of each run")
    parser.add_argument("--picture", type=Path, default=None, help="where it goes; else beside the runs")
    asked = parser.parse_args(arguments)
    variants: dict[str, list[str]] = {}
    for variant in asked.variant or [asked.recipe]:
        label, _, added = variant.partition(":")
        variants[label.strip()] = ["--steps", str(asked.steps), *shlex.split(added)]
    jobs = [(label, seed) for seed in range(1, asked.seeds + 1) for label in variants]

    def one(job: tuple[str, int]) -> tuple[Curve, EnvOptions]:
        label, seed = job
        curve, options = run(asked.recipe, label, variants[label], seed, asked.threads)
        print(f"seed {seed}, {label}: {curve.judged}, {curve.seconds:.0f} s", flush=True)
        return curve, options

    with ThreadPoolExecutor(asked.processes) as pool:
        done = list(pool.map(one, jobs))
    curves: dict[str, list[Curve]] = {label: [] for label in variants}
    for (label, _), (curve, _) in zip(jobs, done, strict=True):
        curves[label].append(curve)
    by_chance = evaluate_agent(RandomPlay(), done[0][1], threads=asked.threads)
    picture = asked.picture or RUNS / f"{asked.recipe}.png"
    draw(curves, by_chance.mean, f"{asked.recipe}: mean of {counted(asked.seeds, 'seed')}, 95 % interval", picture)
    print(f"\n{picture}\n\n| | mean of the seeds | of each seed | seconds for a seed |\n|---|---|---|---|")
    for label, runs in curves.items():
        means = [run.judged.mean for run in runs]
        each = ", ".join(f"{mean:.1f}" for mean in means)
        print(f"| {label} | {fmean(means):.1f} | {each} | {fmean(run.seconds for run in runs):.0f} |")
    print(f"| random play | {by_chance.mean:.1f} | | |")


if __name__ == "__main__":
    main(sys.argv[1:])
