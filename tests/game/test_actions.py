from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from made_roms import made_rom
from peer_process import ask_peer

from playthrough.engine.systems import get_system, systems, wheel_folder
from playthrough.game.actions import ActionMap

GENESIS, NES = get_system("Genesis"), get_system("Nes")
AIRSTRIKER = str(wheel_folder() / "data/stable/Airstriker-Genesis-v0/rom.md")
SUPPORTED = [name for name, system in systems().items() if system.supported]

SCENARIO_GROUPS: list[Any] = [
    [],
    [[[], ["A"]], [["A"]]],
    [[["A"]]],
    [[[], ["A"], ["B"]], [["A", "B"], ["A"]]],
    [[["UP"], ["B"]], [["A"], ["UP"]]],
    [[[], ["START"], ["MODE", "START"]], [[], ["LEFT"], ["RIGHT"]], [["C"], ["B", "C"]]],
]


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The peer's groups and filter for every supported system, then for Genesis with each of the groups above."""
    folder = tmp_path_factory.mktemp("roms")
    masks = np.random.default_rng(7).integers(0, 1 << 12, 300).tolist()
    requests: list[dict[str, Any]] = []
    for name in SUPPORTED:
        rom = folder / f"rom{systems()[name].extensions[0]}"
        rom.write_bytes(made_rom(name))
        requests.append({"do": "actions", "rom": str(rom), "groups": None, "masks": masks})
    requests += [
        {"do": "actions", "rom": requests[SUPPORTED.index("Genesis")]["rom"], "groups": groups, "masks": masks}
        for groups in SCENARIO_GROUPS
    ]
    return [masks, *ask_peer(requests)]


def press(masks: list[int], num_buttons: int) -> np.ndarray:
    return (np.array(masks)[:, None] >> np.arange(num_buttons) & 1).astype(np.int8)


@pytest.mark.parametrize("name", SUPPORTED)
def test_filtered_buttons_equal_stable_retros(name: str, peer: list[Any]):
    groups, kept = peer[1 + SUPPORTED.index(name)]
    system = systems()[name]
    actions = ActionMap.create("buttons", system)
    assert [list(group) for group in actions.groups] == groups
    num_buttons = len(system.buttons)
    ours = actions.to_buttons(press(peer[0], num_buttons))
    # The peer was asked with 12 bits; bits above the system's buttons are in no group.
    assert ours[:, 0].tolist() == kept


@pytest.mark.parametrize("index", range(len(SCENARIO_GROUPS)))
def test_a_scenarios_groups_replace_the_systems_as_in_stable_retro(index: int, peer: list[Any]):
    groups, kept = peer[1 + len(SUPPORTED) + index]
    actions = ActionMap.create("buttons", GENESIS, SCENARIO_GROUPS[index])
    assert [list(group) for group in actions.groups] == groups
    assert actions.to_buttons(press(peer[0], 12))[:, 0].tolist() == kept


@pytest.mark.parametrize("players", [1, 2])
def test_discrete_actions_equal_stable_retros(players: int):
    actions = ActionMap.create("discrete", GENESIS, None, players)
    count = 126**players
    numbers = list(range(126)) if players == 1 else np.random.default_rng(3).integers(0, count, 200).tolist()
    peer_count, masks = ask_peer([{"do": "discrete_actions", "players": players, "numbers": numbers}])[0]
    assert actions.space == spaces.Discrete(count) and peer_count == count
    assert actions.to_buttons(np.array(numbers)).tolist() == masks


def test_spaces():
    def space(kind: Any, players: int) -> Any:
        return ActionMap.create(kind, GENESIS, None, players).single_space

    assert space("buttons", 2) == spaces.MultiBinary(24)
    assert space("all", 1) == spaces.MultiBinary(12)
    assert space("discrete", 1) == spaces.Discrete(3 * 3 * 14)
    assert space("multi_discrete", 2) == spaces.MultiDiscrete([3, 3, 14, 3, 3, 14])
    assert space([[], ["B"]], 1) == spaces.Discrete(2)
    assert space([[], ["B"]], 3) == spaces.MultiDiscrete([2, 2, 2])


@pytest.mark.parametrize("kind", ["buttons", "all", "discrete", "multi_discrete", [[], ["B"], ["B", "LEFT"]]])
@pytest.mark.parametrize("players", [1, 2])
def test_a_batch_equals_its_lanes_one_by_one(kind: Any, players: int):
    actions = ActionMap.create(kind, GENESIS, None, players)
    space = actions.batch_space(50)
    space.seed(1)
    batch = space.sample()
    masks = actions.to_buttons(batch)
    assert masks.shape == (50, players) and masks.dtype == np.uint16
    for lane in range(50):
        assert actions.to_buttons(np.asarray(batch[lane])[None])[0].tolist() == masks[lane].tolist()
        pressed = actions.meaning(batch[lane])
        pads = [pressed] if players == 1 else pressed
        assert [GENESIS.mask_of(pad) for pad in pads] == masks[lane].tolist()  # type: ignore[arg-type]


def test_start_and_select_need_a_group_that_has_them():
    actions = ActionMap.create("buttons", NES)
    pressed = actions.to_buttons(np.ones((1, 9), np.int8) * np.array([1, 0, 1, 1, 0, 0, 0, 0, 0]))
    assert actions.names(pressed[0, 0]) == ["B"]
    with_start = ActionMap.create("buttons", NES, [[[], ["START"]]])
    assert with_start.names(with_start.to_buttons(np.array([[1, 0, 1, 1, 0, 0, 0, 0, 0]]))[0, 0]) == ["START"]


def test_all_presses_everything_but_ids_without_a_button():
    advance = get_system("GbAdvance")
    actions = ActionMap.create("all", advance, None, 2)
    masks = actions.to_buttons(np.ones((3, 24), bool))
    assert masks.tolist() == [[0b1101_1111_1101] * 2] * 3


def test_multi_discrete_reads_the_second_players_numbers_after_the_firsts():
    actions = ActionMap.create("multi_discrete", NES, None, 2)
    assert actions.meaning([1, 0, 1, 2, 2, 3]) == [["B", "UP"], ["B", "DOWN", "RIGHT", "A"]]


def test_lists_press_exactly_what_they_say():
    actions = ActionMap.create([[], ["START"], ["LEFT", "RIGHT", "A"]], NES, None, 2)
    assert actions.meaning([1, 2]) == [["START"], ["LEFT", "RIGHT", "A"]]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("filtered", "'filtered' is no action kind; expected one of buttons, all, discrete, multi_discrete"),
        ([["B"], ["X"]], "Nes has no button 'X'; its buttons are: B SELECT START UP DOWN LEFT RIGHT A"),
        ([["B", None]], "Nes has no button None"),
        ([], "the list of actions is empty"),
        ([[], "B"], r"write \['B'\] instead of 'B'"),
    ],
)
def test_wrong_kinds_are_explained(kind: Any, message: str):
    with pytest.raises(ValueError, match=message):
        ActionMap.create(kind, NES)


@pytest.mark.parametrize(
    ("kind", "actions", "message"),
    [
        ("discrete", [0, 36], r"lane 1: the action 36 is not in Discrete\(36\)"),
        ("discrete", [-1], "lane 0"),
        ("discrete", [[0]], r"shape \(1, 1\), expected \(lanes\)"),
        ("multi_discrete", [[0, 0, 0], [0, 3, 0]], "lane 1"),
        ("buttons", [[0] * 8 + [2]], "lane 0"),
        ("buttons", [[0] * 8], r"expected \(lanes, 9\)"),
        ([[], ["A"]], [0, 1, 2], "lane 2"),
    ],
)
def test_wrong_actions_name_the_lane(kind: Any, actions: Any, message: str):
    with pytest.raises(ValueError, match=message):
        ActionMap.create(kind, NES).to_buttons(np.array(actions))


def test_actions_with_fractions_are_refused():
    with pytest.raises(TypeError, match="whole numbers"):
        ActionMap.create("discrete", NES).to_buttons(np.array([0.5]))
