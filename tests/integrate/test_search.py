"""Memory search: every type at once, on every system, step by step, with undo, and kept in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import playthrough as pt
from playthrough.engine.probes import DataType
from playthrough.engine.systems import System
from playthrough.env.options import EnvOptions
from playthrough.errors import BadInputError, MovieError
from playthrough.game.integration import load_integration
from playthrough.game.movies import MovieWriter
from playthrough.integrate.machine import Machine
from playthrough.integrate.numbers import ALL_TYPES, fits_in_a_block, read_numbers
from playthrough.integrate.search import MemorySearch
from playthrough.integrate.session import SearchSession
from playthrough.integrate.state_search import play_until

TINY = ("Nes", "Snes", "Genesis", "Sms", "GameGear", "GameBoy", "GbColor", "GbAdvance", "PCEngine", "Atari2600")


@pytest.mark.parametrize("kind", ALL_TYPES, ids=str)
def test_reads_as_the_reference_does(kind: DataType) -> None:
    ram = np.random.default_rng(1).integers(0, 256, 200, dtype=np.uint8)
    ram[:60] %= 10  # digits and BCD that are valid, too
    values, valid = read_numbers(ram, kind)
    for address, (value, is_number) in enumerate(zip(values.tolist(), valid.tolist(), strict=True)):
        raw = ram[address : address + kind.width].tobytes()
        assert value == kind.decode(raw)
        nibbles = {"d": [n for b in raw for n in (b >> 4, b & 15)], "n": [b & 15 for b in raw]}
        assert is_number == all(nibble <= 9 for nibble in nibbles.get(kind.format, []))


def test_numbers_do_not_run_over_the_end_of_a_block() -> None:
    addresses = np.array([0x10, 0x11, 0x12, 0x80, 0x81])
    assert fits_in_a_block(addresses, 2).tolist() == [True, True, False, True]
    assert fits_in_a_block(addresses, 6).tolist() == []


@pytest.mark.parametrize("system", TINY)
def test_finds_the_score_at_the_address_that_the_integration_names(system: str) -> None:
    game = f"Tiny-{system}"
    variable = load_integration(game).variables["score"].probe
    button = {"Atari2600": "BUTTON", "PCEngine": "I"}.get(system, "A")
    env = pt.make(game, actions=[[], [button]])
    try:
        env.reset()
        search = pt.search(env)
        for _ in range(3):
            before = env.step(0)[4]["score"]
            search.equal(before)
            env.step(1)
            after = env.step(0)[4]["score"]
            assert after == before + 125
            search.increased(125)
            env.step(0)
            search.unchanged()
        found = {(one.address, str(one.type)) for one in search.candidates(None)}
    finally:
        env.close()
    assert (variable.address, str(variable.type)) in found
    assert len(found) < 30


def test_steps_can_be_undone_and_are_told() -> None:
    env = pt.make("Tiny-Nes", actions=[[], ["A"]])
    try:
        env.reset()
        search = pt.search(env, types=["<d2", "|u1"])
        everything = len(search)
        search.equal(0)
        zeros = len(search)
        env.step(1)
        search.greater_than(1).between(100, 200)
        assert [text for text, _ in search.history] == ["start", "equal 0", "greater 1", "between 100 200"]
        assert search.history[-1][1] == len(search) < zeros < everything
        search.undo().undo()
        assert len(search) == zeros
        search.search("equal", 125)
        assert search.candidates()[0].value == 125
        assert search.candidates()[0].before == 0
        with pytest.raises(ValueError, match="no such operation: 'similar'"):
            search.search("similar", 1)
        search.undo().undo()
        with pytest.raises(ValueError, match="no step to undo"):
            search.undo()
    finally:
        env.close()


def test_only_our_environments_can_be_searched() -> None:
    import gymnasium

    with pytest.raises(TypeError, match="that playthrough made"):
        pt.search(gymnasium.make("CartPole-v1"))


def test_a_search_is_kept_from_one_command_to_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYTHROUGH_HOME", str(tmp_path))
    score = load_integration("Tiny-Nes").variables["score"].probe
    with Machine(EnvOptions(game="Tiny-Nes")) as machine:
        session = SearchSession(machine, "score")
        session.say("equal 0")
        session.say("play A 1, wait 3")
        session.save()
    with Machine(EnvOptions(game="Tiny-Nes")) as machine:
        session = SearchSession(machine, "score")
        assert [text for text, _ in session.search.history] == ["start", "equal 0"]
        session.say("equal 125")
        assert any(one.address == score.address and one.type == score.type for one in session.search.candidates(None))
        assert "no step" not in session.say("undo")
        assert session.say("back") == "back where the last play began"
        session.say("equal 0")
        assert any(one.address == score.address for one in session.search.candidates(None))
        answer = session.say(f"poke {score.address:#x} {score.type} 4321")
        assert answer.startswith("original: stays changed")
        assert machine.read(score.address, 2) == b"\0\0", "poking goes back"
        with pytest.raises(BadInputError, match="unknown step 'jump'"):
            session.say("jump")
        with pytest.raises(BadInputError, match="has no button 'FIRE'"):
            session.say("play FIRE 10")
        with pytest.raises(BadInputError, match="the seed must be 0 or more, not -1"):
            session.say("random 60 -1")
        moment = machine.save()
        with pytest.raises(MovieError, match="is of a Snes game"):
            session.say(f"movie {movie_of(load_integration('Tiny-Snes').system, tmp_path)}")
        assert machine.save() == moment
        session.say(f"name points {score.address:#x} {score.type}")
    assert load_integration("Tiny-Nes").variables["points"].probe == score
    with Machine(EnvOptions(game="Tiny-Snes")) as machine:
        other = SearchSession(machine, "score")
        other.path.parent.mkdir(parents=True)
        other.path.write_bytes((tmp_path / "integrations" / "Tiny-Nes" / "searches" / "score.npz").read_bytes())
        kept = other.path.read_bytes()
        damaged = bytearray(kept)
        damaged[60:200] = bytes(140)
        for content in (kept, b"", kept[: len(kept) // 2], bytes(damaged)):
            other.path.write_bytes(content)
            with pytest.raises(BadInputError, match="cannot be read"):
                SearchSession(machine, "score")


def movie_of(system: System, folder: Path) -> Path:
    path = folder / "other.bk2"
    with MovieWriter(path, system, "Other", 1, None) as writer:
        for _ in range(10):
            writer.frame([0])
    return path


def test_random_play_until_the_masked_bits_of_a_variable_change(tiny_game: Any, tiny_cores: Any) -> None:
    info = {"all": {"address": 0, "type": "<u2"}, "high": {"address": 0, "type": "<u2", "mask": 0xFFF0}}
    folder = tiny_game(data={"info": info}, scenario={"reward": {}})
    with Machine(EnvOptions(game=folder, core=tiny_cores["tiny_rgb565"])) as game:
        lengths = []
        for name in info:
            game.start()
            lengths.append(len(play_until(game, name)))
    assert lengths[0] == 1
    assert 1 < lengths[1] <= 16


def test_a_search_of_memory_that_anybody_gives() -> None:
    class Bytes:
        addresses = np.arange(0x100, 0x108)
        data = np.zeros(8, np.uint8)

        def ram(self) -> np.ndarray:
            return self.data

    memory = Bytes()
    search = MemorySearch(memory, ["|u1", ">u2"])
    memory.data[3] = 7
    search.changed()
    assert [(one.address, str(one.type)) for one in search.candidates()] == [
        (0x103, "|u1"),
        (0x102, ">u2"),
        (0x103, ">u2"),
    ]
