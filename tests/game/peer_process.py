"""stable-retro as the reference, in a process of its own: importing it loads an engine, which tests must not have.

`ask_peer` sends requests to a fresh process and returns its answers; run as a script, this file is that process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


def ask_peer(requests: list[dict[str, Any]]) -> list[Any]:
    """The peer's answers to requests `{"do": name of a function below, its arguments...}`, in order."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "requests.json"
        path.write_text(json.dumps(requests))
        done = subprocess.run([sys.executable, __file__, str(path)], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(path.with_suffix(".answers").read_text())


def systems() -> Any:
    import stable_retro

    info = stable_retro.data.EMU_INFO
    return {name: [system["buttons"], stable_retro.data.EMU_CORES[name]] for name, system in info.items()}


def games() -> Any:
    from stable_retro import data

    return {
        str(kind): {game: data.list_states(game, kind) for game in data.list_games(kind)}
        for kind in (data.Integrations.STABLE, data.Integrations.CONTRIB, data.Integrations.EXPERIMENTAL)
    }


def sha1_of(path: str) -> Any:
    from stable_retro import data

    with Path(path).open("rb") as file:
        return data.groom_rom(path, file)[1]


def actions(rom: str, groups: Any, masks: list[int]) -> Any:
    """The peer's button groups, and what it keeps of each mask."""
    import stable_retro

    emulator, data = stable_retro.RetroEmulator(rom), stable_retro.data.GameData()
    emulator.configure_data(data)
    emulator.step()
    folder = Path(rom).parent
    (folder / "peer_data.json").write_text('{"info": {}}')
    (folder / "peer_scenario.json").write_text(json.dumps({} if groups is None else {"actions": groups}))
    assert data.load(str(folder / "peer_data.json"), str(folder / "peer_scenario.json"))
    return [data.valid_actions(), [data.filter_action(mask) for mask in masks]]


def discrete_actions(players: int, numbers: list[int]) -> Any:
    """The masks that Airstriker's DISCRETE actions press: (numbers, players)."""
    import stable_retro

    kind = stable_retro.Actions.DISCRETE
    env = stable_retro.make("Airstriker-Genesis-v0", use_restricted_actions=kind, players=players, render_mode=None)
    masks = [
        [sum(int(bit) << i for i, bit in enumerate(pad)) for pad in env.action_to_array(number)] for number in numbers
    ]
    env.close()
    return [int(env.action_space.n), masks]


def write_movie(path: str, rom: str, game: str, players: int, frames: list[list[int]], state: str) -> None:
    """Record a movie; `state` is hexadecimal."""
    import stable_retro

    emulator = stable_retro.RetroEmulator(rom)
    movie = stable_retro.Movie(path, True, players)
    movie.configure(game, emulator)
    movie.set_state(bytes.fromhex(state))
    for masks in frames:
        for player, mask in enumerate(masks):
            for i in range(16):
                movie.set_key(i, bool(mask >> i & 1), player)
        movie.step()
    movie.close()


def read_movie(path: str) -> Any:
    import stable_retro

    movie = stable_retro.Movie(path)
    frames: list[list[int]] = []
    while movie.step():
        frames.append([sum(movie.get_key(i, p) << i for i in range(16)) for p in range(movie.players)])
    return {"game": movie.get_game(), "players": movie.players, "state": movie.get_state().hex(), "frames": frames}


def record_env(folder: str, masks: list[int]) -> Any:
    """Record Airstriker as an environment does it; each mask is one step. Returns the path of the movie."""
    import numpy as np
    import stable_retro

    env = stable_retro.make("Airstriker-Genesis-v0", record=folder, render_mode="rgb_array")
    env.reset()
    for mask in masks:
        env.step(np.array([mask >> i & 1 for i in range(12)], np.int8))
    env.stop_record()
    env.close()
    return next(str(path) for path in Path(folder).glob("*.bk2"))


if __name__ == "__main__":
    requests_path = Path(sys.argv[1])
    answers: list[Any] = []
    for request in json.loads(requests_path.read_text()):
        function = globals()[request.pop("do")]
        answers.append(function(**request))
    requests_path.with_suffix(".answers").write_text(json.dumps(answers))
