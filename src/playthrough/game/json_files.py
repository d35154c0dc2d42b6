"""Reading the JSON files of an integration, with errors that point at the place in the file."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, cast

from playthrough.errors import IntegrationError

_MAX_DIGITS = 30
"""More than any number of 64 bits has."""
_MAX_DEPTH = 40
_MAX_ERRORS = 20
_TOKEN = re.compile(r'(?P<key>"(?:[^"\\]|\\.)*")(?=\s*:)|"(?:[^"\\]|\\.)*"|[{}\[\]]')
_COMMENT = re.compile(r"//[^\n]*|#[^\n]*|/\*.*?\*/", re.DOTALL)
_WORD = re.compile(r"'[^'\n]*'|[A-Za-z_+.][\w.+-]*|0x[0-9A-Fa-f]+")
_WORD_START = re.compile(r"(?s:.*)(?<![\w+-])")
_NO_NUMBER = re.compile(r"[+-]?0[xX][0-9A-Fa-f]+|[+-]?0\d+|\+\d+")
_CONSTANTS: dict[str, bool | None] = {"True": True, "False": False, "None": None}
_LAST_COMMA = "this comma is the last thing before a closing bracket, which JSON does not allow: remove it"
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
            raise IntegrationError(_LAST_COMMA, path=path, line=line, column=column) from None
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


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Where a key of a JSON file stands.

    Attributes:
        keys: The keys from the top down to it; lists on the way have no name.
        line, column: From 1.
        repeated: Whether the same object has this key further up, so that the earlier one does not count.
    """

    keys: tuple[str, ...]
    line: int
    column: int
    repeated: bool


def key_places(path: Path) -> list[KeyPlace]:
    """All keys of a valid JSON file, in its order; none of a file that is no valid JSON."""
    try:
        read_json(path)
    except IntegrationError:
        return []
    text = _read_text(path)
    places: list[KeyPlace] = []
    seen: list[set[str] | None] = []  # of each object that is open; None for a list
    names: list[str] = []  # the key under which each open object or list stands
    key = ""
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in "{[":
            seen.append(set() if token == "{" else None)
            names.append(key)
            key = ""
        elif token in "}]":
            seen.pop()
            key = names.pop()
        elif match["key"] is not None and seen and (keys := seen[-1]) is not None:
            key = cast("str", json.loads(match["key"]))
            path_of_key = tuple(name for name in (*names, key) if name)
            places.append(KeyPlace(path_of_key, *_place(text, match.start()), key in keys))
            keys.add(key)
    return places


def syntax_errors(path: Path) -> list[IntegrationError]:
    """Everything that keeps a file from being JSON: each mistake is mended in memory to find the next one.

    Raises:
        IntegrationError: If the file cannot be read, or holds something else that nobody can work with.
    """
    text = as_written = _read_text(path)
    errors: list[IntegrationError] = []
    added = 0  # by how much the mended text is longer than the file before the place in question
    while len(errors) < _MAX_ERRORS:
        try:
            json.loads(text)
        except RecursionError:
            break
        except json.JSONDecodeError as error:
            mended, grown, where, message = _mend(text, error)
            original = max(where - added, 0)
            line, column = _place(as_written, original)
            errors.append(IntegrationError(message, path=path, line=line, column=column))
            if mended is None:
                break
            text, added = mended, added + grown
        else:
            break
    return errors


def _mend(text: str, error: json.JSONDecodeError) -> tuple[str | None, int, int, str]:
    """A text without one mistake (None if there is no telling), how much longer it is, where and what it was."""
    comma, position = _trailing_comma(text, error.pos), error.pos
    if comma is not None:
        return text[:comma] + text[comma + 1 :], -1, comma, _LAST_COMMA
    if comment := _COMMENT.match(text, position):
        blank = " " * len(comment[0])
        message = "JSON knows no comments: remove this one"
        return text[:position] + blank + text[comment.end() :], 0, position, message
    start = _WORD_START.search(text, 0, position)
    if start is not None and (number := _NO_NUMBER.match(text, start.end())) is not None and number.end() > position:
        message = (
            f"JSON knows no number such as {number[0]}; write {int(number[0], 0 if 'x' in number[0].lower() else 10)}"
        )
        mended = "1" * len(number[0])
        return text[: number.start()] + mended + text[number.end() :], 0, number.start(), message
    if position >= len(text.rstrip()) and text.strip():
        return None, 0, len(text.rstrip()), "the file ends here, although not every bracket is closed"
    if error.msg.startswith("Expecting ',' delimiter") and text[position] == ";":
        return text[:position] + "," + text[position + 1 :], 0, position, "expected a comma, found a semicolon"
    if error.msg.startswith("Expecting ',' delimiter"):
        end = len(text[:position].rstrip())
        return text[:end] + "," + text[end:], 1, end, "a comma is missing after this"
    if error.msg.startswith("Expecting ':' delimiter"):
        return text[:position] + ":" + text[position:], 1, position, "a colon is missing before this"
    if word := _WORD.match(text, position):
        hint = f"; did you mean {json.dumps(_CONSTANTS[word[0]])}?" if word[0] in _CONSTANTS else ""
        quote = "put it between double quotes" if not word[0].startswith("'") else "use double quotes"
        message = f"{word[0]} is no JSON{hint}" if hint else f"{word[0]} is no JSON: {quote}"
        mended = json.dumps(word[0].strip("'"))
        return text[:position] + mended + text[word.end() :], len(mended) - len(word[0]), position, message
    return None, 0, position, f"this is not valid JSON: {error.msg}"


def line_of(path: Path, *keys: str) -> int | None:
    """The line on which a key stands, given the keys from the top down to it; None if it is not there.

    Of a repeated key the last one counts, as it does for the content. Reads the file again: it serves error messages.
    """
    lines = [place.line for place in key_places(path) if place.keys == keys]
    return lines[-1] if lines else None


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
