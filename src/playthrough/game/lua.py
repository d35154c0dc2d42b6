"""Lua scripts of stable-retro's integrations: the functions that a scenario names as `lua:function`.

A script sees the globals `data` (read a variable by name or a byte by its address, write a variable by name; an
unknown name can be written and then read) and `scenario` (`frame`, 0 on the reset's own frame, and `timestep`, a
quarter of it). Its functions take no argument and return a number or a boolean; anything else counts as 0 or false.

As in stable-retro, every reset runs the scripts anew, so no global survives it. Different from it: the random numbers
belong to the lane and start anew as well, a script that fails is an error at once, and snapshots include its state.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from playthrough.errors import IntegrationError, StateError
from playthrough.game.lua_host import LuaFieldError, LuaHost, known
from playthrough.game.reference import evaluate_done, evaluate_reward, float32
from playthrough.game.scenario import FrameResult, MemoryAccess, Reward, Scenario
from playthrough.game.variables import Variable, float_to_int64, to_int64, writes_of

_MAGIC = b"PTLUA1\n"
FRAMES_PER_TIMESTEP = 4

ScriptValue = float | bool | None


class _NoMemory:
    """Memory of zeros, for a first look at the scripts before a game runs."""

    def read(self, address: int, width: int) -> bytes:
        return bytes(width)

    def write(self, address: int, data: bytes) -> None:
        pass


class LuaSession:
    """A `ScenarioSession` whose scripts are Lua (it also evaluates a scenario without scripts).

    Raises:
        IntegrationError: If a script is not valid Lua, or defines no function of a name that the scenario uses.
    """

    def __init__(self, scenario: Scenario, variables: Mapping[str, Variable]) -> None:
        self.scenario, self.variables = scenario, variables
        self._scripts: list[tuple[Path, bytes]] = []
        for path in scenario.scripts:
            try:
                self._scripts.append((path, path.read_bytes()))
            except OSError as error:
                raise IntegrationError(f"this script cannot be read: {error.strerror}", path=path) from None
        self._host: LuaHost | None = None
        self._forget(_NoMemory(), dict.fromkeys(variables, 0))
        self._check_scripts()

    def start_episode(self, memory: MemoryAccess, values: Mapping[str, int]) -> FrameResult:
        """Run the scripts anew and show them the reset's own frame; see `ScenarioSession`."""
        self._forget(memory, values)
        self._host = self._load_scripts(show_loading=True)
        self._check_functions(self._host)
        return self._evaluate()

    def frame(self, memory: MemoryAccess, values: Mapping[str, int], previous: Mapping[str, int]) -> FrameResult:
        """Evaluate one frame; see `ScenarioSession`."""
        if self._host is None:
            raise ValueError("call start_episode or load before the first frame")
        self._memory, self._values, self._previous, self._poked = memory, values, previous, False
        return self._evaluate()

    def save(self) -> bytes:
        """Everything that the scripts know; see `ScenarioSession`."""
        if self._host is None:
            raise ValueError("call start_episode before save: there is nothing to save yet")
        head = {
            "scripts": self._digest(),
            "frame": self._frame,
            "script_values": self._script_values,
            "reads": self._reads,
        }
        text = json.dumps(head).encode()
        return _MAGIC + len(text).to_bytes(8, "little") + text + self._host.save()

    def load(self, snapshot: bytes) -> None:
        """Go back to a snapshot; see `ScenarioSession`."""
        if not snapshot.startswith(_MAGIC):
            raise StateError("this is no snapshot of a Lua scenario")
        start = len(_MAGIC) + 8
        end = start + int.from_bytes(snapshot[len(_MAGIC) : start], "little")
        try:
            head = cast("dict[str, Any]", json.loads(snapshot[start:end]))
            digest, frame = str(head["scripts"]), int(head["frame"])
            reads = cast("list[tuple[ScriptValue, str | None]]", [tuple(entry) for entry in head["reads"]])
            script_values = cast("dict[str, ScriptValue]", head["script_values"])
        except (ValueError, KeyError, TypeError) as error:
            raise StateError(f"this snapshot of a Lua scenario is damaged ({error})") from None
        if digest != self._digest():
            raise StateError(f"this snapshot was made with other scripts than those of {self.scenario.path}")
        self._forget(_NoMemory(), {})
        # The scripts run once more to get the same functions; what they read from memory then, they get to read again.
        self._replay = iter(reads)
        try:
            host = self._load_scripts(show_loading=False)
        finally:
            self._replay = None
        host.load(snapshot[end:])
        self._host, self._frame, self._reads, self._script_values = host, frame, reads, script_values

    def _forget(self, memory: MemoryAccess, values: Mapping[str, int]) -> None:
        self._memory, self._values, self._previous, self._poked = memory, values, values, False
        self._frame = 0
        self._script_values: dict[str, ScriptValue] = {}
        self._is_loading = False
        self._reads: list[tuple[ScriptValue, str | None]] = []
        self._replay: Any = None

    def _digest(self) -> str:
        return hashlib.sha256(b"\0".join(source for _, source in self._scripts)).hexdigest()

    def _new_host(self, show: Callable[[str], None]) -> LuaHost:
        host = LuaHost("5.1", show)
        host.add_table("data", self._read_data, self._write_data)
        host.add_table("scenario", self._read_scenario, lambda _key, _kind, _value: None)
        return host

    def _load_scripts(self, show_loading: bool) -> LuaHost:
        is_silent = not show_loading

        def show(line: str) -> None:
            if not is_silent:
                print(line)

        host = self._new_host(show)
        self._is_loading = True
        try:
            for path, source in self._scripts:
                host.run(path, source)
        finally:
            self._is_loading = False
        host.finish()
        is_silent = False
        return host

    def _check_scripts(self) -> None:
        host = self._new_host(print)
        for path, source in self._scripts:
            host.check(path, source)
        try:
            loaded = self._load_scripts(show_loading=False)
        except IntegrationError:
            return  # With zeros for memory a sound script may fail; the first episode will tell.
        self._check_functions(loaded)

    def _check_functions(self, host: LuaHost) -> None:
        for name in self.scenario.lua_functions:
            if not host.has_function(name):
                message = f"no script defines the Lua function {name!r}; there are: {known(host.function_names())}"
                raise IntegrationError(message, path=self.scenario.path)

    # ------------------------------------------------------------ one frame

    def _evaluate(self) -> FrameResult:
        done = self._done()
        rewards = [self._reward(reward) for reward in self.scenario.rewards] or [0.0]
        self._frame += 1
        script_values = {name: _whole(value) for name, value in self._script_values.items()}
        return FrameResult(rewards, done, False, script_values, self._poked)

    def _done(self) -> bool:
        if self.scenario.done.script is not None:
            return bool(self._call(self.scenario.done.script))
        return evaluate_done(self.scenario.done, self._whole_value, self._delta)

    def _reward(self, reward: Reward) -> float:
        if reward.script is not None:
            return float32(float(self._call(reward.script) or 0))
        return evaluate_reward(reward, self._whole_value, self._delta)

    def _call(self, name: str) -> ScriptValue:
        assert self._host is not None
        return self._host.call(name)

    def _whole_value(self, name: str) -> int:
        return _whole(self._script_values[name]) if name in self._script_values else self._variable(name)

    def _delta(self, name: str) -> int:
        if name not in self.variables:
            return 0
        if name not in self._values or name not in self._previous:
            return self._variable(name) * 0  # raises: the variable is not in memory
        return to_int64(self._values[name] - self._previous[name])

    def _variable(self, name: str) -> int:
        if name in self._values and not self._poked:
            return self._values[name]
        if name not in self.variables:
            names = known([*self.variables, *self._script_values])
            raise IntegrationError(f"there is no variable {name!r}; there are: {names}", path=self.scenario.path)
        probe = self.variables[name].probe
        number = probe.type.decode(self._memory.read(probe.address, probe.type.width))
        return number if probe.mask is None else number & probe.mask

    # ------------------------------------------------------------ what scripts see

    def _read_data(self, key: str, number: float | None) -> ScriptValue:
        if not self._is_loading:
            return self._read_now(key, number)
        if self._replay is not None:
            value, failure = next(self._replay)
            if failure is not None:
                raise LuaFieldError(failure)
            return value
        try:
            value = self._read_now(key, number)
        except (LuaFieldError, IntegrationError) as error:
            self._reads.append((None, str(error)))
            raise
        self._reads.append((value, None))
        return value

    def _read_now(self, key: str, number: float | None) -> ScriptValue:
        if number is not None:
            address = float_to_int64(number)
            if address < 0:
                raise LuaFieldError(f"Out of bounds access: address {address}")
            return float(self._memory.read(address, 1)[0])
        if key in self._script_values:
            return self._script_values[key]
        if key not in self.variables:
            names = known([*self.variables, *self._script_values])
            raise LuaFieldError(f"there is no variable {key!r} in data; there are: {names}")
        return float(self._variable(key))

    def _write_data(self, key: str, kind: str, value: float | bool | str | None) -> None:
        if kind not in ("nil", "number", "boolean") or isinstance(value, str):
            raise LuaFieldError(f"Invalid variable type: data.{key} can hold a number, a boolean or nil, not a {kind}")
        if key not in self._script_values and key in self.variables:
            if self._replay is None:
                probe = self.variables[key].probe
                for address, data in writes_of(probe, _whole(value)):
                    self._memory.write(address, data)
                self._poked = True
            return
        self._script_values[key] = float(value) if kind == "number" and value is not None else value

    def _read_scenario(self, key: str, _number: float | None) -> ScriptValue:
        if key == "frame":
            return float(self._frame)
        if key == "timestep":
            return float(self._frame // FRAMES_PER_TIMESTEP)
        raise LuaFieldError(f"Unknown scenario property {key!r}: there are frame and timestep")


def _whole(value: ScriptValue) -> int:
    """A script's value where a whole number is wanted."""
    return 0 if value is None else float_to_int64(float(value))
