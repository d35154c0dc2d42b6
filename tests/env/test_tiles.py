"""The `tiles` observation says what memory says, on our own platformer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import playthrough as pt
from playthrough.game.tiles import load_tiles

GAME = "Wickling-Nes"
RUN, JUMP = ["RIGHT"], ["RIGHT", "A"]


def by_hand(env: pt.RetroVectorEnv, lane: int) -> list[list[float]]:
    """The window without the objects, one byte at a time."""
    tiles = env.integration.tiles
    assert tiles is not None

    def number(addresses: tuple[int, ...]) -> int:
        return int.from_bytes(b"".join(env.engine.read_memory(lane, address, 1) for address in addresses), "big")

    column = (number(tiles.player_x) + tiles.centre[0]) // tiles.cell[0]
    row = (number(tiles.player_y) + tiles.centre[1] - tiles.top) // tiles.cell[1]
    left, right, up, down = tiles.window
    window: list[list[float]] = []
    for y in range(row - up, row + down + 1):
        line: list[float] = []
        for x in range(column - left, column + right + 1):
            if x < 0 or not 0 <= y < tiles.rows:
                line.append(0.0)
                continue
            page, rest = x // tiles.page_columns % tiles.pages, x % tiles.page_columns
            address = tiles.address + page * tiles.rows * tiles.page_columns + y * tiles.page_columns + rest
            line.append(tiles.values[env.engine.read_memory(lane, address, 1)[0]])
        window.append(line)
    return window


def test_the_window_is_what_memory_holds() -> None:
    env = pt.make_vec(GAME, num_envs=3, observation="tiles", actions=[RUN, JUMP], frame_skip=4, noop_max=20)
    height, width = 10, 10
    assert env.single_observation_space.shape == (height, width)
    observations, _ = env.reset(seed=2)
    random, kinds, moved = np.random.default_rng(0), set[float](), set[bytes]()
    for _ in range(60):
        observations, *_ = env.step(random.integers(0, 2, 3))
        for lane in range(3):
            seen = observations[lane]
            level = np.array(by_hand(env, lane), np.float32)
            # An object may cover a tile; nothing else differs.
            covered = seen != level
            assert set(seen[covered].tolist()) <= {-1.0, 1.0} and covered.sum() < 20
            kinds |= set(seen.ravel().tolist())
            moved.add(seen.tobytes())
    env.close()
    assert {-1.0, 0.0, 1.0} <= kinds and len(moved) > 20


def test_the_ground_is_under_the_feet() -> None:
    env = pt.make(GAME, observation="tiles", actions=[RUN, JUMP], state="Level1-1")
    observation, _ = env.reset(seed=0)
    window = observation
    assert window[5].tolist() == [1.0] * 10 and window[3, 2] == 0.0
    env.close()


def test_a_game_without_tiles_says_so() -> None:
    with pytest.raises(ValueError, match=r"describes its tiles in a tiles\.json"):
        pt.make("Airstriker-Genesis", observation="tiles")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cell": [16]}, r"cell: expected \[width, height\]"),
        ({"map": {"address": "0x5G", "values": {}}}, "address: expected a whole number"),
        ({"player": []}, "player: expected an object"),
    ],
)
def test_a_wrong_description_names_its_file_and_key(change: dict[str, object], message: str, tmp_path: Path) -> None:
    tiles = {
        "cell": [16, 16],
        "map": {"address": 1, "rows": 1, "page_columns": 1, "values": {}},
        "player": {"x": [1], "y": [1]},
        "window": {"left": 1, "right": 1, "up": 1, "down": 1},
    }
    path = tmp_path / "tiles.json"
    path.write_text(json.dumps(tiles))
    assert load_tiles(path).pages == 1
    path.write_text(json.dumps(tiles | change))
    with pytest.raises(pt.PlaythroughError, match=message) as caught:
        load_tiles(path)
    assert str(path) in str(caught.value)
