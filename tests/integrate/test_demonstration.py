"""Numbers found from a movie and what happened on it, confirmed by changing them."""

from __future__ import annotations

from pathlib import Path

import pytest

from playthrough.env.options import EnvOptions
from playthrough.errors import BadInputError
from playthrough.game.integration import load_integration
from playthrough.game.movies import MovieWriter, read_movie
from playthrough.integrate.demonstration import find_demonstrated
from playthrough.integrate.machine import Machine
from playthrough.integrate.marks import parse_marks
from playthrough.integrate.press import parse_press

MOVIES = Path(__file__).parents[2] / "games" / "Wickling-Nes" / "movies"


def test_a_score_that_was_read_off_the_screen() -> None:
    """With its zeros that never changed; with another number beside it, in one go."""
    variables = load_integration("Wickling-Nes").variables
    movie = read_movie(MOVIES / "Level1-1.bk2")
    marks = parse_marks(
        [
            *("1: score is 0", "91: score is 200", "181: score is 600", "811: score is 1300", "1711: score is 3600"),
            *("91: embers is 2", "181: embers is 4", "811: embers is 6", "1261: embers is 15"),
        ]
    )
    with Machine(EnvOptions(game="Wickling-Nes")) as machine:
        found = find_demonstrated(machine, movie, marks)
    score = found["score"][0]
    assert (score.address, score.type) == (variables["score"].probe.address, variables["score"].probe.type)
    assert score.factor == 1
    assert score.poked is not None
    assert score.poked.verdict == "original"
    assert variables["coins"].probe.address in [one.address for one in found["embers"][:2]]
    with pytest.raises(BadInputError, match="outside of the movie"):
        find_demonstrated(machine, movie, parse_marks(["99999: score is 1"]))


def tiny_movie(path: Path, press: str) -> None:
    system = load_integration("Tiny-Nes").system
    with MovieWriter(path, system, "Tiny-Nes", 1, None) as writer:
        for mask in parse_press(press, system):
            writer.frame(mask)


def test_a_life_lost_and_a_walk(tmp_path: Path) -> None:
    variables = load_integration("Tiny-Nes").variables
    movie = tmp_path / "play.bk2"
    tiny_movie(movie, "wait 60, B 1, wait 99, RIGHT 60, wait 60, LEFT 40, wait 60, B 1, wait 60, A 1, wait 60")
    marks = ["70: lost a life", "395: lost a life", "100: lives still", "165-215: moving right", "225-270: x still"]
    marks += ["285-315: moving left", "450: score is 125"]
    with Machine(EnvOptions(game="Tiny-Nes")) as machine:
        found = find_demonstrated(machine, read_movie(movie), parse_marks(marks))
    for name, variable in (("lives", "lives"), ("x", "x"), ("score", "digits")):
        probe = variables[variable].probe
        best = found[name][0]
        last = probe.address + probe.type.byte_offsets()[-1]
        assert best.address + best.type.byte_offsets()[-1] == last, name
        assert best.poked is not None
        assert best.poked.verdict == "original", (name, str(best.poked))


def test_a_copy_is_told_from_the_original(tmp_path: Path) -> None:
    """The NES has no decimal mode: this game counts in digits, and packs them into its BCD score afterwards."""
    variables = load_integration("Tiny-Nes").variables
    movie = tmp_path / "play.bk2"
    tiny_movie(movie, "wait 60, " + "A 1, wait 30, " * 8)
    marks = parse_marks(["50: score is 0", "75: score is 125", "300: score is 1000"])
    with Machine(EnvOptions(game="Tiny-Nes")) as machine:
        found = find_demonstrated(machine, read_movie(movie), marks)["score"]
    by_address = {one.address: one for one in reversed(found)}
    original, copy = variables["digits"].probe.address, variables["score"].probe.address
    assert (found[0].address, str(found[0].type)) == (original, ">n4")
    assert found[0].poked is not None
    assert found[0].poked.verdict == "original"
    assert {copy, copy + 1} <= set(found[0].poked.followers.tolist())
    copied = by_address[copy].poked
    assert copied is not None
    assert copied.verdict == "copy"
