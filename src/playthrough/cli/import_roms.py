"""`playthrough import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from playthrough.cli.console import command, counted, out, say, styled, table, try_next
from playthrough.cli.options import Integrations, add_folders, examples

_MAX_UNMATCHED = 40


def import_roms(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="ROM files, folders, .zip and .gz archives.")],
    integrations: Integrations = None,
) -> None:
    """Copy the ROMs of known games to your own folder; they are recognised by their content, not their name."""
    from playthrough.errors import RomError
    from playthrough.game import roms

    add_folders(integrations)
    report = roms.import_roms(paths)
    if report.imported:
        listing = table("Game", "ROM", "Found in")
        for rom in report.imported:
            state = styled("imported", "green") if rom.new else styled("was here already", "dim")
            listing.add_row(", ".join(rom.games), state, rom.source)
        out().print(listing)
    if not report.imported and len(report.unmatched) == 1:
        source, reason = report.unmatched[0]
        raise RomError(f"{source} was not imported: {reason.removeprefix(f'{source}: ')}")
    if report.unmatched:
        refused = table("Not imported", "Why")
        for source, reason in report.unmatched[:_MAX_UNMATCHED]:
            refused.add_row(source, reason.removeprefix(f"{source}: "))
        out().print(refused)
        if len(report.unmatched) > _MAX_UNMATCHED:
            say(f"... and {counted(len(report.unmatched) - _MAX_UNMATCHED, 'more file')}")
    new = sum(rom.new for rom in report.imported)
    ignored = f"; {counted(report.num_ignored, 'other file')} ignored" if report.num_ignored else ""
    say(f"{new} imported, {len(report.imported) - new} here already, {len(report.unmatched)} not recognised{ignored}.")
    if not report.imported:
        looked = ", ".join(str(path) for path in paths)
        raise RomError(
            f"no ROM of a known game in {looked}; playthrough info GAME states the SHA-1 that a game expects"
        )
    say(f"ROMs are kept in {roms.roms_folder()}")
    try_next(command("play", report.games[0]), command("watch", report.games[0], "--agent", "random"))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "import",
        **examples(
            "playthrough import ~/Downloads/roms",
            "playthrough import game.zip other.nes",
            "playthrough import roms --integrations my-games     # also for games of your own",
        ),
    )(import_roms)
