"""The files of an integration: everything that can be said without running the game."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from playthrough.engine.engine import Engine
from playthrough.engine.probes import Measure, Op
from playthrough.errors import IntegrationError, PlaythroughError
from playthrough.game.integration import Integration, find_file, find_game, find_info
from playthrough.game.json_files import key_places, line_of, read_json, syntax_errors
from playthrough.game.lua import LuaSession
from playthrough.game.python_scenario import PythonSession
from playthrough.game.scenario import Criterion, Done, Scenario, find_scenario, load_scenario
from playthrough.game.scenario_file import ScenarioReader
from playthrough.game.states import POWER_ON, read_state
from playthrough.game.variables import Variable, read_variables
from playthrough.integrate.check_finding import Finding

_TERM_KEYS = {"reward", "penalty", "measurement", "op", "reference"}
_SCENARIO_KEYS = _TERM_KEYS | {"rewards", "done", "crop", "crops", "actions", "scripts", "script"}
_KNOWN_SCENARIO_KEYS = _SCENARIO_KEYS | {"variables", "nodes", "condition", "time"}
_DATA_KEYS = {"info", "joined", "address", "type", "mask"}
_METADATA_KEYS = {"default_state", "default_player_state", "states"}
_SIMILAR = 0.75
_ALWAYS = {"any": any, "all": all}


def check_files(
    game: str | Path, info: str | Path | None = None, scenario: str | Path | None = None
) -> tuple[list[Finding], bool]:
    """Look through all files of a game's folders that the choice of variables and scenario uses.

    Args:
        game: The game's name, or its folder.
        info: Another file of variables.
        scenario: Another scenario.

    Returns:
        The findings, and whether the game can be loaded in spite of them.

    Raises:
        GameNotFoundError: If there is no such game.
    """
    name, folders = find_game(game)
    findings: list[Finding] = []
    variables: dict[str, Variable] = {}
    try:
        data = find_info(name, folders, info)
    except IntegrationError as error:
        step = 'write one such as {"info": {"score": {"address": 16, "type": "|u1"}}}'
        findings.append(Finding.of_error(error, "files", step))
    else:
        if _is_json(data, _DATA_KEYS, findings):
            try:
                variables, errors = read_variables(data)
            except IntegrationError as error:
                errors = [error]
            findings += [Finding.of_error(error, "variables", "correct the entry") for error in errors]
    try:
        path = find_scenario(folders, None if scenario is None else str(scenario))
    except IntegrationError as error:
        findings.append(Finding.of_error(error, "files", "write a scenario.json that says what earns a reward"))
        return findings, False
    if path.suffix == ".py":
        findings += _check_script(load_scenario(path, variables), variables)
    elif _is_json(path, _KNOWN_SCENARIO_KEYS, findings):
        try:
            reader = ScenarioReader(path, variables)
            errors = reader.errors()
            findings += [_about_scenario(error, variables) for error in errors]
            if not errors:
                findings += _check_script(reader.scenario(), variables)
        except IntegrationError as error:
            findings.append(_about_scenario(error, variables))
    metadata = find_file(folders, "metadata.json")
    if metadata is not None:
        _is_json(metadata, _METADATA_KEYS, findings)
    return findings, not any(finding.level == "error" for finding in findings)


def _is_json(path: Path, known: set[str], findings: list[Finding]) -> bool:
    """Whether a file can be read; says what keeps it from it, which keys count for nothing, and which stand twice."""
    try:
        errors = syntax_errors(path)
        if not errors:
            read_json(path)
    except IntegrationError as error:
        errors = [error]
    findings += [Finding.of_error(error, "json", "correct the file at this place") for error in errors]
    if errors:
        return False
    names = _names_of_variables(path)
    for place in key_places(path):
        key, where = place.keys[-1], ".".join(place.keys)
        if place.repeated:
            findings.append(
                Finding(
                    "warning",
                    "repeated key",
                    f"{key!r} stands here a second time, and only this one counts",
                    where,
                    "remove one of the two, or merge them",
                    path,
                    place.line,
                    place.column,
                )
            )
        is_name = len(place.keys) > 1 and place.keys[-2] in ("info", "joined", "variables", "nodes", "states", "runs")
        similar = difflib.get_close_matches(key, known, n=1, cutoff=_SIMILAR)
        if key not in known and not is_name and similar and key not in names and "states" not in place.keys:
            findings.append(
                Finding(
                    "warning",
                    "unknown key",
                    f"{key!r} means nothing here and is passed over",
                    where,
                    f"did you mean {similar[0]!r}?",
                    path,
                    place.line,
                    place.column,
                )
            )
    return True


def _names_of_variables(path: Path) -> set[str]:
    content = read_json(path)
    return {str(name) for key in ("info", "joined") if isinstance(content.get(key), dict) for name in content[key]}


def _about_scenario(error: IntegrationError, variables: dict[str, Variable]) -> Finding:
    name = str(error).partition("there is no variable ")[2].partition(" in data.json")[0].strip("'\"")
    if not name:
        return Finding.of_error(error, "scenario", "correct the entry")
    similar = difflib.get_close_matches(name, variables, n=1)
    step = f"did you mean {similar[0]!r}?" if similar else "name one of the variables, or add this one to data.json"
    return Finding.of_error(error, "unknown variable", step)


def _check_script(scenario: Scenario, variables: dict[str, Variable]) -> list[Finding]:
    """Whether the scripts can be loaded and have the functions that are asked of them."""
    try:
        if scenario.python is not None:
            PythonSession(scenario, variables)
        elif scenario.needs_script:
            LuaSession(scenario, variables)
    except IntegrationError as error:
        return [Finding.of_error(error, "script", "correct the script at this place")]
    return []


def check_meaning(integration: Integration) -> Iterator[Finding]:
    """What the numbers in the scenario can never do, whatever happens in the game."""
    scenario, variables = integration.scenario, integration.variables
    path = scenario.path
    if scenario.python is None:
        yield from _check_rewards(scenario, variables)
        yield from _check_done(scenario.done, variables, path)
    for name, folder_name in _states_named(integration.metadata):
        if name and name != POWER_ON and name not in {*integration.states, *integration.recipes}:
            there = ", ".join(sorted({*integration.states, *integration.recipes})) or "none"
            file = integration.find_file("metadata.json")
            line = line_of(file, folder_name) if file else None
            yield Finding(
                "error",
                "states",
                f"{folder_name} names the start state {name!r}, which does not exist",
                f"the folder has: {there}",
                f"playthrough states record {integration.name} {name} makes it",
                file,
                line,
            )


def _states_named(metadata: dict[str, Any]) -> Iterator[tuple[str, str]]:
    default: Any = metadata.get("default_state")
    if isinstance(default, str):
        yield default, "default_state"
    per_player: Any = metadata.get("default_player_state")
    for name in cast("list[Any]", per_player) if isinstance(per_player, list) else ():
        if isinstance(name, str):
            yield name, "default_player_state"


def _check_rewards(scenario: Scenario, variables: dict[str, Variable]) -> Iterator[Finding]:
    path = scenario.path
    for player, reward in enumerate(scenario.rewards):
        if reward.script is not None:
            continue
        key = "reward" if line_of(path, "reward") else "rewards"
        whose = f" of player {player + 1}" if len(scenario.rewards) > 1 else ""
        for term in reward.terms:
            name = term.criterion.variable
            if name not in variables:
                continue
            rises, falls = signs(term.criterion, variables[name])
            pays = (rises and term.reward) or (falls and term.penalty)
            if pays:
                continue
            if not term.reward and not term.penalty:
                why, step = "neither reward nor penalty is given, and each counts as 0", 'add "reward": 1'
            elif rises and not falls:
                why, step = (
                    "its result is never negative, and only penalty is given",
                    'use "reward" in place of "penalty"',
                )
            else:
                kind = variables[name].probe.type
                why = f"{_asked(term.criterion)} is never true of {kind}, which holds {_range(variables[name])}"
                step = "correct the reference, the op, or the variable's type"
            yield Finding(
                "error",
                "reward always zero",
                f"the reward{whose} for {name!r} is always zero: {why}",
                f"reward {term.reward:g}, penalty {term.penalty:g}",
                step,
                path,
                line_of(path, key, "variables", name),
            )
    if not scenario.rewards and not scenario.needs_script:
        yield Finding(
            "warning",
            "reward always zero",
            "the scenario gives no reward at all",
            "",
            'add "reward": {"variables": {...}}',
            path,
        )


def _check_done(done: Done, variables: dict[str, Variable], path: Path) -> Iterator[Finding]:
    if done.script is not None or done == Done():
        return
    known = all(criterion.variable in variables for criterion in done.walk())
    can, must = possible_done(done, variables) if known else (True, False)
    step = "correct the reference, the op, or the variable's type"
    for criterion in done.walk():
        if criterion.variable not in variables:
            continue
        variable = variables[criterion.variable]
        rises, _ = signs(criterion, variable)
        if not rises:
            yield Finding(
                "error" if not can else "warning",
                "done never fires",
                f"the end by {criterion.variable!r} never comes: {_asked(criterion)} is never true of "
                f"{variable.probe.type}, which holds {_range(variable)}",
                "",
                _signed_hint(criterion, variable) or step,
                path,
                line_of(path, "done", "variables", criterion.variable),
            )
    if must:
        yield Finding(
            "error",
            "done at once",
            "every episode ends on its first frame: what done asks is true of all values"
            if list(done.walk())
            else "every episode ends on its first frame: all of no conditions are fulfilled",
            "; ".join(f"{c.variable}: {_asked(c)}" for c in done.walk()),
            step,
            path,
            line_of(path, "done"),
        )


def _signed_hint(criterion: Criterion, variable: Variable) -> str:
    kind = variable.probe.type
    if kind.format == "u" and criterion.reference < 0 and criterion.measurement == "absolute":
        instead = criterion.reference % (1 << 8 * kind.width)
        return f"give {criterion.variable!r} the type {kind.order}i{kind.width}, or expect {instead}"
    return ""


def possible_done(done: Done, variables: dict[str, Variable]) -> tuple[bool, bool]:
    """Whether an end can come at all, and whether it must come, judged by the variables' types alone."""
    results = [_possible(criterion, variables[criterion.variable]) for criterion in done.criteria]
    results += [possible_done(node, variables) for node in done.nodes]
    combine = _ALWAYS[done.condition]
    return combine(can for can, _ in results), combine(must for _, must in results)


def _possible(criterion: Criterion, variable: Variable) -> tuple[bool, bool]:
    values = _values(criterion, variable)
    asked = Measure(0, "absolute", criterion.op, criterion.reference)
    answers = [asked.evaluate(value, value) > 0 for value in values]
    return any(answers), all(answers)


def signs(criterion: Criterion, variable: Variable) -> tuple[bool, bool]:
    """Whether a criterion's result can be positive, and whether it can be negative."""
    asked = Measure(0, "absolute", criterion.op, criterion.reference)
    results = [asked.evaluate(value, value) for value in _values(criterion, variable)]
    return max(results) > 0, min(results) < 0


def _values(criterion: Criterion, variable: Variable) -> list[int]:
    """The values at which the answer to a criterion can change, of those that the variable's type allows."""
    low, high = variable.probe.range()
    if criterion.measurement == "delta":
        low, high = low - high, high - low
    turning = {criterion.reference, -criterion.reference, 0}
    near = {value + step for value in turning for step in (-1, 0, 1)}
    return sorted({low, high} | {value for value in near if low <= value <= high})


def _asked(criterion: Criterion) -> str:
    what = "its change" if criterion.measurement == "delta" else "its value"
    op = criterion.op.name.lower().replace("_", "-")
    if criterion.op is Op.NONE:
        return f"{what} above 0"
    needs_reference = criterion.op not in (Op.ZERO, Op.NONZERO, Op.POSITIVE, Op.NEGATIVE, Op.SIGN)
    return f"{what} {op}{f' {criterion.reference}' if needs_reference else ''}"


def _range(variable: Variable) -> str:
    low, high = variable.probe.range()
    return f"{low} to {high}"


def check_memory(integration: Integration, engine: Engine) -> list[Finding]:
    """Variables whose address the game's memory does not have."""
    blocks = engine.memory_blocks(0)
    mapped = ", ".join(f"{start:#x}-{start + size - 1:#x}" for start, size in blocks) or "nothing"
    findings: list[Finding] = []
    for name, variable in integration.variables.items():
        address, width = variable.probe.address, variable.probe.type.width
        if not all(
            any(start <= place < start + size for start, size in blocks) for place in range(address, address + width)
        ):
            findings.append(
                Finding(
                    "error",
                    "address",
                    f"variable {name!r}: address {address} ({address:#x}) of type {variable.probe.type} is outside of "
                    "the game's memory",
                    f"core {engine.core_name} maps {mapped}",
                    "correct the address; on most systems it is the one on the console's bus",
                    integration.info_path,
                    line_of(integration.info_path, "info", name),
                )
            )
    return findings


def check_states(integration: Integration, engine: Engine) -> list[Finding]:
    """Start states that the core cannot load."""
    findings: list[Finding] = []
    for name, path in integration.states.items():
        try:
            state = read_state(path)
            if state:
                engine.load({0: state})
        except PlaythroughError as error:
            findings.append(
                Finding(
                    "error",
                    "states",
                    f"the start state {name!r} cannot be loaded",
                    str(error).removeprefix(f"{path}: "),
                    f"make it anew: playthrough states record {integration.name} {name}",
                    path,
                )
            )
    return findings
