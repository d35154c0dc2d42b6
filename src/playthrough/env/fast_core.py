"""`core="fast"`: another core of the same system, once it is proven that the game means the same on it.

Cores emulate one console with other timing, so a game on another core is not the same to the frame. It is the same
game, though, if its start states, rebuilt from their recipes, have the same variables, and if these go on alike while
nobody presses anything, give or take a few frames. That is checked once for a game, a core and its start states, and
remembered.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.cores import CoreFile, fast_cores, find_core
from playthrough.engine.engine import Observe, PixelSpec
from playthrough.engine.libretro import LibretroEngine
from playthrough.env.options import EnvOptions
from playthrough.env.starts import StartStates
from playthrough.errors import PlaythroughError, RunError, StateError
from playthrough.game.atomic_file import write_file
from playthrough.game.home import cache_folder
from playthrough.game.integration import Integration
from playthrough.game.roms import Rom

_log = logging.getLogger("playthrough.core")

_COMPARED_FRAMES = 300
_SHIFT_FRAMES = 8
"""How much earlier or later something may happen on the other core."""
_ALIKE = 0.95
"""Share of frames on which each variable must have a value that it has about then on the exact core."""


@dataclass(frozen=True)
class _Verdict:
    same: bool
    reason: str


def proven_core(options: EnvOptions, integration: Integration, rom: Rom) -> CoreFile:
    """The fastest core here that a game is proven to run on; the exact one if there is no other."""
    exact = find_core("exact", integration.system)
    for core in fast_cores(integration.system):
        verdict = _remembered(options, integration, rom, exact, core)
        if verdict.same:
            return core
        _log.info("%s does not run on the faster core %s: %s", integration.name, core.name, verdict.reason)
    return exact


def _remembered(options: EnvOptions, integration: Integration, rom: Rom, exact: CoreFile, fast: CoreFile) -> _Verdict:
    key = _key(options, integration, rom, exact, fast)
    path = cache_folder() / "fast-cores.json"
    known = _read(path)
    if key in known:
        return _Verdict(bool(known[key]["same"]), str(known[key]["reason"]))
    _log.info("checking once whether %s means the same on core %s", integration.name, fast.name)
    verdict = compare(options, integration, rom, exact, fast)
    entry = {"game": integration.name, "core": str(fast.path), "same": verdict.same, "reason": verdict.reason}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, json.dumps({**_read(path), key: entry}, indent=1).encode())
    except (OSError, RunError) as error:
        _log.debug("cannot remember that in %s: %s", path, error)
    return verdict


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Any]", content) if isinstance(content, dict) else {}


def _key(options: EnvOptions, integration: Integration, rom: Rom, exact: CoreFile, fast: CoreFile) -> str:
    """Changes with everything that the verdict depends on."""
    parts = [rom.sha1, repr(options.state), str(options.players), str(integration.info_path)]
    parts += [integration.info_path.read_text(encoding="utf-8", errors="replace")]
    parts += [path.read_text(encoding="utf-8", errors="replace") for path in integration.recipes.values()]
    for core in (exact, fast):
        status = core.path.stat()
        parts.append(f"{core.path} {status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def compare(options: EnvOptions, integration: Integration, rom: Rom, exact: CoreFile, fast: CoreFile) -> _Verdict:
    """Play the start states on both cores and compare the variables."""
    choice = options.state
    if isinstance(choice, bytes) or (isinstance(choice, list | tuple) and any(isinstance(s, bytes) for s in choice)):
        return _Verdict(False, "bytes of a savestate belong to the core that made them")
    try:
        left, right = (_traces(options, integration, rom, core, core is fast) for core in (exact, fast))
    except PlaythroughError as error:
        return _Verdict(False, str(error))
    for name, trace in left.items():
        other = right[name]
        soon = _SHIFT_FRAMES + 1
        for column, variable in enumerate(integration.variables):
            here, there = int(trace[0, column]), int(other[0, column])
            if here not in other[:soon, column] and there not in trace[:soon, column]:
                return _Verdict(False, f"the state {name} differs: {variable} is {here}, and {there} on {fast.name}")
            if (share := alike(trace[:, column], other[:, column])) < _ALIKE:
                return _Verdict(False, f"from the state {name} on, {variable} agrees on {share:.0%} of the frames only")
    return _Verdict(True, f"{', '.join(left)} agree")


def alike(exact: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    """On which share of frames the other has a value that the exact one has at about the same time."""
    near = np.zeros(len(other), np.bool_)
    for shift in range(-_SHIFT_FRAMES, _SHIFT_FRAMES + 1):
        moved = np.roll(exact, shift)
        valid = np.arange(len(exact)) - shift
        near |= (moved == other) & (valid >= 0) & (valid < len(exact))
    return float(near.mean())


def _traces(
    options: EnvOptions, integration: Integration, rom: Rom, core: CoreFile, from_recipes: bool
) -> dict[str, NDArray[np.int64]]:
    """The variables on the frames after each start state, nothing pressed: (frames, variables)."""

    def open_lane() -> LibretroEngine:
        return LibretroEngine(core, integration.system, rom.data, rom_name=str(rom.path))

    starts = StartStates(integration, open_lane, options.state, options.players, recipes_first=from_recipes)
    engine = open_lane()
    try:
        engine.configure([variable.probe for variable in integration.variables.values()], None, PixelSpec())
        traces: dict[str, NDArray[np.int64]] = {}
        for name, state in starts.choices:
            if from_recipes and state and not starts.is_recipe(name):
                raise StateError(
                    f"the state {name} has no recipe; playthrough states record {integration.name} {name} makes one"
                )
            engine.load({0: state})
            released = np.zeros((1, _COMPARED_FRAMES, options.players), np.uint16)
            frames, observe = np.array([_COMPARED_FRAMES], np.int32), np.array([Observe.SKIP], np.uint8)
            traces[name] = engine.run(released, frames, observe).samples[0]
        return traces
    finally:
        engine.close()
