"""Every option of an environment, declared once. The command line and the recipes derive from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from gymnasium.vector import AutoresetMode

from playthrough.env.observation import ObservationChoice
from playthrough.env.shaping import ShapingTerm, terms_of

StartState = str | bytes | Path
"""The name of a start state, its bytes (plain, gzipped, or a snapshot), or its file."""

MAX_PLAYERS = 8
"""The ports that a core can have."""

MAX_LANES = 4096
"""More would only fill the memory: an emulator needs a few megabytes."""

Autoreset = Literal["next_step", "same_step", "disabled"]
Isolation = Literal["none", "process"]
EngineName = Literal["libretro", "fceux", "bizhawk"]
EmulatorMode = Literal["FAST_RUN", "RUN", "RECORD", "DEBUG"]
EmulatorClient = Literal["lua", "tool"]


@dataclass(frozen=True, kw_only=True)
class EnvOptions:
    """How a game becomes an environment.

    Attributes:
        game: The game's name, with or without `-v0`, or the path of its integration folder.
        state: Where episodes start: a start state, several with equal chances, or several with weights; None for the
            integration's default. `power-on` switches the console on.
        scenario: Another scenario of the integration, or a path.
        info: Another file of variables of the integration, or a path.
        observation: `rgb`, `gray84`, `grid8`, `ram`, `variables`, `tiles`, or an Observation. `variables x8` is a
            window of the last eight steps; `gray84 + variables`, or a table with a name for each, is a dict of several.
        actions: `buttons`, `all`, `discrete`, `multi_discrete`, or a list of button lists.
        frame_skip: How many frames one decision lasts.
        players: How many pads the agent holds.
        render_mode: None, `rgb_array` or `human`.
        record: A folder that gets a movie of every episode.
        core: `exact`, `fast`, the name of a core, or the path of a core file.
        engine: Where the emulator runs: `libretro` is a core in this program; `fceux` (NES only) and `bizhawk` are
            programs of their own, one for each lane.
        client: What runs inside BizHawk: our `lua` script, or the C# `tool` with a window of its own.
        mode: Of an emulator in another program: `FAST_RUN` as fast as it can, `RUN` in real time, `RECORD` in real time
            with a movie of every episode (in the folder that `record` names), `DEBUG` in real time with the emulator's
            messages.
        bind: Address, or ADDRESS:PORT, on which this program listens for such an emulator while it starts.
        attach: Do not start it: say how a person starts it, perhaps on another machine, and wait for that.
        isolation: `none` runs the cores in this process, `process` in supervised processes: a core that crashes or
            hangs costs its episode, nothing else.
        action_mask: Conditions under which buttons may be pressed, such as `{"B": "ammo > 0"}`: infos say as
            `action_mask` which actions are allowed. See `env/masks.py`.
        shaping: What earns a reward instead of the scenario: terms by name, each a ShapingTerm or a dict of its
            fields; see `env/shaping.py`.
        max_episode_steps: Truncate after so many decisions.
        no_progress_frames: Truncate when no progress variable has reached a new best for so many frames.
        progress: Names of the progress variables; by default those whose growth the scenario rewards.
        noop_max: Start with a random number of frames, at most this many, on which nothing is pressed.
        repeat_action_probability: On each frame, repeat the buttons of the frame before with this chance, as the Arcade
            Learning Environment does.
        delay_action_probability: With this chance a new action takes effect one frame late, as in Gym Retro's contest.
        sound: Collect sound for `sound()`.
        explain_rewards: Say in `infos["reward_terms"]` what each term of the scenario paid in a step.
        num_envs: How many lanes run side by side.
        num_threads: On how many threads; None for one per processor at most.
        autoreset_mode: When a lane that ended starts anew: on the next step, in the same step, or when told.
    """

    game: str | Path
    state: StartState | Sequence[StartState] | Mapping[str, float] | None = None
    scenario: str | Path | None = None
    info: str | Path | None = None
    observation: ObservationChoice = "rgb"
    actions: str | Sequence[Sequence[str]] = "buttons"
    frame_skip: int = 1
    players: int = 1
    render_mode: str | None = None
    record: str | Path | None = None
    core: str | Path = "exact"
    engine: str = "libretro"
    client: EmulatorClient = "lua"
    mode: EmulatorMode = "FAST_RUN"
    bind: str = "127.0.0.1"
    attach: bool = False
    isolation: Isolation = "none"
    action_mask: Mapping[str, str] | None = None
    shaping: Mapping[str, ShapingTerm] | None = None
    max_episode_steps: int | None = None
    no_progress_frames: int | None = None
    progress: Sequence[str] | None = None
    noop_max: int = 0
    repeat_action_probability: float = 0.0
    delay_action_probability: float = 0.0
    sound: bool = False
    explain_rewards: bool = False
    num_envs: int = 1
    num_threads: int | None = None
    autoreset_mode: Autoreset | AutoresetMode = "next_step"

    def __post_init__(self) -> None:
        if self.shaping is not None:
            object.__setattr__(self, "shaping", terms_of(self.shaping))
        for name in ("frame_skip", "players", "num_envs"):
            self._require(_is_number(getattr(self, name), 1), name, "a whole number, 1 or more")
        for name in ("max_episode_steps", "no_progress_frames", "num_threads"):
            value = getattr(self, name)
            self._require(value is None or _is_number(value, 1), name, "a whole number, 1 or more, or None")
        self._require(_is_number(self.noop_max, 0), "noop_max", "a whole number of frames, 0 or more")
        self._require(self.num_envs <= MAX_LANES, "num_envs", f"at most {MAX_LANES}")
        self._require(self.players <= MAX_PLAYERS, "players", f"at most {MAX_PLAYERS}")
        for name, kinds, expected in (
            ("progress", (list, tuple, type(None)), "a list of names of variables"),
            ("action_mask", (Mapping, type(None)), "a table with a condition for each button"),
            ("record", (str, Path, type(None)), "the name of a folder, or None"),
            ("sound", bool, "True or False"),
            ("explain_rewards", bool, "True or False"),
            ("core", (str, Path), "'exact', 'fast', a core's name, or a core file"),
        ):
            self._require(isinstance(getattr(self, name), kinds), name, expected)
        for name in ("repeat_action_probability", "delay_action_probability"):
            value = getattr(self, name)
            right = isinstance(value, int | float) and 0.0 <= value <= 1.0
            self._require(right, name, "a probability from 0 to 1")
        self._require(self.render_mode in (None, "rgb_array", "human"), "render_mode", "None, 'rgb_array' or 'human'")
        self._require(
            not (self.repeat_action_probability and self.delay_action_probability),
            "delay_action_probability",
            "0 where repeat_action_probability is set: they are two kinds of sticky actions",
        )
        self._require(self.isolation in get_args(Isolation), "isolation", "'none' or 'process'")
        self._require(self.client in get_args(EmulatorClient), "client", "'lua' or 'tool'")
        modes = get_args(EmulatorMode)
        self._require(self.mode in modes, "mode", f"one of {', '.join(map(repr, modes))}")
        self._require(self.mode != "RECORD" or bool(self.record), "record", "a folder for the movies of mode='RECORD'")
        self._require(isinstance(self.bind, str), "bind", "an address, or ADDRESS:PORT")  # pyright: ignore
        self._require(isinstance(self.attach, bool), "attach", "True or False")  # pyright: ignore
        autoreset(self.autoreset_mode)

    def _require(self, right: bool, name: str, expected: str) -> None:
        if not right:
            value: Any = getattr(self, name)
            raise ValueError(f"{name} must be {expected}, not {value!r}")


def _is_number(value: object, least: int) -> bool:
    if isinstance(value, np.integer):
        value = value.item()
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def autoreset(mode: Autoreset | AutoresetMode) -> AutoresetMode:
    """The Gymnasium mode that a name stands for.

    Raises:
        ValueError: If it is none.
    """
    if isinstance(mode, AutoresetMode):
        return mode
    modes = {
        "next_step": AutoresetMode.NEXT_STEP,
        "same_step": AutoresetMode.SAME_STEP,
        "disabled": AutoresetMode.DISABLED,
    }
    key = str(mode).lower()
    if key not in modes:
        raise ValueError(f"autoreset_mode must be one of {', '.join(modes)}, not {mode!r}")
    return modes[key]
