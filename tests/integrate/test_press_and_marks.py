"""What can be said in a line: what to press, and what happened when."""

from __future__ import annotations

from pathlib import Path

import pytest

from playthrough.engine.systems import get_system
from playthrough.errors import BadInputError
from playthrough.integrate.marks import Mark, parse_marks, read_marks
from playthrough.integrate.press import parse_press

NES = get_system("Nes")


def test_buttons_and_frames() -> None:
    a, right = NES.mask_of(["A"]), NES.mask_of(["RIGHT"])
    assert parse_press("wait 2, A, RIGHT+A 3", NES)[:, 0].tolist() == [0, 0, a, *[right | a] * 3]
    assert parse_press("2,RIGHT 1", NES)[:, 0].tolist() == [0, 0, right]
    assert parse_press("A|RIGHT 1, RIGHT 1", NES, 2).tolist() == [[a, right], [right, 0]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("FIRE 3", "has no button 'FIRE'"),
        ("", "nothing to press"),
        ("A|A 3", "presses for 2 players"),
        ("wait 99999999", "more than"),
        ("wait " + "9" * 5000, "more than"),
        ("A ²", "cannot tell what 'A ²' presses"),
    ],
)
def test_what_cannot_be_pressed(text: str, words: str) -> None:
    with pytest.raises(BadInputError, match=words):
        parse_press(text, NES)


def test_marks(tmp_path: Path) -> None:
    file = tmp_path / "marks.txt"
    file.write_text("# seen\n400: score is 300\n 812 : lost a life # here\n100-160: moving right\n\n9: level = 2\n")
    assert read_marks(file) == [
        Mark(400, 400, "score", "is", 300),
        Mark(812, 812, "lives", "falls", 1),
        Mark(100, 160, "x", "rises"),
        Mark(9, 9, "level", "is", 2),
    ]
    assert [str(mark) for mark in parse_marks(["5-9: x still", "7: time falls by 3"])] == [
        "5-9: x still",
        "7: time falls by 3",
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("score is 300", "expected FRAME"),
        ("12: something", "cannot tell what 'something' means"),
        ("20-10: x rises", "run backwards"),
    ],
)
def test_what_is_no_mark(line: str, words: str) -> None:
    with pytest.raises(BadInputError, match=words):
        parse_marks([line])
    with pytest.raises(BadInputError, match="there is no mark"):
        parse_marks(["# nothing"])
