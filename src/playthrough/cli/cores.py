"""`playthrough cores`."""

from __future__ import annotations

import typer

from playthrough.cli.console import out, say, styled, table
from playthrough.cli.options import examples

_STYLES = {"runs": "green", "in BizHawk": "dim", "not yet": "yellow"}


def cores() -> None:
    """List the systems, the emulator core that runs each, and other cores on this machine."""
    from playthrough.engine.cores import list_cores
    from playthrough.engine.systems import systems, wheel_folder

    folder = wheel_folder() / "cores"
    there = {core.name: core for core in list_cores()}
    listing = table("System", "Core", "Status", "File", "ROM files")
    for system in sorted(systems().values(), key=lambda system: (not system.supported, system.name)):
        core = there.get(system.core)
        status = styled(system.status, _STYLES[system.status])
        if not system.core:
            listing.add_row(system.name, "-", status, "", " ".join(system.extensions))
            continue
        listing.add_row(
            system.name,
            system.core,
            status if core else styled("core missing", "red"),
            core.path.name if core else "",
            " ".join(system.extensions),
        )
    out().print(listing)
    say("In BizHawk: it runs these games, with --engine bizhawk; docs/only-bizhawk.md tells how.")
    say(f"These cores are in {folder}")
    others = [core for core in there.values() if core.path.parent != folder]
    if others:
        more = table("Further core", "Systems", "File")
        for core in others:
            more.add_row(core.name, " ".join(core.systems) or "unknown", str(core.path))
        out().print(more)
    say(
        "Any command with a game takes another core: --core NAME, or --core FILE. PLAYTHROUGH_CORES names more folders."
    )


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        **examples(
            "playthrough cores",
            "PLAYTHROUGH_CORES=~/cores playthrough cores        # a folder of your own",
            "playthrough play Airstriker-Genesis --core picodrive",
        )
    )(cores)
