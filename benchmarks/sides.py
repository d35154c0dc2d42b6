"""All the sides that a comparison can have, ready to run."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.games import Game
from benchmarks.peer import ROOT, Peer, PeerError
from benchmarks.rounds import Rate
from playthrough.engine.cores import wheel_folder

LANES, THREADS, FRAME_SKIP = 8, 2, 4
TURBO = "stable-retro-turbo==1.0.1.post28"
ENVPOOL = "envpool==1.2.5"


class Side:
    """A peer that plays, and how often its episodes ended.

    Args:
        peer: The process.
        fresh: Begin every round with new episodes.
    """

    def __init__(self, peer: Peer, fresh: bool = False) -> None:
        self.peer = peer
        self._fresh = {"fresh": True} if fresh else {}
        self.steps = self.episodes = 0

    def steps_per_second(self, seconds: float) -> Rate:
        """Play a round."""
        before = self.peer.cpu_s()
        answer = self.peer.ask({"do": "run", "seconds": seconds, **self._fresh})
        cpu_s = self.peer.cpu_s() - before
        self.steps += answer["steps"]
        self.episodes += answer["episodes"]
        return Rate.of(answer["steps"], answer["seconds"], cpu_s)

    @property
    def episodes_per_1000_steps(self) -> float:
        """How often episodes ended."""
        return 1000 * self.episodes / max(self.steps, 1)

    @property
    def frames_per_episode(self) -> int:
        """On average; 0 if none has ended."""
        return FRAME_SKIP * self.steps // self.episodes if self.episodes else 0

    def close(self) -> None:
        """End the process."""
        self.peer.close()


def ours(game: Game, *, single: bool = False, fast: bool = False, fresh: bool = False, **options: Any) -> Side:
    """Our side: `make_vec` with the table's options, or `make`."""
    if not single:
        table = {"num_envs": LANES, "num_threads": THREADS, "observation": "gray84", "frame_skip": FRAME_SKIP}
        options = table | options
    environment = {}
    if fast:
        options["core"] = "fast"
        folders = [str(core_folder) for core_folder in [turbo_cores()] if core_folder]
        environment["PLAYTHROUGH_CORES"] = os.pathsep.join([*folders, os.environ.get("PLAYTHROUGH_CORES", "")])
    config = {"game": game.integration.name, "options": options, "single": single}
    return Side(Peer.of_module("our_side", config, environment=environment), fresh)


def stable_retro(game: Game, lean: bool = False) -> Side:
    """Peer A."""
    config = {"game": game.name, "folder": str(game.folder), "lean": lean, "lanes": LANES}
    return Side(Peer.of_module("stable_retro_peer", config))


def stable_retro_alone(game: Game, *, endless: bool = False) -> Side:
    """One bare environment of stable-retro's; endless: no episode ends, and every round begins with a new one."""
    scenario = str(game.endless) if endless else None
    config = {"game": game.name, "folder": str(game.folder), "scenario": scenario}
    return Side(Peer.of_module("stable_retro_peer", config), fresh=endless)


def turbo(game: Game, *, same_cores: bool) -> Side:
    """Peer B, with stable-retro's core files or with its own.

    Raises:
        PeerError: If it cannot be installed, or ran other cores than it should.
    """
    python = python_with(TURBO)
    config: dict[str, Any] = {"game": game.name, "folder": str(game.folder), "lanes": LANES, "threads": THREADS}
    environment = {}
    folder = wheel_folder() / "cores"
    if same_cores:
        environment["RETRO_CORE_PATH"] = str(folder)
    side = Side(Peer.of_module("turbo_peer", config | {"keep_states": same_cores}, python, environment))
    cores = side.peer.ready["cores"]
    if not cores or any((Path(core).parent == folder) != same_cores for core in cores):
        side.close()
        raise PeerError(f"stable-retro-turbo should run {'stable-retro' if same_cores else 'its'} cores, ran {cores}")
    return side


def atari(which: str) -> Side:
    """Peer C: `ale` or `envpool`, on Breakout."""
    config = {"which": which, "lanes": LANES, "threads": THREADS}
    return Side(Peer.of_module("atari_peer", config, python_with(ENVPOOL) if which == "envpool" else None))


def turbo_cores() -> Path | None:
    """The folder of stable-retro-turbo's core files, if it is installed."""
    try:
        python = python_with(TURBO)
    except PeerError:
        return None
    return next(python.parent.parent.glob("lib/python*/site-packages/stable_retro/cores"), None)


@cache
def python_with(requirement: str) -> Path:
    """The Python of a virtual environment that holds a package, made on first use.

    Raises:
        PeerError: If pip cannot get it.
    """
    name = requirement.partition("==")[0]
    folder = ROOT / "build" / f"bench-{name.removeprefix('stable-retro-')}"
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        print(f"installing {requirement} into {folder.relative_to(ROOT)}", file=sys.stderr, flush=True)
        venv.create(folder, with_pip=True)
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise PeerError(f"pip cannot install {requirement}: {reason}")
        (folder / "installed").touch()
    return python
