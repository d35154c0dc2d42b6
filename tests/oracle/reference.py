"""Run a game in stable-retro and write down what it did on every frame. A program of its own; client.py starts it.

    python reference.py REQUEST.json     run what the request says
    python reference.py --list           the Atari games whose ROMs are at hand, one "name <tab> ROM file" a line

A request is a JSON object:
    out            the .npz file to write
    game           its integration's name
    folder         an integration folder to use instead of the wheel's (optional)
    rom            a ROM file, if the integration folder holds none (optional)
    state          a state's name or a .state file's path; null: power on; left out: the game's default (optional)
    scenario, info names or paths of JSON files (optional)
    players        1 unless given
    actions        a .npy file of zeros and ones, (frames, players, buttons)
    all_buttons    true: Actions.ALL, the buttons go to the core as they are; else FILTERED (optional)
    resets         reset after these frames, counted from 0 (optional)
    reset_on_done  true unless given: also reset after each frame on which the game is done
    screens        frames whose raw picture is kept (optional)
    record_to      a folder for a .bk2 movie of each episode (optional)
    movie          a .bk2 to replay; it replaces actions, state and players, and nothing is reset (optional)

The .npz holds, for each frame: `screen` and `ram` (MD5, 16 bytes each), `values` and `present` (a column for each of
`names`; a variable that stable-retro does not report is not present), `rewards` (a column for each player) and `done`.
For each reset, the first included: `reset_after` (-1 for the first), `reset_screen`, `reset_ram`, `reset_values`,
`reset_present`. Also `screen_<frame>` (height, width, 3), `actions` as they were, `buttons`, `initial_state`, `movies`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from games import atari_games


def link_integration(request: dict[str, Any], folder: Path) -> None:
    """Make an integration folder of links, so that a ROM can lie in it without a copy in the installed package."""
    import stable_retro

    game = request["game"]
    if "folder" in request:
        source = Path(request["folder"])
    else:
        data = Path(stable_retro.data.path())
        folders = [data / kind / game for kind in ("stable", "contrib", "experimental")]
        source = next((path for path in folders if path.is_dir()), folders[0])
    target = folder / game
    target.mkdir(parents=True)
    for path in source.iterdir():
        if not (path.stem == "rom" and "rom" in request and path.suffix != ".sha"):
            (target / path.name).symlink_to(path.resolve())
    if "rom" in request:
        system = game.removesuffix("-v0").rpartition("-")[2]
        extension = stable_retro.data.EMU_INFO[system]["ext"][0]
        (target / f"rom.{extension}").symlink_to(Path(request["rom"]).resolve())


class Recorder:
    """Collects what a frame shows."""

    def __init__(self, env: Any) -> None:
        self.env = env
        self.columns: dict[str, int] = {}
        self.frames: dict[str, list[Any]] = {name: [] for name in ("screen", "ram", "values", "rewards", "done")}
        self.resets: dict[str, list[Any]] = {name: [] for name in ("after", "screen", "ram", "values")}
        self.pictures: dict[str, Any] = {}

    def _look(self, rows: dict[str, list[Any]], screen: Any) -> None:
        values = dict(self.env.data.lookup_all())
        for name in values:
            self.columns.setdefault(name, len(self.columns))
        rows["screen"].append(hashlib.md5(np.ascontiguousarray(screen)).digest())
        rows["ram"].append(hashlib.md5(self.env.get_ram()).digest())
        rows["values"].append(values)

    def reset(self, after_frame: int) -> None:
        screen, _ = self.env.reset()
        self.resets["after"].append(after_frame)
        self._look(self.resets, screen)

    def step(self, buttons: Any, keep_picture: bool) -> bool:
        screen, reward, done, _, _ = self.env.step(buttons)
        self._look(self.frames, screen)
        self.frames["rewards"].append(np.atleast_1d(reward))
        self.frames["done"].append(done)
        if keep_picture:
            self.pictures[f"screen_{len(self.frames['done']) - 1}"] = np.array(screen)
        return done

    def arrays(self) -> dict[str, Any]:
        frames, resets = self.frames, self.resets
        return {
            "screen": self._digests(frames["screen"]),
            "ram": self._digests(frames["ram"]),
            "rewards": np.array(frames["rewards"], np.float64).reshape(-1, self.env.players),
            "done": np.array(frames["done"], bool),
            "reset_after": np.array(resets["after"]),
            "reset_screen": self._digests(resets["screen"]),
            "reset_ram": self._digests(resets["ram"]),
            "names": np.array(list(self.columns), str),
            **self._table("", frames["values"]),
            **self._table("reset_", resets["values"]),
            **self.pictures,
        }

    def _table(self, prefix: str, rows: list[dict[str, int]]) -> dict[str, Any]:
        values = np.zeros((len(rows), len(self.columns)), np.int64)
        present = np.zeros(values.shape, bool)
        for i, row in enumerate(rows):
            for name, value in row.items():
                values[i, self.columns[name]] = value
                present[i, self.columns[name]] = True
        return {f"{prefix}values": values, f"{prefix}present": present}

    @staticmethod
    def _digests(digests: list[bytes]) -> Any:
        return np.frombuffer(b"".join(digests), np.uint8).reshape(len(digests), 16)


def make_env(request: dict[str, Any], **options: Any) -> Any:
    """The game in stable-retro, from the integrations that `Integrations.CUSTOM_ONLY` finds."""
    import stable_retro

    env = stable_retro.make(
        request["game"],
        scenario=request.get("scenario"),
        info=request.get("info"),
        inttype=stable_retro.data.Integrations.CUSTOM_ONLY,
        render_mode=None,
        **options,
    )
    env.multi_rewards = True
    return env


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Play the request's actions."""
    import stable_retro

    state = request.get("state", stable_retro.State.DEFAULT)
    file = Path(state) if isinstance(state, str) and state.endswith(".state") else None
    restricted = stable_retro.Actions.ALL if request.get("all_buttons") else stable_retro.Actions.FILTERED
    record_to = request.get("record_to")
    env = make_env(
        request,
        state=stable_retro.State.NONE if state is None or file else state,
        players=request.get("players", 1),
        use_restricted_actions=restricted,
        record=record_to or False,
    )
    if file is not None:
        env.initial_state, env.statename = gzip.decompress(file.read_bytes()), file.name
    actions = np.load(request["actions"])
    if actions.shape[1:] != (env.players, env.num_buttons):
        raise ValueError(f"Expected actions (frames, {env.players}, {env.num_buttons}), found {actions.shape}.")
    resets, screens = set(request.get("resets", ())), set(request.get("screens", ()))
    recorder = Recorder(env)
    recorder.reset(-1)
    for frame, action in enumerate(actions):
        done = recorder.step(action.ravel(), frame in screens)
        wanted = frame in resets or (done and request.get("reset_on_done", True))
        if wanted and frame + 1 < len(actions):
            recorder.reset(frame)
    env.stop_record()
    movies = sorted(str(path) for path in Path(record_to).glob("*.bk2")) if record_to else []
    return recorder.arrays() | {
        "actions": actions,
        "buttons": np.array([name or "" for name in env.buttons]),
        "initial_state": np.frombuffer(env.initial_state or b"", np.uint8),
        "movies": np.array(movies, str),
    }


def replay(request: dict[str, Any]) -> dict[str, Any]:
    """Replay a movie as stable-retro's own playback does: its first line belongs to the frame that a reset runs."""
    import stable_retro

    movie = stable_retro.Movie(request["movie"])
    movie.step()
    env = make_env(
        request,
        state=stable_retro.State.NONE,
        players=movie.players,
        use_restricted_actions=stable_retro.Actions.ALL,
    )
    env.initial_state = movie.get_state()
    recorder = Recorder(env)
    recorder.reset(-1)
    screens = set(request.get("screens", ()))
    actions: list[list[list[bool]]] = []
    while movie.step():
        actions.append([[movie.get_key(i, p) for i in range(env.num_buttons)] for p in range(movie.players)])
        recorder.step(np.array(actions[-1], np.uint8).ravel(), len(actions) - 1 in screens)
    return recorder.arrays() | {
        "actions": np.array(actions, np.uint8).reshape(-1, movie.players, env.num_buttons),
        "buttons": np.array([name or "" for name in env.buttons]),
        "initial_state": np.frombuffer(env.initial_state or b"", np.uint8),
        "movies": np.array([request["movie"]]),
    }


def main() -> None:
    """Do what the command line says."""
    if sys.argv[1:] == ["--list"]:
        for game, rom in atari_games().items():
            print(f"{game}\t{rom}")
        return
    request = json.loads(Path(sys.argv[1]).read_text())
    import stable_retro

    with tempfile.TemporaryDirectory() as folder:
        link_integration(request, Path(folder))
        stable_retro.data.Integrations.add_custom_path(folder)
        result = replay(request) if "movie" in request else run(request)
        np.savez(request["out"], **result)


if __name__ == "__main__":
    main()
