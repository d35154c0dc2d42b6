"""What a game's numbers mean, written into its JSON files: variables, what they pay, what ends an episode."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from playthrough.engine.probes import DataType, Op
from playthrough.errors import BadInputError, IntegrationError
from playthrough.game.home import user_integrations
from playthrough.game.integration import Integration, is_shipped, load_integration
from playthrough.game.json_files import read_json
from playthrough.game.variables import RESERVED_NAMES
from playthrough.integrate.new_game import write_json

if TYPE_CHECKING:
    from playthrough.integrate.guess import Guesses
    from playthrough.integrate.guessed import Guess
    from playthrough.integrate.progress import ProgressCandidate

OPERATIONS = tuple(op.name.lower().replace("_", "-") for op in Op if op is not Op.NONE)


def own_folder(integration: Integration) -> Path:
    """Where changes to a game go: its folder, or one of the same name in the user's, whose files count first."""
    folder = integration.folder
    return user_integrations() / integration.name if is_shipped(folder) else folder


def set_variable(integration: Integration, name: str, address: int, kind: str, mask: int | None = None) -> Path:
    """Name a number in memory, in data.json; an older one of this name is replaced.

    Returns:
        The file.

    Raises:
        BadInputError: If the name, the type or the address can be none.
    """
    if not name.isidentifier() or name in RESERVED_NAMES:
        raise BadInputError(f"{name!r} cannot be a variable's name; expected letters and digits, as in score")
    if not 0 <= address < 1 << 32:
        raise BadInputError(f"the address {address} is on no system's bus")
    try:
        DataType.parse(kind)
    except ValueError as error:
        raise BadInputError(str(error)) from None
    entry: dict[str, Any] = {"address": address, "type": kind} | ({} if mask is None else {"mask": mask})
    path = own_folder(integration) / "data.json"
    content = _content(path, integration.info_path)
    _part(content, path, "info")[name] = entry
    write_json(path, content)
    return path


def set_joined(integration: Integration, name: str, parts: list[str]) -> Path:
    """Make one number of several variables, the most significant first, in data.json.

    Returns:
        The file.
    """
    path = own_folder(integration) / "data.json"
    content = _content(path, integration.info_path)
    _part(content, path, "joined")[name] = parts
    write_json(path, content)
    return path


def set_reward(integration: Integration, name: str, reward: float, penalty: float = 0.0) -> Path:
    """Let the growth of a variable pay, in scenario.json.

    Args:
        integration: The game.
        name: Of the variable.
        reward: For each one that it grows by.
        penalty: For each one that it falls by: taken away if positive, as stable-retro has it.

    Returns:
        The file.
    """
    _require_variable(integration, name)
    path, content = _scenario(integration)
    factors = {"reward": reward} | ({"penalty": penalty} if penalty else {})
    _part(_part(content, path, "reward"), path, "variables")[name] = {
        key: int(value) if float(value).is_integer() else value for key, value in factors.items()
    }
    write_json(path, content)
    return path


def set_done(
    integration: Integration, name: str, op: str, reference: float | None = None, *, measurement: str = "absolute"
) -> Path:
    """Let a variable end the episode, in scenario.json.

    Args:
        integration: The game.
        name: Of the variable.
        op: What is asked of it, such as `equal` or `negative`.
        reference: What it is compared with, where the operator compares.
        measurement: `absolute` for the value, `delta` for its change since the frame before.

    Returns:
        The file.
    """
    _require_variable(integration, name)
    if op not in OPERATIONS:
        raise BadInputError(f"no operator is called {op!r}; expected one of {', '.join(OPERATIONS)}")
    compares = op in OPERATIONS[: OPERATIONS.index("zero")]
    if compares and reference is None:
        raise BadInputError(f"the operator {op} needs a number to compare with, as in {name} {op} 0")
    path, content = _scenario(integration)
    entry: dict[str, Any] = {"op": op}
    if compares and reference is not None:
        entry["reference"] = int(reference) if float(reference).is_integer() else reference
    if measurement != "absolute":
        entry["measurement"] = measurement
    _part(_part(content, path, "done"), path, "variables")[name] = entry
    write_json(path, content)
    return path


def adopt_progress(integration: Integration, candidate: ProgressCandidate) -> list[Path]:
    """Write a progress candidate: its variables, and its growth as the reward, per pixel.

    Returns:
        The files.
    """
    files = [set_variable(integration, name, *where) for name, where in candidate.variables.items()]
    name = f"{candidate.axis}scroll"
    if len(candidate.variables) > 1:
        files.append(set_joined(integration, name, list(candidate.variables)))
    per_pixel = 1 / (round(candidate.unit) or math.copysign(1, candidate.unit))
    files.append(set_reward(_again(integration), name, per_pixel, per_pixel))
    return list(dict.fromkeys(files))


def adopt_guesses(integration: Integration, found: Guesses) -> list[Path]:
    """Write the likeliest guesses: the score's growth is the reward, the end of the lives, or game over, the end.

    Returns:
        The files; none if there was nothing to write.
    """
    files: list[Path] = []
    if found.score:
        files += _adopt(integration, found.score[0])
        files.append(set_reward(_again(integration), "score", 1.0))
    if found.lives:
        files += _adopt(integration, found.lives[0])
    ends = [*found.lives[:1], *found.game_over[:1]]
    sure = [made for made in ends if made.end is not None]
    if sure:
        if sure[0].name == "game_over":
            files += _adopt(integration, sure[0])
        files.append(set_done(_again(integration), sure[0].name, "equal", sure[0].end))
    return list(dict.fromkeys(files))


def _adopt(integration: Integration, made: Guess) -> list[Path]:
    files = [
        set_variable(integration, name, part.address, str(part.type), part.mask)
        for name, part in made.variables.items()
    ]
    if len(made.parts) > 1:
        files.append(set_joined(integration, made.name, list(reversed(made.variables))))
    return files


def _again(integration: Integration) -> Integration:
    """The integration with what was written meanwhile; what is the user's own counts first."""
    return load_integration(integration.name if is_shipped(integration.folder) else integration.folder)


def set_default_state(integration: Integration, name: str) -> Path:
    """Let episodes start in this state unless something else is asked for, in metadata.json."""
    path = own_folder(integration) / "metadata.json"
    there = integration.find_file("metadata.json")
    content = _content(path, there) if there is not None else {}
    content["default_state"] = name
    write_json(path, content)
    return path


def _scenario(integration: Integration) -> tuple[Path, dict[str, Any]]:
    source = integration.scenario_path
    if source.suffix != ".json":
        raise IntegrationError("is a program; change it there", path=source)
    path = own_folder(integration) / source.name
    content = _content(path, source)
    if "rewards" in content:
        raise IntegrationError("has a reward for each of several players; change it there", path=path)
    return path, content


def _content(path: Path, source: Path) -> dict[str, Any]:
    return read_json(path if path.is_file() else source)


def _part(content: dict[str, Any], path: Path, key: str) -> dict[str, Any]:
    part = content.setdefault(key, {})
    if not isinstance(part, dict):
        raise IntegrationError(f"expected an object under the key {key!r}", path=path)
    return cast("dict[str, Any]", part)


def _require_variable(integration: Integration, name: str) -> None:
    if name not in integration.variables:
        known = ", ".join(integration.variables) or "none"
        raise BadInputError(
            f"{integration.name} has no variable {name!r} (it has {known}); name it first: "
            "playthrough integrate variable GAME NAME ADDRESS TYPE"
        )
