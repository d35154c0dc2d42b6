"""A Lua state of one's own for scripts of a game, cut off from the computer and from Python.

A script gets the libraries base, coroutine, table, string and math, without anything that reads files, loads compiled
code or reaches the host. Everything it can do is a function of its own past, on every machine and in every process:

- `pairs` and `next` visit 1..n first, then other numbers, strings and booleans in ascending order, then tables and
  functions in the order in which the script first showed them. (Where several new ones are keys of one table and
  nothing else tells them apart, not even their content, their order among each other is left open.)
- `math.random` is a generator of this state alone and starts from the same seed each time.
- `tostring` of a table shows a running number instead of an address, and `collectgarbage` does nothing.

A snapshot holds what the script can reach: globals, tables with shared references and cycles, the local variables of
functions that were there after loading, environments, the random numbers. Functions are matched by running the same
scripts again, so a function made later, an iterator, a coroutine that is not finished, userdata, or a weak table
cannot be saved.
A table with holes may report another length (`#`) after a snapshot, which Lua leaves open.
"""

from __future__ import annotations

import importlib
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

from playthrough.errors import DependencyError, IntegrationError, PlaythroughError, StateError

Read = Callable[[str, float | None], float | bool | str | None]
Write = Callable[[str, str, float | bool | str | None], None]

_SOURCE = Path(__file__).with_name("lua_host.lua").read_text(encoding="utf-8")
_GLOBALS = (
    "_G _VERSION assert collectgarbage coroutine error getfenv getmetatable ipairs load loadstring math next pairs"
    " pcall print rawequal rawget rawlen rawset select setfenv setmetatable string table tonumber tostring type unpack"
    " utf8 xpcall"
)
MAX_SECONDS = 10
"""How long, in processor time, a script may load, and one function of it may take for one frame."""
_PLACE = re.compile(r"^(?P<chunk>[^\n]*?):(?P<line>\d+): ")


class LuaFieldError(Exception):
    """Raised by the functions behind a table of the host; the script sees the message as a Lua error."""


class LuaHost:
    """One Lua state.

    Use: `add_table` as needed, then `run` each script, then `finish`; after that `call`, `save` and `load`.

    Args:
        version: `5.1` or `5.4`.
        show: Takes each line that a script prints.
    """

    def __init__(self, version: str = "5.1", show: Callable[[str], None] = print) -> None:
        try:
            module = importlib.import_module("lupa.lua" + version.replace(".", ""))
        except ImportError as error:
            raise DependencyError(f"Lua {version} is missing: install lupa ({error})") from None
        self._paths: dict[str, Path] = {}
        self._pending: BaseException | None = None
        # Latin-1 maps every byte to one character, so strings of any bytes pass unchanged.
        self._runtime: Any = module.LuaRuntime(
            encoding="latin-1",
            source_encoding="latin-1",
            unpack_returned_tuples=True,
            register_eval=False,
            register_builtins=False,
            attribute_filter=_no_attributes,
        )

        def show_text(text: str) -> None:
            show(from_lua(text))

        start = self._runtime.execute(
            "local source, show, keep, may_go_on = ..."
            " return assert((loadstring or load)(source, '=playthrough'))(show, keep, may_go_on)",
            _SOURCE,
            self._guard(show_text),
            _GLOBALS,
            self._guard(self._check_time),
        )
        self._began_s: float | None = None
        self._host: dict[str, Any] = {str(name): function for name, function in start.items()}
        self._is_library_finished = False

    def add_table(self, name: str, read: Read, write: Write) -> None:
        """Add a global table whose fields are answered here; before the first script only.

        Args:
            name: Of the global.
            read: Gets the key, and the number that it is or spells (None otherwise); returns the value.
            write: Gets the key as text, Lua's name of the value's type, and the value where it is a plain one.
        """

        def guarded_read(key: str | float, number: float | None) -> Any:
            return read(from_lua(key) if isinstance(key, str) else str(key), number)

        def guarded_write(key: str, kind: str, value: Any) -> None:
            write(from_lua(key), kind, value)

        self._host["add_table"](name, self._guard(guarded_read), self._guard(guarded_write))

    def check(self, path: Path, source: bytes) -> None:
        """Compile a script without running it.

        Raises:
            IntegrationError: If it is not valid Lua; with the line.
        """
        failure = self._host["check"](_prepared(source), self._chunk_name(path))
        if failure is not None:
            raise self._error(f"{path.name} is not valid Lua", str(failure))

    def run(self, path: Path, source: bytes) -> None:
        """Run a script.

        Raises:
            IntegrationError: If it is not valid Lua, fails, or does not come to an end; with the line.
        """
        if not self._is_library_finished:
            self._host["finish_library"]()
            self._is_library_finished = True
        self._began_s = None
        self._checked(self._host["run"](_prepared(source), self._chunk_name(path)), f"{path.name} failed while loading")

    def finish(self) -> None:
        """Call this after the last script: functions made from here on cannot be saved."""
        self._host["finish_scripts"]()

    def has_function(self, name: str) -> bool:
        """Whether a global of this name is a function."""
        return bool(self._host["is_function"](to_lua(name)))

    def function_names(self) -> list[str]:
        """The global functions that scripts defined, sorted."""
        return from_lua(str(self._host["function_names"]())).split()

    def call(self, name: str) -> float | bool | None:
        """Call a global function without arguments.

        Returns:
            A number or a boolean; None where the function returned nothing or anything else.

        Raises:
            IntegrationError: If it fails, or does not come to an end; with the line.
        """
        self._began_s = None
        return self._checked(self._host["call"](to_lua(name)), f"the Lua function {name!r} failed")

    def save(self) -> bytes:
        """What the scripts know.

        Raises:
            StateError: If they hold what cannot be saved; the message names it.
        """
        result = self._host["save"]()
        if isinstance(result, str):
            return result.encode("latin-1")
        _, path, what = result
        raise StateError(
            f"the Lua variable {from_lua(str(path))} holds {what}, which cannot be saved in a snapshot; "
            "keep numbers, strings, booleans, tables of them, and functions of the script"
        )

    def load(self, snapshot: bytes) -> None:
        """Go back to a snapshot; the same scripts must have run in this state, and nothing after them.

        Raises:
            StateError: If the snapshot is damaged or belongs to other scripts.
        """
        try:
            fits = self._host["load"](snapshot.decode("latin-1"))
        except Exception as error:
            raise StateError(f"this snapshot of a Lua script is damaged ({error})") from None
        if not fits:
            raise StateError("this snapshot belongs to other Lua scripts, or to another version of them")

    def _check_time(self) -> None:
        """Asked while a script runs. Python hands out Ctrl-C while it is asked, which ends the script as well."""
        now_s = time.thread_time()
        if self._began_s is None:
            self._began_s = now_s  # hardly a script runs long enough to be asked, so the others need no clock
        if now_s - self._began_s > MAX_SECONDS:
            raise LuaFieldError(f"it has run for more than {MAX_SECONDS} seconds; is there an endless loop?")

    def _guard(self, function: Callable[..., Any]) -> Callable[..., tuple[bool, Any]]:
        """No Python error may pass through Lua: a script could catch the object and reach Python with it."""

        def guarded(*arguments: Any) -> tuple[bool, Any]:
            try:
                return True, function(*arguments)
            except (LuaFieldError, PlaythroughError) as error:
                return False, to_lua(str(error))
            except BaseException as error:
                self._pending = error
                return False, "the host failed"

        return guarded

    def _checked(self, result: Any, what: str) -> Any:
        pending, self._pending = self._pending, None
        if pending is not None:
            raise pending
        values = cast("tuple[Any, ...]", result if isinstance(result, tuple) else (result,))
        if values[0]:
            return values[1] if len(values) > 1 else None
        message, chunk, line, python_error = (*values[1:], None, None, None)[:4]
        if isinstance(python_error, BaseException):
            raise python_error
        raise self._error(what, str(message), None if chunk is None else str(chunk)[1:], line)

    def _error(self, what: str, message: str, chunk: str | None = None, line: int | None = None) -> IntegrationError:
        place = _PLACE.match(message)
        if place is not None and place["chunk"] in self._paths:
            chunk, line, message = place["chunk"], int(place["line"]), message[place.end() :]
        path = self._paths.get(chunk or "", next(iter(self._paths.values()), None))
        return IntegrationError(f"{what}: {from_lua(message)}", path=path, line=line)

    def _chunk_name(self, path: Path) -> str:
        # Lua cuts long names in its messages, so it gets the bare file name.
        name = to_lua(path.name)
        self._paths[name] = path
        return "@" + name


def to_lua(text: str) -> str:
    """Text as the host passes it: one character per byte of its UTF-8."""
    return text.encode(errors="replace").decode("latin-1")


def from_lua(text: str) -> str:
    """The reverse of `to_lua`; bytes that are no UTF-8 become question marks."""
    return text.encode("latin-1", errors="replace").decode(errors="replace")


def _prepared(source: bytes) -> str:
    source = source.removeprefix(b"\xef\xbb\xbf")
    if source.startswith(b"\x1b"):
        raise IntegrationError("this script is compiled Lua; only its source can be run")
    if source.startswith(b"#"):  # Lua skips a first line such as #!/usr/bin/lua; keep the numbers of the lines
        source = b"--" + source
    return source.decode("latin-1")


def _no_attributes(_object: Any, _name: Any, _is_setting: bool) -> Any:
    raise AttributeError("Lua scripts cannot look into Python objects")


def known(names: Iterable[str]) -> str:
    """A list for an error message."""
    return ", ".join(sorted(names)) or "none"
