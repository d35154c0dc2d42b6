"""A memory search as a conversation: play on, say what became of the number, until few are left.

One line is one step. The same lines work in the interactive search, as arguments of one command, and from one command
to the next: the search is kept in a file with the game's moment and all its steps.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.probes import DataType
from playthrough.errors import BadInputError, StateError
from playthrough.game.atomic_file import write_file
from playthrough.game.input_text import read_inputs
from playthrough.game.integration import load_integration
from playthrough.game.movies import read_movie
from playthrough.integrate.demonstration import require_playable
from playthrough.integrate.explore import RandomButtons
from playthrough.integrate.machine import Machine
from playthrough.integrate.meaning import own_folder, set_variable
from playthrough.integrate.picture_file import save_picture
from playthrough.integrate.poking import Poking
from playthrough.integrate.press import parse_press
from playthrough.integrate.search import Candidate, MemorySearch

HELP = """\
play INPUTS            press buttons, as in: play RIGHT 60, A+RIGHT 20, wait 30
random FRAMES [SEED]   press anything
inputs FILE            press what a text of inputs says;  movie FILE [FRAMES]  what a movie says, from its own start
back                   undo the last play: the game goes back, the search stays
picture FILE           write what the game shows (.png)
equal N | not N | less N | greater N | between A B     the number is so now
changed | unchanged | increased [N] | decreased [N]    what became of it since the step before
look                   compare the next step with now
only TYPE...           keep these types alone, such as: only |u1 >d2
list [N]               what is left
undo                   take the last step back
history                the steps so far
poke ADDRESS TYPE N    change a number, see what follows, and go back
name NAME ADDRESS TYPE write it into data.json
"""
"""What can be said in a line."""

_POKE_FRAMES = 60
_MAX_FRAMES = 3600 * 60


class SearchSession:
    """One named search in a game.

    Args:
        machine: The game; it goes to where the search was, or to its start state for a new search.
        name: What the search is called: letters, digits and dashes.
        fresh: Whether an older search of this name is forgotten.

    Raises:
        BadInputError: If the name is none for a file, or the file is damaged or of another game.
    """

    def __init__(self, machine: Machine, name: str, *, fresh: bool = False) -> None:
        if not name.replace("-", "").replace("_", "").isalnum():
            raise BadInputError(f"{name!r} cannot be a search's name; expected letters, digits and dashes, as in score")
        self._machine = machine
        self.path = own_folder(machine.integration) / "searches" / f"{name}.npz"
        self._before: bytes | None = None
        self._commands: dict[str, Callable[[list[str]], str]] = {
            "play": self._play,
            "random": self._random,
            "inputs": self._inputs,
            "movie": self._movie,
            "back": self._back,
            "picture": self._picture,
            "between": lambda words: self._step("between", words, 2),
            "changed": lambda words: self._step("changed", words, 0),
            "unchanged": lambda words: self._step("unchanged", words, 0),
            "increased": lambda words: self._step("increased", words, len(words[:1])),
            "decreased": lambda words: self._step("decreased", words, len(words[:1])),
            "equal": lambda words: self._step("equal", words, 1),
            "not": lambda words: self._step("not_equal", words, 1),
            "less": lambda words: self._step("less_than", words, 1),
            "greater": lambda words: self._step("greater_than", words, 1),
            "look": lambda words: self._step("look", words, 0),
            "undo": lambda words: self._step("undo", words, 0),
            "only": self._only,
            "list": self._list,
            "history": self._history,
            "poke": self._poke,
            "name": self._name,
            "help": lambda _: HELP.rstrip(),
        }
        if self.path.is_file() and not fresh:
            self.search = self._read()
        else:
            machine.start()
            machine.run(np.zeros(1, np.uint16))
            self.search = MemorySearch(machine)

    def say(self, line: str) -> str:
        """Do what a line says, and answer.

        Raises:
            BadInputError: If it cannot be understood or done; nothing has changed then.
        """
        words = line.split()
        if not words:
            return ""
        command = self._commands.get(words[0])
        if command is None:
            raise BadInputError(f"unknown step {words[0]!r}; the steps are: {' '.join(self._commands)}")
        return command(words[1:])

    def save(self) -> None:
        """Keep the search for the next command."""
        packed = io.BytesIO()
        arrays = self.search.dump() | {
            "snapshot": np.frombuffer(self._machine.save(), np.uint8),
            "before": np.frombuffer(self._before or b"", np.uint8),
        }
        np.savez_compressed(packed, allow_pickle=False, **arrays)  # pyright: ignore[reportArgumentType]
        write_file(self.path, packed.getvalue())

    def _read(self) -> MemorySearch:
        try:
            with np.load(self.path, allow_pickle=False) as file:
                arrays: dict[str, NDArray[Any]] = dict(file)
            self._machine.load(arrays.pop("snapshot").tobytes())
            self._before = arrays.pop("before").tobytes() or None
            return MemorySearch.restored(self._machine, arrays)
        except (ValueError, KeyError, OSError, EOFError, zlib.error, zipfile.BadZipFile, StateError) as error:
            raise BadInputError(
                f"the search {self.path} cannot be read ({error}); remove the file to begin anew"
            ) from error

    # Playing -------------------------------------------------------------------------------------------------------

    def _run(self, masks: NDArray[np.uint16]) -> str:
        self._before = self._machine.save()
        self._machine.run(masks)
        return f"played {len(masks)} frames"

    def _play(self, words: list[str]) -> str:
        machine = self._machine
        return self._run(parse_press(" ".join(words), machine.system, machine.options.players))

    def _random(self, words: list[str]) -> str:
        frames, seed = _numbers("random FRAMES [SEED]", words, 1, 2, default=0)
        if not 1 <= frames <= _MAX_FRAMES:
            raise BadInputError(f"random: the number of frames must be from 1 to {_MAX_FRAMES}, not {frames}")
        if seed < 0:
            raise BadInputError(f"random: the seed must be 0 or more, not {seed}")
        pad = RandomButtons(self._machine.system, np.random.default_rng(seed))
        return self._run(np.array([pad.next() for _ in range(frames)], np.uint16))

    def _inputs(self, words: list[str]) -> str:
        return self._run(read_inputs(_file("inputs FILE", words), self._machine.system))

    def _movie(self, words: list[str]) -> str:
        movie = read_movie(_file("movie FILE [FRAMES]", words[:1]))
        frames = _numbers("movie FILE [FRAMES]", words[1:], 0, 1, default=len(movie.inputs))[0]
        require_playable(self._machine, movie)
        before = self._machine.save()
        self._machine.start(movie.state or b"")
        answer = self._run(movie.inputs[:frames])
        self._before = before
        return answer

    def _back(self, _: list[str]) -> str:
        if self._before is None:
            raise BadInputError("nothing was played yet")
        self._machine.load(self._before)
        self._before = None
        return "back where the last play began"

    def _picture(self, words: list[str]) -> str:
        path = _file("picture FILE", words)
        save_picture(path, self._machine.picture())
        return f"written: {path}"

    # Searching -----------------------------------------------------------------------------------------------------

    def _step(self, method: str, words: list[str], count: int) -> str:
        step = getattr(self.search, method)
        try:
            step(*_numbers(method.replace("_", " "), words, count, count))
        except ValueError as error:
            raise BadInputError(str(error)) from None
        left = len(self.search)
        return f"{left} left" if left > 8 or not left else f"{left} left\n{self._list([])}"

    def _only(self, words: list[str]) -> str:
        try:
            self.search.only(*words)
        except ValueError as error:
            raise BadInputError(str(error)) from None
        return f"{len(self.search)} left"

    def _list(self, words: list[str]) -> str:
        count = _numbers("list [N]", words, 0, 1, default=20)[0]
        lines = [describe(candidate) for candidate in self.search.candidates(count)]
        return "\n".join(lines) or "nothing is left; undo takes a step back"

    def _history(self, _: list[str]) -> str:
        return "\n".join(f"{text:<24}{left:>12,} left" for text, left in self.search.history)

    # Acting --------------------------------------------------------------------------------------------------------

    def _poke(self, words: list[str]) -> str:
        if len(words) != 3:
            raise BadInputError("expected: poke ADDRESS TYPE N, as in poke 0x7dd >n6 500")
        address, kind = parse_address(words[0]), _type(words[1])
        value = _numbers("poke ADDRESS TYPE N", words[2:], 1, 1)[0]
        poking = Poking(self._machine, np.zeros(_POKE_FRAMES, np.uint16))
        return str(poking.value(address, kind, value))

    def _name(self, words: list[str]) -> str:
        if len(words) != 3:
            raise BadInputError("expected: name NAME ADDRESS TYPE, as in name score 0x7dd >n6")
        integration = load_integration(self._machine.options.game)
        path = set_variable(integration, words[0], parse_address(words[1]), words[2])
        return f"written: {path}"


def describe(candidate: Candidate) -> str:
    """A candidate in a line."""
    return f"{candidate.address:#06x}  {candidate.type!s:<5} {candidate.before} -> {candidate.value}"


def parse_address(text: str) -> int:
    """An address in decimal, or hexadecimal after 0x or $.

    Raises:
        BadInputError: If it is none.
    """
    try:
        return int("0x" + text[1:] if text.startswith("$") else text, 0)
    except ValueError:
        raise BadInputError(f"{text!r} is no address; expected a number such as 1818 or 0x71a") from None


def _type(text: str) -> DataType:
    try:
        return DataType.parse(text)
    except ValueError as error:
        raise BadInputError(str(error)) from None


def _numbers(usage: str, words: list[str], least: int, most: int, default: int | None = None) -> list[int]:
    if not least <= len(words) <= most:
        raise BadInputError(f"expected: {usage}" + (f", with {least} numbers" if default is None else ""))
    try:
        numbers = [int(word, 0) for word in words]
    except ValueError:
        raise BadInputError(f"{usage}: expected whole numbers, found {' '.join(words)!r}") from None
    return numbers + [default] * (most - len(numbers)) if default is not None else numbers


def _file(usage: str, words: list[str]) -> Path:
    if len(words) != 1:
        raise BadInputError(f"expected: {usage}")
    return Path(words[0]).expanduser()
