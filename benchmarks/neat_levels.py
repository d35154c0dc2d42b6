"""Does NEAT finish the levels of our NES game? One run for each seed, and what it took.

    python -m benchmarks neat_levels                                  # level 1, ten seeds
    python -m benchmarks neat_levels wickling-neat-2 --seeds 3        # another recipe
    python -m benchmarks neat_levels --processes 2                    # two runs side by side, a thread each

A line for each run as it ends, then a table in Markdown. Interrupted runs go on when the command is given again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median

from benchmarks.games import BUILD
from benchmarks.training_runs import train
from playthrough.runs.agent import load_agent
from playthrough.runs.folder import RunFolder
from playthrough.runs.judge import evaluate_agent
from playthrough.runs.metrics import read_metrics

RUNS = BUILD / "neat_levels"
LIMIT_S = 30 * 60


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        seed: Of the run.
        finished: Whether a genome reached the goal.
        generations: Played, the last included.
        frames: Emulated.
        seconds: Spent on generations.
        sticky: Share of episodes that reach the goal with random starts and sticky actions.
    """

    seed: int
    finished: bool
    generations: int
    frames: int
    seconds: float
    sticky: float

    def row(self) -> str:
        """A row of the table."""
        end = "finished" if self.finished else "not finished"
        time_s = f"{self.seconds // 60:.0f}:{self.seconds % 60:02.0f}"
        return f"| {self.seed} | {end} | {self.generations} | {self.frames:,} | {time_s} | {self.sticky:.0%} |"


def run(recipe: str, seed: int, threads: int, episodes: int) -> Outcome:
    """Train with a seed, or go on with a run that was interrupted."""
    folder = RUNS / f"{recipe}-{seed}"
    train(folder, recipe, seed, threads=threads, arguments=["--set", "video=false"], limit_s=LIMIT_S)
    agent, rows = load_agent(folder), read_metrics(RunFolder(folder).metrics)
    goal = agent.config.goal
    assert goal is not None
    judged = evaluate_agent(agent, agent.config.env_options(), episodes=episodes, threads=threads)
    reached = [goal.met(episode.reward, [episode.info]) for episode in judged.episodes]
    return Outcome(
        seed,
        any((RunFolder(folder).goals).glob("*.bk2")),
        len(rows),
        int(rows[-1]["total_frames"]),
        float(rows[-1]["elapsed_s"]),
        sum(reached) / len(reached),
    )


def main(arguments: Sequence[str] = ()) -> None:
    """Run all seeds and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks neat_levels")
    parser.add_argument("recipe", nargs="?", default="wickling-neat")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--processes", type=int, default=1, help="runs side by side")
    parser.add_argument("--threads", type=int, default=2, help="of each run")
    parser.add_argument("--episodes", type=int, default=30, help="with chance in them, for the last column")
    asked = parser.parse_args(arguments)
    threads = 1 if asked.processes > 1 else asked.threads

    def one(seed: int) -> Outcome:
        outcome = run(asked.recipe, seed, threads, asked.episodes)
        print(outcome.row(), flush=True)
        return outcome

    with ThreadPoolExecutor(asked.processes) as pool:
        outcomes = list(pool.map(one, range(1, asked.seeds + 1)))
    finished = [outcome for outcome in outcomes if outcome.finished]
    print(f"\n{asked.recipe}: {len(finished)} of {len(outcomes)} runs finished", end="")
    if finished:
        generations = median(outcome.generations for outcome in finished)
        seconds = median(outcome.seconds for outcome in finished)
        print(f", after a median of {generations:g} generations and {seconds:.0f} s", end="")
    print(
        "\n\n| seed | level | generations | frames | time | finishes with sticky actions |\n|---|---|---|---|---|---|"
    )
    print("\n".join(outcome.row() for outcome in outcomes))


if __name__ == "__main__":
    main(sys.argv[1:])
