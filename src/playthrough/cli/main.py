"""`playthrough`: all commands, and what becomes of errors.

Exit codes: 0 done, 1 failed, 2 used wrongly. An error is one message in red; `--debug`, or PLAYTHROUGH_DEBUG=1, shows
where it came from. Only a fault of ours shows that by itself.
"""

from __future__ import annotations

import logging
import os
import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from playthrough.cli import (
    cores,
    doctor,
    eval,
    film,
    games,
    import_roms,
    info,
    integrate,
    lua,
    play,
    replay,
    states,
    train,
    tune,
    watch,
)
from playthrough.cli.console import err, report_error
from playthrough.cli.options import examples
from playthrough.errors import PlaythroughError

_MODULES = {
    "games": games,
    "info": info,
    "import": import_roms,
    "play": play,
    "watch": watch,
    "train": train,
    "tune": tune,
    "replay": replay,
    "eval": eval,
    "film": film,
    "lua": lua,
    "states": states,
    "integrate": integrate,
    "cores": cores,
    "doctor": doctor,
}

_CHECKING = {
    ("playthrough.env.options", "EnvOptions.__post_init__"),
    ("playthrough.env.vector", "RetroVectorEnv.__init__"),
}
"""Where a ValueError or a TypeError is about an option with a wrong value; anywhere else it is a fault of ours."""


class Commands(TyperGroup):
    """The commands in the order in which a newcomer meets them; their errors become messages and exit codes."""

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of `_MODULES`."""
        return sorted(self.commands, key=list(_MODULES).index)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """`--debug` may stand anywhere."""
        options = args[: args.index("--")] if "--" in args else args
        if "--debug" in options:
            args.remove("--debug")
            os.environ["PLAYTHROUGH_DEBUG"] = "1"
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; report its error, if it has one, and end with its exit code."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            report_error("interrupted")
            raise typer.Exit(1) from None
        except Exception as error:
            if type(error).__module__.partition(".")[0] in ("typer", "click"):
                raise
            raise typer.Exit(_report(error)) from None


def _report(error: Exception) -> int:
    """Print an error and return the exit code that it stands for."""
    if _debugging():
        _print_trace(error)
    if isinstance(error, PlaythroughError):
        report_error(str(error))
        return error.exit_code
    if isinstance(error, (ValueError, TypeError)) and _is_about_an_option(error):
        report_error(str(error))
        return 2
    if not _debugging():
        _print_trace(error)
    report_error(f"{type(error).__name__}: {error} (this should not happen: it is a fault of playthrough)")
    return 1


def _print_trace(error: Exception) -> None:
    err().print("".join(traceback.format_exception(error)), markup=False, soft_wrap=True)


def _is_about_an_option(error: Exception) -> bool:
    """Whether one of ours raised the error while it checked the options that it was given."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    names = [(frame.f_globals.get("__name__", ""), frame.f_code.co_qualname) for frame in frames]
    return any(name in _CHECKING for name in names) and names[-1][0].startswith("playthrough.")


def _debugging() -> bool:
    return os.environ.get("PLAYTHROUGH_DEBUG", "") not in ("", "0")


def _print_version(asked: bool) -> None:
    if asked:
        from playthrough import __version__

        typer.echo(f"playthrough {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    **examples(
        "playthrough games                                                # what can be played now",
        "playthrough watch Airstriker-Genesis --agent random --video film.mp4",
        "playthrough train Airstriker-Genesis --generations 5 --out runs/first",
        "playthrough watch runs/first --video best.mp4",
        "playthrough train --help                                         # what a command can do",
    ),
)


@app.callback()
def playthrough(
    debug: Annotated[bool, typer.Option("--debug", help="Show where in the program an error came from.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Turn emulated games into fast Gymnasium environments, and train agents that play them."""
    # Cores write what they think into Python's logging; on the command line only errors are worth a line.
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.INFO if _debugging() else logging.ERROR)


for _module in _MODULES.values():
    _module.register(app)


def main() -> None:
    """Run the command that the arguments name."""
    app(prog_name="playthrough")
