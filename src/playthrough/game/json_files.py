"""Reading the JSON files of an integration, with errors that point at the place in the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn, cast

from playthrough.errors import IntegrationError


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds.

    Raises:
        IntegrationError: If the file is missing, is no UTF-8, or is not one JSON object; with line and column.
    """
    text = _read_text(path)

    def refuse_constant(name: str) -> NoReturn:
        line, column = _place(text, text.find(name))
        raise IntegrationError(f"{name} is not allowed in JSON", path=path, line=line, column=column)

    try:
        content = json.loads(text, parse_constant=refuse_constant)
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
    return cast("dict[str, Any]", content)


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
