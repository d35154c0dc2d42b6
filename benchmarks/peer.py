"""One side of a comparison in a process of its own: it is asked in lines of JSON, and answers in such lines.

A side starts, gets ready and answers; then it waits, using no processor, until it is asked to run a round. So many
sides can be ready at once and be measured in turns.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parent.parent
_MARK = "peer: "


class Peer:
    """A process that answers.

    Args:
        command: How it is started.
        environment: Further environment variables.

    Attributes:
        ready: What it answered when it was ready.

    Raises:
        PeerError: If it ends before it is ready.
    """

    def __init__(self, command: Sequence[str], environment: dict[str, str] | None = None) -> None:
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        env = os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | (environment or {})
        self._command = list(command)
        # A pipe that nobody reads would block a talkative side.
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True, env=env
        )
        self.ready = self._answer()

    @classmethod
    def of_module(
        cls, module: str, config: dict[str, Any], python: Path | None = None, environment: dict[str, str] | None = None
    ) -> Self:
        """A module of this package, run as a program, perhaps by the Python of another virtual environment."""
        command = [str(python or sys.executable), "-m", f"benchmarks.{module}", json.dumps(config)]
        if python is None:
            return cls(command, environment)
        # Another virtual environment must not see this one's packages.
        return cls(command, (environment or {}) | {"PYTHONPATH": str(ROOT)})

    def tell(self, command: str | dict[str, Any]) -> None:
        """Ask it; `heard` gives the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write((command if isinstance(command, str) else json.dumps(command)) + "\n")
        self._process.stdin.flush()

    def heard(self) -> dict[str, Any]:
        """The answer to what was told."""
        return self._answer()

    def ask(self, command: str | dict[str, Any]) -> dict[str, Any]:
        """Ask it and wait for the answer."""
        self.tell(command)
        return self.heard()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(_MARK):
                return json.loads(line.removeprefix(_MARK))
        self._said.seek(0)
        tail = self._said.read().strip().splitlines()[-3:]
        raise PeerError(f"{' '.join(self._command)[:120]} ended: {' | '.join(tail)}")

    def cpu_s(self) -> float:
        """Processor time that the process and those that it started have taken, in seconds."""
        ticks = 0
        for process in [self._process.pid, *_children(self._process.pid)]:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._said.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class PeerError(RuntimeError):
    """A side could not run; the message holds the last lines that it said."""


def config_of_this_process() -> dict[str, Any]:
    """What `Peer.of_module` was given."""
    return json.loads(sys.argv[1])


def serve(commands: dict[str, Callable[..., dict[str, Any]]], ready: dict[str, Any] | None = None) -> None:
    """Say that this side is ready and answer until nobody asks any more.

    Args:
        commands: By the value of a question's "do"; its other values are their arguments.
        ready: Facts about this side.
    """
    print(_MARK + json.dumps(ready or {}), flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        print(_MARK + json.dumps(commands[question.pop("do")](**question)), flush=True)


def play(step: Callable[[Any], int], actions: Sequence[Any], lanes: int, seconds: float) -> dict[str, Any]:
    """Step for so long.

    Args:
        step: Takes an action, tells how many episodes ended.
        actions: Used in turn, drawn beforehand: drawing them is no side's merit.
        lanes: How many environments one call steps.
        seconds: For how long.

    Returns:
        `steps` of all lanes, `seconds`, and `episodes` that ended.
    """
    count = episodes = 0
    begin = time.perf_counter()
    while (passed := time.perf_counter() - begin) < seconds:
        episodes += step(actions[count % len(actions)])
        count += 1
    return {"steps": count * lanes, "seconds": passed, "episodes": episodes}


def memory_bytes() -> dict[str, int]:
    """Resident memory of this process and of those that it started: all of it, and their own part alone."""
    sizes = {"rss": 0, "private": 0}
    for process in [os.getpid(), *_children(os.getpid())]:
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name == "Rss":
                sizes["rss"] += int(rest.split()[0]) * 1024
            elif name.startswith("Private_"):
                sizes["private"] += int(rest.split()[0]) * 1024
    return sizes


def _children(process: int) -> list[int]:
    direct = [int(pid) for task in Path(f"/proc/{process}/task").glob("*/children") for pid in task.read_text().split()]
    return direct + [pid for child in direct for pid in _children(child)]
