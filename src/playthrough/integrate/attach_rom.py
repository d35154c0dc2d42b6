"""Attach a ROM to a game that was made for another one: another region, a revision, a translation, a hack.

The ROM is tried first, in a process of its own, because it may take its core down. What speaks for it and what speaks
against it is shown; without anything that speaks for it, or with anything against it, it is attached only if the user
insists.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playthrough.env.options import EnvOptions
from playthrough.errors import BadInputError, LaneError, RomError, RunError
from playthrough.game.atomic_file import write_file
from playthrough.game.attached import attach
from playthrough.game.home import home_folder
from playthrough.game.integration import Integration, add_integrations, find_game, known_hashes, load_integration
from playthrough.game.movies import read_movie
from playthrough.game.rom_doctor import Catalogue, plain_title
from playthrough.game.rom_files import check_rom
from playthrough.game.rom_grooming import Reading, in_order
from playthrough.game.rom_headers import read_header
from playthrough.game.rom_import import UnknownRom, unknown_roms
from playthrough.game.rom_store import store_rom
from playthrough.game.roms import find_rom
from playthrough.integrate.check_plays import own_movies
from playthrough.integrate.rom_plays import (
    STEP_FRAMES,
    Watched,
    replayed_checksums,
    settled_at,
    values_of_states,
    watch_power_on,
    watch_start_state,
)

_STATE_FRAMES = 600
_POWER_ON_FRAMES = 2400
_MAX_MOVIES = 2
_STILL_PICTURES = 20
_NOISY_PART = 0.3

Progress = Callable[[str, int, int], None]
"""Told where the game is played from, how many frames of it are done, and how many there are."""


@dataclass(frozen=True)
class VariableSeen:
    """One variable during the trial.

    Attributes:
        name: Its name.
        at_start: Smallest and largest value in the integration's start states; None if there are none.
        in_play: Smallest and largest value during the trial.
        num_changes: On how many looks it had changed.
        remark: What is odd about it; empty if nothing is.
    """

    name: str
    at_start: tuple[int, int] | None
    in_play: tuple[int, int]
    num_changes: int
    remark: str = ""


@dataclass
class Trial:
    """What came of trying a ROM with a game's integration.

    Attributes:
        game: The game.
        rom: The ROM as it was found.
        reading: Its groomed bytes and their SHA-1.
        speaks_for: What shows that the variables mean the same in this ROM.
        speaks_against: What shows that they do not.
        variables: What each did.
    """

    game: str
    rom: UnknownRom
    reading: Reading
    speaks_for: list[str] = field(default_factory=list[str])
    speaks_against: list[str] = field(default_factory=list[str])
    variables: list[VariableSeen] = field(default_factory=list[VariableSeen])

    @property
    def doubtful(self) -> bool:
        """Whether it should not be attached without a second thought."""
        return bool(self.speaks_against) or not self.speaks_for


def find_candidate(path: str | Path, game: str | Path) -> tuple[str, UnknownRom]:
    """The one ROM at a path that is to be attached, and the game's name.

    Raises:
        RomError: If there is none or more than one, if the game has its ROM, or if the ROM is of another system.
        GameNotFoundError: If there is no such game.
    """
    name, folders = find_game(game)
    if isinstance(game, Path) or "/" in str(game):
        add_integrations(folders[0])  # a folder that is named here only
    found = unknown_roms(path)
    if len(found) > 1:
        names = ", ".join(rom.name for rom in found[:5]) + (", ..." if len(found) > 5 else "")
        raise RomError(f"{path} holds {len(found)} ROMs ({names}); name the one that belongs to {name}")
    integration = load_integration(name)
    try:
        there = find_rom(integration)
    except RomError:
        there = None
    if there is not None:
        raise RomError(f"{name} has its ROM already, {there.path}; another one would never be used")
    check_rom(in_order(found[0].raw, found[0].name).data, integration.system, found[0].source)
    if not integration.system.supported:
        raise RomError(f"{name} runs on {integration.system.name}, which does not run here yet")
    return name, found[0]


def try_rom(rom: UnknownRom, game: str, progress: Progress | None = None, *, core: str | Path = "exact") -> Trial:
    """Play a ROM with a game's integration, and look whether the variables behave.

    Args:
        rom: The ROM.
        game: The game.
        progress: Told how far it is.
        core: What emulates it, as in EnvOptions.

    Raises:
        PlaythroughError: If the core does not take the ROM at all, or if the integration cannot be used.
    """
    told = progress or _tell_nobody
    trial = Trial(game, rom, in_order(rom.raw, rom.name))
    _compare_titles(trial)
    with _trial_folder(trial) as folder:
        integration = load_integration(folder)
        options = EnvOptions(game=folder, isolation="process", core=core)
        states, problem = values_of_states(options, integration)
        if problem and not states:
            trial.speaks_against.append(f"none of the start states can be loaded ({problem.splitlines()[0]})")
        plays: list[Watched] = []
        default = next(iter(states), None)
        try:
            if default is not None:
                plays.append(
                    watch_start_state(options, default, _STATE_FRAMES, lambda done, of: told(default, done, of))
                )
                _judge_start_state(trial, plays[-1], default, integration)
            plays.append(
                watch_power_on(
                    options,
                    _POWER_ON_FRAMES,
                    lambda done, of: told("power-on", done, of),
                    lambda values: any(settled_at(values, wanted) for wanted in states.values()),
                )
            )
            _judge_power_on(trial, plays[-1], states)
        except LaneError as error:
            trial.speaks_against.append(f"it takes the emulator down: {error}")
            return trial
        if not any(watched.answered or watched.lost for watched in plays):
            trial.speaks_against.append("pressing buttons changes nothing on the screen")
        _replay_movies(trial, options, integration)
        _judge_variables(trial, plays, list(states.values()), integration)
    return trial


def _tell_nobody(start: str, done: int, total: int) -> None:
    """Where nobody wants to know how far it is."""


def attach_rom(trial: Trial) -> Path:
    """Attach a ROM that was tried: keep it in the user's folder, and remember its SHA-1 for the game.

    Returns:
        Where the ROM is kept.

    Raises:
        RunError: If it cannot be written.
    """
    integration = load_integration(trial.game)
    path, _ = store_rom(trial.game, integration.system, trial.reading.sha1, trial.reading.data)
    attach(trial.game, trial.reading.sha1, trial.rom.name)
    return path


@contextmanager
def _trial_folder(trial: Trial) -> Generator[Path]:
    """The game's folder with the ROM in it, beside the user's own, for as long as the trial lasts."""
    system = load_integration(trial.game).system
    try:
        home_folder().mkdir(parents=True, exist_ok=True)
        holder = tempfile.TemporaryDirectory(prefix=".trial-", dir=home_folder())
    except OSError as error:
        raise RunError(f"cannot write to {home_folder()}: {error.strerror}") from error
    with holder:
        folder = Path(holder.name) / trial.game
        write_file(folder / "rom.sha", f"{trial.reading.sha1}\n".encode())
        write_file(folder / f"rom{system.extensions[0]}", trial.reading.data)
        yield folder


def _compare_titles(trial: Trial) -> None:
    header = read_header(trial.rom.raw, Path(trial.rom.name).suffix.lower())
    if header is None or not header.title:
        return
    stem = trial.game.rpartition("-")[0]
    mine, title = plain_title(stem), plain_title(header.title)
    only_this = Catalogue({trial.reading.sha1: [trial.game]})
    if title == mine or only_this.similar(header.title, header.system, cut=header.full):
        trial.speaks_for.append(f"its header calls it {header.title!r}")
        return
    other = Catalogue(known_hashes()).similar(header.title, header.system, cut=header.full)
    if other is not None and other != trial.game:
        trial.speaks_against.append(f"its header calls it {header.title!r}, which looks like {other}")


def _judge_start_state(trial: Trial, watched: Watched, state: str, integration: Integration) -> None:
    against = trial.speaks_against
    if watched.lost:
        against.append(f"from {state} it takes the emulator down: {watched.lost}")
        return
    if watched.ended_first:
        against.append(f"from {state} the episode ends on its first frame")
    if len(watched.moved) >= _STILL_PICTURES and not watched.moved[-_STILL_PICTURES:].any():
        against.append(f"from {state} the picture stands still: the game seems to hang")
    if not np.isfinite(watched.rewards).all():
        against.append("the reward is not finite")
        return
    best = max((float(run["rewards"].get("max", 0)) for run in integration.reference_runs(state)), default=0.0)
    earned = float(np.abs(watched.rewards.sum(axis=0)).max())
    if best > 0 and earned > 10 * best:
        against.append(
            f"random play from {state} earns {earned:,.0f} in {_STATE_FRAMES} frames, the best reference {best:,.0f}"
        )


def _judge_power_on(trial: Trial, watched: Watched, states: dict[str, NDArray[np.int64]]) -> None:
    if watched.lost:
        trial.speaks_against.append(f"from power-on it takes the emulator down: {watched.lost}")
        return
    if len(watched.moved) and not watched.moved.any():
        trial.speaks_against.append("from power-on the picture never changes")
    for name, wanted in states.items():
        found = settled_at(watched.values, wanted)
        if found is not None:
            step, right = found
            trial.speaks_for.append(
                f"{step * STEP_FRAMES} frames after power-on {right} of {len(wanted)} variables "
                f"had come to the values of {name}"
            )
            return


def _replay_movies(trial: Trial, options: EnvOptions, integration: Integration) -> None:
    """Replay the integration's own movies, where they keep what the variables were."""
    num_left = _MAX_MOVIES
    for path in own_movies(integration):
        with contextlib.suppress(BadInputError, LaneError):  # a movie that cannot be replayed speaks neither way
            movie = read_movie(path)
            if num_left == 0 or movie.trace is None or movie.trace.names != tuple(integration.variables):
                continue
            num_left -= 1
            sums = replayed_checksums(options, integration, movie)
            length = min(len(sums), len(movie.trace.checksums))
            same = sums[:length] == movie.trace.checksums[:length]
            if same.all():
                trial.speaks_for.append(f"{path.name} plays the same: all variables on {length} frames")
            else:
                trial.speaks_against.append(f"{path.name} plays differently from frame {int(np.argmin(same))} on")


def _judge_variables(
    trial: Trial, plays: list[Watched], states: list[NDArray[np.int64]], integration: Integration
) -> None:
    wrong_digits = plays[0].wrong_digits if states else {}  # before a game begins, its score may hold anything
    for column, (name, variable) in enumerate(integration.variables.items()):
        runs = [watched.values[:, :, column] for watched in plays]
        changes = sum(int((np.diff(run, axis=0) != 0).any(axis=1).sum()) for run in runs)
        remark = ""
        if name in wrong_digits:
            remark = f"no decimal digits in {wrong_digits[name]} of 100 looks"
        elif _is_noise(runs[0], variable.probe.type.width):
            remark = "jumps about"
        if remark:
            trial.speaks_against.append(f"{name}: {remark}")
        trial.variables.append(
            VariableSeen(
                name,
                (int(min(s[column] for s in states)), int(max(s[column] for s in states))) if states else None,
                (int(min(run.min() for run in runs)), int(max(run.max() for run in runs))),
                changes,
                remark or ("never changed" if changes == 0 else ""),
            )
        )
    if trial.variables and all(variable.num_changes == 0 for variable in trial.variables):
        trial.speaks_against.append("no variable ever changed")


def _is_noise(values: NDArray[np.int64], width_bytes: int) -> bool:
    """Whether a number jumps by more than a quarter of its range on many frames; wrapping around is no jump."""
    span = 1 << 8 * min(width_bytes, 4)
    steps = np.abs(np.diff(values, axis=0)) % span
    return bool((np.minimum(steps, span - steps) > span // 4).mean() > _NOISY_PART)
