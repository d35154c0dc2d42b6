"""GymBizHawk's `BizHawk-v0` and `BizHawkEnv`, for programs that use them.

The script plays without BizHawk, on an embedded core; where `bizhawk_dir` names a folder with `EmuHawk.exe`, it plays
in BizHawk. New programs take `playthrough.make_script`, which offers more: one action space with a mask of the
forbidden actions, vectors, lanes on threads.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, get_args

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from playthrough.env.gymnasium_ids import BIZHAWK_ID, register_bizhawk
from playthrough.env.script import ScriptEnv, ScriptMode, ScriptObservation, one_of
from playthrough.errors import BadInputError, PlaythroughError
from playthrough.gymbizhawk.emulator import EmulatorHost, emuhawk

ModeTypes = ScriptMode
ObservationTypes = ScriptObservation
BizHawkError = PlaythroughError
"""What goes wrong here is one of our errors; GymBizHawk's programs catch them under this name."""

Host = Literal["auto", "embedded", "bizhawk"]

register_bizhawk()


class BizHawk:
    """A script and what it runs in.

    Args:
        bizhawk_dir: BizHawk's folder. Without `EmuHawk.exe` in it, the script plays without BizHawk.
        lua_file: The processor script.
        mode: `FAST_RUN`, `RUN`, `RECORD` or `DEBUG`; the script sees it as `env.mode`.
        observation_type: `VALUE`, `IMAGE`, `BOTH` or `RAM`.
        frameskip: How many more steps of the processor one decision lasts.
        silent: In BizHawk: without sound.
        lua_wkdir: What the script sees as `env.wkdir_with_slash`; made if it is missing. Empty: nothing.
        setup_str_for_lua: Given to the script's `setup`.
        socket_ip: In BizHawk: where to listen.
        socket_port: In BizHawk: the first port to try.
        socket_buffer_size: Has no meaning here.
        socket_timeout: In BizHawk: how long an answer may take, in seconds; None for ever.
        resend_num: Has no meaning here: nothing gets lost.
        host: `embedded` and `bizhawk` decide where the script plays; `auto` goes by `bizhawk_dir`.
        rom: Embedded: the game, if not the script's own `ROM`: a file or a known game's name.
        system: Embedded: the ROM's system such as `Nes`, where its name does not tell.
        core: Embedded: `exact`, a core's name, or a core file.
        log_path: Embedded: where the script's log goes; None for what the script says itself.
        render_mode: Embedded: None or `rgb_array`.

    Attributes:
        action_space: The script's; a Tuple where it declares several.
        observation_space: By `observation_type`.
        image_shape: (height, width, 3).
        platform: What BizHawk calls the system, such as `NES`.
        step_img: The picture that the last observation had, if it had one.
        invalid_actions: The combinations that the script forbids now.
    """

    def __init__(
        self,
        bizhawk_dir: str | os.PathLike[str] = "",
        lua_file: str | os.PathLike[str] = "",
        mode: str = "RUN",
        observation_type: str = "VALUE",
        frameskip: int = 0,
        silent: bool = True,
        lua_wkdir: str = "lua_wkdir",
        setup_str_for_lua: str = "",
        socket_ip: str = "127.0.0.1",
        socket_port: int = 30000,
        socket_buffer_size: int = 1024 * 1024,
        socket_timeout: float | None = None,
        resend_num: int = 5,
        *,
        host: Host = "auto",
        rom: str | Path | None = None,
        system: str | None = None,
        core: str | Path = "exact",
        log_path: str | Path | None = None,
        render_mode: str | None = None,
    ) -> None:
        if not os.fspath(lua_file):
            raise ValueError("lua_file must name the processor script")
        if host not in get_args(Host):
            raise ValueError(f"host must be one of {', '.join(get_args(Host))}, not {host!r}")
        self.bizhawk_dir, self.lua_file = os.fspath(bizhawk_dir), str(Path(lua_file).absolute())
        self.mode: ModeTypes = one_of("mode", mode, get_args(ModeTypes))
        self.observation_type: ObservationTypes = one_of(
            "observation_type", observation_type, get_args(ObservationTypes)
        )
        self.frameskip, self.silent, self.setup_str_for_lua = frameskip, silent, setup_str_for_lua
        self.lua_wkdir = ""
        if lua_wkdir:
            Path(lua_wkdir).mkdir(parents=True, exist_ok=True)
            self.lua_wkdir = f"{Path(lua_wkdir).absolute().as_posix()}/"
        self.is_in_bizhawk = self._is_in_bizhawk(host)
        self._socket: dict[str, Any] = {"ip": socket_ip, "port": socket_port, "timeout_s": socket_timeout}
        self._embedded: dict[str, Any] = {
            "rom": rom,
            "system": system,
            "core": core,
            "log_path": log_path,
            "render_mode": render_mode,
        }
        self._host: ScriptEnv | EmulatorHost | None = None
        self.step_img: NDArray[np.uint8] | None = None
        self.invalid_actions: list[list[int]] = []
        self.image_shape: tuple[int, ...] = (0, 0)
        self.platform = ""
        self.action_space: gym.Space[Any]
        self.observation_space: gym.Space[Any]

    def _is_in_bizhawk(self, host: Host) -> bool:
        has_bizhawk = bool(self.bizhawk_dir) and (Path(self.bizhawk_dir) / "EmuHawk.exe").is_file()
        if host == "bizhawk" and not has_bizhawk:
            raise BadInputError(f"there is no EmuHawk.exe in bizhawk_dir={self.bizhawk_dir!r}; unpack BizHawk there")
        if host == "auto" and self.bizhawk_dir and not has_bizhawk:
            gym.logger.warn(f"there is no EmuHawk.exe in {self.bizhawk_dir!r}; the script plays without BizHawk")
        return has_bizhawk and host != "embedded"

    def boot(self) -> None:
        """Start it.

        Raises:
            PlaythroughError: If the script, its ROM or BizHawk cannot be had.
        """
        if self.is_in_bizhawk:
            self._host = host = EmulatorHost(
                emuhawk(Path(self.bizhawk_dir).absolute(), Path(self.lua_file)),
                mode=self.mode,
                observation_type=self.observation_type,
                frameskip=self.frameskip,
                silent=self.silent,
                work_folder=self.lua_wkdir,
                setup_str=self.setup_str_for_lua,
                **self._socket,
            )
            self.platform, self.image_shape = host.platform, host.image_shape
        else:
            self._host = host = ScriptEnv(
                self.lua_file,
                observation=self.observation_type,
                frameskip=self.frameskip,
                mode=self.mode,
                setup_str=self.setup_str_for_lua,
                flat_actions=False,
                work_folder=self.lua_wkdir or None,
                **self._embedded,
            )
            lane = host.host.running_lane
            self.platform = lane.console.system_id
            self.image_shape = host.host.picture(drawn=False).shape
        self.action_space, self.observation_space = host.action_space, host.observation_space

    @property
    def host(self) -> ScriptEnv | EmulatorHost:
        """What plays the script.

        Raises:
            BadInputError: If it was not started.
        """
        if self._host is None:
            raise BadInputError("the script does not run; call boot()")
        return self._host

    def reset(self, seed: int | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode."""
        observation, info = self.host.reset(seed=seed)
        self._note(observation, info)
        return observation, info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Decide once, with a value for each entry of ACTION_SPACE."""
        observation, reward, terminated, truncated, info = self.host.step(action)
        self._note(observation, info)
        return observation, reward, terminated, truncated, info

    def _note(self, observation: Any, info: dict[str, Any]) -> None:
        self.step_img = None
        if self.observation_type == "IMAGE":
            self.step_img = observation
        elif self.observation_type == "BOTH":
            self.step_img = observation[0]
        if isinstance(self.host, EmulatorHost):
            self.invalid_actions = self.host.invalid_actions
        else:
            self.invalid_actions = [[int(value) for value in row] for row in info.pop("invalid_actions", ())]

    def get_invalid_actions(self) -> list[list[int]]:
        """The combinations that the script forbids now."""
        return self.invalid_actions

    def set_mode(self, mode: str) -> None:
        """Change the mode."""
        self.mode = one_of("mode", mode, get_args(ModeTypes))
        self.host.set_mode(self.mode)

    def fetch_image(self) -> NDArray[np.uint8]:
        """What is on the screen, with what the script draws, uint8 (height, width, 3)."""
        host = self.host
        return host.fetch_image() if isinstance(host, EmulatorHost) else host.host.picture()

    def save(self, number: int) -> None:
        """Keep this moment under a number: 0, 1, 2, ..."""
        if isinstance(self.host, EmulatorHost):
            self.host.save(number)
        else:
            self.host.backup()

    def load(self, number: int) -> None:
        """Go back to a moment."""
        if isinstance(self.host, EmulatorHost):
            self.host.load(number)
        else:
            self.host.restore(number)

    def close(self) -> None:
        """End it. In BizHawk, DEBUG and RECORD wait for a key first."""
        host, self._host = self._host, None
        if isinstance(host, EmulatorHost):
            host.close(wait_for_person=self.mode in ("DEBUG", "RECORD"))
        elif host is not None:
            host.close()

    def __enter__(self) -> BizHawk:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class BizHawkEnv(gym.Env[Any, Any]):
    """A processor script as an environment, by the keywords of GymBizHawk; made to be subclassed.

    Args:
        render_mode: None or `rgb_array`.
        display_name: For whoever shows it.
        **kwargs: Those of `BizHawk`.

    Attributes:
        bizhawk: What plays the script.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 60}  # noqa: RUF012

    def __init__(self, render_mode: str | None = None, display_name: str = "", **kwargs: Any) -> None:
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode must be None or 'rgb_array', not {render_mode!r}")
        self.render_mode, self.display_name = render_mode, display_name
        self.bizhawk = BizHawk(**kwargs, render_mode=render_mode)
        self.bizhawk.boot()
        self.metadata = {**self.metadata, "render_fps": 60 / (self.bizhawk.frameskip + 1)}
        self.action_space, self.observation_space = self.bizhawk.action_space, self.bizhawk.observation_space
        self.backup_count = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode; a seed starts the script's random numbers anew (not in BizHawk)."""
        super().reset(seed=seed)
        return self.bizhawk.reset(seed)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Decide once."""
        observation, reward, terminated, truncated, info = self.bizhawk.step(action)
        info["backup"] = self.backup_count
        return observation, reward, terminated, truncated, info

    def render(self) -> NDArray[np.uint8] | None:
        """What is on the screen, uint8 (height, width, 3)."""
        if self.render_mode is None:
            gym.logger.warn("render() needs render_mode='rgb_array' when the environment is made")
            return None
        return self.bizhawk.fetch_image()

    def close(self) -> None:
        """End it."""
        self.bizhawk.close()

    # What simple_distributed_rl, for which GymBizHawk was made, asks for.

    def get_display_name(self) -> str:
        """The name."""
        return self.display_name

    def setup(self, training: bool = True, **_kwargs: Any) -> None:
        """A run begins: play fast, unless somebody wants to watch."""
        if self.bizhawk.mode not in ("DEBUG", "RECORD"):
            self.bizhawk.set_mode("FAST_RUN")

    def get_invalid_actions(self) -> list[list[int]]:
        """The combinations that the script forbids now, a list of values for each."""
        return self.bizhawk.get_invalid_actions()

    def backup(self) -> int:
        """Keep this moment: the emulator's state and what the script's `backup` returns."""
        number = self.backup_count
        self.bizhawk.save(number)
        self.backup_count += 1
        return number

    def restore(self, dat: int) -> None:
        """Go back to a moment that `backup` kept."""
        self.bizhawk.load(dat)


__all__ = ["BIZHAWK_ID", "BizHawk", "BizHawkEnv", "BizHawkError", "ModeTypes", "ObservationTypes"]
