"""`playthrough states`: list a game's start states, or record a new one."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from playthrough.cli.console import command, out, say, styled, table, try_next
from playthrough.cli.options import Game, GameOptions, examples, takes_game
from playthrough.cli.play import Scale, Speed, open_session


class StatesCommands(TyperGroup):
    """`states GAME` is short for `states list GAME`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `list` in front of what is no command."""
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args.insert(0, "list")
        return super().parse_args(ctx, args)


states = typer.Typer(cls=StatesCommands, no_args_is_help=True, rich_markup_mode="rich")


@states.command("list", **examples("playthrough states Airstriker-Genesis"))
@takes_game
def list_states(game: Game, chosen: GameOptions) -> None:
    """List the start states of a game: the moments from which --state lets episodes begin."""
    from playthrough.game.states import find_state

    integration = chosen.load(game)
    if chosen.state is not None:
        find_state(integration, chosen.state)
    default = integration.default_state()
    listing = table("State", "Kind", "File")
    for name in sorted({*integration.states, *integration.recipes}):
        kinds = [
            kind for kind, there in (("bytes", integration.states), ("recipe", integration.recipes)) if name in there
        ]
        file = integration.states.get(name) or integration.recipes[name]
        listing.add_row(f"{name} (default)" if name == default else name, " + ".join(kinds), str(file))
    listing.add_row("power-on" if default else "power-on (default)", styled("switches the console on", "dim"), "")
    out().print(listing)
    if integration.states or integration.recipes:
        say(
            "bytes: a savestate, for the core that made it. recipe: inputs that lead to the moment, on any core.", "dim"
        )
        say("A state with both begins from its bytes; without them, the inputs are played first.", "dim")
    try_next(
        command("states", "record", integration.name, "NAME"), command("play", integration.name, "--state", "NAME")
    )


@states.command(
    "record",
    **examples(
        "playthrough states record Airstriker-Genesis Level2 --state Level1     # play there, F5 saves",
        "playthrough states record Airstriker-Genesis Start --inputs inputs.txt",
        "playthrough states record Airstriker-Genesis Boss --movie best.bk2 --frames 900",
    ),
)
@takes_game
def record_state(
    game: Game,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the new state is called, such as Level2.")],
    chosen: GameOptions,
    inputs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Press what this text says (a line per frame), instead of you; see replay --inputs."
        ),
    ] = None,
    movie: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Press what this .bk2 or .fm2 says, instead of you.")
    ] = None,
    frames: Annotated[
        int | None, typer.Option(metavar="N", help="Use only the first N frames of the inputs or the movie.", min=1)
    ] = None,
    players: Annotated[int, typer.Option(metavar="N", help="How many people play, 1 or 2.", min=1, max=2)] = 1,
    directory: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Where the files go; else the game's folder in your own, where every command finds them.",
        ),
    ] = None,
    speed: Speed = 1.0,
    scale: Scale = 3,
) -> None:
    """Make a new start state: play to where episodes shall start and press F5, or let inputs or a movie lead there.

    It is kept twice: as the savestate's bytes, and as a recipe (start, then inputs) that any core can follow. It begins
    at power-on, or where --state says.
    """
    from playthrough.env.state_recording import NewState, record_inputs, record_movie, require_state_name, states_folder
    from playthrough.errors import BadInputError
    from playthrough.game.input_text import read_inputs
    from playthrough.game.movies import read_movie
    from playthrough.game.states import Recipe

    require_state_name(name)
    if inputs is not None and movie is not None:
        raise BadInputError("--inputs and --movie cannot both say what is pressed; give one of them")
    integration = chosen.load(game)
    options = chosen.env_options(game, players=players)
    new: NewState
    if inputs is not None:
        new = record_inputs(options, read_inputs(inputs, integration.system)[:frames])
    elif movie is not None:
        new = record_movie(options, read_movie(movie), frames)
    else:
        with tempfile.TemporaryDirectory() as folder:
            session = chosen.env_options(
                game,
                players=players,
                actions="all",
                autoreset_mode="disabled",
                sound=True,
                state=chosen.state or "power-on",
            )
            played = open_session(
                session,
                movies=Path(folder),
                inputs=None,
                max_frames=frames,
                speed=speed,
                scale=scale,
                until_mark=True,
            )
        if played.marked is None:
            raise BadInputError("no state was recorded: press F5 where episodes shall start")
        data, masks = played.marked
        new = NewState(data, Recipe.from_masks(masks, integration.system, chosen.state or "power-on"))
    files = new.save(directory or states_folder(integration), name)
    for file in files:
        say(f"Written: {file}", "bold")
    if new.recipe is None:
        say("There is no recipe: the movie begins at a savestate that is none of the game's.", "yellow")
    where = ("--integrations", directory) if directory else ()
    try_next(
        command("play", integration.name, "--state", name if not directory else files[0]),
        command("states", integration.name, *where),
    )


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(states, name="states", help="List a game's start states (states GAME), or record a new one.")
