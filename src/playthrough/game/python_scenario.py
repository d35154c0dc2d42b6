"""Scenarios written in Python: a `scenario.py` with functions of the variables now and one frame ago.

    def reward(prev, cur):            # a number, or one per player
        return cur.score - prev.score

    def done(prev, cur):              # the game's own end
        return cur.lives == 0

    def truncated(prev, cur):         # optional: an end that is not the game's own
        return cur.level > 1

`prev` and `cur` have one attribute per variable of data.json, a whole number. The file is run anew at every reset, so
what it keeps in its globals lives for one episode; on the reset's own frame no function is called. Random numbers
belong in a `random.Random(seed)` of the file, because only that is part of a snapshot.

This is trusted code like any other Python file; it is not confined as Lua scripts are.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn, cast

from playthrough.errors import IntegrationError, StateError
from playthrough.game.module_snapshot import ModuleData
from playthrough.game.scenario import FrameResult, MemoryAccess, Scenario
from playthrough.game.variables import Variable

_MAGIC = b"PTPY1\n"
_DIGEST_SIZE = hashlib.sha256().digest_size


class Values:
    """The variables of one frame as attributes (and by `values["name"]`); read only."""

    def __init__(self, values: Mapping[str, int], known: Sequence[str]) -> None:
        self.__dict__.update(values)
        self.__dict__[""] = known  # no variable has an empty name

    def __getitem__(self, name: str) -> int:
        return cast(int, getattr(self, name))

    def __getattr__(self, name: str) -> NoReturn:
        names: Sequence[str] = self.__dict__[""]
        if name in names:
            raise AttributeError(f"the variable {name!r} lies outside this game's memory")
        raise AttributeError(f"there is no variable {name!r}; there are: {', '.join(sorted(names)) or 'none'}")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"variables cannot be changed here (tried to set {name!r})")


class PythonSession:
    """A `ScenarioSession` whose scenario is a Python file.

    Raises:
        IntegrationError: If the file is damaged or lacks `reward` or `done`.
    """

    def __init__(self, scenario: Scenario, variables: Mapping[str, Variable]) -> None:
        path = scenario.python
        if path is None:
            raise ValueError(f"{scenario.path} is no Python scenario")
        self._path: Path = path
        self._names = tuple(variables)
        try:
            self._source = path.read_bytes()
            self._code = compile(self._source, str(path), "exec")
        except OSError as error:
            raise IntegrationError(f"this scenario cannot be read: {error.strerror}", path=path) from None
        except SyntaxError as error:
            message = f"this is not valid Python: {error.msg}"
            raise IntegrationError(message, path=path, line=error.lineno, column=error.offset) from None
        except ValueError as error:
            raise IntegrationError(f"this is not valid Python: {error}", path=path) from None
        statements = ast.walk(ast.parse(self._source))
        aliases = [
            alias for node in statements if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names
        ]
        self._imported = frozenset(alias.asname or alias.name.partition(".")[0] for alias in aliases)
        self._data = self._run_module()
        self._is_started = False

    def start_episode(self, memory: MemoryAccess, values: Mapping[str, int]) -> FrameResult:
        """Run the file anew; see `ScenarioSession`."""
        self._data = self._run_module()
        self._is_started = True
        return FrameResult([0.0])

    def frame(self, memory: MemoryAccess, values: Mapping[str, int], previous: Mapping[str, int]) -> FrameResult:
        """Evaluate one frame, the end first; see `ScenarioSession`."""
        if not self._is_started:
            raise ValueError("call start_episode or load before the first frame")
        prev, cur = Values(previous, self._names), Values(values, self._names)
        done = self._truth("done", self._call("done", prev, cur))
        truncated = "truncated" in vars(self._data.module) and self._truth(
            "truncated", self._call("truncated", prev, cur)
        )
        return FrameResult(self._rewards(self._call("reward", prev, cur)), done, truncated)

    def save(self) -> bytes:
        """Everything that the file's globals hold; see `ScenarioSession`."""
        if not self._is_started:
            raise ValueError("call start_episode before save: there is nothing to save yet")
        return _MAGIC + hashlib.sha256(self._source).digest() + self._data.save()

    def load(self, snapshot: bytes) -> None:
        """Go back to a snapshot; see `ScenarioSession`."""
        if not snapshot.startswith(_MAGIC):
            raise StateError("this is no snapshot of a Python scenario")
        start = len(_MAGIC) + _DIGEST_SIZE
        if snapshot[len(_MAGIC) : start] != hashlib.sha256(self._source).digest():
            raise StateError(f"this snapshot was made with another version of {self._path}")
        data = self._run_module()
        data.load(snapshot[start:])
        self._data, self._is_started = data, True

    def _run_module(self) -> ModuleData:
        module = ModuleType(self._path.stem)
        module.__file__ = str(self._path)
        with self._located("running the file"):
            exec(self._code, vars(module))
        for name in ("reward", "done"):
            if not callable(vars(module).get(name)):
                raise IntegrationError(f"the function {name}(prev, cur) is missing", path=self._path)
        return ModuleData(module, self._imported)

    def _call(self, name: str, prev: Values, cur: Values) -> Any:
        function = cast("Callable[[Values, Values], Any]", vars(self._data.module)[name])
        with self._located(f"{name}(prev, cur)"):
            return function(prev, cur)

    def _truth(self, name: str, answer: Any) -> bool:
        with self._located(f"{name}(prev, cur)"):
            if answer is None:
                raise TypeError("expected true or false, found None; is a return missing?")
            return bool(answer)

    def _rewards(self, answer: Any) -> list[float]:
        with self._located("reward(prev, cur)"):
            if answer is None:
                raise TypeError("expected a number, or one per player, found None; is a return missing?")
            if isinstance(answer, str):
                raise TypeError(f"expected a number, or one per player, found {answer!r}")
            if not hasattr(answer, "__iter__"):
                return [float(answer)]
            rewards = [float(number) for number in answer]
            if not rewards:
                raise ValueError("expected a number, or one per player, found an empty sequence")
            return rewards

    @contextlib.contextmanager
    def _located(self, what: str) -> Generator[None]:
        """Turn any error into one that names the last line of the file that took part in it."""
        try:
            yield
        except IntegrationError:
            raise
        except Exception as error:
            lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(self._path)]
            line = lines[-1] if lines else self._first_line(what)
            message = f"{what} failed: {type(error).__name__}: {error}"
            raise IntegrationError(message, path=self._path, line=line) from error

    def _first_line(self, what: str) -> int | None:
        function = vars(self._data.module).get(what.partition("(")[0]) if hasattr(self, "_data") else None
        code = getattr(function, "__code__", None)
        return None if code is None else cast(int, code.co_firstlineno)
