"""`playthrough integrate variable`, `reward` and `done`: what was found, written into the game's files."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from playthrough.cli.console import say
from playthrough.cli.options import Game, GameOptions, examples, takes_game

Name = Annotated[str, typer.Argument(metavar="NAME", help="The variable's name, such as score.")]


@takes_game
def variable(
    game: Game,
    name: Name,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Where it is, such as 0x7dd or 2013.")],
    kind: Annotated[str, typer.Argument(metavar="TYPE", help="How its bytes are read, such as |u1, >u2, <d3 or >n6.")],
    chosen: GameOptions,
    mask: Annotated[str | None, typer.Option(metavar="BITS", help="Which bits count, such as 0x0f.")] = None,
) -> None:
    """Name a number in memory: write it into data.json."""
    from playthrough.integrate.meaning import set_variable
    from playthrough.integrate.session import parse_address

    bits = None if mask is None else parse_address(mask)
    say(f"Written: {set_variable(chosen.load(game), name, parse_address(address), kind, bits)}", "bold")


@takes_game
def joined(
    game: Game,
    name: Name,
    parts: Annotated[
        list[str], typer.Argument(metavar="PART...", help="The variables it is made of, the most significant first.")
    ],
    chosen: GameOptions,
) -> None:
    """Make one number of several variables, such as the two bytes of a scroll position that wrap one by one."""
    from playthrough.integrate.meaning import set_joined

    say(f"Written: {set_joined(chosen.load(game), name, parts)}", "bold")


@takes_game
def reward(
    game: Game,
    name: Name,
    chosen: GameOptions,
    gain: Annotated[float, typer.Option("--reward", metavar="R", help="What it pays when it grows by one.")] = 1.0,
    penalty: Annotated[float, typer.Option(metavar="P", help="What it costs when it falls by one.", min=0.0)] = 0.0,
) -> None:
    """Let the growth of a variable be the reward: write it into scenario.json."""
    from playthrough.integrate.meaning import set_reward

    say(f"Written: {set_reward(chosen.load(game), name, gain, penalty)}", "bold")


@takes_game
def done(
    game: Game,
    name: Name,
    op: Annotated[str, typer.Argument(metavar="OP", help="What is asked of it: equal, zero, less-than, negative, ...")],
    chosen: GameOptions,
    reference: Annotated[float | None, typer.Argument(metavar="N", help="What it is compared with.")] = None,
    measurement: Annotated[
        Literal["absolute", "delta"],
        typer.Option(help="The value itself, or its change since the frame before."),
    ] = "absolute",
) -> None:
    """Let a variable end the episode: write it into scenario.json."""
    from playthrough.integrate.meaning import set_done

    say(f"Written: {set_done(chosen.load(game), name, op, reference, measurement=measurement)}", "bold")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        **examples(
            'playthrough integrate variable MyGame-Nes score 0x7dd ">n6"',
            'playthrough integrate variable MyGame-Atari2600 lives 0xb9 "|u1" --mask 0x0f',
        )
    )(variable)
    app.command(**examples("playthrough integrate joined MyGame-Nes xscroll xscrollHi xscrollLo"))(joined)
    app.command(**examples("playthrough integrate reward MyGame-Nes score --reward 0.01"))(reward)
    app.command(
        **examples(
            "playthrough integrate done MyGame-Nes lives zero",
            "playthrough integrate done MyGame-Nes lives negative --measurement delta",
        )
    )(done)
