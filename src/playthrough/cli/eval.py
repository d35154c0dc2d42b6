"""`playthrough eval`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median, stdev
from typing import TYPE_CHECKING, Annotated, Any

import typer

from playthrough.cli.console import command, out, say, table, try_next
from playthrough.cli.options import LANES, GameOptions, Threads, examples, takes_game
from playthrough.cli.progress import progress
from playthrough.cli.reference import print_reference

if TYPE_CHECKING:
    from playthrough.runs.goal import Goal
    from playthrough.runs.judge import JudgedEpisode, Judgement


@takes_game
def evaluate(
    chosen: GameOptions,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `train` made.")],
    episodes: Annotated[int, typer.Option(metavar="N", help="How many episodes each plays.", min=2)] = 30,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the first episode.", min=0)] = 0,
    lanes: Annotated[int, LANES] = 8,
    threads: Threads = None,
) -> None:
    """Say whether a trained agent plays better than random buttons do.

    Every episode has a random start (up to 30 frames without a button) and sticky actions (a quarter of the frames), so
    that nothing can be learnt by heart; a run whose actions come late now and then, as in reference runs, is judged
    with that instead. The agent is better where the 95 % confidence intervals do not overlap. Several start states take
    turns, and are listed one by one.
    """
    judge_against_random(run, episodes, seed=seed, lanes=lanes, threads=threads, **chosen.given)
    try_next(command("watch", run), command("train", "--resume", run, *more_of(run)))


def more_of(run: Path) -> tuple[str, str]:
    """The option that makes a run go on for longer."""
    from playthrough.runs.config import load_config

    return ("--steps" if load_config(run / "config.toml").deep else "--generations", "N")


def judge_against_random(
    run: Path, episodes: int, *, seed: int = 0, lanes: int = 8, threads: int | None = None, **changes: Any
) -> None:
    """Let a run's best agent and random play both play, and say which is better."""
    from playthrough.game.integration import load_integration
    from playthrough.runs.agent import AgentSource, RandomPlay, load_agent
    from playthrough.runs.judge import evaluate_agent

    agent = load_agent(run)
    options = agent.config.env_options(**changes)

    def judge(source: AgentSource) -> Judgement:
        with progress(source.name, episodes) as advance:
            judgement = evaluate_agent(
                source, options, episodes=episodes, seed=seed, lanes=lanes, threads=threads, on_episode=advance
            )
        say(str(judgement), "bold")
        return judgement

    trained, random = judge(agent), judge(RandomPlay())
    if trained.better_than(random):
        say("The agent is better than random play: the intervals do not overlap.", "green")
    elif random.better_than(trained):
        say("Random play is better than the agent: the intervals do not overlap.", "red")
    else:
        say("No difference is certain: the intervals overlap. More episodes make them narrower.", "yellow")
    say()
    _print_numbers(trained, random, goal=agent.config.goal)
    integration = load_integration(options.game, info=options.info, scenario=options.scenario)
    named = [state for state in trained.by_start_state() if state in {*integration.states, *integration.recipes}]
    print_reference(integration, named or [integration.default_state()])


def _print_numbers(*judgements: Judgement, goal: Goal | None) -> None:
    """Mean, standard error and median of each, in all and, where there are several, for each start state.

    Args:
        *judgements: Of whom.
        goal: The run's; who reached it how often is said as well.
    """
    columns = ("Episodes", "Mean", "Standard error", "Median", *(("Goal reached",) if goal else ()))
    numbers = table("Who", *columns, right=columns)

    def add(who: str, episodes: Sequence[JudgedEpisode]) -> None:
        rewards = [episode.reward for episode in episodes]
        error = f"{stdev(rewards) / math.sqrt(len(rewards)):.1f}" if len(rewards) > 1 else "-"
        cells = [str(len(rewards)), f"{fmean(rewards):.1f}", error, f"{median(rewards):.1f}"]
        if goal:
            reached = sum(goal.met(episode.reward, [episode.info]) for episode in episodes)
            cells.append(f"{reached} ({reached / len(episodes):.0%})")
        numbers.add_row(who, *cells)

    for judgement in judgements:
        add(judgement.name, judgement.episodes)
        by_state = judgement.by_start_state()
        for state, episodes in by_state.items() if len(by_state) > 1 else ():
            add(f"  from {state}", episodes)
    out().print(numbers)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "eval",
        **examples(
            "playthrough eval runs/first",
            "playthrough eval runs/first --episodes 100 --seed 1000",
        ),
    )(evaluate)
