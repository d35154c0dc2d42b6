"""ScriptEnv: a processor script written for GymBizHawk as a Gymnasium environment, without BizHawk."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Literal, cast, get_args

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from playthrough.env.bizhawk.gym_module import GymModule, offer_gym_module
from playthrough.env.bizhawk.host import BizHawkHost, ScriptStopped
from playthrough.env.bizhawk.spaces import ScriptSpace
from playthrough.errors import BadInputError, EngineError, IntegrationError
from playthrough.game.lua_host import from_lua, to_lua

_log = logging.getLogger("playthrough.script")

ScriptObservation = Literal["VALUE", "IMAGE", "BOTH", "RAM"]
ScriptMode = Literal["FAST_RUN", "RUN", "RECORD", "DEBUG"]

MAX_FLAT_ACTIONS = 4096
"""Up to so many whole combinations, discrete actions with invalid ones become one Discrete with a mask."""

_MAX_DEPTH = 16


class ScriptEnv(gym.Env[Any, Any]):
    """A processor script written for GymBizHawk as an environment, without BizHawk.

    Args:
        script: The Lua file. It runs with your rights, as in BizHawk.
        rom: The game: a file, or a known game's name such as `Airstriker-Genesis`; None for the script's own `ROM`,
            looked for beside the script and in the working folder.
        observation: `VALUE` (what `getObservation` gives), `IMAGE` (the picture), `BOTH`, or `RAM` (main memory).
        frameskip: How many more steps of the processor one decision lasts.
        mode: What the script sees as `env.mode`; None for `FAST_RUN` without pictures and `RUN` with them.
        setup_str: Given to the script's `setup`.
        log_path: Where the script's `log_info` and `log_debug` go; None for what it says itself.
        render_mode: None or `rgb_array`.
        flat_actions: Make one Discrete of all discrete actions; None if the script knows invalid ones and there are
            few enough. Then `info["action_mask"]` tells the valid ones, else `info["invalid_actions"]` the others.
        vector: Make one float32 Box of the values, instead of a space for each.
        system: The ROM's system such as `Nes`, where its name does not tell.
        core: `exact`, a core's name, or a core file.
        slots: The folder of the savestate slots; None for the script's.
        work_folder: What the script sees as `env.wkdir_with_slash`; None for nothing, which is its own folder.

    Raises:
        IntegrationError: If the script is wrong or fails; with the line.
        PlaythroughError: If the ROM or the core cannot be had.
        ValueError: If an option has a wrong value.

    Attributes:
        name: What the script calls itself.
        host: Its Lua state and the core that it drives.
    """

    def __init__(
        self,
        script: str | Path,
        rom: str | Path | None = None,
        *,
        observation: ScriptObservation = "VALUE",
        frameskip: int = 0,
        mode: ScriptMode | None = None,
        setup_str: str = "",
        log_path: str | Path | None = None,
        render_mode: str | None = None,
        flat_actions: bool | None = None,
        vector: bool = False,
        system: str | None = None,
        core: str | Path = "exact",
        slots: str | Path | None = None,
        work_folder: str | Path | None = None,
    ) -> None:
        path = Path(script)
        observation = one_of("observation", observation, get_args(ScriptObservation))
        mode = one_of("mode", mode or ("FAST_RUN" if render_mode is None else "RUN"), get_args(ScriptMode))
        if isinstance(frameskip, bool) or frameskip < 0:
            raise ValueError(f"frameskip must be a whole number, 0 or more, not {frameskip!r}")
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode must be None or 'rgb_array', not {render_mode!r}")
        if not path.is_file():
            raise BadInputError(f"{path}: there is no such script")
        self.render_mode = render_mode
        self._observation = observation
        self._watched = render_mode is not None or observation in ("IMAGE", "BOTH")
        self._backup_frames: list[int] = []
        self._is_reset = False
        self._is_closed = False
        self._frames_at_reset = 0
        module = GymModule()
        self.host = BizHawkHost(
            path.parent,
            rom,
            system=system,
            core=core,
            show=_log.info,
            watched=self._watched,
            slots=None if slots is None else Path(slots),
        )
        try:
            offer_gym_module(self.host, module)
            self._run(self.host.run, path)
            if module.functions is None:
                raise IntegrationError("the script handed no processor to bizhawk.run", path=path)
            self._lua: dict[str, Any] = {str(key): value for key, value in module.functions.items()}
            if self.host.lane is None:
                self._open(path, from_lua(str(self._call("rom"))))
            log = "" if log_path is None else str(Path(log_path).absolute())
            work = "" if work_folder is None else f"{Path(work_folder).absolute()}/"
            name, actions, observations, has_invalid = self._call(
                "start", mode, observation, int(frameskip), to_lua(setup_str), to_lua(log), to_lua(work)
            )
            self.name = from_lua(name)
            self.host.seed(0)
            self._start_episode()
            self._actions = ScriptSpace(from_lua(actions))
            self._has_invalid_actions = bool(has_invalid)
            self._choose_actions(flat_actions)
            self._choose_observations(from_lua(observations), vector)
        except BaseException:
            self.host.close()
            raise
        fps = self.host.running_lane.engine.display.frames_per_second
        self.metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": fps / (frameskip + 1)}

    def _open(self, script: Path, rom: str) -> None:
        if not rom:
            raise BadInputError(
                f"{script}: the script names no ROM (its ROM is nil); give one: make_script(..., rom=...)"
            )
        found = [place for place in (script.parent / rom, Path(rom)) if place.is_file()]
        if not found:
            raise BadInputError(f"{script}: its ROM {rom!r} is not there; give one: make_script(..., rom=...)")
        self.host.open_rom(found[0])

    def _choose_actions(self, flat: bool | None) -> None:
        choices = self._actions.num_choices
        if flat is None:
            flat = self._has_invalid_actions and choices is not None and choices <= MAX_FLAT_ACTIONS
        elif flat and choices is None:
            raise ValueError("flat_actions=True needs actions that are all bool or int LOW HIGH")
        self._flat = flat
        self.action_space = spaces.Discrete(choices) if flat and choices is not None else self._actions.space

    def _choose_observations(self, declared: str, vector: bool) -> None:
        self._values: ScriptSpace | None = None
        if self._observation in ("VALUE", "BOTH"):
            self._values = ScriptSpace(declared, len(_numbers(self._call("observe"))), vector=vector)
        if self._values is not None and self._observation == "VALUE":
            self.observation_space = self._values.space
        elif self._observation == "RAM":
            size = self.host.running_lane.main_memory().shape
            self.observation_space = spaces.Box(0, 255, size, np.uint8)
        else:
            image = spaces.Box(0, 255, self.host.picture(drawn=False).shape, np.uint8)
            parts: list[spaces.Space[Any]] = []
            if self._values is not None:
                parts = [self._values.space] if vector else [part.space for part in self._values.parts]
            self.observation_space = spaces.Tuple([image, *parts]) if parts else image

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode, as the script's `reset` does it.

        Right after a reset, with nothing decided since, another one without a seed changes nothing.

        Args:
            seed: Of the script's `math.random`.
            options: Unused.
        """
        super().reset(seed=seed)
        self._require_open()
        if seed is not None:
            self.host.seed(seed)
        if seed is not None or not self._is_reset:
            self._start_episode()
        values, invalid, info = self._call("look")
        return self._observe(values), self._info(invalid, info)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Decide once: `frameskip` + 1 steps of the processor, fewer if the episode ends before."""
        self._require_open()
        if self._flat:
            index = int(action)
            if not 0 <= index < int(self._actions.num_choices or 0):
                raise ValueError(f"the action {index} is outside of {self.action_space}")
            values = [
                bool(value) if part.kind == "bool" else value
                for part, value in zip(self._actions.parts, self._actions.choice(index), strict=True)
            ]
        else:
            values = self._actions.encode(action)
        self._is_reset = False
        reward, terminated, truncated, seen, invalid, info = self._call("step", *values)
        return self._observe(seen), float(reward), terminated, truncated, self._info(invalid, info)

    def render(self) -> NDArray[np.uint8] | None:
        """The picture with what the script drew, uint8 (height, width, 3)."""
        self._require_open()
        if self.render_mode is None:
            gym.logger.warn("render() needs render_mode='rgb_array' when the environment is made")
            return None
        return self.host.picture()

    def get_invalid_actions(self) -> list[list[int]]:
        """The combinations that the script forbids now, a list of values for each."""
        self._require_open()
        return [[int(value) for value in row] for row in self._rows(self._call("invalid_actions"))]

    def set_mode(self, mode: ScriptMode) -> None:
        """Tell the script another mode; it sees it as `env.mode`."""
        self._require_open()
        self._call("set_mode", one_of("mode", mode, get_args(ScriptMode)))

    def backup(self) -> int:
        """Keep this moment: the core's state and what the script's `backup` returns."""
        self._require_open()
        number = len(self._backup_frames)
        self._call("backup", number)
        self._backup_frames.append(self.host.total_frames - self._frames_at_reset)
        return number

    def restore(self, number: int) -> None:
        """Go back to a moment that `backup` kept.

        Raises:
            ValueError: If there is no such backup.
        """
        self._require_open()
        if not 0 <= number < len(self._backup_frames):
            raise ValueError(f"there is no backup {number!r}; {len(self._backup_frames)} were made")
        self._call("restore", int(number))
        self._frames_at_reset = self.host.total_frames - self._backup_frames[number]
        self._is_reset = False

    def close(self) -> None:
        """End the script and the emulator."""
        if not self._is_closed:
            self._is_closed = True
            self.host.close()

    def _start_episode(self) -> None:
        self._call("reset")
        self._is_reset = True
        self._frames_at_reset = self.host.total_frames

    def _observe(self, packed: str) -> Any:
        if self._observation == "RAM":
            return self.host.running_lane.main_memory().copy()
        values = None if self._values is None else self._values.decode(_numbers(packed))
        if self._observation == "VALUE":
            return values
        picture = self.host.picture(drawn=False)
        if self._values is None:
            return picture
        if isinstance(values, tuple):
            return (picture, *cast("tuple[Any, ...]", values))
        return picture, values

    def _info(self, invalid: str, given: Any) -> dict[str, Any]:
        plain = _plain(given)
        info: dict[str, Any] = {"frames": self.host.total_frames - self._frames_at_reset}
        if isinstance(plain, dict):
            info |= cast("dict[str, Any]", plain)
        info["backup"] = len(self._backup_frames)
        if self._has_invalid_actions:
            rows = self._rows(invalid)
            if self._flat:
                mask = np.ones(int(self._actions.num_choices or 0), np.int8)
                for row in rows:
                    mask[self._actions.index_of(row.tolist())] = 0
                info["action_mask"] = mask
            else:
                info["invalid_actions"] = [tuple(row.tolist()) for row in rows]
        return info

    def _rows(self, packed: str) -> NDArray[np.float64]:
        return _numbers(packed).reshape(-1, self._actions.num_values)

    def _call(self, name: str, *arguments: Any) -> Any:
        return self._run(self.host.call, self._lua[name], *arguments)

    def _run(self, call: Any, *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except ScriptStopped:
            raise EngineError("the script ended itself with client.exit; make a new environment") from None

    def _require_open(self) -> None:
        if self._is_closed:
            raise EngineError("this environment is closed; make a new one")


make_script = ScriptEnv
"""The name under which the package offers it."""


def one_of(name: str, value: str, allowed: tuple[Any, ...]) -> Any:
    """The one of the allowed words that a value is, in capitals or not.

    Raises:
        ValueError: If it is none.
    """
    upper = str(value).upper()
    if upper not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
    return upper


def _numbers(packed: Any) -> NDArray[np.float64]:
    return np.frombuffer(str(packed).encode("latin-1"), "<f8")


def _plain(value: Any, depth: int = 0) -> Any:
    """A Lua value as Python's: a table 1..n becomes a list, any other a dict."""
    if isinstance(value, str):
        return from_lua(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if not hasattr(value, "items") or depth > _MAX_DEPTH:
        return str(value)
    # Lua hands entries out in an order that differs from process to process.
    pairs = sorted(value.items(), key=lambda pair: str(pair[0]))
    entries = {_plain(key): _plain(entry, depth + 1) for key, entry in pairs}
    if depth and entries and sorted(entries, key=str) == sorted(range(1, len(entries) + 1), key=str):
        return [entries[place] for place in range(1, len(entries) + 1)]
    return entries
