"""Reading a `scenario.json`: every name in it is checked, and an error points at its line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

from playthrough.engine.probes import Measure, Measurement, Op
from playthrough.errors import IntegrationError
from playthrough.game.json_files import line_of, read_json
from playthrough.game.map_order import map_order
from playthrough.game.scenario import ActionGroups, Criterion, Crop, Done, Reward, Scenario, Term
from playthrough.game.variables import Variable, float_to_int64, to_int64

OPS = {op.name.lower().replace("_", "-"): op for op in Op if op is not Op.NONE}
MEASUREMENTS: tuple[Measurement, ...] = ("absolute", "delta")
_MAX_PIXELS = 1 << 16
_MAX_ENTRIES = 4096


class ScenarioReader:
    """Turns the parsed file into a Scenario. Unknown keys are ignored, as stable-retro does."""

    def __init__(self, path: Path, variables: Mapping[str, Variable]) -> None:
        self.path, self.variables = path, variables
        self.content = read_json(path)
        self.has_scripts = bool(self.content.get("scripts"))

    def scenario(self) -> Scenario:
        """The scenario of the file."""
        content = self.content
        rewards: dict[int, Reward] = {}
        if "reward" in content:
            rewards[0] = self._reward(content["reward"], "reward")
        for player, entry in enumerate(self._list(content.get("rewards", []), "rewards")):
            rewards[player] = self._reward(entry, "rewards", first=rewards.get(player))
        scripts = tuple(self._script_file(name) for name in self._list(content.get("scripts", []), "scripts"))
        crop = self._crop(content["crop"], "crop") if "crop" in content else None
        crops = None
        if "crops" in content:
            crops = tuple(self._crop(entry, "crops") for entry in self._list(content["crops"], "crops"))
        done = self._done(content["done"], "done") if "done" in content else Done()
        actions = self._actions(content["actions"]) if "actions" in content else None
        return Scenario(self.path, tuple(rewards.values()), done, crop, crops, actions, scripts)

    def errors(self) -> list[IntegrationError]:
        """Everything that is wrong with the file, where `scenario` stops at the first mistake."""
        found: list[IntegrationError] = []

        def check(part: Callable[[], object]) -> None:
            try:
                part()
            except IntegrationError as error:
                found.append(error)

        def check_variables(owner: Any, what: Callable[..., object], measurement: Measurement, *keys: str) -> None:
            """Each criterion of an object by itself, so that one mistake does not hide the next."""
            specs = cast("dict[str, Any]", owner).get("variables") if isinstance(owner, dict) else None
            for name, spec in cast("dict[str, Any]", specs).items() if isinstance(specs, dict) else ():
                arguments = (name, spec) if measurement == "delta" else (name, spec, measurement)
                check(partial(what, *arguments, *keys, "variables", name))

        content = self.content
        rewards = content.get("rewards")
        for key, entry in (
            *((("reward", content["reward"]),) if "reward" in content else ()),
            *(("rewards", each) for each in (cast("list[Any]", rewards) if isinstance(rewards, list) else ())),
        ):
            check_variables(entry, self._term, "delta", key)
        pending = [(content.get("done"), ("done",))]
        for done, keys in pending:
            check_variables(done, self._criterion, "absolute", *keys)
            nodes = cast("dict[str, Any]", done).get("nodes") if isinstance(done, dict) else None
            if isinstance(nodes, dict):
                pending += [(node, (*keys, "nodes", name)) for name, node in cast("dict[str, Any]", nodes).items()]
        if "crop" in content:
            check(partial(self._crop, content["crop"], "crop"))
        if "actions" in content:
            check(partial(self._actions, content["actions"]))
        if isinstance(content.get("scripts"), list):
            for name in cast("list[Any]", content["scripts"]):
                check(partial(self._script_file, name))
        check(self.scenario)
        return [error for i, error in enumerate(found) if str(error) not in map(str, found[:i])]

    def _wrong(self, message: str, *keys: str) -> IntegrationError:
        return IntegrationError(message, path=self.path, line=line_of(self.path, *keys))

    def _reward(self, entry: Any, *keys: str, first: Reward | None = None) -> Reward:
        fields = self._object(entry, *keys)
        specs = self._object(fields.get("variables", {}), *keys, "variables")
        terms = {name: self._term(name, spec, *keys, "variables", name) for name, spec in specs.items()}
        # `reward` and the first of `rewards` are one map in stable-retro, in which the earlier entry of a name stays.
        terms |= {term.criterion.variable: term for term in (first.terms if first else ())}
        ordered = tuple(terms[name] for name in map_order(terms))
        time = first.time if first else 0.0
        if "time" in fields:
            spec = self._term("time", fields["time"], *keys, "time", is_time=True)
            criterion = spec.criterion
            # Time measures 1 on every frame, so what its criterion says of it never changes.
            measured = Measure(0, "absolute", criterion.op, criterion.reference).evaluate(1, 1)
            time = spec.reward if measured > 0 else 0.0
        script = self._script_function(fields, *keys) or (first.script if first else None)
        return Reward(ordered, time, script)

    def _term(self, name: str, spec: Any, *keys: str, is_time: bool = False) -> Term:
        fields = self._object(spec, *keys)
        criterion = self._criterion(name, fields, "delta", *keys, is_time=is_time)
        return Term(criterion, self._number(fields, "reward", *keys), self._number(fields, "penalty", *keys))

    def _criterion(
        self, name: str, spec: Any, measurement: Measurement, *keys: str, is_time: bool = False
    ) -> Criterion:
        fields = self._object(spec, *keys)
        if name not in self.variables and not is_time and not self.has_scripts:
            known = _listed(self.variables)
            raise self._wrong(f"there is no variable {name!r} in data.json; there are: {known}", *keys)
        wanted, op = fields.get("measurement", measurement), fields.get("op")
        if wanted not in MEASUREMENTS:
            raise self._wrong(f"unknown measurement {wanted!r}; there are: absolute, delta", *keys, "measurement")
        if op is not None and (not isinstance(op, str) or op not in OPS):
            raise self._wrong(f"unknown op {op!r}; there are: {_listed(OPS)}", *keys, "op")
        reference = float_to_int64(self._number(fields, "reference", *keys))
        if isinstance(fields.get("reference"), int):
            reference = int(fields["reference"])
            if reference != to_int64(reference):
                raise self._wrong(f"expected a reference that fits into 64 bits, found {reference}", *keys, "reference")
        return Criterion(name, wanted, Op.NONE if op is None else OPS[op], reference)

    def _done(self, entry: Any, *keys: str) -> Done:
        fields = self._object(entry, *keys)
        condition = fields.get("condition", "any")
        if condition not in ("any", "all"):
            raise self._wrong(f"unknown condition {condition!r}; there are: any, all", *keys, "condition")
        specs = self._object(fields.get("variables", {}), *keys, "variables")
        nodes = self._object(fields.get("nodes", {}), *keys, "nodes")
        of = (*keys, "variables")
        return Done(
            condition,
            tuple(self._criterion(name, specs[name], "absolute", *of, name) for name in map_order(specs)),
            tuple(self._done(nodes[name], *keys, "nodes", name) for name in map_order(nodes)),
            self._script_function(fields, *keys) if keys == ("done",) else None,
        )

    def _script_function(self, fields: dict[str, Any], *keys: str) -> str | None:
        name = fields.get("script")
        if name is None:
            return None
        language, _, function = name.rpartition(":") if isinstance(name, str) else ("?", "", "")
        if language not in ("", "lua") or not function:
            raise self._wrong(f'expected a script such as "lua:reward", found {name!r}', *keys, "script")
        if not self.has_scripts:
            raise self._wrong(f'{name!r} is named, but "scripts" lists no file that could define it', *keys, "script")
        return function

    def _script_file(self, name: Any) -> Path:
        if not isinstance(name, str):
            raise self._wrong(f"expected the name of a Lua file, found {name!r}", "scripts")
        path = self.path.parent / name
        try:
            is_there = path.is_file()
        except OSError:  # the name is too long for a file
            is_there = False
        if not is_there:
            others = {other.name for other in self.path.parent.glob("*.lua")}
            raise self._wrong(f"there is no script {name!r}; the folder has: {_listed(others)}", "scripts")
        return path

    def _crop(self, entry: Any, key: str) -> Crop:
        if not isinstance(entry, list) or len(cast("list[Any]", entry)) != 4:
            raise self._wrong(f"expected [x, y, width, height], found {entry!r}", key)
        x, y, width, height = (self._pixels(number, key) for number in cast("list[Any]", entry))
        return x, y, width, height

    def _pixels(self, value: Any, key: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_PIXELS:
            message = f"{key}: expected a whole number of pixels from 0 to {_MAX_PIXELS}, found {value!r}"
            raise self._wrong(message, key)
        return value

    def _actions(self, entry: Any) -> ActionGroups:
        def combination(buttons: Any) -> tuple[str, ...]:
            names = self._list(buttons, "actions")
            if not all(isinstance(name, str) for name in names):
                raise self._wrong(f"expected the names of buttons, found {names!r}", "actions")
            return tuple(names)

        groups = [self._list(group, "actions") for group in self._list(entry, "actions")]
        if not all(groups):
            message = 'a button group of "actions" has no choice; expected at least one, such as [[], ["UP"], ["DOWN"]]'
            raise self._wrong(message, "actions")
        return tuple(tuple(combination(buttons) for buttons in group) for group in groups)

    def _number(self, fields: dict[str, Any], key: str, *keys: str) -> float:
        value = fields.get(key, 0)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self._wrong(f"expected {key} to be a number, found {value!r}", *keys, key)
        return float(value)

    def _object(self, value: Any, *keys: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._wrong(f"expected {keys[-1]!r} to be an object {{...}}, found {value!r}", *keys)
        fields = cast("dict[str, Any]", value)
        if len(fields) > _MAX_ENTRIES:
            raise self._wrong(f"{keys[-1]!r} has {len(fields)} entries; there can be {_MAX_ENTRIES}", *keys)
        return fields

    def _list(self, value: Any, key: str) -> list[Any]:
        if not isinstance(value, list):
            raise self._wrong(f"expected {key!r} to be a list [...], found {value!r}", key)
        return cast("list[Any]", value)


def _listed(names: set[str] | Mapping[str, Any]) -> str:
    return ", ".join(sorted(names)) or "none"
