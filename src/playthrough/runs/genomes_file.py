"""What became of every genome: `genomes.csv`, and the ways that they went, `traces/GENERATION.npz`."""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from playthrough.errors import RunError, StateError
from playthrough.game.atomic_file import write_file

if TYPE_CHECKING:
    from playthrough.agents.neat import EpisodeResult, GenerationReport

COLUMNS = (
    "generation",
    "genome",
    "species",
    "parent_1",
    "parent_2",
    "nodes",
    "connections",
    "fitness",
    "selection",
    "episode",
    "start_state",
    "reward",
    "frames",
    "end",
)
"""What every row has; the game's variables at the end of the episode follow."""


class GenomesFile:
    """Appends the genomes of a generation, with a row for each of their episodes.

    Args:
        path: The CSV file.
        variables: The game's.
        first_generation: Rows of this generation and later ones, of a run that was resumed, are dropped.
    """

    def __init__(self, path: Path, variables: Sequence[str], first_generation: int) -> None:
        self._path, self._variables = path, tuple(variables)
        header = _as_csv([(*COLUMNS, *variables)])
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        kept = [line for line in lines[1:] if _generation_of(line) < first_generation]
        write_file(path, b"".join([header, *kept]))

    def append(self, report: GenerationReport, ancestors: Mapping[int, tuple[int, ...]]) -> None:
        """Add a generation.

        Args:
            report: The generation.
            ancestors: The parents of each genome.

        Raises:
            RunError: If it cannot be written.
        """
        species = {member: entry.key for entry in report.species for member in entry.members}
        rows: list[list[object]] = []
        for result in report.genomes:
            parents = (*ancestors.get(result.key, ()), "", "")[:2]
            head = (report.generation, result.key, species[result.key], *parents, result.nodes, result.connections)
            head = (*head, f"{result.fitness:g}", f"{result.selection:g}")
            for number, episode in enumerate(result.episodes):
                values = [episode.info.get(name, "") for name in self._variables]
                state = episode.start_state if isinstance(episode.start_state, str) else ""
                rows.append([*head, number, state, f"{episode.reward:g}", episode.frames, end_of(episode), *values])
        try:
            with self._path.open("ab") as file:
                file.write(_as_csv(rows))
        except OSError as error:
            raise RunError(f"could not write {self._path}: {error.strerror}") from error


def read_genomes(path: Path) -> list[dict[str, str]]:
    """The rows of `genomes.csv`; one that was cut off is left out."""
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if None not in row.values() and None not in row]


def lineage(rows: Sequence[Mapping[str, str]], genome: int) -> list[dict[str, str]]:
    """The line of a genome back to the first generation, oldest first, by the fitter parent.

    Args:
        rows: From `read_genomes`.
        genome: Whose line it is.

    Returns:
        One row for each ancestor, of the generation in which it did best.
    """
    best: dict[str, Mapping[str, str]] = {}
    for row in rows:
        known = best.get(row["genome"])
        if known is None or float(row["fitness"]) > float(known["fitness"]):
            best[row["genome"]] = row
    line: list[dict[str, str]] = []
    key = str(genome)
    while key in best:
        line.append(dict(best[key]))
        parents = [parent for parent in (best[key]["parent_1"], best[key]["parent_2"]) if parent in best]
        if not parents:
            break
        key = max(parents, key=lambda parent: float(best[parent]["fitness"]))
    return line[::-1]


@dataclass(frozen=True, eq=False)
class Trace:
    """The way of one episode.

    Attributes:
        genome: Whose.
        species: Of the genome.
        fitness: Of the genome.
        values: int64 (steps, variables), the traced variables after each step.
    """

    genome: int
    species: int
    fitness: float
    values: NDArray[np.int64]


def write_traces(path: Path, report: GenerationReport, names: Sequence[str]) -> None:
    """Write the first episode of each genome of a generation.

    Raises:
        RunError: If it cannot be written.
    """
    species = {member: entry.key for entry in report.species for member in entry.members}
    played = [(result, trace) for result in report.genomes if (trace := result.episodes[0].trace) is not None]
    if not played:
        return
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        names=np.array(list(names)),
        genome=np.array([result.key for result, _ in played]),
        species=np.array([species[result.key] for result, _ in played]),
        fitness=np.array([result.fitness for result, _ in played]),
        length=np.array([len(trace) for _, trace in played]),
        values=np.concatenate([trace for _, trace in played]),
    )
    write_file(path, buffer.getvalue())


def read_traces(path: Path) -> tuple[tuple[str, ...], list[Trace]]:
    """The names of the traced variables, and the traces of a generation.

    Raises:
        StateError: If the file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: cast("NDArray[Any]", file[name]) for name in file.files}
        ends = np.cumsum(arrays["length"])
        values = np.split(arrays["values"], ends[:-1])
        columns = (arrays[name].tolist() for name in ("genome", "species", "fitness"))
        traces = [Trace(*numbers) for numbers in zip(*columns, values, strict=True)]
        return tuple(arrays["names"].tolist()), traces
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise StateError(f"{path} cannot be read: {error}") from error


def rows_as_csv(rows: Sequence[Mapping[str, str]]) -> bytes:
    """Rows of `genomes.csv` with their header; nothing for none."""
    return _as_csv([list(rows[0]), *(list(row.values()) for row in rows)]) if rows else b""


def end_of(episode: EpisodeResult) -> str:
    """Why an episode ended: what the environment says, or the limit on steps."""
    return str(episode.info.get("episode_end") or ("game" if episode.terminated else "step limit"))


def _generation_of(line: bytes) -> float:
    """The generation of a row; infinity for a row that is none, so that it goes."""
    number = line.split(b",", 1)[0]
    return int(number) if number.isdigit() and line.endswith(b"\n") else float("inf")


def _as_csv(rows: Sequence[Sequence[object]]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue().encode()
