"""What counts in a game: `scenario.json` gives rewards, the end of an episode, the crop and the allowed actions.

A scenario has three forms. Pure JSON compiles to probes, a stop program and reward terms, which every engine evaluates
during a run. A JSON file may also name Lua functions, and a `scenario.py` beside it takes the place of the whole file;
these run frame by frame in a `ScenarioSession`. `game/reference.py` holds the readable evaluation of the JSON parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from playthrough.engine.probes import Measure, Measurement, Op, Probe, RewardTerm, StopNode
from playthrough.errors import IntegrationError
from playthrough.game.variables import Variable

Crop = tuple[int, int, int, int]
ActionGroups = tuple[tuple[tuple[str, ...], ...], ...]


@dataclass(frozen=True, slots=True)
class Criterion:
    """What is asked of one variable: its value or its change, passed on or compared with a reference."""

    variable: str
    measurement: Measurement
    op: Op = Op.NONE
    reference: int = 0


@dataclass(frozen=True, slots=True)
class Term:
    """Part of a reward: a positive result of the criterion times `reward`, a negative one times `penalty`."""

    criterion: Criterion
    reward: float = 0.0
    penalty: float = 0.0


@dataclass(frozen=True, slots=True)
class Reward:
    """One player's reward per frame.

    Attributes:
        terms: In the order in which stable-retro adds them up, which decides the last bit of the sum.
        time: What every frame brings; it is added first.
        script: A Lua function that replaces all of it.
    """

    terms: tuple[Term, ...] = ()
    time: float = 0.0
    script: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """When an episode ends: any or all of the criteria (true when their result is above 0) and of the nodes.

    `all` over nothing is true, `any` over nothing is false. `script` is a Lua function that replaces all of it.
    """

    condition: Literal["any", "all"] = "any"
    criteria: tuple[Criterion, ...] = ()
    nodes: tuple[Done, ...] = ()
    script: str | None = None

    def walk(self) -> Iterator[Criterion]:
        """All criteria, those of nested nodes too."""
        yield from self.criteria
        for node in self.nodes:
            yield from node.walk()


@dataclass(frozen=True, slots=True)
class CompiledScenario:
    """A scenario in the engine's terms.

    Attributes:
        probes: One per variable, in the order of data.json.
        names: Their names.
        stop: When an episode ends; None when it never does or a script decides.
        terms: All players' rewards in the order of addition; none for a player whose reward a script decides.
        needs_script: Whether a `ScenarioSession` has to see every frame; it then decides about everything.
    """

    probes: tuple[Probe, ...]
    names: tuple[str, ...]
    stop: StopNode | None
    terms: tuple[RewardTerm, ...]
    needs_script: bool


@dataclass(frozen=True)
class Scenario:
    """A scenario file, checked.

    Attributes:
        path: The file.
        rewards: One per player, as far as the file names players; further players get 0.
        done: When an episode ends.
        crop: Part of the picture that every player sees (x, y, width, height; 0 = as far as it goes), if given.
        crops: The same per player, if given.
        actions: Groups of button combinations that replace the system's, if given.
        scripts: Lua files in the order in which they are run.
        python: The Python file that is the scenario, if it is one.
    """

    path: Path
    rewards: tuple[Reward, ...] = ()
    done: Done = field(default_factory=Done)
    crop: Crop | None = None
    crops: tuple[Crop, ...] | None = None
    actions: ActionGroups | None = None
    scripts: tuple[Path, ...] = ()
    python: Path | None = None

    @property
    def lua_functions(self) -> tuple[str, ...]:
        """The Lua functions that decide, in the order of their calls: done first, then each player's reward."""
        return tuple(part.script for part in (self.done, *self.rewards) if part.script is not None)

    @property
    def needs_script(self) -> bool:
        """Whether a `ScenarioSession` has to see every frame."""
        return self.python is not None or bool(self.scripts) or bool(self.lua_functions)

    def crop_of(self, player: int) -> Crop:
        """The crop of a player, from 0; all zeros means the whole picture."""
        if self.crops is not None:
            return self.crops[player] if player < len(self.crops) else (0, 0, 0, 0)
        return self.crop or (0, 0, 0, 0)

    def compile(self, variables: Mapping[str, Variable]) -> CompiledScenario:
        """Translate into probes, a stop program and reward terms.

        Criteria over names that only a script can define are left to the session.
        """
        index = {name: i for i, name in enumerate(variables)}

        def measure(criterion: Criterion) -> Measure:
            return Measure(index[criterion.variable], criterion.measurement, criterion.op, criterion.reference)

        def stop_node(done: Done) -> StopNode:
            return StopNode(done.condition, tuple(map(measure, done.criteria)), tuple(map(stop_node, done.nodes)))

        def known(criteria: Iterator[Criterion]) -> bool:
            return all(criterion.variable in index for criterion in criteria)

        stop = None
        if self.done.script is None and self.done != Done() and known(self.done.walk()):
            stop = stop_node(self.done)
        terms: list[RewardTerm] = []
        for player, reward in enumerate(self.rewards):
            if reward.script is None and known(term.criterion for term in reward.terms):
                if reward.time:
                    terms.append(RewardTerm(player, None, reward.time))
                terms += [RewardTerm(player, measure(t.criterion), t.reward, t.penalty) for t in reward.terms]
        probes = tuple(variable.probe for variable in variables.values())
        return CompiledScenario(probes, tuple(variables), stop, tuple(terms), self.needs_script)


class MemoryAccess(Protocol):
    """A game's memory as the engine offers it to a script; `Memory` is one too."""

    def read(self, address: int, width: int) -> bytes:
        """Bytes in bus order. Raises a PlaythroughError where there is no memory."""
        ...

    def write(self, address: int, data: bytes) -> None:
        """Replace bytes, in bus order."""
        ...


@dataclass(slots=True)
class FrameResult:
    """What a scenario says about one frame.

    Attributes:
        rewards: One per player that the scenario names (at least one).
        done: The game's own end.
        truncated: An end that is not the game's own; only Python scenarios say so.
        script_values: Names that a Lua script made up, as whole numbers, which stable-retro puts into `info` as well.
        poked: Whether a script wrote to the game's memory, so that variables have to be read anew for `info`. The
            `previous` of the next frame stays what was read before that.
    """

    rewards: list[float]
    done: bool = False
    truncated: bool = False
    script_values: dict[str, int] = field(default_factory=dict[str, int])
    poked: bool = False


class ScenarioSession(Protocol):
    """One lane's scripts. It decides about rewards and the end completely, the JSON parts of the scenario included.

    The lane calls `start_episode` once per reset, after the reset's own frame was run, and `frame` after each further
    frame. Every episode starts from freshly loaded scripts, so one reset equals another.
    """

    def start_episode(self, memory: MemoryAccess, values: Mapping[str, int]) -> FrameResult:
        """Forget everything, load the scripts, and show them the reset's own frame.

        stable-retro evaluates that frame too (with `scenario.frame` 0) and drops the answer, so the first frame of the
        agent is `scenario.frame` 1. Of the result only `script_values` and `poked` matter.

        Args:
            memory: The game's memory.
            values: All variables that are in memory, by name, on this frame.
        """
        ...

    def frame(self, memory: MemoryAccess, values: Mapping[str, int], previous: Mapping[str, int]) -> FrameResult:
        """Evaluate one frame.

        Args:
            memory: The game's memory.
            values: All variables that are in memory, by name, as the frame left them.
            previous: The same one frame ago, before any script wrote to memory.
        """
        ...

    def save(self) -> bytes:
        """Everything that the scripts know, for `load` in this or another process.

        Raises:
            StateError: If a script holds something that cannot be saved; the message names it.
        """
        ...

    def load(self, snapshot: bytes) -> None:
        """Go back to a snapshot of the same scripts.

        Raises:
            StateError: If the snapshot is damaged or belongs to other scripts.
        """
        ...


def open_session(scenario: Scenario, variables: Mapping[str, Variable]) -> ScenarioSession:
    """The session that evaluates a scenario frame by frame, for one lane.

    Raises:
        IntegrationError: If a script is damaged or lacks a function that the scenario names.
    """
    if scenario.python is not None:
        from playthrough.game.python_scenario import PythonSession

        return PythonSession(scenario, variables)
    from playthrough.game.lua import LuaSession

    return LuaSession(scenario, variables)


def find_scenario(folders: Iterable[Path], name: str | None = None) -> Path:
    """The file of a scenario, in the first of a game's folders that has it.

    A name with `.json` or `.py` at its end is that file, in a folder or where the path leads. A name without an ending
    (None is `scenario`) is NAME.py or NAME.json; in a folder with both, the program takes the place of the JSON file.

    Raises:
        IntegrationError: If there is no such file; the message lists the scenarios that exist.
    """
    folders, name = list(folders), name or "scenario"
    endings = [""] if name.endswith((".json", ".py")) else [".py", ".json"]
    for folder in (*folders, Path()):
        for ending in endings:
            if (folder / (name + ending)).is_file():
                return folder / (name + ending)
    files = {path.name for folder in folders for path in (*folder.glob("*.json"), *folder.glob("*.py"))}
    there = ", ".join(sorted(files - {"data.json", "metadata.json"})) or "none"
    raise IntegrationError(f"there is no scenario {name!r} here; found: {there}", path=folders[0] if folders else None)


def load_scenario(path: Path, variables: Mapping[str, Variable]) -> Scenario:
    """Read and check a scenario file (`.json`, or `.py`).

    Raises:
        IntegrationError: If the file is damaged or names something that does not exist; with the line where possible.
    """
    if path.suffix == ".py":
        if not path.is_file():
            raise IntegrationError("there is no such scenario", path=path)
        return Scenario(path, python=path)
    from playthrough.game.scenario_file import ScenarioReader

    return ScenarioReader(path, variables).scenario()
