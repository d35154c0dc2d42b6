"""`playthrough tune`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from playthrough.cli.console import command, counted, out, say, table, try_next
from playthrough.cli.options import LANES, GameOptions, Threads, examples, takes_game
from playthrough.cli.sparkline import number

if TYPE_CHECKING:
    from playthrough.runs.tune import TrialReport, TuneResult


@takes_game
def tune(
    chosen: GameOptions,
    game: Annotated[
        str | None,
        typer.Argument(metavar="GAME", help="A game with a shipped recipe that has ranges; not needed with --recipe."),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The recipe with \\[tune.ranges]: a file, or a shipped recipe's name."),
    ] = None,
    algo: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which of a game's shipped recipes: neat, ppo, ...")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where the study and its runs are; else tune/RECIPE."),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(metavar="N", help="How many runs in all, earlier ones in DIR included.", min=1)
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", help="All but neat: how many decisions each run has.", min=1)
    ] = None,
    generations: Annotated[
        int | None, typer.Option(metavar="N", help="neat: how many generations each run has.", min=1)
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="The same seed tries the same settings.", min=0)] = None,
    lanes: Annotated[int | None, LANES] = None,
    threads: Threads = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change any setting of all runs; repeatable."),
    ] = None,
) -> None:
    """Search for good settings with Optuna: many short runs, bad ones ended early.

    The recipe's table \\[tune.ranges] says what to search. Ctrl-C ends it, and the same command goes on with it.
    What it leaves behind: best.toml, a recipe with the best settings; study.db, for Optuna's own tools; plots; and
    every trial as an ordinary run.
    """
    from playthrough.cli.tune_panel import TunePanel
    from playthrough.runs.tune import TunePlan
    from playthrough.runs.tune import tune as search

    options: dict[str, Any] = {f"env__{name}": value for name, value in chosen.given.items()}
    plan = TunePlan.of(
        game=game,
        recipe=recipe,
        algo=algo,
        overrides=change or [],
        trials=trials,
        steps=steps,
        generations=generations,
        seed=seed,
        lanes=lanes,
        threads=threads,
        **options,
    )
    with TunePanel() as panel:
        result = search(plan, folder or Path("tune") / plan.recipe.stem, panel)
    _report(result)


def _report(result: TuneResult) -> None:
    best = result.best
    done = [trial for trial in result.trials if trial.state != "running"]
    say()
    say(f"{counted(len(done), 'trial')}, {sum(trial.state == 'pruned' for trial in done)} of them ended early", "bold")
    _print_trials(done)
    if best is None or result.recipe is None:
        say("No trial was finished, so there is no best one.", "yellow")
        raise typer.Exit(0 if result.interrupted else 1)
    say()
    say(f"Best: {best.value:g}, trial {best.number} ({best.folder})", "bold green")
    for key, value in best.settings.items():
        say(f"  {key} = {value}")
    say(f"Recipe: {result.recipe}")
    for plot in result.plots:
        say(f"Plot:   {plot}")
    if result.interrupted:
        say("Interrupted; the same command goes on with the search.", "yellow")
    try_next(command("train", "--recipe", result.recipe), command("watch", best.folder))


def _print_trials(trials: list[TrialReport]) -> None:
    """The best first."""
    keys = list(dict.fromkeys(key for trial in trials for key in trial.settings))
    rows = table("Trial", "Value", "State", *keys, right=("Value",))
    for trial in sorted(trials, key=lambda trial: (trial.value is None, -(trial.value or 0.0))):
        rows.add_row(
            str(trial.number), number(trial.value, 2), trial.state, *(trial.settings.get(key, "") for key in keys)
        )
    out().print(rows)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        **examples(
            "playthrough tune --recipe airstriker-ppo --out tune/first",
            "playthrough tune --recipe airstriker-ppo --out tune/first --trials 50     # more of the same",
            "playthrough tune Wickling-Nes --algo neat --trials 10 --generations 5",
        )
    )(tune)
