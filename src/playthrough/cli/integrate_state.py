"""`playthrough integrate state`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from playthrough.cli.console import command, say, try_next
from playthrough.cli.options import ButtonSeed, Game, GameOptions, examples, takes_game
from playthrough.cli.play import Scale, Speed, open_session

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from playthrough.env.state_recording import NewState
    from playthrough.game.integration import Integration


@takes_game
def state(
    game: Game,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the new state is called, such as Start.")],
    chosen: GameOptions,
    auto: Annotated[
        bool, typer.Option("--auto", help="Find out by trying what to press until the game listens to its pad.")
    ] = False,
    press: Annotated[
        str | None, typer.Option(metavar="INPUTS", help='Press this, as in "wait 120, START 5, RIGHT+A 60".')
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="WHAT", help="Press anything until this changes: picture, or a variable's name."),
    ] = None,
    inputs: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Press what this text says, a line per frame.")
    ] = None,
    movie: Annotated[Path | None, typer.Option(metavar="FILE", help="Press what this .bk2 or .fm2 says.")] = None,
    frames: Annotated[
        int | None, typer.Option(metavar="N", help="Use only the first N frames of the inputs or the movie.", min=1)
    ] = None,
    seed: ButtonSeed = 0,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what the game shows there (.png).")
    ] = None,
    default: Annotated[
        bool, typer.Option("--default/--no-default", help="Let episodes begin there unless told otherwise.")
    ] = True,
    speed: Speed = 1.0,
    scale: Scale = 3,
) -> None:
    """Save where episodes begin: play there in a window and press F5, or say what to press, or let it be found.

    It is kept twice: as the savestate's bytes, and as a recipe (start, then inputs) that any core can follow. It begins
    at power-on, or where --state says.
    """
    from playthrough.env.state_recording import record_inputs, record_movie, require_state_name, states_folder
    from playthrough.errors import BadInputError
    from playthrough.game.input_text import read_inputs
    from playthrough.game.movies import read_movie
    from playthrough.integrate.machine import Machine
    from playthrough.integrate.meaning import set_default_state
    from playthrough.integrate.press import parse_press

    require_state_name(name)
    ways = {"--auto": auto, "--press": press, "--until": until, "--inputs": inputs, "--movie": movie}
    given = [way for way, value in ways.items() if value]
    if len(given) > 1:
        raise BadInputError(f"{given[0]} and {given[1]} cannot both say what is pressed; give one of them")
    integration = chosen.load(game)
    options = chosen.env_options(game, state=chosen.state or "power-on")
    made: NewState
    if auto or until is not None:
        masks, said = _found(game, chosen, until, seed)
        made = record_inputs(options, masks)
        say(said)
    elif press is not None:
        made = record_inputs(options, parse_press(press, integration.system)[:frames])
    elif inputs is not None:
        made = record_inputs(options, read_inputs(inputs, integration.system)[:frames])
    elif movie is not None:
        made = record_movie(options, read_movie(movie), frames)
    else:
        made = _played(game, chosen, integration, speed, scale, frames)
    files = made.save(states_folder(integration), name)
    for file in files:
        say(f"Written: {file}", "bold")
    if default:
        say(f"Written: {set_default_state(integration, name)}", "bold")
    if picture is not None:
        from playthrough.integrate.picture_file import save_picture

        with Machine(chosen.env_options(game, state=files[0])) as machine:
            machine.run([0])
            save_picture(picture, machine.picture())
        say(f"Written: {picture}", "bold")
    where = chosen.folder_words
    try_next(
        command("integrate", "guess", integration.name, *where),
        command("integrate", "progress", integration.name, *where),
    )


def _found(game: str, chosen: GameOptions, until: str | None, seed: int) -> tuple[NDArray[np.uint16], str]:
    """What to press, found by playing, and what to say about it."""
    from playthrough.errors import BadInputError
    from playthrough.integrate.control import find_beginning
    from playthrough.integrate.machine import Machine
    from playthrough.integrate.state_search import play_until

    with Machine(chosen.env_options(game, state=chosen.state or "power-on")) as machine:
        if until is not None:
            masks = play_until(machine, until, seed)
            return masks[:, None], f"{until} changed after {len(masks)} frames of random play"
        if chosen.state not in (None, "power-on"):
            raise BadInputError("--auto begins at power-on; leave --state out")
        beginning = find_beginning(machine)
        return beginning.masks[:, None], (
            f"the game listens after: {beginning.pressed} (buttons change {beginning.influence:.1%} of the picture "
            "within 24 frames)"
        )


def _played(
    game: str, chosen: GameOptions, integration: Integration, speed: float, scale: int, frames: int | None
) -> NewState:
    """What somebody plays to in a window."""
    from playthrough.env.state_recording import NewState
    from playthrough.errors import BadInputError
    from playthrough.game.states import Recipe

    session = chosen.env_options(
        game, actions="all", autoreset_mode="disabled", sound=True, state=chosen.state or "power-on"
    )
    with tempfile.TemporaryDirectory() as folder:
        played = open_session(
            session, movies=Path(folder), inputs=None, max_frames=frames, speed=speed, scale=scale, until_mark=True
        )
    if played.marked is None:
        raise BadInputError("no state was recorded: press F5 where episodes shall begin")
    data, masks = played.marked
    return NewState(data, Recipe.from_masks(masks, integration.system, chosen.state or "power-on"))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        **examples(
            "playthrough integrate state MyGame-Nes Start                       # play there, F5 saves",
            "playthrough integrate state MyGame-Nes Start --auto --picture start.png",
            'playthrough integrate state MyGame-Nes Start --press "wait 60, START 5, wait 100"',
            "playthrough integrate state MyGame-Nes Cave --until picture --state Start",
        )
    )(state)
