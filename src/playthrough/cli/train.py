"""`playthrough train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from playthrough.cli.console import command, counted, say, try_next
from playthrough.cli.eval import judge_against_random
from playthrough.cli.options import LANES, GameOptions, Threads, examples, takes_game

if TYPE_CHECKING:
    from playthrough.runs.watcher import DeepTotals, Totals, TrainResult


@takes_game
def train(
    chosen: GameOptions,
    game: Annotated[
        str | None,
        typer.Argument(
            metavar="GAME",
            help="The game to learn, by the name that `games` lists; not needed with --recipe or --resume.",
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="All settings from a TOML file, or from a recipe that comes with playthrough."
        ),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with the run in this folder, as if it had never stopped.")
    ] = None,
    algo: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="How it learns. neat: evolves networks, generation by generation. ppo, a2c, maskable, recurrent, "
            "qrdqn, rainbow: one network that learns step by step.",
        ),
    ] = None,
    generations: Annotated[
        int | None,
        typer.Option(metavar="N", help="neat: how many generations, those before a --resume included.", min=1),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="All but neat: how many decisions of all lanes together, those before a --resume included.",
            min=1,
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="The same seed gives the same run.", min=0)] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The run folder; else the next free one, such as runs/GAME-neat-001."),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Delete the run that is in --out DIR, and start anew there.")
    ] = False,
    judge: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Afterwards, compare the best agent with random play on N episodes, as `eval` does.",
            min=2,
        ),
    ] = None,
    lanes: Annotated[int | None, LANES] = None,
    threads: Threads = None,
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change any other setting, such as env.frame_skip=8; repeatable."
        ),
    ] = None,
) -> None:
    """Train an agent. The run folder keeps its checkpoints, its numbers, and the best agent with movie and video.

    Say a GAME to begin with good settings, --recipe for settings of your own, or --resume to go on. Ctrl-C ends a run;
    what was finished stays.

    Every setting of a recipe can be given with --set: env.* are those of the environment, neat.* those of NEAT, ppo.*
    those of PPO, and neat.config.* those of NEAT's configuration file; RUN/config.toml lists those of a run. The
    results do not depend on threads, and NEAT's not on lanes.
    """
    from playthrough.cli.train_panel import TrainPanel
    from playthrough.errors import BadInputError
    from playthrough.runs.config import load_config, resolve
    from playthrough.runs.folder import RunFolder
    from playthrough.runs.train import resume as resume_run
    from playthrough.runs.train import train as start_run

    changes = change or []
    if resume is not None:
        fixed = {
            "GAME": game,
            "--recipe": recipe,
            "--algo": algo,
            "--seed": seed,
            "--out": out,
            "--fresh": fresh or None,
        }
        given = [name for name, value in fixed.items() if value is not None]
        if given:
            raise BadInputError(f"--resume goes on with a run as it is; leave out {', '.join(given)}")
        learner = load_config(RunFolder.open(resume).config).algo
        if learner == "neat" and steps is not None:
            raise BadInputError("--steps: the algorithm neat counts generations, not decisions; use --generations")
        if learner != "neat" and generations is not None:
            raise BadInputError(f"--generations: the algorithm {learner} counts decisions; use --steps")
        settings = {"neat.generations": generations, f"{learner}.steps": steps, "lanes": lanes, "threads": threads}
        settings |= {f"env.{name}": value for name, value in chosen.given.items()}
        changes += [f"{name}={value}" for name, value in settings.items() if value is not None]
        with TrainPanel() as panel:
            result = resume_run(resume, changes=changes, watcher=panel)
        _report(result, chosen, judge)
        return
    if game is None and recipe is None:
        raise BadInputError("say what to train: a GAME, --recipe FILE, or --resume RUN")
    options: dict[str, Any] = {f"env__{name}": value for name, value in chosen.given.items()}
    config = resolve(
        game=game,
        recipe=recipe,
        overrides=changes,
        algo=algo,
        steps=steps,
        neat__generations=generations,
        seed=seed,
        out=out,
        lanes=lanes,
        threads=threads,
        **options,
    )
    if fresh and config.out is None:
        raise BadInputError("--fresh deletes the run that --out holds; say which with --out DIR")
    with TrainPanel() as panel:
        result = start_run(config, fresh=fresh, watcher=panel)
    _report(result, chosen, judge)


def _report(result: TrainResult, chosen: GameOptions, judge: int | None) -> None:
    from playthrough.runs.watcher import DeepTotals

    say()
    totals = result.totals
    if isinstance(totals, DeepTotals):
        done, best = _deep_words(totals)
        finished, unit, number = done, "--steps", totals.agent_steps
    else:
        done, best = _neat_words(totals)
        finished, unit, number = f"generations: {totals.generations}", "--generations", totals.generations
    if result.goal_reached:
        say(f"goal reached after {done} and {counted(totals.frames, 'frame')}", "bold green")
    elif result.status == "interrupted":
        say(f"interrupted; all that was finished is saved ({finished})", "yellow")
    if best is not None:
        say(best, "bold")
    if judge is not None and result.genome is not None and result.status != "interrupted":
        judge_against_random(result.folder, judge)
    files = {"Agent": result.genome, "Movie": result.movie, "Video": result.video}
    for what, file in [*files.items(), *(("Plot", plot) for plot in result.plots)]:
        if file is not None:
            say(f"{what + ':':<7} {file}")
    where = chosen.folder_words
    watched = command("watch", result.folder, *where)
    if result.status == "interrupted":
        try_next(command("train", "--resume", result.folder, *where), watched)
    else:
        more = command("train", "--resume", result.folder, unit, 2 * number, *where)
        judged = command("eval", result.folder, "--episodes", 30, *where)
        try_next(watched, judged if judge is None else more)
    if result.genome is None:
        raise typer.Exit(1)


def _neat_words(totals: Totals) -> tuple[str, str | None]:
    """What was done, and how good the best is."""
    done = counted(totals.generations, "generation")
    if totals.best_fitness is None:
        return done, None
    return done, f"Best fitness {totals.best_fitness:g}, found in generation {totals.best_generation}"


def _deep_words(totals: DeepTotals) -> tuple[str, str | None]:
    done = counted(totals.agent_steps, "step")
    if totals.best_evaluation is None:
        return done, None
    return done, f"Best evaluation {totals.best_evaluation:g}, after {totals.best_agent_steps:,} steps"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        **examples(
            "playthrough train Airstriker-Genesis --algo neat --generations 20",
            "playthrough train Breakout-Atari2600 --algo ppo --steps 1000000",
            "playthrough train --recipe airstriker-neat --out runs/first --seed 7",
            "playthrough train --recipe airstriker-neat --out runs/first --fresh     # from the start",
            "playthrough train --resume runs/first --generations 40",
            "playthrough train Pong-Atari2600 --set env.frame_skip=2 --set neat.config.pop_size=80",
        )
    )(train)
