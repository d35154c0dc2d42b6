"""`playthrough doctor`."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import typer

from playthrough.cli.console import counted, out, say, styled
from playthrough.cli.options import examples

Verdict = Literal["ok", "missing", "broken"]
Finding = tuple[Verdict, str, str]
"""A verdict, what was looked at, and what was found or what to do."""

EXTRAS = {
    "atari": ("ale-py",),
    "neat": ("neat-python",),
    "deep": ("torch", "stable-baselines3", "sb3-contrib", "safetensors"),
    "runs": ("av", "matplotlib", "pillow", "tensorboardX"),
    "play": ("pygame-ce",),
    "archives": ("py7zr",),
    "tune": ("optuna",),
    "multiplayer": ("pettingzoo",),
    "websocket": ("websockets",),
    "bizhawk": ("pillow",),
}
_COMES_WITH = (
    "32 Atari games to play with",
    "NEAT",
    "deep learning",
    "videos, plots and TensorBoard",
    "windows",
    "7z archives of ROMs",
    "the search for settings",
    "games for several agents",
    "BizHawk's C# tool",
    "BizHawk's pictures",
)
_MARKS = {"ok": ("ok", "green"), "missing": ("--", "yellow"), "broken": ("NO", "bold red")}
_NUM_FRAMES = 600


def doctor() -> None:
    """Check this machine: Python, packages, cores, ROMs, threads, folders and the screen."""
    found: list[Verdict] = []
    for check in (_python, _packages, _cores, _roms, _engine, _folders, _screen):
        for verdict, what, text in _careful(check):
            mark, style = _MARKS[verdict]
            out().print(styled(f"{mark:>3} ", style), styled(f"{what:<16}", "bold"), text, soft_wrap=True)
            found.append(verdict)
    say()
    if "broken" in found:
        number = found.count("broken")
        what = "One thing does not work" if number == 1 else f"{number} things do not work"
        say(f"{what}; the lines above say what to do.", "red")
        raise typer.Exit(1)
    if "missing" in found:
        say("Everything that is installed works; the lines marked -- are optional.", "green")
    else:
        say("Everything works.", "green")


def _careful(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """A check's findings; whatever it stumbles over is a finding too."""
    try:
        yield from check()
    except Exception as error:
        yield "broken", check.__name__.lstrip("_").capitalize(), f"{type(error).__name__}: {error}"


def _python() -> Iterator[Finding]:
    yield "ok", "Python", f"{platform.python_version()} in {sys.prefix}"


def _packages() -> Iterator[Finding]:
    for name in ("gymnasium", "numpy", "lupa", "stable-retro"):
        try:
            yield "ok", name, version(name)
        except PackageNotFoundError:
            yield "broken", name, f"not installed: pip install {name}"
    uses: dict[str, list[tuple[str, str]]] = {}
    for (extra, names), brings in zip(EXTRAS.items(), _COMES_WITH, strict=True):
        for name in names:
            uses.setdefault(name, []).append((extra, brings))
    for name, brought in uses.items():
        try:
            yield "ok", name, version(name)
        except PackageNotFoundError:
            ways = "; ".join(f"brings {brings}: pip install 'playthrough[{extra}]'" for extra, brings in brought)
            yield "missing", name, ways


def _cores() -> Iterator[Finding]:
    from playthrough.engine.cores import find_core
    from playthrough.engine.systems import systems

    for system in systems().values():
        if system.supported:
            core = find_core("exact", system)
            try:
                yield "ok", system.name, _core_version(core.path)
            except (OSError, AttributeError) as error:
                advice = "pip install --force-reinstall stable-retro==1.0.1"
                yield "broken", system.name, f"the core {core.path} cannot be loaded ({error}); run {advice}"


def _core_version(path: Path) -> str:
    """Load a core's library and ask it who it is."""
    import ctypes

    class SystemInfo(ctypes.Structure):
        """libretro's retro_system_info."""

        _fields_ = (
            ("name", ctypes.c_char_p),
            ("version", ctypes.c_char_p),
            ("extensions", ctypes.c_char_p),
            ("need_fullpath", ctypes.c_bool),
            ("block_extract", ctypes.c_bool),
        )

    library, info = ctypes.CDLL(str(path)), SystemInfo()
    library.retro_get_system_info(ctypes.byref(info))
    return f"{info.name.decode()} {info.version.decode()} (libretro API {library.retro_api_version()})"


def _roms() -> Iterator[Finding]:
    from playthrough.game.integration import list_games
    from playthrough.game.roms import list_playable, roms_folder

    num_playable = len(list_playable())
    text = f"{num_playable} of {len(list_games())} known games can be played; your ROMs are kept in {roms_folder()}"
    yield ("ok" if num_playable > 1 else "missing"), "ROMs", f"{text} (playthrough import PATH brings more)"


def _engine() -> Iterator[Finding]:
    from time import perf_counter

    import numpy as np

    from playthrough.env.registration import make_vec

    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield "ok", "Processors", f"{threads}; as many threads run emulators at once unless told otherwise"
    lanes = min(threads, 16)
    env = make_vec("Airstriker-Genesis", num_envs=lanes, observation="variables", frame_skip=4)
    try:
        env.reset(seed=0)
        nothing = np.zeros((lanes, len(env.integration.buttons)), np.int8)
        begin = perf_counter()
        for _ in range(_NUM_FRAMES // 4):
            env.step(nothing)
        rate = _NUM_FRAMES * lanes / (perf_counter() - begin)
    finally:
        env.close()
    where = f"{counted(lanes, 'lane')}, {counted(threads, 'thread')}"
    yield "ok", "Engine", f"Airstriker-Genesis runs at {rate:,.0f} frames per second ({where})"


def _folders() -> Iterator[Finding]:
    from playthrough.game.home import home_folder

    for what, folder in (("Your folder", home_folder()), ("This folder", Path.cwd())):
        there = next(path for path in (folder, *folder.parents) if path.exists())
        try:
            with tempfile.TemporaryFile(dir=there):
                yield "ok", what, f"{folder} can be written"
        except OSError as error:
            advice = "name another with PLAYTHROUGH_HOME" if what == "Your folder" else "work in another"
            yield "broken", what, f"{there} cannot be written ({error.strerror}); {advice}"


def _screen() -> Iterator[Finding]:
    from playthrough.cli.screen import has_display

    if has_display():
        yield "ok", "Screen", "there is one: play and watch open a window"
    else:
        yield "missing", "Screen", "none here: watch and replay write a video instead (--video FILE)"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        **examples(
            "playthrough doctor",
            "PLAYTHROUGH_HOME=/data/playthrough playthrough doctor     # another folder for ROMs and states",
        )
    )(doctor)
