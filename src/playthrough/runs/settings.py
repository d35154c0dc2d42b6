"""From a TOML table to a dataclass: names, types and messages come from the dataclass's own fields."""

from __future__ import annotations

import difflib
import re
import tomllib
import types
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn, Union, cast, get_args, get_origin, get_type_hints

from playthrough.env.observation import KINDS, Observation
from playthrough.errors import ConfigError

_PLAIN: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Path: "a path",
}


@dataclass
class Draft:
    """Settings as they were written, before anything is checked: a TOML file, and overrides on top of it.

    Attributes:
        name: The file, for messages.
        table: The settings; tables within tables.
        text: The file's text, to find line numbers in.
        origins: Where overridden settings come from, by their path.
    """

    name: str
    table: dict[str, Any]
    text: str = ""
    origins: dict[tuple[str, ...], str] = field(default_factory=dict[tuple[str, ...], str])

    @classmethod
    def read(cls, path: Path) -> Draft:
        """Read a TOML file.

        Raises:
            ConfigError: If it cannot be read or is no TOML; the message has the line and the column.
        """
        try:
            text = path.read_text(encoding="utf-8")
            return cls(str(path), tomllib.loads(text), text)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path}: is not a text file in UTF-8 (byte {error.start})") from error
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path}: is not valid TOML: {error}") from error

    def override(self, assignment: str) -> None:
        """Apply one `key=value`, such as `env.frame_skip=8`; the value is TOML, or else a text.

        Raises:
            ConfigError: If it is no assignment.
        """
        key, equals, value = assignment.partition("=")
        path = tuple(part.strip() for part in key.split("."))
        if not equals or not all(path):
            raise ConfigError(f"{assignment!r}: expected key=value, such as env.frame_skip=8 or neat.generations=20")
        self.set(path, _parse_value(value.strip()), f"--set {assignment}")

    def set(self, path: tuple[str, ...], value: Any, origin: str) -> None:
        """Replace one setting.

        Args:
            path: Tables from the outside in, and the key.
            value: What TOML would give.
            origin: Where it comes from, for messages.

        Raises:
            ConfigError: If the path leads through something that is no table.
        """
        table = self.table
        for part in path[:-1]:
            inner = table.setdefault(part, {})
            if not isinstance(inner, dict):
                raise ConfigError(f"{origin}: {part} is not a table; it is set to {inner!r}")
            table = cast("dict[str, Any]", inner)
        table[path[-1]] = value
        self.origins[path] = origin

    def place(self, path: tuple[str, ...]) -> str:
        """Where a setting stands, for a message: an override, or file and line."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.origins:
                return self.origins[path[:length]]
        *tables, key = path
        line = _line_of(self.text, path)
        where = self.name if line is None else f"{self.name}:{line}"
        section = f"[{'.'.join(tables)}] " if tables else ""
        return f"{where}: {section}{key}"

    def place_of_text(self, path: tuple[str, ...]) -> tuple[str, int]:
        """The file that a text of several lines stands in, and the line of the file on which the text begins."""
        line = None if path in self.origins else _line_of(self.text, path)
        if line is None:
            return self.place(path), 1
        begins_below = self.text.splitlines()[line - 1].rstrip().endswith(('"""', "'''"))
        return self.name, line + begins_below

    def fail(self, path: tuple[str, ...], message: str) -> NoReturn:
        """Raise a ConfigError about one setting."""
        raise ConfigError(f"{self.place(path)}: {message}")


def read_fields(
    cls: type[Any],
    draft: Draft,
    path: tuple[str, ...],
    table: Mapping[str, Any],
    without: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The settings of a table, checked against a dataclass's fields and converted to their types.

    Args:
        cls: The dataclass.
        draft: Where the table comes from.
        path: Where the table stands in it.
        table: The settings.
        without: Fields that may not be set here, each with what to do instead.

    Raises:
        ConfigError: If a key is unknown or a value has another type.
    """
    hints = get_type_hints(cls)
    known = [entry.name for entry in fields(cls) if entry.init and entry.name not in (without or {})]
    result: dict[str, Any] = {}
    for key, value in table.items():
        here = (*path, key)
        if without and key in without:
            draft.fail(here, f"cannot be set here; {without[key]}")
        if key not in known:
            draft.fail(here, f"unknown setting; {_suggestion(key, known)}")
        try:
            result[key] = fit(value, hints[key])
        except _MisfitError as misfit:
            draft.fail(here, misfit.message or f"expected {describe(hints[key])}, found {_shown(value)}")
    return result


def suggest(word: str, known: Collection[str]) -> str:
    """What to say about a name that does not exist."""
    return _suggestion(word, known)


def fit(value: Any, hint: Any) -> Any:
    """A TOML value as an annotation wants it."""
    if hint is Any:
        return value
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _fit_any(value, args)
    if origin is Literal:
        if value in args:
            return value
    elif origin is tuple:
        if isinstance(value, list | tuple):
            items = list(cast("Sequence[Any]", value))
            if len(args) == 2 and args[1] is Ellipsis:
                return tuple(fit(item, args[0]) for item in items)
            if len(args) == len(items):
                return tuple(fit(item, arg) for item, arg in zip(items, args, strict=True))
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        if isinstance(value, Mapping):
            return {fit(k, args[0]): fit(v, args[1]) for k, v in cast("Mapping[Any, Any]", value).items()}
    elif isinstance(origin, type) and issubclass(origin, Sequence):
        if isinstance(value, list | tuple):
            return tuple(fit(item, args[0]) for item in cast("Sequence[Any]", value))
    elif hint is Observation:
        return _fit_observation(value)
    elif hint is type(None):
        if value is None:
            return None
    elif hint is float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    elif hint is int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    elif hint is Path:
        if isinstance(value, str | Path):
            return Path(value)
    elif hint in (bool, str) and isinstance(value, hint):
        return value
    elif is_dataclass(hint) and isinstance(value, Mapping):
        return _fit_dataclass(cast("type[Any]", hint), cast("Mapping[str, Any]", value))
    raise _MisfitError


def describe(hint: Any) -> str:
    """What an annotation expects, in words."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        parts = [describe(arg) for arg in args if arg is not type(None)]
        return " or ".join(dict.fromkeys(part for part in parts if part))
    if origin is Literal:
        return " or ".join(repr(arg) for arg in args)
    if origin is tuple and (len(args) != 2 or args[1] is not Ellipsis):
        return "a list of " + ", ".join(describe(arg) for arg in args)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "a table"
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return f"a list (of {describe(args[0])})"
    if hint is Observation:
        return f"a table with a kind ({', '.join(KINDS)})"
    return _PLAIN.get(hint, "")


def plain(value: Any) -> Any:
    """A setting as TOML holds it: the opposite of `fit`."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in cast("Sequence[Any]", value)]
    if isinstance(value, Path):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        table = {entry.name: getattr(value, entry.name) for entry in fields(value)}
        table = {entry.name: plain(table[entry.name]) for entry in fields(value) if table[entry.name] != entry.default}
        kind = type(value).__name__.lower()
        return {"kind": kind, **table} if KINDS.get(kind) is type(value) else table
    return value


class _MisfitError(Exception):
    """A value that an annotation does not want; the message is there where it knows better than the annotation."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


def _fit_any(value: Any, hints: tuple[Any, ...]) -> Any:
    best = _MisfitError()
    for hint in hints:
        try:
            return fit(value, hint)
        except _MisfitError as misfit:
            best = misfit if misfit.message else best
    raise best


def _fit_observation(value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise _MisfitError
    table = dict(cast("Mapping[str, Any]", value))
    kind = table.pop("kind", None)
    if kind not in KINDS:
        raise _MisfitError(f"expected kind = one of {', '.join(KINDS)}, found {_shown(kind)}")
    return _fit_dataclass(KINDS[kind], table)


def _fit_dataclass(cls: type[Any], table: Mapping[str, Any]) -> Any:
    hints = get_type_hints(cls)
    known = [entry.name for entry in fields(cls)]
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise _MisfitError(f"unknown setting {key!r}; {_suggestion(key, known)}")
        try:
            values[key] = fit(value, hints[key])
        except _MisfitError as misfit:
            raise _MisfitError(
                misfit.message or f"{key}: expected {describe(hints[key])}, found {_shown(value)}"
            ) from None
    try:
        return cls(**values)
    except (TypeError, ValueError) as error:
        raise _MisfitError(str(error)) from None


def _suggestion(word: str, known: Collection[str]) -> str:
    similar = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {similar[0]!r}?" if similar else f"expected one of {', '.join(sorted(known))}"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "nothing" if value is None else repr(value)


def _parse_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, KeyError):
        return text


def _line_of(text: str, path: tuple[str, ...]) -> int | None:
    """The line of a key in a TOML text, from 1, as far as plain looking finds it."""
    section: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[([\w.\- ]+)\]", line):
            section = tuple(part.strip() for part in header[1].split("."))
            if section == path:
                return number
        elif (entry := re.match(r"\s*([\w.\-]+)\s*=", line)) and (*section, *entry[1].split(".")) == path:
            return number
    return None
