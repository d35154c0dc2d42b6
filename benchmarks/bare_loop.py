"""The limit: `bare_loop.c`, one process per processor, started together."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.games import BUILD, Game
from benchmarks.peer import Peer
from benchmarks.rounds import Rate

HOOK = b"stable_retro_run_skip_render"
SOURCE = Path(__file__).with_name("bare_loop.c")


def compiled() -> Path:
    """The program, compiled if it is older than its source."""
    program = BUILD / "bare_loop"
    if not program.exists() or program.stat().st_mtime < SOURCE.stat().st_mtime:
        program.parent.mkdir(parents=True, exist_ok=True)
        compiler = os.environ.get("CC", "cc")
        flags = ["-O2", "-Wall", "-Wextra", "-std=c11"]
        subprocess.run([compiler, *flags, "-o", str(program), str(SOURCE), "-ldl"], check=True)
    return program


class BareLoop:
    """Some processes that run a core as fast as it can.

    Args:
        game: What to run.
        ours: Our side, already started: the loops run its core, answered alike, from its start, with its buttons.
        processes: How many.
        frame_skip: For how many frames buttons are held.
        skip_unseen: Draw only the last two frames of a decision, where the core has a way.
    """

    def __init__(
        self,
        game: Game,
        ours: Peer,
        *,
        processes: int = 1,
        frame_skip: int = 1,
        skip_unseen: bool = False,
    ) -> None:
        facts = ours.ready
        name = f"{game.name}-{Path(facts['core']).stem}-{'fast' if skip_unseen else 'exact'}"
        state, buttons = BUILD / f"{name}.start", BUILD / f"{name}.buttons"
        ours.ask({"do": "save", "state": str(state), "buttons": str(buttons)})
        command = [str(compiled()), "--core", facts["core"], "--rom", str(game.rom), "--state", str(state)]
        command += ["--system", str(Path(facts["core"]).parent), "--buttons", str(buttons)]
        command += ["--frame-skip", str(frame_skip)]
        options = dict(facts["options"])
        if skip_unseen and HOOK in Path(facts["core"]).read_bytes():
            command.append("--hook")
        elif skip_unseen and facts["core_name"] == "picodrive":
            command.append("--frameskip-auto")
            options["picodrive_frameskip"] = "auto"
        for key, value in options.items():
            command += ["--option", f"{key}={value}"]
        self._frame_skip = frame_skip
        self._loops = [Peer([*command, "--first", str(97 * number)]) for number in range(processes)]

    def steps_per_second(self, seconds: float, reload_every: int = 0) -> Rate:
        """Decisions of all processes together, running at the same time.

        Args:
            seconds: For how long.
            reload_every: Load the start again after so many frames; 0 for never.
        """
        before = sum(loop.cpu_s() for loop in self._loops)
        for loop in self._loops:
            loop.tell(f"run {seconds} {reload_every}")
        answers = [loop.heard() for loop in self._loops]
        cpu_s = sum(loop.cpu_s() for loop in self._loops) - before
        frames = sum(answer["frames"] for answer in answers)
        seconds = sum(answer["seconds"] for answer in answers) / len(answers)
        return Rate.of(frames / self._frame_skip, seconds, cpu_s)

    def loads(self, count: int, gap: int) -> dict[str, Any]:
        """Times of loading the start state after `gap` frames, with and without the first frame, in microseconds."""
        return self._loops[0].ask(f"load {count} {gap}")

    def close(self) -> None:
        """End the processes."""
        for loop in self._loops:
            loop.close()
