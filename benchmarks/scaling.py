"""How cost grows with lanes, threads, frame skip, resolution and system; draws docs/images/performance.png.

    python -m benchmarks scaling [--out scaling.json] [--from scaling.json] [--image FILE]

The points of a panel are measured in turns. Frames per second are those of all lanes together.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import sides
from benchmarks.bare_loop import BareLoop
from benchmarks.games import GAMES, prepare
from benchmarks.peer import ROOT
from benchmarks.rounds import in_turns

IMAGE = ROOT / "docs" / "images" / "performance.png"
SYSTEMS = (
    *("Tiny-Genesis", "Tiny-Snes", "Tiny-Nes", "Tiny-Atari2600", "Tiny-GameBoy"),
    *("Tiny-GbColor", "Tiny-GbAdvance", "Tiny-Sms", "Tiny-GameGear", "Tiny-PCEngine"),
)
LANES = (1, 2, 4, 8, 16, 32, 64)
FRAME_SKIPS = (1, 2, 4, 8, 16)
OBSERVATIONS = {"none": "variables", "grid8": "grid8", "gray84": "gray84", "rgb": "rgb"}
MIB = 1 << 20


@dataclass(frozen=True)
class Point:
    """One measured setting.

    Attributes:
        panel: What varies.
        game: On which game.
        value: Of what varies.
        frames_per_second: Emulated, of all lanes.
        limit: Of bare loops, where they were measured.
        memory_mib: Resident memory of the process.
    """

    panel: str
    game: str
    value: str
    frames_per_second: float
    limit: float | None = None
    memory_mib: float | None = None


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def settings(panel: str) -> dict[str, dict[str, Any]]:
    """The options of each point of a panel, by the value that varies."""
    if panel == "lanes":
        return {str(lanes): {"num_envs": lanes, "num_threads": min(lanes, processors())} for lanes in LANES}
    if panel == "threads":
        counts = sorted({1, 2, 4, 8, 16, 32, processors()} & set(range(1, processors() + 1)))
        return {str(threads): {"num_envs": 2 * processors(), "num_threads": threads} for threads in counts}
    if panel == "frame skip":
        return {str(frames): {"frame_skip": frames} for frames in FRAME_SKIPS}
    return {name: {"observation": observation} for name, observation in OBSERVATIONS.items()}


def measure_panel(panel: str, game_name: str, seconds: float, rounds: int) -> list[Point]:
    """One game under all settings of a panel."""
    game = prepare(game_name)
    with ExitStack() as stack:
        points: dict[str, sides.Side] = {}
        skips: dict[str, int] = {}
        for value, options in settings(panel).items():
            points[value] = sides.ours(game, **({"num_threads": processors()} | options))
            skips[value] = options.get("frame_skip", sides.FRAME_SKIP)
            stack.callback(points[value].close)
            points[value].steps_per_second(seconds)
        timed = {value: _frames(side, skips[value], seconds) for value, side in points.items()}
        figures = in_turns(timed, rounds)
        memory = {value: side.peer.ask({"do": "memory"})["rss"] / MIB for value, side in points.items()}
    return [Point(panel, game_name, value, median(figures[value]), None, memory[value]) for value in points]


def measure_system(game_name: str, seconds: float, rounds: int) -> Point:
    """A tiny ROM of a system: eight lanes of `gray84`, next to bare loops; no episode ends, some are very short."""
    game = prepare(game_name)
    with ExitStack() as stack:
        side = sides.ours(game, num_threads=processors(), fresh=True, scenario=str(game.endless))
        stack.callback(side.close)
        loop = BareLoop(game, side.peer, processes=processors(), frame_skip=sides.FRAME_SKIP)
        stack.callback(loop.close)
        side.steps_per_second(seconds / 2)
        every = int(sides.FRAME_SKIP * side.steps_per_second(seconds / 2) * seconds / sides.LANES)
        loop.steps_per_second(seconds / 2)
        figures = in_turns(
            {
                "ours": _frames(side, sides.FRAME_SKIP, seconds),
                "limit": lambda: sides.FRAME_SKIP * loop.steps_per_second(seconds, every),
            },
            rounds,
        )
    system = game.integration.system.name
    return Point("system", game_name, system, median(figures["ours"]), median(figures["limit"]))


def _frames(side: sides.Side, frame_skip: int, seconds: float) -> Any:
    return lambda: frame_skip * side.steps_per_second(seconds)


def print_points(points: Sequence[Point], console: Console) -> None:
    """A table per panel."""
    for panel in dict.fromkeys(point.panel for point in points):
        table = Table(title=panel, title_justify="left", header_style="bold")
        for name in ("game", panel, "frames/s", "share of the limit", "memory, MiB"):
            table.add_column(name, justify="left" if name == "game" else "right")
        for point in points:
            if point.panel == panel:
                share = f"{point.frames_per_second / point.limit:.2f}" if point.limit else ""
                memory = f"{point.memory_mib:.0f}" if point.memory_mib else ""
                table.add_row(point.game, point.value, f"{point.frames_per_second:,.0f}", share, memory)
        console.print(table)


def main(arguments: Sequence[str] = ()) -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks scaling")
    parser.add_argument("--only", action="append", default=[], help="a panel: lanes, threads, frame skip, ...")
    parser.add_argument("--seconds", type=float, default=0.4, help="length of one round of one point")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="write the points to this .json file")
    parser.add_argument("--from", dest="source", type=Path, action="append", help="take points that --out wrote")
    parser.add_argument("--image", type=Path, default=IMAGE)
    chosen = parser.parse_args(arguments)
    points: list[Point] = []
    for source in chosen.source or ():
        points += [Point(**record) for record in json.loads(source.read_text())]
    progress = Console(stderr=True)
    for panel in () if chosen.source else ("lanes", "threads", "frame skip", "observation"):
        for game in GAMES:
            if not chosen.only or panel in chosen.only:
                progress.print(f"[dim]{panel} {game}[/dim]")
                points += measure_panel(panel, game, chosen.seconds, chosen.rounds)
    for game in () if chosen.source or (chosen.only and "system" not in chosen.only) else SYSTEMS:
        progress.print(f"[dim]system {game}[/dim]")
        points.append(measure_system(game, chosen.seconds, chosen.rounds))
    print_points(points, Console(width=None if Console().is_terminal else 120))
    if chosen.out:
        chosen.out.write_text(json.dumps([asdict(point) for point in points], indent=1) + "\n")
    if {point.panel for point in points} == {"lanes", "threads", "frame skip", "observation", "system"}:
        from benchmarks.scaling_plot import draw

        draw(points, chosen.image)
        progress.print(f"drew {chosen.image}")
