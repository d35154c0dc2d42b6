from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from playthrough.errors import IntegrationError, StateError
from playthrough.game.scenario import FrameResult, load_scenario, open_session
from playthrough.game.variables import Memory, load_variables

VARIABLES = {"score": {"address": 0, "type": "|u1"}, "lives": {"address": 1, "type": "|i1"}}
MEMORY = Memory({0: bytearray(8)})


class Game:
    def __init__(self, folder: Path) -> None:
        self.variables = load_variables(folder / "data.json")
        self.scenario = load_scenario(folder / "scenario.py", self.variables)
        self.session = open_session(self.scenario, self.variables)

    def reset(self, **values: int) -> FrameResult:
        self.values = {"score": 0, "lives": 3} | values
        return self.session.start_episode(MEMORY, self.values)

    def step(self, **values: int) -> FrameResult:
        previous, self.values = self.values, self.values | values
        return self.session.frame(MEMORY, self.values, previous)


@pytest.fixture
def make(make_game):
    def make(text: str) -> Game:
        return Game(make_game(VARIABLES, scenario_py=text))

    return make


SIMPLE = "def reward(prev, cur): return cur.score - prev.score\ndef done(prev, cur): return cur.lives == 0\n"


def test_functions_see_the_variables_now_and_before(make):
    game = make(SIMPLE + "def truncated(prev, cur): return cur['score'] > 50\n")
    assert game.scenario.needs_script
    game.reset()
    assert game.step(score=7) == FrameResult([7.0], False, False)
    assert game.step(score=60) == FrameResult([53.0], False, True)
    assert game.step(lives=0) == FrameResult([0.0], True, True)
    assert not make(SIMPLE).scenario.lua_functions


def test_reward_may_be_one_number_per_player(make):
    game = make("def reward(prev, cur): return (cur.score, -1)\ndef done(prev, cur): return 0\n")
    game.reset()
    assert game.step(score=2).rewards == [2.0, -1.0]


def test_every_episode_starts_from_a_fresh_module(make):
    text = "import random\nn = 0\nrng = random.Random(3)\n"
    text += "def reward(prev, cur):\n    global n\n    n += 1\n    return n + rng.random()\n"
    text += "def done(prev, cur): return False\n"
    game = make(text)
    episodes: list[list[list[float]]] = []
    for _ in range(2):
        game.reset()
        episodes.append([game.step().rewards for _ in range(3)])
    assert episodes[0] == episodes[1]
    assert [int(rewards[0]) for rewards in episodes[0]] == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("def reward(prev, cur): return 0\n", None, r"done\(prev, cur\) is missing"),
        ("def done(prev, cur): return 0\nreward = 5\n", None, r"reward\(prev, cur\) is missing"),
        ("def reward(:\n", 1, "not valid Python"),
        ("x = 1\nimport no_such_module_at_all\n", 2, "ModuleNotFoundError"),
    ],
)
def test_a_damaged_file_is_located_at_once(make, text: str, line: int | None, message: str):
    with pytest.raises(IntegrationError, match=message) as raised:
        make(text)
    assert raised.value.path is not None
    assert (raised.value.path.name, raised.value.line) == ("scenario.py", line)


@pytest.mark.parametrize(
    ("body", "line", "message"),
    [
        ("return cur.scores", 3, "no variable 'scores'; there are: lives, score"),
        ("return helper(cur)", 6, "ZeroDivisionError"),
        ("cur.score = 3", 3, "cannot be changed"),
        ("pass", 2, "found None; is a return missing"),
        ("return 'high'", 2, "one per player, found 'high'"),
        ("return []", 2, "empty sequence"),
        ("return object()", 2, "TypeError"),
    ],
)
def test_a_failing_function_is_located(make, body: str, line: int, message: str):
    text = (
        f"def done(prev, cur): return False\ndef reward(prev, cur):\n    {body}\n\ndef helper(cur):\n    return 1 / 0\n"
    )
    game = make(text)
    game.reset()
    with pytest.raises(IntegrationError, match=rf"reward\(prev, cur\) failed: .*{message}") as raised:
        game.step()
    assert raised.value.line == line


def test_a_variable_outside_memory_is_named(make):
    game = make(SIMPLE)
    game.reset()
    with pytest.raises(IntegrationError, match="'score' lies outside"):
        game.session.frame(MEMORY, {"lives": 1}, {"lives": 1})


RICH = """
from __future__ import annotations
import enum, math, random, re
from collections.abc import Sequence
from typing import Any

class Phase(enum.Enum):
    START = 1
    RUN = 2

class Meter:
    total = 0
    @classmethod
    def add(cls, n):
        cls.total += n
        cls.last = n
        return cls.total

def counter():
    n = 0
    def count():
        nonlocal n
        n += 1
        return n
    return count

PATTERN = re.compile("x")
count = counter()
rng = random.Random(5)
history: list[Any] = []
shared = {"history": history, "inf": math.inf, "nan": math.nan, 1: None, (1, 2): b"\\x00\\xff"}
cycle = [shared]
cycle.append(cycle)
phase = Phase.START
choose = max
big, tiny, text = 2**200, 5e-324, "gr\\u00fc\\ud800"
members = {3, 1, 2}

def remember(value, seen=[]):
    seen.append(value)
    return len(seen)

def reward(prev, cur):
    global phase, choose, late
    phase = Phase.RUN
    choose = min if choose is max else max
    late = len(history)
    history.append((cur.score, rng.gauss(0, 1)))
    reward.calls = getattr(reward, "calls", 0) + 1
    members.add(cur.score)
    assert Meter.__dict__.get("last", 2) == 2
    assert shared["history"] is history and cycle[1] is cycle and cycle[0] is shared
    assert shared["inf"] == math.inf and shared["nan"] != shared["nan"] and shared[(1, 2)] == b"\\x00\\xff"
    assert big == 2**200 and tiny == 5e-324 and text == "gr\\u00fc\\ud800"
    return (len(history) + rng.random() + remember(cur.score) + count() + Meter.add(2) + reward.calls + len(members)
            + choose(1, 2) / 8 + phase.value)

def done(prev, cur):
    return phase is Phase.START and late_is_known()

def late_is_known():
    return "late" in globals()
"""
CONTINUE = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_python_scenario import Game
game = Game(Path({folder!r}))
game.values = {values!r}
game.session.load(Path({snapshot!r}).read_bytes())
print([game.step(score=i).rewards for i in range(8)])
"""


def test_a_snapshot_goes_on_the_same_in_a_new_process(make, make_game, tmp_path: Path):
    folder = make_game(VARIABLES, scenario_py=RICH)
    game = Game(folder)
    game.reset()
    for i in range(5):
        game.step(score=i * 10)
    snapshot = game.session.save()
    copy = Game(folder)
    copy.session.load(snapshot)
    assert copy.session.save() == snapshot
    (tmp_path / "snapshot").write_bytes(snapshot)
    program = CONTINUE.format(
        tests=str(Path(__file__).parent), folder=str(folder), snapshot=str(tmp_path / "snapshot"), values=game.values
    )
    expected = [game.step(score=i).rewards for i in range(8)]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == repr(expected)
    game.session.load(snapshot)
    assert [game.step(score=i).rewards for i in range(8)] == expected


@pytest.mark.parametrize(
    ("code", "path", "kind"),
    [
        ("state = object()", "state", "object"),
        ("state = {'worker': (i for i in [])}", "state['worker']", "generator"),
        ("state = [1, [lambda: 0]]", "state[1][0]", "function"),
        ("import threading\nstate = (threading.Lock(),)", "state[0]", "lock"),
        ("class A: pass\nstate = A()", "state", "A"),
        ("class A: x = [object()]", "A.__dict__['x'][0]", "object"),
        ("def f(x=[iter('a')]): pass", "f.__defaults__[0][0]", "str_ascii_iterator"),
    ],
)
def test_what_cannot_be_saved_is_named(make, code: str, path: str, kind: str):
    game = make(f"{SIMPLE}{code}\n")
    game.reset()
    with pytest.raises(StateError) as raised:
        game.session.save()
    assert f"the variable {path} of this Python scenario holds a {kind}" in str(raised.value)


def test_a_snapshot_of_another_file_or_damaged_is_refused(make):
    game: Any = make(SIMPLE + "n = 1\n")
    with pytest.raises(ValueError, match="start_episode"):
        game.session.save()
    game.reset()
    snapshot = game.session.save()
    with pytest.raises(StateError, match="another version"):
        make(SIMPLE + "n = 2\n").session.load(snapshot)
    for damaged in (b"", snapshot[:20], snapshot[:-3], b"PTLUA1\n"):
        with pytest.raises(StateError):
            game.session.load(damaged)
    assert game.step(score=1).rewards == [1.0]
