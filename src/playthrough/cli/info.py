"""`playthrough info`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from typer import Typer

from playthrough.cli.console import heading, out, say, styled, table, try_next
from playthrough.cli.options import Game, GameOptions, examples, takes_game

if TYPE_CHECKING:
    from playthrough.env.observation import Scene
    from playthrough.game.integration import Integration

_NEAT_OBSERVATIONS = ("grid8", "variables", "ram")
_KINDS = ("buttons", "discrete", "multi_discrete")


@takes_game
def info(game: Game, chosen: GameOptions) -> None:
    """Show what is known about a game: variables, start states, buttons, and what agents see and do."""
    integration = chosen.load(game)
    scene, rom = _scene(integration, game, chosen)
    system = integration.system
    runs = "" if system.supported else ", which does not run yet"
    say(f"{integration.name}", "bold")
    say(f"runs on {system.name} (core {system.core}{runs}); described in {integration.folder}")
    out().print("ROM:", rom, soft_wrap=True)

    heading(f"Variables ({integration.info_path.name})")
    variables = table("Variable", "Address", "Type")
    for name, variable in integration.variables.items():
        variables.add_row(name, f"{variable.probe.address:#x}", str(variable.probe.type))
    out().print(variables)
    _print_files(integration)
    _print_buttons(integration)
    _print_spaces(integration, scene)
    _print_reference(integration)
    try_next(
        f"playthrough play {game}{chosen.as_arguments()}",
        f"playthrough watch {game} --agent random{chosen.as_arguments()}",
        f"playthrough train {game} --algo neat{chosen.as_arguments()}",
    )


def _scene(integration: Integration, game: str, chosen: GameOptions) -> tuple[Scene, Any]:
    """What there is to observe, from the running game; without its ROM, from the usual size of the picture."""
    from playthrough.engine.engine import Display
    from playthrough.env.observation import Scene
    from playthrough.env.vector import RetroVectorEnv
    from playthrough.errors import RomError
    from playthrough.game.roms import find_rom

    try:
        rom = find_rom(integration)
    except RomError as error:
        there = [path for folder in integration.folders for path in folder.glob("rom.*") if path.suffix != ".sha"]
        if there:
            raise  # it is not missing, but damaged
        display = Display(*integration.system.screen_hint, 0, 60.0, 0.0)
        crop = integration.scenario.crop_of(0)
        return Scene(
            display, crop, {name: variable.probe for name, variable in integration.variables.items()}, 0
        ), styled(str(error), "yellow")
    found = styled(
        f"{rom.path} (SHA-1 {rom.sha1}{'' if rom.known else ', not the one that the game expects'})", "green"
    )
    env = RetroVectorEnv(chosen.env_options(game, state=chosen.state or "power-on"))
    try:
        env.reset()
        return env.scene, found
    finally:
        env.close()


def _print_files(integration: Integration) -> None:
    from playthrough.errors import IntegrationError
    from playthrough.game.json_files import read_json

    scenarios: list[str] = []
    infos: list[str] = []
    for path in sorted({path for folder in integration.folders for path in folder.glob("*.json")}):
        if path.name == "metadata.json" or path.name.endswith(".recipe.json"):
            continue
        try:
            (infos if "info" in read_json(path) else scenarios).append(path.stem)
        except IntegrationError:
            scenarios.append(f"{path.stem} (damaged)")
    default = integration.default_state()
    states = {*integration.states, *integration.recipes}
    named = [f"{name} (default)" if name == default else name for name in sorted(states)]
    heading("Files")
    listing = table("What", "Names")
    listing.add_row("Scenarios", _names(scenarios))
    listing.add_row("Variable files", _names(infos))
    listing.add_row("Start states", _names(named) + (", power-on" if default else ", power-on (default)"))
    listing.add_row("of them recipes", _names(sorted(integration.recipes)))
    out().print(listing)


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


def _print_reference(integration: Integration) -> None:
    state = integration.default_state()
    runs = integration.reference_runs(state) if state else ()
    means = [run["rewards"]["final_10_mean"] for run in runs if "final_10_mean" in run.get("rewards", {})]
    if means:
        texts = ", ".join(f"{mean:g}" for mean in means)
        say(f"Reference from {state}: PPO, 10 million steps, mean return of the last ten episodes: {texts}")


def register(app: Typer) -> None:
    """Add the command."""
    app.command(
        **examples(
            "playthrough info Airstriker-Genesis",
            "playthrough info Pong-Atari2600 --state Start.2P",
            "playthrough info MyGame-Nes --integrations ~/my-games",
        )
    )(info)
