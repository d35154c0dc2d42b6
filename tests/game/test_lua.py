from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from playthrough.errors import IntegrationError, StateError
from playthrough.game import lua_host
from playthrough.game.lua_host import LuaFieldError, LuaHost
from playthrough.game.scenario import FrameResult, ScenarioSession, load_scenario, open_session
from playthrough.game.variables import Memory, load_variables

WORK_RAM = 0xFF0000
VARIABLES = {
    "x": {"address": WORK_RAM, "type": "|u1"},
    "y": {"address": WORK_RAM + 2, "type": ">u2"},
    "s": {"address": WORK_RAM + 4, "type": "|i1"},
    "bcd": {"address": WORK_RAM + 8, "type": ">d2"},
}
SCRIPTED = {"done": {"script": "lua:done"}, "reward": {"script": "lua:reward"}, "scripts": ["script.lua"]}


class Game:
    """A session on a piece of memory of its own, driven as an environment drives it."""

    def __init__(self, folder: Path, raw: bytes = bytes(64)) -> None:
        self.variables = load_variables(folder / "data.json")
        self.scenario = load_scenario(folder / "scenario.json", self.variables)
        self.session = open_session(self.scenario, self.variables)
        self.memory = Memory({WORK_RAM: bytearray(raw)})
        self.previous = self.values()

    def values(self) -> dict[str, int]:
        return {name: self.memory.value(variable.probe) for name, variable in self.variables.items()}

    def reset(self) -> FrameResult:
        self.previous = self.values()
        return self.session.start_episode(self.memory, self.previous)

    def step(self) -> FrameResult:
        values, previous = self.values(), self.previous
        self.previous = values
        return self.session.frame(self.memory, values, previous)


def fresh_copy(session: ScenarioSession, game: Game) -> ScenarioSession:
    copy = open_session(game.scenario, game.variables)
    copy.load(session.save())
    return copy


# ---------------------------------------------------------------- equality with stable-retro

STATEFUL = """
calls = 0
local hidden = 10
data.float, data.flag, data.nothing = 1.75, true, nil
function reward()
  hidden = hidden + 1
  data.float = data.float + 0.75
  return data.float + hidden / 3 + (data.nothing == nil and 100 or 0) + (data.flag == true and 1000 or 0)
end
function done()
  calls = calls + 1
  data.calls, data.frame, data.timestep = calls, scenario.frame, scenario.timestep
  scenario.frame = 99
  return false
end
"""
POKING = """
data.made = -3.7
function done() data.x = data.x + 9.9; data.made = data.made - 1; data.bcd = 4321; return false end
function reward() return data.y end
"""
WRITES = """
local values = { 3.9, -2, true, false, 1e30, -1e30, 0/0, 1/0, 65536 * 3 + 5, 12345678, -0.5 }
local i = 0
function done() i = i + 1; data.x = values[i]; data.y = values[i]; data.s = values[i]; data.bcd = values[i] end
function reward() data.made = values[i]; return data.made end
"""
READS = """
function done() return data[0xff0003] == 3 end
function reward()
  local outside = pcall(function() return data[0] end)
  local below = pcall(function() return data[-1] end)
  local unknown = pcall(function() return data.nothing end)
  local property = pcall(function() return scenario.nothing end)
  local text = pcall(function() data.text = "a" end)
  local list = pcall(function() data.list = {} end)
  assert(not (outside or below or unknown or property or text or list))
  data[16711680] = 99
  return data[0xff0003] + data["16711682"] * 1000 + data[16711681.9]
end
"""
RETURNS = ["nil", '"5"', "{}", "0/0", "1/0", "-0.5", "1e300", "0.1", "16777217", "true", "false", "0", "print"]


def mixed(*parts: str) -> dict[str, Any]:
    """POKING with some parts in JSON instead."""
    json_parts: dict[str, Any] = {
        "reward": {
            "variables": {
                "x": {"measurement": "absolute", "reward": 1},
                "made": {"measurement": "absolute", "reward": 10, "penalty": 10},
                "y": {"reward": 1000},
                "bcd": {"reward": 0.1, "penalty": 0.1},
            }
        },
        "done": {"variables": {"x": {"op": "greater-than", "reference": 20}}},
    }
    return SCRIPTED | {part: json_parts[part] for part in parts}


ORACLE_SCENARIOS = [
    ("stateful", SCRIPTED, STATEFUL),
    ("poking", SCRIPTED, POKING),
    ("poking, reward in JSON", mixed("reward"), POKING),
    ("poking, done in JSON", mixed("done"), POKING),
    ("writes", SCRIPTED, WRITES),
    ("reads", SCRIPTED, READS),
    *(
        (f"returns {value}", SCRIPTED, f"function reward() return {value} end function done() return {value} end")
        for value in RETURNS
    ),
    (
        "one player scripted",
        {"rewards": [{"time": {"reward": 0.1}}, {"script": "lua:reward"}], "scripts": ["script.lua"]},
        "function reward() return scenario.frame / 10 end",
    ),
]


def test_scripts_give_what_they_give_in_stable_retro(make_game, ask_stable_retro):
    pokes = ["0102030405060708", "0202030505060708", "02040300ff060709", "0902000580060999", "1902030505060710"]
    operations: list[list[Any]] = [["poke", WORK_RAM, "00" * 16]]
    for i, poke in enumerate([*pokes, *pokes]):
        operations += [["poke", WORK_RAM, poke], ["reset" if i % 5 == 0 else "update"]]
    folders = [make_game(VARIABLES, scenario, script_lua=script) for _, scenario, script in ORACLE_SCENARIOS]
    cases = [{"folder": str(folder), "operations": operations, "players": 2} for folder in folders]
    for (name, _, _), folder, answers in zip(ORACLE_SCENARIOS, folders, ask_stable_retro(cases), strict=True):
        game = Game(folder)
        theirs = iter(answers[1:])
        for operation in operations:
            if operation[0] == "poke":
                game.memory.write(operation[1], bytes.fromhex(operation[2]))
                continue
            result = game.reset() if operation[0] == "reset" else game.step()
            game.session = fresh_copy(game.session, game)  # a snapshot at every frame changes nothing
            answer = next(theirs)
            ours = {"rewards": ([*result.rewards, 0.0])[:2], "done": result.done}
            ours["info"] = game.values() | result.script_values
            assert repr(ours["rewards"]) == repr(answer["rewards"]), (name, operation)
            assert (ours["done"], ours["info"]) == (answer["done"], answer["info"]), (name, operation)


def test_script_state_does_not_survive_a_reset(make_game, ask_stable_retro):
    script = "n = 0\nfunction done() return false end\nfunction reward() n = n + 1; return n + math.random() end"
    folder = make_game(VARIABLES, SCRIPTED, script_lua=script)
    operations = [["reset"], ["update"], ["update"], ["reset"], ["update"]]
    (answers,) = ask_stable_retro([{"folder": str(folder), "operations": operations}])
    assert [int(answer["rewards"][0]) for answer in answers[1:]] == [1, 2, 3, 1, 2]
    game = Game(folder)
    first = [game.reset().rewards, game.step().rewards, game.step().rewards]
    second = [game.reset().rewards, game.step().rewards, game.step().rewards]
    assert first == second  # random numbers included
    assert [int(rewards[0]) for rewards in first] == [1, 2, 3]


def test_a_result_says_whether_a_script_wrote_to_memory(make_game):
    script = "function done() if scenario.frame == 2 then data.x = 7 end end function reward() return 0 end"
    game = Game(make_game(VARIABLES, SCRIPTED, script_lua=script))
    assert [game.reset().poked, game.step().poked, game.step().poked, game.step().poked] == [False, False, True, False]
    assert game.values()["x"] == 7


# ---------------------------------------------------------------- what a script can reach


def run(script: str, version: str = "5.1", shown: list[str] | None = None) -> LuaHost:
    folder = Path(__file__).parent
    host = LuaHost(version, [].append if shown is None else shown.append)
    host.run(folder / "script.lua", script.encode())
    host.finish()
    return host


@pytest.mark.parametrize("version", ["5.1", "5.4"])
@pytest.mark.parametrize(
    "expression",
    [
        *("io", "os", "require", "package", "debug", "dofile", "loadfile", "module", "newproxy", "python"),
        *("string.dump", "_G.python", "_G.io", "table.python"),
    ],
)
def test_what_reaches_out_of_the_script_is_gone(expression: str, version: str):
    assert run(f"function f() return {expression} == nil end", version).call("f") is True


def test_no_python_object_can_be_reached():
    host = LuaHost()

    def read(key: str, number: float | None) -> float:
        if key == "missing":
            raise LuaFieldError("nothing here")
        raise RuntimeError("a bug of the host")

    host.add_table("data", read, lambda _key, _kind, _value: None)
    script = """
    local function walk(value, seen, depth)
      if type(value) == "userdata" then found = (found or 0) + 1 end
      if seen[value] or type(value) ~= "table" then return end
      seen[value] = true
      for k, v in next, value do walk(k, seen) walk(v, seen) end
      walk(getmetatable(value), seen)
    end
    function f()
      walk(_G, {})
      walk(getmetatable(""), {})
      local ok, message = pcall(function() return data.missing end)
      walk(message, {})
      kind = type(message)
      return found == nil and kind == "string" and message == "nothing here"
    end
    function g() local _, message = pcall(function() return data.other end) return type(message) == "string" end
    """
    host.run(Path("script.lua"), script.encode())
    host.finish()
    assert host.call("f") is True
    with pytest.raises(RuntimeError, match="a bug of the host"):  # not hidden, even if the script caught it
        host.call("g")


@pytest.mark.parametrize("code", ['loadstring("\\27Lua")', 'load(function() return "\\27Lua" end)'])
def test_compiled_code_is_refused(code: str):
    assert run(f"function f() local chunk, message = {code} return chunk == nil and #message > 0 end").call("f") is True
    with pytest.raises(IntegrationError, match="compiled Lua"):
        run("\x1bLua")


def test_source_can_be_loaded():
    script = """
    function f()
      local parts, i = { "return ", "1", "+2" }, 0
      return loadstring("return 4")() + load(function() i = i + 1 return parts[i] end)()
    end"""
    assert run(script).call("f") == 7


# ---------------------------------------------------------------- order and random numbers

ORDERED = """
local out = {}
local function show(t)
  local keys = {}
  for k, v in pairs(t) do keys[#keys + 1] = tostring(type(v) == "string" and v or k) end
  out[#out + 1] = table.concat(keys, ",")
end
local mixed = { "one", "two", "three", zebra = 1, ape = 1, [10] = 1, [-1] = 1, [2.5] = 1, [true] = 1, [false] = 1 }
show(mixed)
local a, b, c = { name = "a" }, { name = "b" }, { name = "c" }
show({ [c] = "c", [a] = "a", [b] = "b" })
local set = {}
for i = 1, 40 do set[{ id = (i * 7) % 40 }] = "id" .. (i * 7) % 40 end
show(set)
show({ [print] = "print", [pairs] = "pairs", [tostring] = "tostring", [show] = "show" })
local big = {}
for i = 1, 200 do big["k" .. i] = true end
show(big)
local shrinking = { a = 1, b = 2, c = 3, d = 4 }
local seen = {}
for k in pairs(shrinking) do
  seen[#seen + 1] = k
  shrinking[k] = nil
  for _ in pairs(shrinking) do end
end
out[#out + 1] = table.concat(seen, ",")
local t = {}
out[#out + 1] = tostring(t) .. tostring({}) .. tostring(t) .. tostring(show)
local numbers = {}
for i = 1, 5 do numbers[i] = math.random(1000) end
out[#out + 1] = table.concat(numbers, ",")
print(table.concat(out, "\\n"))
"""
EXPECTED_START = "one,two,three,-1,2.5,10,ape,zebra,false,true\na,b,c\n"


@pytest.mark.parametrize("version", ["5.1", "5.4"])
def test_orders_and_random_numbers_are_the_same_in_every_process(tmp_path: Path, version: str):
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\nfrom pathlib import Path\nfrom playthrough.game.lua_host import LuaHost\n"
        "junk = [object() for _ in range(int(sys.argv[1]))]\n"
        f"LuaHost({version!r}).run(Path('s.lua'), {ORDERED.encode()!r})\n"
    )
    shown = {
        subprocess.run(
            [sys.executable, str(program), str(i * 1000)], capture_output=True, text=True, check=True, timeout=60
        ).stdout
        for i in range(6)
    }
    assert len(shown) == 1
    (text,) = shown
    assert text.startswith(EXPECTED_START)
    assert "\na,b,c,d\n" in text


def test_next_alone_walks_a_table():
    script = """
    function f()
      local t, text, k = { 5, 6, x = 7 }, "", nil
      repeat
        local v
        k, v = next(t, k)
        if k ~= nil then text = text .. tostring(k) .. "=" .. v .. ";" end
      until k == nil
      return text == "1=5;2=6;x=7;" and next({}) == nil
    end
    function bad() for _ in pairs(nil) do end end
    """
    host = run(script)
    assert host.call("f") is True
    with pytest.raises(
        IntegrationError, match=r"script\.lua:11: .*bad argument #1 to 'pairs' \(table expected, got nil"
    ):
        host.call("bad")


def test_random_numbers_are_even_and_belong_to_one_state():
    script = """
    function unit() return math.random() end
    function die() return math.random(6) end
    function range() return math.random(-3, 3) end
    function seed() math.randomseed(7) end
    function empty() return math.random(0) end
    """
    host, other = run(script), run(script)
    units = [host.call("unit") for _ in range(4000)]
    assert 0 <= min(units) < 0.01
    assert 0.99 < max(units) < 1
    assert 0.48 < sum(units) / 4000 < 0.52
    assert {host.call("die") for _ in range(200)} == {1, 2, 3, 4, 5, 6}
    assert {host.call("range") for _ in range(300)} == set(range(-3, 4))
    assert [other.call("unit") for _ in range(10)] == units[:10]
    host.call("seed")
    again = [host.call("unit") for _ in range(5)]
    host.call("seed")
    assert [host.call("unit") for _ in range(5)] == again
    with pytest.raises(IntegrationError, match="interval is empty"):
        host.call("empty")


# ---------------------------------------------------------------- errors


def test_a_syntax_error_is_located(make_game):
    folder = make_game(VARIABLES, SCRIPTED, script_lua="function done()\n  return = 1\nend")
    with pytest.raises(IntegrationError, match="is not valid Lua") as raised:
        Game(folder)
    assert (raised.value.path, raised.value.line) == (folder / "script.lua", 2)


def test_an_unknown_function_lists_those_that_exist(make_game):
    folder = make_game(VARIABLES, SCRIPTED, script_lua="function finished() end function reward() end")
    with pytest.raises(IntegrationError, match="'done'; there are: finished, reward") as raised:
        Game(folder)
    assert raised.value.path == folder / "scenario.json"


@pytest.mark.parametrize(
    ("body", "line", "message"),
    [
        ("\n\nreturn nothing.field", 4, "attempt to index global 'nothing'"),
        ("return data.lifes", 2, "no variable 'lifes' in data; there are: bcd, s, x, y"),
        ("return scenario.frames", 2, "'frames'.*frame and timestep"),
        ("return data[0]", 2, "0x0 is not in this game's memory"),
        ("\nerror('boom')", 3, "boom"),
        ("error({})", 2, "an error value of type table"),
        ("data.x = 'text'", 2, "data.x can hold a number, a boolean or nil, not a string"),
    ],
)
def test_a_failing_script_is_located(make_game, body: str, line: int, message: str):
    script = f"function reward() return 0 end\nfunction done() {body} end"
    folder = make_game(VARIABLES, SCRIPTED, script_lua=script)
    game = Game(folder)
    with pytest.raises(IntegrationError, match=f"the Lua function 'done' failed: .*{message}") as raised:
        game.reset()
    assert (raised.value.path, raised.value.line) == (folder / "script.lua", line)


ENDLESS = [
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "while true do xpcall(function() error('x') end, function() while true do end end) end",
    "while true do local co = coroutine.create(function() while true do end end) coroutine.resume(co) end",
    "coroutine.wrap(function() while true do end end)()",
    "local t = setmetatable({}, { __index = function() while true do end end }) return t.x",
    "table.sort({ 3, 2, 1 }, function() while true do end end)",
]


@pytest.mark.parametrize("version", ["5.1", "5.4"])
@pytest.mark.parametrize("body", ENDLESS)
def test_an_endless_loop_ends(monkeypatch: pytest.MonkeyPatch, body: str, version: str):
    monkeypatch.setattr(lua_host, "MAX_SECONDS", 0.1)
    host = run(f"function f()\n{body}\nend\nfunction g() return 7 end", version)
    with pytest.raises(IntegrationError, match=r"script\.lua:2: the Lua function 'f' failed: it has run for more than"):
        host.call("f")
    assert host.call("g") == 7
    with pytest.raises(IntegrationError, match="endless loop"):
        host.call("f")


def test_an_endless_loop_while_a_script_loads_ends(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lua_host, "MAX_SECONDS", 0.1)
    with pytest.raises(IntegrationError, match=r"script\.lua:2: script\.lua failed while loading: .*endless loop"):
        run("x = 1\nwhile true do end")


@pytest.mark.parametrize("inner", ["while true do end", "return data[1]"])
def test_ctrl_c_ends_a_script(inner: str):
    host = LuaHost()
    host.add_table("data", lambda _key, _number: 1.0, lambda _key, _kind, _value: None)
    host.run(Path("script.lua"), f"function f() while true do pcall(function() {inner} end) end end".encode())
    host.finish()
    timer = threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        host.call("f")
    timer.join()


def test_frames_before_an_episode_are_a_callers_mistake(make_game):
    game = Game(make_game(VARIABLES, SCRIPTED, script_lua="function done() end function reward() end"))
    with pytest.raises(ValueError, match="start_episode"):
        game.step()
    with pytest.raises(ValueError, match="start_episode"):
        game.session.save()


# ---------------------------------------------------------------- snapshots

RICH = r"""
local start = data.x                       -- read while loading: the snapshot remembers what it was
local count, shared = 0, { n = 0 }
local function bump() count = count + start; shared.n = shared.n + 1 end
function peek() return count end           -- shares the local variable with bump
class = {}
class.__index = class
function class:grow() self.size = self.size * 1.1; return self.size end
state = { list = {}, shared = shared, weird = { 0/0, 1/0, -1/0, 1e-320, 2^53 + 2, "\0\255;:\n" } }
state.self = state
object = setmetatable({ size = 1 }, class)
string.extra = function(s) return #s + count end
dead = coroutine.create(function() end)
coroutine.resume(dead)
chosen = nil
data.seen = 0.5
function done()
  bump()
  state.list[#state.list + 1] = { math.random(1000000), back = state }
  state[object] = scenario.frame
  chosen = (scenario.frame % 2 == 0) and peek or bump
  data.seen = data.seen * 3
  setfenv(peek, (scenario.frame % 3 == 0) and setmetatable({}, { __index = _G }) or _G)
  return coroutine.status(dead) ~= "dead"
end
function reward()
  local total = shared.n + object:grow() + ("ab"):extra() + data.seen + math.random()
  for i, entry in ipairs(state.list) do total = total + entry[1] % 7 * i end
  for k, v in pairs(state) do if type(k) == "table" then total = total + v end end
  assert(state.self == state and state.shared == shared and state.list[1].back == state)
  local w = state.weird
  assert(w[1] ~= w[1] and w[2] == 1/0 and w[3] == -1/0 and w[4] == 1e-320 and w[5] == 2^53 + 2 and w[6] == "\0\255;:\n")
  return total + peek() + (chosen == peek and 0.5 or 0) + (chosen() or 0)
end
"""
CONTINUE = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_lua import Game
game = Game(Path({folder!r}), bytes(range(7, 71)))
game.session.load(Path({snapshot!r}).read_bytes())
print([(r.rewards, r.done, sorted(r.script_values.items())) for r in (game.step() for _ in range(8))])
"""


def test_a_snapshot_goes_on_the_same_in_a_new_process(make_game, tmp_path: Path):
    folder = make_game(VARIABLES, SCRIPTED, script_lua=RICH)
    game = Game(folder, bytes(range(5, 69)))
    game.reset()
    for _ in range(5):
        game.step()
    game.memory = Memory({WORK_RAM: bytearray(range(7, 71))})
    (tmp_path / "snapshot").write_bytes(game.session.save())
    expected = [(r.rewards, r.done, sorted(r.script_values.items())) for r in (game.step() for _ in range(8))]
    program = CONTINUE.format(tests=str(Path(__file__).parent), folder=str(folder), snapshot=str(tmp_path / "snapshot"))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == repr(expected)
    assert len({rewards[0] for rewards, _, _ in expected}) == 8


def test_loading_and_saving_gives_the_same_snapshot(make_game):
    game = Game(make_game(VARIABLES, SCRIPTED, script_lua=RICH))
    game.reset()
    game.step()
    game.step()
    snapshot = game.session.save()
    assert fresh_copy(game.session, game).save() == snapshot
    game.step()
    assert game.session.save() != snapshot
    game.session.load(snapshot)
    assert game.session.save() == snapshot


@pytest.mark.parametrize(
    ("code", "path", "what"),
    [
        ("state.worker = coroutine.create(function() end)", "state.worker", "a live coroutine"),
        ("state.deep = { { f = function() end } }", "state.deep[1].f", "a function made after the script was loaded"),
        ("state['a b'] = loadstring('return 1')", 'state["a b"]', "a function made"),
        ("words = string.gmatch('a b', '%a')", "words", "a function made"),
        ("state[function() end] = 1", "state's key function", "a function made"),
        ("hide()", "hide's local hidden", "a live coroutine"),
        ("state.cache = setmetatable({}, { __mode = 'k' })", "state.cache", "a weak table"),
        ("setmetatable(state, { __index = function() end })", "state's metatable.__index", "a function made"),
    ],
)
def test_what_cannot_be_saved_is_named(code: str, path: str, what: str):
    prelude = "state = {}\nlocal hidden\nfunction hide() hidden = coroutine.create(hide) end\n"
    host = run(f"{prelude}function f() {code} end")
    assert host.save()
    host.call("f")
    with pytest.raises(StateError) as raised:
        host.save()
    assert f"the Lua variable {path}" in str(raised.value)
    assert what in str(raised.value)


def test_an_iterator_made_while_loading_cannot_be_saved():
    with pytest.raises(StateError, match="variable words holds an iterator"):
        run("words = string.gmatch('a b', '%a')").save()


def test_a_snapshot_of_other_scripts_or_damaged_is_refused(make_game):
    game = Game(make_game(VARIABLES, SCRIPTED, script_lua=RICH))
    other = Game(make_game(VARIABLES, SCRIPTED, script_lua=RICH + "\n"))
    game.reset()
    snapshot = game.session.save()
    with pytest.raises(StateError, match="other scripts"):
        other.session.load(snapshot)
    for damaged in (b"", snapshot[:40], snapshot[:-30], b"PTPY1\n" + snapshot):
        with pytest.raises(StateError):
            game.session.load(damaged)
    game.step()  # still where it was


def test_snapshots_of_lua_5_4_keep_whole_numbers_apart_from_floats():
    script = """
    whole, float, big = 3, 3.0, math.maxinteger
    local hidden = 0
    function step() whole = whole + 1; hidden = hidden + 0.5 end
    function check() return math.type(whole) == "integer" and math.type(float) == "float" and big == math.maxinteger end
    function value() return whole + hidden end
    """
    host = run(script, "5.4")
    host.call("step")
    copy = run(script, "5.4")
    copy.load(host.save())
    copy.call("step")
    assert copy.call("check") is True
    assert copy.call("value") == 6


def test_numbers_of_any_size_pass_between_lua_and_python():
    host = run("function a() return 1e300 end function b() return 0/0 end function c() return -1/0 end")
    assert (host.call("a"), host.call("c")) == (1e300, -math.inf)
    assert math.isnan(host.call("b") or 0)


def test_prints_are_shown_line_by_line():
    shown: list[str] = []
    run("print('grüße', 1, nil, true)", shown=shown)
    assert shown == ["grüße\t1\tnil\ttrue"]
