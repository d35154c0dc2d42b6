"""Writes TOML, which the standard library only reads."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def toml_text(table: Mapping[str, Any]) -> str:
    """A table as TOML; tables inside it become sections, tables inside lists or sections are written in a line.

    Args:
        table: Texts, numbers, booleans, lists and tables; None is left out.

    Raises:
        TypeError: If it holds anything else.
    """
    lines: list[str] = []
    sections = {key: cast("Mapping[str, Any]", value) for key, value in table.items() if isinstance(value, Mapping)}
    lines += _lines({key: value for key, value in table.items() if key not in sections})
    for name, section in sections.items():
        lines += ["", f"[{_key(name)}]", *_lines(section)]
    return "\n".join(lines).lstrip("\n") + "\n"


def _lines(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {toml_value(value)}" for key, value in table.items() if value is not None]


def toml_value(value: Any) -> str:
    """A value as TOML, as it stands behind an equals sign.

    Raises:
        TypeError: If TOML cannot hold it.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return _multi_line(value) if "\n" in value else _string(value)
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, Any]", value).items()
        return "{ " + ", ".join(f"{_key(key)} = {toml_value(item)}" for key, item in entries if item is not None) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(item) for item in cast("Sequence[Any]", value)) + "]"
    raise TypeError(f"TOML cannot hold a {type(value).__name__}")


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _string(key)


def _string(text: str) -> str:
    # JSON's escapes are all TOML's too, except for characters beyond 16 bits, and DEL.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _multi_line(text: str) -> str:
    lines = [_string(line)[1:-1] for line in text.split("\n")]
    return '"""\n' + "\n".join(lines) + '"""'
