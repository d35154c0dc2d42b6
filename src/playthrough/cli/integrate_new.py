"""`playthrough integrate new`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from playthrough.cli.console import command, say, try_next
from playthrough.cli.options import examples


def new(
    rom: Annotated[Path, typer.Argument(metavar="ROM", help="The game's ROM file.")],
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where the game's folder goes; else among your own, where every command finds it by itself.",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What the game is called; else what the file is called.")
    ] = None,
    system: Annotated[
        str | None, typer.Option(metavar="SYSTEM", help="What it runs on, such as Nes, where the file does not say.")
    ] = None,
) -> None:
    """Begin a new game: its folder with the ROM, no variables yet, playable at once."""
    from playthrough.integrate.new_game import create_game, games_of

    others = games_of(rom, system) if rom.is_file() else []
    made = create_game(rom, folder, name, system)
    say(f"Written: {made}", "bold")
    say(", ".join(sorted(path.name for path in made.iterdir())), "dim")
    if others:
        say(f"This very ROM is integrated already, as {', '.join(others)}: playthrough info {others[0]}", "yellow")
    where = ("--integrations", folder) if folder else ()
    try_next(
        command("integrate", "state", made.name, "Start", "--auto", *where),
        command("watch", made.name, "--agent", "random", *where),
    )


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        **examples(
            "playthrough integrate new my-game.nes",
            "playthrough integrate new my-game.nes --folder my-games --name MyGame",
            "playthrough integrate new dump.bin --system Atari2600 --name MyGame",
        )
    )(new)
