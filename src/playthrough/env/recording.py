"""A movie of every episode, one file per lane and episode."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.systems import System, without_version
from playthrough.errors import BadInputError
from playthrough.game.movies import MovieWriter
from playthrough.game.trace import checksum


class Recorder:
    """Writes what each lane's pads do into a folder, a `.bk2` per episode.

    Args:
        folder: Where the movies go; it is made if it does not exist.
        game: Name of the game, for the files' names and headers.
        system: Whose buttons are pressed.
        players: Number of pads.
        num_lanes: With more than one, files carry the lane's number.
        variables: Names of the variables whose values are traced.
        core: Which core the start states belong to.
    """

    def __init__(
        self,
        folder: str | Path,
        game: str,
        system: System,
        players: int,
        num_lanes: int,
        variables: tuple[str, ...],
        core: str,
    ) -> None:
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInputError(f"movies cannot be recorded into {self.folder}: {error.strerror}") from None
        self._game, self._system, self._players = game, system, players
        self._variables, self._core = variables, core
        self._writers: list[MovieWriter | None] = [None] * num_lanes
        self._episodes = [0] * num_lanes
        self.last_paths: list[Path | None] = [None] * num_lanes
        """The last finished movie of each lane."""

    def begin(self, lane: int, state_name: str, state: bytes) -> None:
        """Start the next movie of a lane; one that is still open is finished first.

        The reset's own frame belongs into the movie: it is the next one to be added, with nothing pressed.
        """
        self.end(lane)
        place = f"-{lane:03d}" if len(self._writers) > 1 else ""
        path = self._path(state_name, place, lane)
        while path.exists():  # of an earlier recording
            self._episodes[lane] += 1
            path = self._path(state_name, place, lane)
        self._writers[lane] = MovieWriter(
            path, self._system, self._game, self._players, state or None, core=self._core, variables=self._variables
        )
        self._episodes[lane] += 1

    def _path(self, state_name: str, place: str, lane: int) -> Path:
        return self.folder / f"{without_version(self._game)}-{state_name}{place}-{self._episodes[lane]:06d}.bk2"

    def frames(self, lane: int, masks: NDArray[np.uint16], samples: NDArray[np.int64]) -> None:
        """Add frames.

        Args:
            lane: Whose.
            masks: uint16 (frames, players), what was pressed.
            samples: int64 (frames, variables), what the variables were afterwards.
        """
        writer = self._writers[lane]
        if writer is not None:
            for mask, values in zip(masks, samples, strict=True):
                writer.frame(mask, checksum(values))

    def end(self, lane: int) -> None:
        """Finish the movie of a lane, if one is open."""
        writer = self._writers[lane]
        if writer is not None:
            self._writers[lane] = None
            writer.close()
            self.last_paths[lane] = writer.path

    def jump(self, lane: int) -> None:
        """A lane goes on from a snapshot: no movie can tell how it came there, so the open one is finished."""
        self.end(lane)

    def close(self) -> None:
        """Finish all movies."""
        for lane in range(len(self._writers)):
            self.end(lane)
