"""The options that every command with a game takes, declared once, and how they reach the environment.

A command asks for them with one parameter; `takes_game` turns it into the options on the command line:

    @takes_game
    def info(game: Game, chosen: GameOptions) -> None: ...
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from playthrough.env.options import EnvOptions
    from playthrough.game.integration import Integration

_PANEL = "The game"

Game = Annotated[str, typer.Argument(metavar="GAME", help="A game's name such as Airstriker-Genesis, or its folder.")]
Integrations = Annotated[
    list[Path] | None,
    typer.Option(
        "--integrations",
        metavar="PATH",
        help="A folder with game folders of your own; repeatable.",
        rich_help_panel=_PANEL,
    ),
]
ButtonSeed = Annotated[int, typer.Option(metavar="N", help="Of the random buttons.", min=0)]
Threads = Annotated[int | None, typer.Option(metavar="N", help="On how many threads; else one per processor.", min=1)]
LANES: Any = typer.Option(metavar="N", help="How many emulators run side by side.", min=1)
"""The option of commands that differ in what happens without it."""


@dataclass(frozen=True, kw_only=True)
class GameOptions:
    """Which variant of a game runs, and on what. Names and defaults are those of EnvOptions."""

    state: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Where it starts: a name that `states GAME` lists, a file, or power-on.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    scenario: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What earns a reward and what ends an episode: a name that `info GAME` lists, or a file.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    info: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Where the variables are in memory: a name that `info GAME` lists, or a file.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    integrations: Integrations = None
    core: Annotated[
        str,
        typer.Option(
            metavar="CORE",
            help="The emulator: exact (as in stable-retro), fast, a name that `cores` lists, or a file.",
            rich_help_panel=_PANEL,
        ),
    ] = "exact"
    engine: Annotated[
        str,
        typer.Option(
            metavar="ENGINE", help="What runs the emulator: libretro, fceux, or bizhawk.", rich_help_panel=_PANEL
        ),
    ] = "libretro"
    mode: Annotated[
        str,
        typer.Option(
            metavar="MODE",
            help="Of BizHawk and FCEUX: FAST_RUN, RUN in real time, RECORD movies, or DEBUG.",
            rich_help_panel=_PANEL,
        ),
    ] = "FAST_RUN"
    bind: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS[:PORT]",
            help="Where to listen for BizHawk or FCEUX while it starts; this machine alone unless you say otherwise.",
            rich_help_panel=_PANEL,
        ),
    ] = "127.0.0.1"
    attach: Annotated[
        bool,
        typer.Option(
            "--attach",
            help="Start BizHawk yourself, perhaps on another machine; says how. Needs --bind ADDRESS:PORT.",
            rich_help_panel=_PANEL,
        ),
    ] = False

    @property
    def chosen(self) -> dict[str, Any]:
        """What goes into EnvOptions: everything but the folders."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "integrations"}

    @property
    def given(self) -> dict[str, Any]:
        """What of it differs from the default, because somebody asked for it."""
        defaults = {field.name: field.default for field in fields(self)}
        return {name: value for name, value in self.chosen.items() if value != defaults[name]}

    def env_options(self, game: str, **more: Any) -> EnvOptions:
        """The environment's options for a game."""
        from playthrough.env.options import EnvOptions

        return EnvOptions(game=game, **self.chosen | more)

    def load(self, game: str) -> Integration:
        """The game's integration."""
        from playthrough.game.integration import load_integration

        return load_integration(game, info=self.info, scenario=self.scenario)

    @property
    def folder_words(self) -> list[object]:
        """The folders with games alone, as words of a command to try next."""
        return [word for folder in self.integrations or () for word in ("--integrations", folder)]

    def as_arguments(self) -> str:
        """The same options for a command to try next."""
        import shlex

        words = [
            f"--{name}" if value is True else f"--{name} {shlex.quote(str(value))}"
            for name, value in self.given.items()
        ]
        words += [shlex.quote(str(word)) for word in self.folder_words]
        return "".join(f" {word}" for word in words)


def add_folders(folders: list[Path] | None) -> None:
    """Search folders of the user's for games."""
    from playthrough.game.integration import add_integrations

    for folder in folders or ():
        add_integrations(folder)


def takes_game(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of GameOptions in place of its parameter of that type."""
    hints = get_type_hints(command, include_extras=True)
    own = list(inspect.signature(command).parameters.values())
    slot = next(parameter.name for parameter in own if hints[parameter.name] is GameOptions)
    option_hints = get_type_hints(GameOptions, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        parameter.replace(kind=keyword, annotation=hints[parameter.name]) for parameter in own if parameter.name != slot
    ]
    for field in fields(GameOptions):
        assert field.default is not MISSING
        parameters.append(
            inspect.Parameter(field.name, keyword, default=field.default, annotation=option_hints[field.name])
        )

    def wrapped(**arguments: Any) -> None:
        chosen = GameOptions(**{field.name: arguments.pop(field.name) for field in fields(GameOptions)})
        add_folders(chosen.integrations)
        command(**arguments, **{slot: chosen})

    # Help keeps the line breaks of a docstring; only those between paragraphs are meant.
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    wrapped.__name__, wrapped.__doc__ = command.__name__, "\n\n".join(text.replace("\n", " ") for text in paragraphs)
    wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    wrapped.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    return wrapped


def examples(*lines: str) -> dict[str, Any]:
    """The end of a command's help: what people type."""
    return {"epilog": "\n".join(["[bold]Examples[/bold]", *(f"[green]{line}[/green]" for line in lines)])}
