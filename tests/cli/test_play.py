"""A person plays, in a window that nobody sees: keys are pressed by events, as a keyboard's are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import playthrough as pt
from cli.conftest import Run, inputs_file
from playthrough.engine.systems import get_system, systems
from playthrough.env.keyboard import Pads, gamepad_mask, keys_of
from playthrough.env.session import PlaySession, PlayWindow, help_lines
from playthrough.game.input_text import read_inputs
from playthrough.game.movies import export_inputs, read_movie
from playthrough.runs.replay import replay

pygame = pytest.importorskip("pygame")


def test_frames(run: Run):
    result = run("play", "Airstriker-Genesis", "--frames", "120", "--speed", "0")
    assert result.exit_code == 0, result.stderr
    assert "Frames played: 120" in result.stdout
    assert "Movie: movies/Airstriker-Genesis-Level1-001.bk2" in result.stdout
    assert len(read_movie("movies/Airstriker-Genesis-Level1-001.bk2").inputs) == 121


def test_inputs_from_a_file_become_a_movie_that_replays(run: Run):
    text = inputs_file(Path("in.txt"), 600, seed=7)
    for number in (1, 2):
        result = run("play", "Airstriker-Genesis", "--inputs", text, "--record", "films", "--speed", "0", "--mute")
        assert f"Movie: films/Airstriker-Genesis-Level1-00{number}.bk2" in result.stdout
    movie = Path("films/Airstriker-Genesis-Level1-001.bk2")
    assert export_inputs(read_movie(movie)) == text.read_text()
    report = replay(movie)
    assert report.traced and report.diverged_at is None and report.frames == 600
    assert f"Reward: {report.rewards[0]:g}" in result.stdout and report.rewards[0] > 0


def test_episodes_that_end_begin_anew(run: Run, game: Callable[..., Path]):
    folder = game(
        "Airstriker-Genesis",
        data={"info": {"score": {"address": 0xFF024E, "type": ">u4"}}},
        scenario={
            "reward": {"variables": {"score": {"reward": 2.0}}},
            "done": {"variables": {"score": {"op": "positive"}}},
        },
    )
    text = inputs_file(Path("in.txt"), 600, seed=7)
    result = run("play", folder, "--state", "Level1", "--inputs", text, "--speed", "0")
    assert "Episode over (game), reward 40" in result.stdout
    movies = sorted(Path("movies").iterdir())
    assert len(movies) == result.stdout.count("Movie: ") > 1
    assert "episodes finished: 0" not in result.stdout


def test_two_players(run: Run):
    Path("in.txt").write_text(".|.\n" + "UP | DOWN\n" * 60)
    result = run(
        "play", "Pong-Atari2600", "--state", "Start.2P", "--players", "2", "--inputs", "in.txt", "--speed", "0"
    )
    assert result.exit_code == 0, result.stderr
    movie = read_movie("movies/Pong-Atari2600-Start.2P-001.bk2")
    assert movie.inputs.tolist() == [[0, 0]] + [[1 << 4, 1 << 5]] * 60
    wrong = run("play", "Pong-Atari2600", "--inputs", "in.txt")
    assert wrong.exit_code == 2 and "--players 2" in wrong.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("LEFT\nJUMP\n", "in.txt:2: Genesis has no button 'JUMP'"),
        ("LEFT\nLEFT | LEFT\n", "in.txt:2: expected 1 players, found 2"),
        ("# nothing\n", "in.txt holds no inputs"),
    ],
)
def test_wrong_inputs(run: Run, text: str, expected: str):
    Path("in.txt").write_text(text)
    result = run("play", "Airstriker-Genesis", "--inputs", "in.txt")
    assert result.exit_code == 2 and expected in result.stderr


@pytest.fixture
def lane() -> Iterator[Any]:
    env = pt.make_vec("Airstriker-Genesis", actions="all", autoreset_mode="disabled", sound=True)
    yield env
    env.close()


def press(*keys: int, down: bool = True) -> None:
    for key in keys:
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN if down else pygame.KEYUP, key=key))


class Typist(PlayWindow):
    """A window in which somebody presses keys: at each frame what the script says."""

    def __init__(self, script: dict[int, Callable[[], None]]) -> None:
        super().__init__("test", None, 44100.0)
        self.script, self.num_shown, self.texts, self.told = script, 0, [], []

    def events(self) -> list[Any]:
        self.script.pop(self.num_shown, lambda: None)()
        return super().events()

    def show(self, picture: np.ndarray) -> None:
        super().show(picture)
        self.num_shown += 1

    def show_text(self, lines: list[str]) -> None:
        super().show_text(lines)
        self.texts.append(lines)
        press(pygame.K_F1)

    def tell(self, text: str) -> None:
        super().tell(text)
        self.told.append(text)


def test_keys(lane: Any, tmp_path: Path):
    window = Typist(
        {
            5: lambda: press(pygame.K_LEFT),
            10: lambda: press(pygame.K_x),
            12: lambda: press(pygame.K_LEFT, down=False),
            15: lambda: (press(pygame.K_x, down=False), press(pygame.K_c), press(pygame.K_c, down=False)),
            18: lambda: press(pygame.K_F1),
            20: lambda: press(pygame.K_ESCAPE),
        }
    )
    played = PlaySession(lane, window, movies=tmp_path).run()
    window.close()
    frames = [
        read_movie(played.movies[0]).system.names_of(int(mask)) for (mask,) in read_movie(played.movies[0]).inputs
    ]
    # Frame 0 is the reset's, and the first picture is shown after it.
    assert frames == [[]] * 5 + [["LEFT"]] * 5 + [["B", "LEFT"]] * 2 + [["B"]] * 3 + [["C"]] + [[]] * 4
    assert played.num_frames == 19
    assert len(window.texts) == 1 and any("B  =  X" in line for line in window.texts[0])


def test_going_back_takes_the_movie_back(lane: Any, tmp_path: Path):
    window = Typist(
        {
            10: lambda: (press(pygame.K_F7), press(pygame.K_RIGHT)),
            60: lambda: press(pygame.K_F5),
            61: lambda: (press(pygame.K_RIGHT, down=False), press(pygame.K_LEFT)),
            90: lambda: press(pygame.K_F7),
            100: lambda: press(pygame.K_ESCAPE),
        }
    )
    played = PlaySession(lane, window, movies=tmp_path).run()
    window.close()
    assert window.told == ["nothing saved yet, F5 saves", "saved, F7 returns here", "back at the saved moment"]
    movie = read_movie(played.movies[0])
    names = [movie.system.names_of(int(mask)) for (mask,) in movie.inputs]
    assert names == [[]] * 10 + [["RIGHT"]] * 50 + [["LEFT"]] * 10
    report = replay(played.movies[0])
    assert report.traced and report.diverged_at is None


def test_every_system_has_keys_for_two():
    for system in systems().values():
        if not system.supported:
            continue
        first, second = keys_of(system, 0), keys_of(system, 1)
        assert list(first) == list(second) == [button for button in system.buttons if button]
        assert len({*first.values(), *second.values()}) == len(first) + len(second)
        pygame.display.init()
        pads = Pads(system, 2)
        for player, keys in enumerate((first, second)):
            for button, key in keys.items():
                code = pygame.K_RETURN if key == "ENTER" else pygame.key.key_code(key.lower())
                pads.handle(pygame.event.Event(pygame.KEYDOWN, key=code))
                pads.handle(pygame.event.Event(pygame.KEYUP, key=code))
                masks = pads.masks()
                assert system.names_of(int(masks[player])) == [button] and masks[1 - player] == 0
        assert any("player 2" in line for line in help_lines(system, 2))


class Gamepad:
    """What SDL says about a pad; there is none to plug in here."""

    def __init__(self, buttons: tuple[str, ...], axes: dict[str, int]) -> None:
        self.buttons = {getattr(pygame, f"CONTROLLER_BUTTON_{name}") for name in buttons}
        self.axes = {getattr(pygame, f"CONTROLLER_AXIS_{name}"): tilt for name, tilt in axes.items()}

    def get_button(self, button: int) -> bool:
        return button in self.buttons

    def get_axis(self, axis: int) -> int:
        return self.axes.get(axis, 0)


@pytest.mark.parametrize(
    ("buttons", "axes", "expected"),
    [
        (("A", "B", "START"), {}, ["B", "START", "A"]),
        (("X", "Y", "BACK"), {}, ["Y", "SELECT", "X"]),
        (("DPAD_UP", "DPAD_RIGHT", "LEFTSHOULDER"), {}, ["UP", "RIGHT", "L"]),
        ((), {"LEFTX": -20000, "LEFTY": 32767}, ["DOWN", "LEFT"]),
        ((), {"LEFTX": 9000, "LEFTY": -9000}, []),
    ],
)
def test_gamepads_press_by_place(buttons: tuple[str, ...], axes: dict[str, int], expected: list[str]):
    assert get_system("Snes").names_of(gamepad_mask(pygame, Gamepad(buttons, axes))) == expected


def test_input_text_is_what_replay_exports(tmp_path: Path):
    snes = get_system("Snes")
    masks = np.random.default_rng(0).integers(0, 1 << 12, (50, 2)).astype(np.uint16)
    from dataclasses import replace

    movie = read_movie(_movie(tmp_path, snes, masks))
    (tmp_path / "in.txt").write_text(export_inputs(movie) + "# the end\n\n")
    assert np.array_equal(read_inputs(tmp_path / "in.txt", snes), masks)
    assert replace(movie).players == 2


def _movie(folder: Path, system: Any, masks: np.ndarray) -> Path:
    from playthrough.game.movies import MovieWriter

    with MovieWriter(folder / "m.bk2", system, "Some-Snes", masks.shape[1]) as writer:
        for mask in masks:
            writer.frame(mask)
    return writer.path
