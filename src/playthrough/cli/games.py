"""`playthrough games`."""

from __future__ import annotations

import fnmatch
from typing import Annotated

import typer

from playthrough.cli.console import command, is_narrow, out, say, styled, table, try_next
from playthrough.cli.options import Integrations, add_folders, examples

_MAX_STATES = 4


def games(
    pattern: Annotated[
        str | None, typer.Argument(metavar="PATTERN", help="Part of a name, or a pattern such as 'Sonic*'.")
    ] = None,
    playable: Annotated[bool, typer.Option("--playable", help="Only games whose ROM you have.")] = False,
    system: Annotated[str | None, typer.Option(metavar="NAME", help="Only games of a system, such as Nes.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All known games, also those without a ROM.")] = False,
    integrations: Integrations = None,
) -> None:
    """List games, and which of them can be played here and now.

    A game needs a ROM, the content of its cartridge. Some come with playthrough; `playthrough import` brings yours.
    """
    from playthrough.engine.systems import system_of_game, systems
    from playthrough.errors import BadInputError
    from playthrough.game.integration import list_games, list_states
    from playthrough.game.near_roms import games_with_near_roms
    from playthrough.game.roms import list_playable

    add_folders(integrations)
    if system is not None:
        named = {name.lower(): name for name in systems()}
        if system.lower() not in named:
            raise BadInputError(f"no system is called {system!r}; there are: {' '.join(systems())}")
        system = named[system.lower()]
    here, near = set(list_playable()), games_with_near_roms()
    found = [
        game
        for game in sorted(list_games(), key=lambda game: (game not in here, game.lower()))
        if _matches(game, pattern) and (system is None or system_of_game(game).name == system)
    ]
    if not found:
        what = " ".join(filter(None, (system, "game", f"matches {pattern!r}" if pattern else "is known")))
        raise BadInputError(f"no {what}; playthrough games --all lists everything")
    filtered = pattern is not None or system is not None
    shown = [game for game in found if game in here or (not playable and (everything or filtered))]
    if shown:
        narrow = is_narrow()
        listing = table("Game", "ROM") if narrow else table("Game", "System", "ROM", "Start states")
        for game in shown:
            names = list_states(game)
            more = f" and {len(names) - _MAX_STATES} more" if len(names) > _MAX_STATES else ""
            its_system = system_of_game(game)
            missing = styled("nearly: see info", "yellow") if game in near else styled("missing", "dim")
            rom = styled("here", "green") if game in here else missing
            if not its_system.supported:
                only_bizhawk = its_system.status == "in BizHawk"
                rom = styled("in BizHawk", "dim") if only_bizhawk else styled("system not yet", "yellow")
            states = ", ".join(names[:_MAX_STATES]) + more if names else styled("power-on", "dim")
            listing.add_row(*((game, rom) if narrow else (game, its_system.name, rom, states)))
        out().print(listing)
    num_playable = sum(game in here for game in found)
    say(f"{num_playable} of {len(found)} {'matching' if filtered else 'known'} games can be played here.", "bold")
    if len(shown) < len(found):
        flags = " --all" if not filtered else ""
        say(f"The other {len(found) - len(shown)} lack their ROM: playthrough games{flags or ' PATTERN'} shows them.")
    try_next(
        "playthrough import PATH" + "            # a ROM, a folder of ROMs, a .zip: recognised by content",
        command("info", shown[0] if shown else found[0]),
    )


def _matches(game: str, pattern: str | None) -> bool:
    if pattern is None:
        return True
    lower = pattern.lower().removesuffix("-v0")
    return fnmatch.fnmatchcase(game.lower(), lower if any(sign in lower for sign in "*?[") else f"*{lower}*")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        **examples(
            "playthrough games                      # what can be played now",
            "playthrough games sonic                # everything with sonic in its name",
            "playthrough games --system Nes --all",
        )
    )(games)
