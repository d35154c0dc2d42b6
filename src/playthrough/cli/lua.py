"""`playthrough lua`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from playthrough.cli.console import command, counted, say, try_next
from playthrough.cli.options import examples


def lua(
    script: Annotated[Path, typer.Argument(metavar="SCRIPT", help="A Lua script written for BizHawk.")],
    rom: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The game; leave it out if the script opens one with client.openrom."),
    ] = None,
    frames: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Stop the script after so many frames.")
    ] = None,
    video: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Film it: an .mp4 with sound, or a .gif, with what the script draws."),
    ] = None,
    state: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Start from this savestate instead of power-on.")
    ] = None,
    system: Annotated[
        str | None, typer.Option(metavar="NAME", help="The ROM's system such as Nes, if its name does not tell.")
    ] = None,
    core: Annotated[str, typer.Option(metavar="CORE", help="The emulator: exact, a core's name, or a file.")] = "exact",
    socket_ip: Annotated[
        str | None, typer.Option(metavar="IP", help="Of the server that the script talks to with comm.socketServer*.")
    ] = None,
    socket_port: Annotated[int | None, typer.Option(metavar="PORT", min=1, max=65535, help="Its port.")] = None,
) -> None:
    """Run a BizHawk Lua script without BizHawk and without a window, as fast as the core goes.

    The script reads and writes files with your rights, as in BizHawk; run only scripts that you trust. Functions of
    BizHawk that do not exist here raise an error that names them.
    """
    from playthrough.errors import BadInputError
    from playthrough.runs.lua_script import run_script

    if state is not None and rom is None:
        raise BadInputError("--state needs --rom: a savestate belongs to a game")
    if video is not None and frames is None:
        raise BadInputError("--video needs --frames: a script may go on for ever")
    if (socket_ip is None) != (socket_port is None):
        raise BadInputError("--socket-ip and --socket-port belong together")
    report = run_script(
        script,
        rom,
        max_frames=frames,
        video=video,
        state=state,
        system=system,
        core=core,
        server=None if socket_ip is None or socket_port is None else (socket_ip, socket_port),
        show=typer.echo,
    )
    ending = "the script ended" if report.ended else f"stopped after --frames {frames}"
    say(f"{counted(report.frames, 'frame')} in {report.seconds:.1f} s; {ending}.")
    if video is not None:
        say(f"Video: {video}")
    elif rom is not None:
        try_next(command("lua", script, "--rom", rom, "--frames", frames or 600, "--video", "script.mp4"))
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        **examples(
            "playthrough lua my_script.lua --rom game.nes --frames 3600",
            "playthrough lua my_script.lua --rom game.nes --frames 600 --video script.mp4",
            "playthrough lua my_script.lua --rom game.sfc --state Level1.state --frames 600",
        )
    )(lua)
