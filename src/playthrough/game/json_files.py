"""Reading the JSON files of an integration, with errors that point at the place in the file."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any, NoReturn, cast

from playthrough.errors import IntegrationError

_MAX_DIGITS = 30
"""More than any number of 64 bits has."""
_MAX_DEPTH = 40
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds.

    Raises:
        IntegrationError: If the file is missing, is no UTF-8, or is not one JSON object; with line and column.
    """
    text = _read_text(path)

    def refuse_constant(name: str) -> NoReturn:
        line, column = _place(text, text.find(name))
        raise IntegrationError(f"{name} is not allowed in JSON", path=path, line=line, column=column)

    def read_whole_number(digits: str) -> int:
        if len(digits) > _MAX_DIGITS:
            line, column = _place(text, text.find(digits))
            message = f"a number with {len(digits)} digits; the longest that counts has {_MAX_DIGITS}"
            raise IntegrationError(message, path=path, line=line, column=column)
        return int(digits)

    def read_number(digits: str) -> float:
        if math.isinf(number := float(digits)):
            line, column = _place(text, text.find(digits))
            message = f"the number {digits[:_MAX_DIGITS]} is too large"
            raise IntegrationError(message, path=path, line=line, column=column)
        return number

    try:
        content = json.loads(text, parse_constant=refuse_constant, parse_int=read_whole_number, parse_float=read_number)
    except RecursionError:
        raise IntegrationError("its lists and objects are nested too deeply", path=path) from None
    except json.JSONDecodeError as error:
        comma = _trailing_comma(text, error.pos)
        if comma is not None:
            line, column = _place(text, comma)
            message = "this comma is the last thing before a closing bracket, which JSON does not allow: remove it"
            raise IntegrationError(message, path=path, line=line, column=column) from None
        message = f"this is not valid JSON: {error.msg}"
        raise IntegrationError(message, path=path, line=error.lineno, column=error.colno) from None
    if not isinstance(content, dict):
        found = type(content).__name__
        raise IntegrationError(f"expected a JSON object {{...}} at the top, found a {found}", path=path, line=1)
    if (complaint := _complaint(content)) is not None:
        raise IntegrationError(complaint, path=path)
    return cast("dict[str, Any]", content)


def _complaint(content: Any) -> str | None:
    """What nobody can work with, although it is JSON; looked for without recursion, which has a limit of its own."""
    depth, level = 0, [content]
    while level:
        depth += 1
        if depth > _MAX_DEPTH:
            return f"its lists and objects are nested more than {_MAX_DEPTH} deep"
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner += [*cast("dict[str, Any]", value), *cast("dict[str, Any]", value).values()]
            elif isinstance(value, list):
                inner += cast("list[Any]", value)
            elif isinstance(value, str) and _HALF_CHARACTER.search(value):
                return f"the text {value!a} holds half of a character"
        level = inner
    return None


def line_of(path: Path, *keys: str) -> int | None:
    """The line on which a key stands, found by looking for each of `keys` after the one before it.

    Reads the file again: it serves error messages only, and a key that occurs earlier inside a sibling can mislead it.
    """
    try:
        text = _read_text(path)
    except IntegrationError:
        return None
    position = 0
    for key in keys:
        found = text.find(json.dumps(key, ensure_ascii=False), position)
        if found < 0:
            return None
        position = found + 1
    return text.count("\n", 0, position) + 1


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise IntegrationError(f"this file cannot be read: {error.strerror}", path=path) from None
    except UnicodeDecodeError as error:
        raise IntegrationError(f"this file is not UTF-8 text (byte {error.start} of it)", path=path) from None


def _place(text: str, position: int) -> tuple[int, int]:
    """Line and column, both from 1."""
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)


def _trailing_comma(text: str, position: int) -> int | None:
    """Where the comma is, if the error at `position` comes from a comma before a closing bracket."""
    if text[position : position + 1] != ",":  # Python 3.13 reports the comma itself, older ones what follows it
        position = len(text[:position].rstrip()) - 1
    if text[position : position + 1] == "," and text[position + 1 :].lstrip()[:1] in ("}", "]"):
        return position
    return None
