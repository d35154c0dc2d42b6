"""Games for two: PettingZoo's own tests, every player on its own pad, and the game in the mirror."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import playthrough as pt
from playthrough.engine.systems import get_system
from playthrough.env.seats import SeatedLanes, Seats
from playthrough.env.single import RetroEnv
from playthrough.errors import IntegrationError
from playthrough.game.roms import list_playable
from playthrough.game.wiring import Wiring, load_wires

pettingzoo_test = pytest.importorskip("pettingzoo.test")

DUEL: dict[str, Any] = {"game": "Wickling-Nes", "scenario": "versus", "frame_skip": 4}
ACTIONS = [[], ["LEFT"], ["RIGHT"], ["B"]]

needs_pong = pytest.mark.skipif("Pong-Atari2600" not in list_playable(), reason="Pong's ROM comes with ale-py")


def duel(**options: Any) -> pt.RetroParallelEnv:
    return pt.make_parallel(**{**DUEL, "actions": ACTIONS, "observation": "ram", **options})


@pytest.mark.parametrize("options", [{}, {"observation": "gray84", "mirror": pt.Mirror(flip=True)}])
def test_it_is_a_parallel_environment(options: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        env = duel(max_episode_steps=40, **options)
        pettingzoo_test.parallel_api_test(env, num_cycles=60)
        env.close()
    pettingzoo_test.parallel_seed_test(lambda: duel(noop_max=8, **options), num_cycles=15)
    assert "Passed" in capsys.readouterr().out


def test_each_player_holds_its_own_pad() -> None:
    """The same game as the environment whose one agent holds both pads."""
    both = pt.make(**DUEL, players=2, actions=ACTIONS, observation="ram")
    env = duel()
    seen, _ = env.reset(seed=3)
    first, _ = both.reset(seed=3)
    random = np.random.default_rng(1)
    paid = np.zeros(2)
    for _ in range(150):
        assert (seen["player_1"] == first).all() and (seen["player_2"] == first).all()
        one, two = random.integers(len(ACTIONS), size=2)
        seen, rewards, terminated, _, infos = env.step({"player_1": one, "player_2": two})
        first, _, ended, _, info = both.step([one, two])
        assert [rewards["player_1"], rewards["player_2"]] == info["rewards"].tolist()
        assert terminated == {"player_1": ended, "player_2": ended} and infos["player_1"]["health"] == info["health"]
        paid += info["rewards"]
    assert paid[0] == -paid[1] != 0
    env.close()
    both.close()


def test_an_episode_ends_for_all() -> None:
    env = duel(max_episode_steps=3)
    env.reset()
    for number in range(3):
        assert env.agents == ["player_1", "player_2"]
        _, _, _, truncated, infos = env.step({"player_1": 0, "player_2": 0})
        assert truncated == dict.fromkeys(("player_1", "player_2"), number == 2)
    assert env.agents == [] and infos["player_2"]["episode_end"] == "time limit"
    assert env.step({}) == ({}, {}, {}, {}, {})
    env.close()


@pytest.fixture(scope="module")
def pong() -> Iterator[pt.RetroParallelEnv]:
    env = pt.make_parallel(
        "Pong-Atari2600",
        actions=[[], ["UP"], ["DOWN"], ["BUTTON"]],
        frame_skip=4,
        observation=pt.Variables(("ball_x", "ball_y", "p1_pos", "p2_pos")),
        mirror=pt.Mirror(swap=(("p1_pos", "p2_pos"),), reflect={"ball_x": 256}),
    )
    yield env
    env.close()


@needs_pong
def test_two_paddles_on_one_port_are_two_players(pong: pt.RetroParallelEnv) -> None:
    for agent, mine, other in (("player_1", "p1_pos", "p2_pos"), ("player_2", "p2_pos", "p1_pos")):
        for action, sign in ((1, -1), (2, 1)):
            _, before = pong.reset(seed=0)
            for _ in range(8):
                _, _, _, _, after = pong.step({"player_1": 0, "player_2": 0, agent: action})
            moved = int(after[agent][mine]) - int(before[agent][mine])
            assert sign * moved > 20 and after[agent][other] == before[agent][other], (agent, action)


@needs_pong
def test_whoever_scored_serves(pong: pt.RetroParallelEnv) -> None:
    seen, _ = pong.reset(seed=0)
    points = 0
    for step in range(800):
        _, ball_y, mine, _ = seen["player_2"]
        follow = 0 if not ball_y else 1 if ball_y < mine else 2
        # Player 1 stays at the top, so that player 2 scores and serves.
        action = 3 if step % 4 == 0 else follow
        seen, rewards, _, _, _ = pong.step({"player_1": 1, "player_2": action})
        points += rewards["player_2"] > 0
        if points == 2:
            break
    assert points == 2


@needs_pong
def test_the_second_player_sees_the_game_in_the_mirror(pong: pt.RetroParallelEnv) -> None:
    pong.reset(seed=0)
    for _ in range(20):
        seen, _, _, _, _ = pong.step({"player_1": 1, "player_2": 2})
    ball_x, ball_y, mine, other = seen["player_1"]
    assert seen["player_2"].tolist() == [256 - ball_x, ball_y, other, mine] and mine != other
    assert pong.observation_space("player_2").contains(seen["player_2"])


@pytest.mark.parametrize(("game", "scenario"), [("Boxing-Atari2600", "versus"), ("FishingDerby-Atari2600", None)])
def test_games_with_a_start_for_two(game: str, scenario: str | None) -> None:
    """Nobody but the two players moves anything, and each of them does."""
    if game not in list_playable():
        pytest.skip(f"{game}'s ROM comes with ale-py")
    env = pt.make_parallel(game, scenario=scenario, actions=[[], ["LEFT"], ["RIGHT"]], observation="ram", frame_skip=4)
    seen: list[bytes] = []
    for one, two in ((0, 0), (1, 0), (2, 0), (0, 1), (0, 2)):
        env.reset(seed=0)
        for _ in range(25):
            after, rewards, _, _, _ = env.step({"player_1": one, "player_2": two})
        seen.append(after["player_1"].tobytes())
        assert set(rewards) == {"player_1", "player_2"}
    assert len({seen[0], *seen[1:3]}) > 1 and len({seen[0], *seen[3:]}) > 1
    env.close()


def test_a_mirrored_picture_has_mirrored_buttons() -> None:
    """Player 2, who sees itself on the other side, presses LEFT to go right."""
    plain, turned = duel(observation="rgb"), duel(observation="rgb", mirror=pt.Mirror(flip=True))
    for env in (plain, turned):
        env.reset(seed=0)
    for _ in range(10):
        seen, _, _, _, _ = plain.step({"player_1": 1, "player_2": 2})
        other, _, _, _, _ = turned.step({"player_1": 1, "player_2": 1})
    assert (seen["player_1"] == other["player_1"]).all() and (seen["player_1"] != seen["player_1"][:, ::-1]).any()
    assert (other["player_2"] == seen["player_2"][:, ::-1]).all()
    for env in (plain, turned):
        env.close()


def test_windows_and_dicts_are_mirrored_too() -> None:
    numbers = pt.Variables(("health", "x"))
    parts = {"numbers": numbers, "scaled": replace(numbers, scale=0.5), "past": "variables x3", "picture": "gray84"}
    mirror = pt.Mirror(flip=True, reflect={"x": 255})
    env = pt.make_parallel(**DUEL, observation=parts, mirror=mirror, actions=ACTIONS)
    env.reset(seed=0)
    for _ in range(5):
        seen, _, _, _, _ = env.step({"player_1": 1, "player_2": 0})
    one, two = seen["player_1"], seen["player_2"]
    column = list(env.game.lanes.variables).index("x")
    assert two["numbers"].tolist() == [one["numbers"][0], 255 - one["numbers"][1]]
    assert two["scaled"].tolist() == (two["numbers"] / 2).tolist()
    assert (two["past"][:, column] == 255 - one["past"][:, column]).all() and two["past"].shape[0] == 3
    assert (two["picture"] == one["picture"][..., ::-1]).all()
    assert env.observation_space("player_2").contains(two)
    env.close()


def test_lanes_with_seats_say_what_the_lanes_say() -> None:
    """Rewards and last observations of episodes that ended, per seat."""
    options: dict[str, Any] = {**DUEL, "num_envs": 2, "actions": ACTIONS, "observation": "ram", "players": 2}
    lanes = SeatedLanes(pt.make_vec(**options, max_episode_steps=60, autoreset_mode="same_step"))
    joint = pt.make_vec(**options, max_episode_steps=60, autoreset_mode="same_step")
    lanes.reset(seed=1)
    joint.reset(seed=1)
    random = np.random.default_rng(0)
    for step in range(60):
        actions = random.integers(len(ACTIONS), size=(2, 2))
        seen, rewards, _, truncated, infos = lanes.step(actions)
        first, _, _, _, told = joint.step(actions)
        assert (seen == first[:, None]).all() and seen.shape[:2] == (2, 2)
        paid = told["final_info"]["rewards"] if step == 59 else told["rewards"]
        assert (rewards == paid).all()
    assert truncated.all() and infos["final_obs"][1].shape == (2, *first.shape[1:])
    assert (infos["final_obs"][1] == told["final_obs"][1]).all()
    lanes.close()
    joint.close()


def test_the_action_that_presses_nothing(tmp_path: Path) -> None:
    """Where every choice of a part of the pad presses something, there is none."""
    scenario = json.loads((Path(pt.__file__).parents[2] / "games" / "Wickling-Nes" / "versus.json").read_text())
    path = tmp_path / "restless.json"
    path.write_text(json.dumps(scenario | {"actions": [[["LEFT"], ["RIGHT"]], [[], ["B"]]]}))
    for name, actions, expected in (
        ("versus", "multi_discrete", [0, 0, 0]),
        (str(path), "multi_discrete", None),
        (str(path), "discrete", None),
        ("versus", ACTIONS, 0),
        ("versus", [["B"], []], 1),
    ):
        env = duel(scenario=name, actions=actions)
        idle = Seats(env.game.lanes).idle_action
        assert (idle if idle is None or isinstance(idle, int) else idle.tolist()) == expected, (name, actions)
        env.close()


def test_what_cannot_be() -> None:
    with pytest.raises(TypeError, match=r"num_envs is an option of make_vec; make_parallel\(\) gives one"):
        duel(num_envs=2)
    with pytest.raises(ValueError, match="mirror: pictures and variables have a mirror image, Ram has none"):
        duel(mirror=pt.Mirror(flip=True))
    with pytest.raises(ValueError, match="mirror: the observation has no variable 'knees'; it has health"):
        duel(observation=pt.Variables(("health",)), mirror=pt.Mirror(swap=(("health", "knees"),)))
    env = duel()
    env.reset()
    with pytest.raises(ValueError, match="there is no action for player_2; expected one for each of player_1, player"):
        env.step({"player_1": 0})
    env.close()


def test_pads_that_are_shared(tmp_path: Path) -> None:
    system = get_system("Atari2600")
    names = {name: system.mask_of([name]) for name in ("UP", "LEFT", "RIGHT", "BUTTON")}
    path = tmp_path / "pads.json"
    path.write_text(json.dumps({"2": {"UP": [1, "LEFT"], "BUTTON": [2, "RIGHT"]}}))
    wiring = Wiring(2, load_wires(path, system, 2))
    players = np.array([[names["UP"], names["UP"]], [0, names["BUTTON"] | names["LEFT"]]], np.uint16)
    assert wiring.masks(players).tolist() == [[names["UP"] | names["LEFT"], 0], [0, names["RIGHT"]]]
    assert load_wires(path, system, 1) == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"two": {}}, "expected players by number, such as \"2\", found 'two'"),
        ({"²": {}}, "expected players by number, such as \"2\", found '²'"),
        ({"00": {"UP": [1, "LEFT"]}}, "expected players by number, such as \"2\", found '00'"),
        ({"9" * 5000: {"UP": [1, "LEFT"]}}, 'expected players by number, such as "2"'),
        ({"2": []}, 'player 2: expected {"UP": [1, "LEFT"]}, found []'),
        ({"2": {"UP": "LEFT"}}, "player 2: UP: expected a pad and its button, such as [1, \"LEFT\"], found 'LEFT'"),
        ({"2": {"UP": [1, "JUMP"]}}, "player 2: Atari2600 has no button 'JUMP'"),
        ({"2": {"UP": [3, "LEFT"]}}, "player 2: there is no pad 3 for 2 players"),
    ],
)
def test_wrong_pads(content: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "pads.json"
    path.write_text(json.dumps(content))
    with pytest.raises(IntegrationError) as caught:
        load_wires(path, get_system("Atari2600"), 2)
    assert message in str(caught.value) and str(path) in str(caught.value)


def test_wrong_pads_leave_no_emulator_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[RetroEnv] = []
    close = RetroEnv.close
    monkeypatch.setattr(RetroEnv, "close", lambda env: (closed.append(env), close(env)))

    def wrong(*_: object) -> Wiring:
        raise IntegrationError("wrong")

    monkeypatch.setattr("playthrough.env.seats.wiring_of", wrong)
    with pytest.raises(IntegrationError):
        duel()
    assert len(closed) == 1
