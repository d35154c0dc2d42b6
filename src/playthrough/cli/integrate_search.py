"""`playthrough integrate search`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from playthrough.cli.console import err, report_error, say
from playthrough.cli.options import Game, GameOptions, examples, takes_game

if TYPE_CHECKING:
    from playthrough.integrate.session import SearchSession


@takes_game
def search(
    game: Game,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the search is called, such as score.")],
    chosen: GameOptions,
    steps: Annotated[
        list[str] | None,
        typer.Argument(metavar="STEP...", help="What to do, in quotes; without any, the search asks line by line."),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget an older search of this name.")] = False,
) -> None:
    """Search memory step by step: play on, say what became of the number, until few are left.

    A step is a line such as "play RIGHT 60", "equal 300", "increased", "unchanged", "decreased 1", "undo", "list" or
    "poke 0x7dd >n6 500"; "help" lists all. The search is kept, with the game's moment, in the game's folder: the next
    command with the same name goes on with it.
    """
    from playthrough.integrate.machine import Machine
    from playthrough.integrate.session import SearchSession

    with Machine(chosen.env_options(game)) as machine:
        session = SearchSession(machine, name, fresh=fresh)
        try:
            if steps:
                for step in steps:
                    say(f"> {step}", "dim")
                    say(session.say(step))
            else:
                _ask(session)
        finally:
            session.save()


def _ask(session: SearchSession) -> None:
    """Line by line, until there is none; a wrong line is explained and changes nothing."""
    from playthrough.errors import PlaythroughError

    interactive = sys.stdin.isatty()
    if interactive:
        say(f"{len(session.search):,} numbers; help lists the steps, quit ends.")
    while True:
        if interactive:
            err().print("> ", end="")
        line = sys.stdin.readline()
        if not line or line.strip() in ("quit", "exit"):
            return
        if not interactive:
            say(f"> {line.strip()}", "dim")
        try:
            if answer := session.say(line):
                say(answer)
        except PlaythroughError as error:
            if not interactive:
                raise
            report_error(str(error))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        **examples(
            "playthrough integrate search MyGame-Nes score                      # line by line",
            'playthrough integrate search MyGame-Nes score "equal 0" "play RIGHT 90" "increased" list',
            'playthrough integrate search MyGame-Nes lives "random 600" "decreased 1" "picture now.png"',
        )
    )(search)
