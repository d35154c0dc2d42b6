"""The scenario doctor's judgement of plays that are made up, so that each mistake stands alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from playthrough.env.reward_terms import RewardTerms, ends
from playthrough.game.integration import load_integration
from playthrough.integrate.check_case import Case
from playthrough.integrate.check_ends import check_ends, lives_left
from playthrough.integrate.check_files import check_files, check_meaning
from playthrough.integrate.check_finding import Finding
from playthrough.integrate.check_plays import Play
from playthrough.integrate.check_rewards import check_rewards
from playthrough.integrate.check_score import ScoreAt, check_score
from playthrough.integrate.check_types import check_types

INFO: dict[str, tuple[int, str]] = {
    "score": (16, ">u2"),
    "lives": (18, "|i1"),
    "level": (19, "|u1"),
    "x": (20, ">u2"),
    "xhi": (24, "|u1"),
    "xlo": (26, "|u1"),
}
NO_END = {"variables": {"lives": {"op": "equal", "reference": -1}}}
MakeCase = Callable[..., Case]


def rewards(**terms: Any) -> dict[str, Any]:
    """A scenario: a number for a variable is its reward."""
    specs = {name: {"reward": term} if isinstance(term, int) else term for name, term in terms.items()}
    return {"reward": {"variables": specs}, "done": NO_END}


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[dict[str, Any], dict[str, Any] | None], Path]:
    def write(scenario: dict[str, Any], data: dict[str, Any] | None = None) -> Path:
        path = tmp_path / "Made-Nes"
        path.mkdir(exist_ok=True)
        info = {name: {"address": address, "type": kind} for name, (address, kind) in INFO.items()}
        (path / "data.json").write_text(json.dumps(data or {"info": info}, indent=1))
        (path / "scenario.json").write_text(json.dumps(scenario, indent=1))
        return path

    return write


@pytest.fixture
def case(folder: Callable[..., Path]) -> MakeCase:
    """Plays in which the named variables take these values, one list per play; the others stay as they are."""

    def make(
        scenario: dict[str, Any], *plays: dict[str, Any], types: dict[str, str] | None = None, speed: float = 60
    ) -> Case:
        data: dict[str, Any] = {
            "info": {name: {"address": at, "type": (types or {}).get(name, kind)} for name, (at, kind) in INFO.items()}
        }
        integration = load_integration(folder(scenario, data))
        compiled = integration.scenario.compile(integration.variables)
        terms = RewardTerms.of(integration.scenario, compiled, 1)
        names, made = list(integration.variables), []
        for number, values in enumerate(plays):
            length = max(len(value) for key, value in values.items() if key != "name")
            samples = np.zeros((length, len(names)), np.int64)
            samples[:, names.index("lives")] = 3
            for name, column in values.items():
                if name != "name":
                    samples[:, names.index(name)] = column
            amounts = terms.amounts(samples[1:], samples[0], np.zeros((length - 1, 1)))
            over = ends(compiled.stop, samples[1:], samples[:-1]) if compiled.stop else np.zeros(length - 1, np.bool_)
            ended_at = int(np.flatnonzero(over)[0]) + 1 if over.any() else None
            total = amounts.sum(axis=1, keepdims=True).astype(np.float64)
            masks = np.zeros((length - 1, 1), np.uint16)
            made.append(Play(values.get("name", f"random, seed {number}"), masks, samples, total, amounts, ended_at))
        return Case(integration, terms, tuple(made), speed)

    return make


def kinds(findings: Any, *levels: str) -> set[str]:
    return {finding.kind for finding in findings if finding.level in (levels or ("error", "warning"))}


def rising(length: int, every: int = 50, by: int = 10) -> NDArray[np.int64]:
    return np.arange(length) // every * by


def test_a_plain_score_is_right(case: MakeCase) -> None:
    made = case(rewards(score=1), {"score": rising(800)}, {"score": rising(800, 70), "name": "nothing pressed"})
    assert kinds([*check_rewards(made), *check_types(made)]) == set()
    notes = {finding.kind: finding for finding in check_rewards(made)}
    assert "frame on which a reward came is 50 (after 0.8 s)" in notes["first reward"].message


def test_seconds_are_those_of_the_game(case: MakeCase) -> None:
    made = case(rewards(score=1), {"score": rising(800)}, speed=50)
    assert any("50 (after 1.0 s)" in finding.message for finding in check_rewards(made))


def test_a_wrapping_byte_is_found_with_its_higher_byte(case: MakeCase) -> None:
    position = np.arange(0, 900, 2)
    made = case(rewards(xlo={"reward": 1, "penalty": 1}), {"xlo": position % 256, "xhi": position // 256})
    (finding,) = (f for f in check_rewards(made) if f.kind == "wrapping")
    assert (finding.level, finding.line) == ("error", 4)
    assert "its change is -254 where the game moved by +2" in finding.message
    assert '"joined"' in finding.next_step
    assert '["xhi", "xlo"]' in finding.next_step


def test_a_wrap_that_the_higher_byte_makes_good_is_right(case: MakeCase) -> None:
    position = np.arange(0, 900, 2)
    scenario = rewards(xlo={"reward": 1, "penalty": 1}, xhi={"reward": 256, "penalty": 256})
    made = case(scenario, {"xlo": position % 256, "xhi": position // 256})
    assert kinds(check_rewards(made)) == set()


def test_a_bar_that_is_emptied_at_once_does_not_wrap(case: MakeCase) -> None:
    bar = np.where(np.arange(400) < 200, 255, 0)
    assert "wrapping" not in kinds(check_rewards(case(rewards(xlo={"penalty": 1}), {"xlo": bar})))


def test_rocking(case: MakeCase) -> None:
    there_and_back = 100 + np.abs(np.arange(600) % 80 - 40)
    made = case(rewards(x=1), {"x": there_and_back})
    assert "rocking" in kinds(check_rewards(made))
    made = case(rewards(x={"reward": 1, "penalty": 1}), {"x": there_and_back})
    assert "rocking" not in kinds(check_rewards(made))


def test_a_variable_that_is_something_else_for_a_while(case: MakeCase) -> None:
    score = rising(800)
    score[400:430] = 9000
    (finding,) = (f for f in check_rewards(case(rewards(score=1), {"score": score})) if f.kind == "spike")
    assert "70 -> 9000 on frame 400" in finding.evidence
    assert "back to 80 on frame 430" in finding.evidence


def test_a_score_that_jumps_up_and_down(case: MakeCase) -> None:
    noise = np.random.default_rng(0).integers(0, 60000, 500)
    assert "spike" in kinds(check_rewards(case(rewards(score=1), {"score": noise})))


@pytest.mark.parametrize(
    "scenario",
    [
        rewards(x={"reward": 1, "penalty": 1}, score={"reward": -1, "penalty": -1}),
        rewards(x={"reward": 2, "penalty": 2}, score={"reward": -1, "penalty": -1}, xlo={"reward": -1, "penalty": -1}),
    ],
)
def test_terms_that_cancel(case: MakeCase, scenario: dict[str, Any]) -> None:
    way = np.arange(400) // 2
    made = case(scenario, {"x": way, "score": way, "xlo": way})
    assert "cancelling" in kinds(check_rewards(made), "error")


def test_signs(case: MakeCase) -> None:
    lives = 3 - np.arange(600) // 200
    made = case(rewards(lives={"penalty": -5}, score=-1), {"lives": lives, "score": rising(600)})
    found = [finding.message for finding in check_rewards(made) if finding.kind == "wrong sign"]
    assert found == [
        "'score' has the wrong sign: every point costs something",
        "'lives' has the wrong sign: losing a life pays",
    ]


def test_an_opponents_points_may_cost_something(case: MakeCase) -> None:
    made = case(rewards(x=1, score=-1), {"x": rising(600, 61), "score": rising(600)})
    assert kinds(check_rewards(made)) == set()


def test_paid_again_on_every_frame(case: MakeCase) -> None:
    made = case(rewards(score={"reward": 1, "measurement": "absolute"}), {"score": rising(800)})
    assert "paid every frame" in kinds(check_rewards(made), "warning")


def test_paid_for_nothing(case: MakeCase) -> None:
    clock = np.arange(900) // 10
    made = case(rewards(x=1), {"x": clock, "name": "nothing pressed"}, {"x": clock})
    assert "paid for nothing" in kinds(check_rewards(made), "warning")


def test_a_factor_for_the_wrong_direction(case: MakeCase) -> None:
    made = case(rewards(score={"penalty": 1}), {"score": rising(500)})
    (finding,) = (f for f in check_rewards(made) if f.kind == "reward always zero")
    assert finding.level == "error"
    assert "it rose 9 times and fell 0 times, first from 0 to 10 on frame 50" in finding.evidence


def test_nothing_earned_is_only_worth_a_note(case: MakeCase) -> None:
    made = case(rewards(score=1), {"score": np.zeros(900, np.int64)})
    assert kinds(check_rewards(made)) == set()
    assert "reward always zero" in kinds(check_rewards(made), "note")


def end_at(**criterion: Any) -> dict[str, Any]:
    return rewards(score=1) | {"done": {"variables": criterion}}


def test_an_end_that_comes_at_once(case: MakeCase) -> None:
    made = case(end_at(lives={"op": "greater-than"}), {"score": rising(400)}, {"score": rising(400)})
    assert "done at once" in kinds(check_ends(made), "error")


def test_an_end_by_the_level(case: MakeCase) -> None:
    level = np.arange(800) // 300
    made = case(end_at(level={"op": "nonzero", "measurement": "delta"}), {"level": level, "score": rising(800)})
    (finding,) = check_ends(made)
    assert (finding.kind, finding.level) == ("done on level change", "warning")
    assert "level 0 -> 1 on frame 300" in finding.evidence
    meant = rewards(level=100) | {"done": {"variables": {"level": {"op": "nonzero", "measurement": "delta"}}}}
    assert [finding.level for finding in check_ends(case(meant, {"level": level}))] == ["note"]


def test_an_end_after_which_the_game_goes_on(case: MakeCase) -> None:
    x = np.where(np.arange(800) < 200, 5, 7)
    made = case(end_at(x={"op": "equal", "reference": 7}), *[{"x": x, "score": rising(800, 20)}] * 3)
    assert "done too early" in kinds(check_ends(made))


def test_an_end_with_a_life_left(case: MakeCase) -> None:
    lives = 3 - np.arange(1000) // 250
    plays = [{"lives": lives, "score": rising(1000)}] * 3
    too_early, right = (case(end_at(lives={"op": "equal", "reference": value}), *plays) for value in (1, 0))
    assert "done too early" in kinds(lives_left(too_early))
    over = {"lives": lives, "score": np.minimum(rising(1000), 140)}
    right = case(end_at(lives={"op": "equal", "reference": 0}), *[over] * 3)
    assert kinds([*check_ends(right), *lives_left(right)]) == set()


def test_an_end_that_waits_for_a_value_on_the_wrong_side(case: MakeCase) -> None:
    lives = 3 - np.arange(700) // 300
    made = case(end_at(lives={"op": "equal", "reference": 77}), *[{"lives": lives, "score": rising(700)}] * 2)
    assert "done never fires" in kinds(check_ends(made))


def test_a_game_that_is_over_in_an_episode_that_goes_on(case: MakeCase) -> None:
    lives = np.maximum(3 - np.arange(1600) // 200, 0)
    score = np.minimum(rising(1600), 100)
    made = case(end_at(x={"op": "equal", "reference": 9}), {"lives": lives, "score": score})
    assert "done never fires" in kinds(check_ends(made), "error")


def test_decimal_digits_read_as_binary(case: MakeCase) -> None:
    score = np.array([int(str(value), 16) for value in range(0, 120)]).repeat(5)
    made = case(rewards(score=1), {"score": score})
    (finding,) = (f for f in check_types(made) if f.kind == "type")
    assert finding.next_step == 'give it the type ">d2"'
    assert "9 (0x9) is followed by 16 (0x10)" in finding.evidence
    assert kinds(check_types(case(rewards(score=1), {"score": np.arange(600)}))) == set()


def test_bytes_the_other_way_round(case: MakeCase) -> None:
    way = np.arange(900)
    swapped = (way & 0xFF) << 8 | way >> 8
    (finding,) = (f for f in check_types(case(rewards(x=1), {"x": swapped})) if "'x'" in f.message)
    assert finding.next_step == 'give it the type "<u2"'


def test_score_on_the_screen(case: MakeCase) -> None:
    made = case(rewards(score=1), {"score": rising(500), "name": "movie a.bk2"})

    def said(value: int) -> Finding:
        return next(iter(check_score(made, [ScoreAt(200, value)])))

    assert said(40).level == "note"
    assert "by the factor 10" in said(400).message
    assert "by the factor 100" in said(4000).message
    assert said(77).level == "error"


def test_files(folder: Callable[..., Path]) -> None:
    info = {"score": {"address": "16", "type": "|u1"}, "lives": {"address": 18, "type": "|q1"}, "x": {"type": "|u1"}}
    path = folder({"reward": {"variables": {"scor": {"rewrad": 1}}}, "done": {"op": "zero"}}, {"info": info})
    findings, is_loadable = check_files(path)
    assert not is_loadable
    assert sum(finding.kind == "variables" for finding in findings) == 3
    assert {"unknown variable", "unknown key"} <= kinds(findings)
    assert all(finding.line for finding in findings)


def test_every_mistake_of_a_broken_json(folder: Callable[..., Path]) -> None:
    path = folder({})
    text = '{"info": {\n "a": {"address": 0x10, "type": "|u1",},\n "b": {"address": 17 "type": "|u1"}\n}}\n'
    (path / "data.json").write_text(text)
    findings, _ = check_files(path)
    places = [(finding.line, finding.column) for finding in findings if finding.kind == "json"]
    assert places == [(2, 19), (2, 38), (3, 21)]


def test_repeated_keys(folder: Callable[..., Path]) -> None:
    path = folder({})
    (path / "scenario.json").write_text('{"reward": {},\n "done": {},\n "reward": {}}')
    (finding,) = (finding for finding in check_files(path)[0] if finding.kind == "repeated key")
    assert (finding.line, finding.column) == (3, 2)


@pytest.mark.parametrize(
    ("scenario", "kind", "text"),
    [
        (rewards(score={}), "reward always zero", "neither reward nor penalty"),
        (rewards(score={"op": "positive", "penalty": 1}), "reward always zero", "only penalty is given"),
        (rewards(level={"op": "equal", "measurement": "absolute", "reference": 300, "reward": 1}), "reward always zero",
         "never true"),
        (end_at(level={"op": "equal", "reference": -1}), "done never fires", "never true of |u1"),
        (end_at(level={"op": "greater-or-equal"}), "done at once", "true of all values"),
        (rewards(score=1) | {"done": {"condition": "all"}}, "done at once", "all of no conditions"),
    ],
)  # fmt: skip
def test_what_can_never_be(folder: Callable[..., Path], scenario: dict[str, Any], kind: str, text: str) -> None:
    found = [f for f in check_meaning(load_integration(folder(scenario))) if f.kind == kind]
    assert found
    assert found[0].level == "error"
    assert text in found[0].message


def test_the_value_that_an_unsigned_number_has_instead_of_a_negative_one(folder: Callable[..., Path]) -> None:
    integration = load_integration(folder(end_at(x={"op": "equal", "reference": -1})))
    (finding,) = (finding for finding in check_meaning(integration) if finding.kind == "done never fires")
    assert finding.next_step == "give 'x' the type >i2, or expect 65535"


@pytest.mark.parametrize("name", ["level", "LEVEL", "level_lo", "levelHi", "levellow", "levels_done", "p1_stage"])
def test_names_of_levels(name: str, folder: Callable[..., Path]) -> None:
    assert levels_named(name, folder) == [0]


@pytest.mark.parametrize("name", ["action", "active", "actor", "roundness", "player_active", "ACTION", "zonelock"])
def test_names_that_only_begin_like_levels(name: str, folder: Callable[..., Path]) -> None:
    assert levels_named(name, folder) == []


def levels_named(name: str, folder: Callable[..., Path]) -> list[int]:
    integration = load_integration(folder({}, {"info": {name: {"address": 16, "type": "|u1"}}}))
    return Case(integration, RewardTerms((), (), ()), (), 60).levels
