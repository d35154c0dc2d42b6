"""`playthrough info`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from typer import Typer

from playthrough.cli.console import command, heading, out, say, styled, table, try_next
from playthrough.cli.options import Game, GameOptions, examples, takes_game
from playthrough.cli.reference import print_reference
from playthrough.errors import RomError
from playthrough.game.attached import attached_hashes
from playthrough.game.near_roms import near_roms
from playthrough.game.rom_files import Rom

if TYPE_CHECKING:
    from playthrough.env.observation import Scene
    from playthrough.game.integration import Integration

_NEAT_OBSERVATIONS = ("grid8", "variables", "ram")
_KINDS = ("buttons", "discrete", "multi_discrete")


@takes_game
def info(game: Game, chosen: GameOptions) -> None:
    """Show what is known about a game: variables, start states, buttons, and what agents see and do."""
    integration = chosen.load(game)
    rom = _rom(integration)
    system = integration.system
    can_run = isinstance(rom, Rom) and system.supported
    scene = _running_scene(game, chosen) if can_run else _usual_scene(integration)
    say(integration.name, "bold")
    if system.status == "in BizHawk":
        say(f"runs on {system.name}, which only BizHawk runs: --engine bizhawk (docs/only-bizhawk.md tells how)")
    else:
        runs = "" if system.supported else ", which does not run yet"
        say(f"runs on {system.name} (core {system.core}{runs})")
    described = integration.info_path.parent
    say(f"described in {described}")
    if others := [str(folder) for folder in integration.folders if folder != described]:
        say(f"more files of it in {', '.join(others)}", "dim")
    if isinstance(rom, Rom):
        known = "" if rom.known else ", not the one that the game expects"
        known = ", which you attached to it" if rom.sha1 in attached_hashes(integration.folders) else known
        say(f"ROM: {rom.path} (SHA-1 {rom.sha1}{known})", "green")
    else:
        say(f"ROM: {rom}", "yellow")
        for near in near_roms(integration.name):
            say(f"nearly fits: {near.source}: {near.reason}", "yellow")
    heading(f"Variables ({integration.info_path.name})")
    variables = table("Variable", "Address", "Type")
    for name, variable in integration.variables.items():
        variables.add_row(name, f"{variable.probe.address:#x}", str(variable.probe.type))
    out().print(variables)
    _print_files(integration)
    _print_buttons(integration)
    _print_spaces(integration, scene)
    print_reference(integration, [integration.default_state()])
    if not can_run:
        near = [
            command("import", rom.source, "--as", game) for rom in near_roms(integration.name)[:1] if rom.attachable
        ]
        try_next("playthrough import PATH", *near, "playthrough games")
        return
    more = chosen.as_arguments()
    try_next(
        command("play", game) + more,
        command("watch", game, "--agent", "random") + more,
        command("train", game, "--algo", "neat") + more,
        command("train", game, "--algo", "ppo") + more,
    )


def _rom(integration: Integration) -> Rom | RomError:
    """The game's ROM, or why it is missing."""
    from playthrough.game.roms import find_rom

    try:
        return find_rom(integration)
    except RomError as error:
        if any(
            path.suffix in integration.system.extensions
            for folder in integration.folders
            for path in folder.glob("rom.*")
        ):
            raise  # it is not missing, but damaged
        return error


def _running_scene(game: str, chosen: GameOptions) -> Scene:
    """What there is to observe in the running game."""
    from playthrough.env.vector import RetroVectorEnv

    env = RetroVectorEnv(chosen.env_options(game, state=chosen.state or "power-on"))
    try:
        env.reset()
        return env.scene
    finally:
        env.close()


def _usual_scene(integration: Integration) -> Scene:
    """What there is to observe if the picture has the system's usual size."""
    from playthrough.engine.engine import Display
    from playthrough.env.observation import Scene

    display = Display(*integration.system.screen_hint, 0, 60.0, 0.0)
    probes = {name: variable.probe for name, variable in integration.variables.items()}
    return Scene(display, integration.scenario.crop_of(0), probes, 0)


def _print_files(integration: Integration) -> None:
    from playthrough.errors import IntegrationError
    from playthrough.game.json_files import read_json

    scenarios: list[str] = []
    infos: list[str] = []
    for path in sorted({path for folder in integration.folders for path in folder.glob("*.json")}):
        if path.name in ("metadata.json", "tiles.json", "pads.json") or path.name.endswith(".recipe.json"):
            continue
        try:
            (infos if "info" in read_json(path) else scenarios).append(path.stem)
        except IntegrationError:
            scenarios.append(f"{path.stem} (damaged)")
    scenarios += [path.name for folder in integration.folders for path in sorted(folder.glob("*.py"))]
    default = integration.default_state()
    states = {*integration.states, *integration.recipes}
    named = [f"{name} (default)" if name == default else name for name in sorted(states)]
    heading("Files")
    listing = table("What", "Names")
    listing.add_row("Scenarios", _names(scenarios))
    listing.add_row("Variable files", _names(infos))
    listing.add_row("Start states", _names(named) + (", power-on" if default else ", power-on (default)"))
    out().print(listing)
    kinds = {"savestates": integration.states, "recipes": integration.recipes}
    kept = " and as ".join(kind for kind, files in kinds.items() if files.keys() >= states)
    if states and kept:
        say(f"All {len(states)} states are kept as {kept}." if len(states) > 1 else f"The state is kept as {kept}.")
    elif states:
        say("; ".join(f"kept as {kind}: {_names(sorted(files))}" for kind, files in kinds.items() if files) + ".")


def _names(names: list[str]) -> str:
    return ", ".join(dict.fromkeys(names)) or "none"


def _print_buttons(integration: Integration) -> None:
    from playthrough.engine.systems import button_groups

    system = integration.system
    heading("Buttons, in the order of actions")
    listing = table("Position", "Button", "Key", right=("Position",))
    for position, (button, key) in enumerate(zip(system.buttons, system.keybinds, strict=True)):
        listing.add_row(str(position), button or styled("none", "dim"), key or "")
    out().print(listing)
    heading("Button groups, each takes one of its choices at a time")
    scenario_groups = integration.scenario.actions
    for group in scenario_groups or button_groups([]) or system.button_groups:
        say("  " + " | ".join("+".join(choice) or "nothing" for choice in group))


def _print_spaces(integration: Integration, scene: Scene) -> None:
    from playthrough.env.observation import PRESETS
    from playthrough.game.actions import ActionMap

    heading("What an agent sees")
    sizes = table("Observation", "Shape", "NEAT: num_inputs", right=("NEAT: num_inputs",))
    for name, observation in PRESETS.items():
        if name == "variables" and not scene.variables:
            continue
        if name == "ram" and not scene.ram_size_bytes:
            sizes.add_row(name, styled("known once the ROM is here", "dim"), "")
            continue
        shape = observation.space(scene).shape or ()
        text = " x ".join(map(str, shape))
        sizes.add_row(name, text, str(math.prod(shape)) if name in _NEAT_OBSERVATIONS else "")
    if (tiles := integration.tiles) is not None:
        left, right, up, down = tiles.window
        height, width = up + down + 1, left + right + 1
        sizes.add_row("tiles", f"{height} x {width}", str(height * width))
    out().print(sizes)
    heading("What an agent does")
    kinds = table("Actions", "Choices", "NEAT: num_outputs", right=("NEAT: num_outputs",))
    for kind in _KINDS:
        space: Any = ActionMap.create(kind, integration.system, integration.scenario.actions).space
        if kind == "buttons":
            kinds.add_row(kind, f"{space.n} buttons, pressed or not", str(space.n))
        elif kind == "discrete":
            kinds.add_row(kind, f"one of {space.n} combinations", str(space.n))
        else:
            kinds.add_row(kind, " x ".join(map(str, space.nvec)), str(int(space.nvec.sum())))
    out().print(kinds)


def register(app: Typer) -> None:
    """Add the command."""
    app.command(
        **examples(
            "playthrough info Airstriker-Genesis",
            "playthrough info Pong-Atari2600 --state Start.2P",
            "playthrough info MyGame-Nes --integrations ~/my-games",
        )
    )(info)
