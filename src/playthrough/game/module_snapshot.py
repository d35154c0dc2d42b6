"""Snapshots of a Python module's own data, as text that nothing in it can turn into code.

Saved are plain data (None, bool, int, float, str, bytes, list, tuple, dict, set, frozenset, random.Random), with shared
references and cycles, wherever the module keeps them: globals, attributes of its classes and functions, default
arguments, and variables that its functions closed over. Functions, classes, modules and other things that never change
are matched by name with those of a freshly run module, and so is what it imported. Everything else is an error that
names the variable.
"""

from __future__ import annotations

import builtins
import enum
import json
import random
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from types import BuiltinFunctionType, CellType, FunctionType, ModuleType
from typing import Any, NamedTuple, cast

from playthrough.errors import StateError

_UNCHANGING: tuple[type[Any], ...] = (
    FunctionType,
    BuiltinFunctionType,
    type,
    ModuleType,
    re.Pattern,
    enum.Enum,
    range,
    complex,
)
_CONTAINERS: dict[type, str] = {list: "list", tuple: "tuple", dict: "dict", set: "set", frozenset: "frozenset"}
_DATA = (type(None), bool, int, float, str, bytes, *_CONTAINERS, random.Random)
_KINDS = {name: kind for kind, name in _CONTAINERS.items()}


class _Place(NamedTuple):
    """Somewhere that a module keeps a value, and how to put another one there (None removes it)."""

    path: str
    value: Any
    put: Callable[[Any], None]


class ModuleData:
    """The data of a module; make it right after the module was run, before any of its functions was called.

    Args:
        module: As it is right after it was run.
        imported: The globals that its import statements make.
    """

    def __init__(self, module: ModuleType, imported: frozenset[str]) -> None:
        self.module = module
        self._fixed = _fixed(_places(module), imported)
        for name, value in vars(builtins).items():
            if isinstance(value, _UNCHANGING):
                self._fixed.setdefault(f"builtins.{name}", value)

    def save(self) -> bytes:
        """The data as it is now.

        Raises:
            StateError: If a variable holds something that cannot be saved; the message names it.
        """
        writer = _Writer({id(value): path for path, value in reversed(self._fixed.items())})
        content = [[place.path, writer.reference(place.value, place.path)] for place in _places(self.module)]
        return json.dumps({"places": content, "objects": writer.objects}).encode()

    def load(self, snapshot: bytes) -> None:
        """Put saved data into the module, which must be freshly run from the same source.

        Raises:
            StateError: If the snapshot is damaged.
        """
        places = {place.path: place for place in _places(self.module)}
        try:
            saved = cast("dict[str, Any]", json.loads(snapshot))
            reader = _Reader(saved["objects"], self._fixed)
            values = {str(path): reader.value(reference) for path, reference in saved["places"]}
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise StateError(f"this snapshot of a Python scenario is damaged ({error!r})") from None
        missing = [path for path in values.keys() - places.keys() if not path.isidentifier()]
        if missing:
            raise StateError(f"this snapshot has {missing[0]}, which a freshly run Python scenario does not have")
        for path, value in values.items():
            if path in places:
                places[path].put(value)
            else:
                vars(self.module)[path] = value
        for path in places.keys() - values.keys():
            if path.isidentifier():
                del vars(self.module)[path]


def _fixed(places: Iterable[_Place], imported: frozenset[str]) -> dict[str, Any]:
    """What is matched by its path instead of being saved."""
    return {
        place.path: place.value
        for place in places
        if isinstance(place.value, _UNCHANGING) or (place.path in imported and type(place.value) not in _DATA)
    }


def _places(module: ModuleType) -> Iterator[_Place]:
    names = vars(module)
    done: set[int] = set()
    for name, value in list(names.items()):
        if name.startswith("__") and name.endswith("__"):
            continue
        yield _Place(name, value, partial(names.__setitem__, name))
        yield from _nested_places(name, value, module, done)


def _nested_places(path: str, value: Any, module: ModuleType, done: set[int]) -> Iterator[_Place]:
    """What hangs on the functions and classes that the module itself defines."""
    if isinstance(value, (staticmethod, classmethod)):
        value = cast(Any, value).__func__
    if isinstance(value, property):
        for part, function in (("fget", value.fget), ("fset", value.fset), ("fdel", value.fdel)):
            yield from _nested_places(f"{path}.{part}", function, module, done)
        return
    if id(value) in done:
        return
    if isinstance(value, FunctionType) and value.__globals__ is vars(module):
        done.add(id(value))
        yield from _function_places(path, value, module, done)
    elif isinstance(value, type) and value.__module__ == module.__name__:
        done.add(id(value))
        if issubclass(value, enum.Enum):
            for member in value:
                yield _Place(f"{path}.{member.name}", member, _leave)
            return
        data: dict[str, Any] = {}
        for name, attribute in list(vars(cast("type[Any]", value)).items()):
            here = f"{path}.{name}"
            if isinstance(attribute, (FunctionType, staticmethod, classmethod, property, type)):
                yield from _nested_places(here, attribute, module, done)
            elif name.startswith("__") or name == "_abc_impl" or hasattr(attribute, "__get__"):
                continue
            elif isinstance(attribute, _UNCHANGING):
                yield _Place(here, attribute, _leave)
            else:
                data[name] = attribute
        yield _Place(f"{path}.__dict__", data, partial(_set_attributes, value, frozenset(data)))


def _set_attributes(owner: type, old: frozenset[str], new: dict[str, Any]) -> None:
    for name in old - new.keys():
        delattr(owner, name)
    for name, value in new.items():
        setattr(owner, name, value)


def _leave(_value: Any) -> None:
    """For places that never change."""


def _function_places(path: str, function: FunctionType, module: ModuleType, done: set[int]) -> Iterator[_Place]:
    if function.__defaults__:
        yield _Place(f"{path}.__defaults__", function.__defaults__, partial(setattr, function, "__defaults__"))
    if function.__kwdefaults__:
        old = function.__kwdefaults__
        yield _Place(f"{path}.__kwdefaults__", old, partial(setattr, function, "__kwdefaults__"))
    yield _Place(f"{path}.__dict__", vars(function), vars(function).update)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        if id(cell) in done:
            continue
        done.add(id(cell))
        try:
            content = cell.cell_contents
        except ValueError:  # an empty cell: the variable has no value yet
            continue

        def put(new: Any, cell: CellType = cell) -> None:
            cell.cell_contents = new

        yield _Place(f"{path}'s variable {name}", content, put)
        yield from _nested_places(f"{path}'s variable {name}", content, module, done)


class _Writer:
    """Turns values into JSON: plain ones in place, containers as entries of `objects`, so that sharing is kept."""

    def __init__(self, fixed: dict[int, str]) -> None:
        self.fixed = fixed
        self.objects: list[Any] = []
        self._number: dict[int, int] = {}
        self._kept_alive: list[Any] = []

    def reference(self, value: Any, path: str) -> Any:
        kind = cast("type[Any]", type(value))
        if value is None or kind in (bool, int):
            return value
        if kind is float:
            return ["float", value.hex()]
        if kind is str:
            return ["str", value]
        if kind is bytes:
            return ["bytes", value.hex()]
        if id(value) in self.fixed:
            return ["fixed", self.fixed[id(value)]]
        if kind in _CONTAINERS or kind is random.Random:
            return ["object", self._object(value, path)]
        raise StateError(
            f"the variable {path} of this Python scenario holds a {kind.__name__}, which cannot be saved in a "
            "snapshot; keep numbers, strings, lists, tuples, dicts, sets and random.Random"
        )

    def _object(self, value: Any, path: str) -> int:
        if id(value) in self._number:
            return self._number[id(value)]
        number = self._number[id(value)] = len(self.objects)
        self._kept_alive.append(value)
        self.objects.append(None)
        if isinstance(value, random.Random):
            version, internal, gauss = value.getstate()
            entry = ["random", version, list(internal), None if gauss is None else gauss.hex()]
        elif isinstance(value, dict):
            items = cast("dict[Any, Any]", value).items()
            entry = [
                "dict",
                [[self.reference(k, f"{path}'s key {k!r}"), self.reference(v, f"{path}[{k!r}]")] for k, v in items],
            ]
        elif isinstance(value, (set, frozenset)):
            # A set's own order depends on addresses and on the process; a sorted one makes equal snapshots equal.
            members = [self.reference(member, f"{path}'s member {member!r}") for member in cast("set[Any]", value)]
            entry = [_CONTAINERS[type(cast(Any, value))], sorted(members, key=json.dumps)]
        else:
            sequence = cast("list[Any]", value)
            entry = [_CONTAINERS[type(value)], [self.reference(v, f"{path}[{i}]") for i, v in enumerate(sequence)]]
        self.objects[number] = entry
        return number


class _Reader:
    """The reverse of `_Writer`."""

    def __init__(self, objects: list[Any], fixed: dict[str, Any]) -> None:
        self.objects, self.fixed = objects, fixed
        self._made: dict[int, Any] = {}

    def value(self, reference: Any) -> Any:
        if not isinstance(reference, list):
            return reference
        tag, content = cast("list[Any]", reference)
        match tag:
            case "float":
                return float.fromhex(content)
            case "str":
                return content
            case "bytes":
                return bytes.fromhex(content)
            case "fixed":
                return self.fixed[content]
            case _:
                return self._object(content)

    def _object(self, number: int) -> Any:
        if number in self._made:
            return self._made[number]
        tag, *content = self.objects[number]
        if tag == "random":
            version, internal, gauss = content
            generator = random.Random()
            generator.setstate((version, tuple(internal), None if gauss is None else float.fromhex(gauss)))
            self._made[number] = generator
        elif tag == "dict":
            made_dict = self._made[number] = cast("dict[Any, Any]", {})
            for key, value in content[0]:
                made_dict[self.value(key)] = self.value(value)
        elif tag == "list":
            made_list = self._made[number] = cast("list[Any]", [])
            made_list.extend(map(self.value, content[0]))
        else:  # What cannot change cannot hold itself directly, so its members exist before it does.
            made = _KINDS[tag](map(self.value, content[0]))
            self._made.setdefault(number, made)
        return self._made[number]
