from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import ImageFont
from small_run import Listener

from playthrough.agents.neat import NetworkShape, load_neat_config, outputs_needed
from playthrough.agents.neat.evolution import Evolution
from playthrough.engine.systems import systems
from playthrough.env.options import EnvOptions
from playthrough.env.vector import RetroVectorEnv
from playthrough.game.roms import list_playable
from playthrough.runs.agent import RandomPlay, load_agent
from playthrough.runs.neat_text import DEFAULT_NEAT_TEXT, fill_in_sizes
from playthrough.runs.network_drawing import NetworkDrawing, shortened
from playthrough.runs.pad_drawing import draw_pad
from playthrough.runs.panel import WIDTH, Panel, PanelNumbers, chosen_outputs, network_size, output_labels
from playthrough.runs.replay import play_movie, read_movie, replay_env
from playthrough.runs.video import film_agent, film_movie
from playthrough.runs.watcher import TrainResult


def test_a_video_has_every_frame_of_its_movie_and_its_sound(finished_run: tuple[TrainResult, Listener]) -> None:
    result, _ = finished_run
    assert result.video is not None and result.movie is not None
    movie = read_movie(result.movie)
    with av.open(str(result.video)) as file:
        video, sound = file.streams.video[0], file.streams.audio[0]
        assert (video.codec_context.name, sound.codec_context.name) == ("h264", "aac")
        assert video.codec_context.pix_fmt == "yuv420p"
        assert float(video.average_rate or 0) == pytest.approx(59.9227, abs=0.001)
        seconds = float(sound.duration * sound.time_base)  # type: ignore[operator]
        pictures = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert len(pictures) == len(movie.inputs)
    assert seconds == pytest.approx(len(movie.inputs) / 59.9227, abs=0.05)
    env = replay_env(movie, pictures=True)
    try:
        shown = [frame.picture for frame in play_movie(movie, env, pictures=True)]
    finally:
        env.close()
    for number in (50, 300):
        expected = np.repeat(np.repeat(shown[number], 2, 0), 2, 1).astype(float)
        assert np.abs(pictures[number][:448, :640] - expected).mean() < 6, number
    assert (pictures[300][:, 640:] != pictures[50][:, 640:]).any(), "the panel never changes"


def test_the_sound_is_the_games(tmp_path: Path) -> None:
    options = EnvOptions(game="Airstriker-Genesis", actions=[["B"], []], observation="ram", frame_skip=4)
    path = film_agent(RandomPlay(), options, tmp_path / "film.mp4", max_steps=40, movie=tmp_path / "film.bk2")
    movie = read_movie(tmp_path / "film.bk2")
    env = replay_env(movie, sound=True)
    try:
        heard = np.concatenate([frame.sound for frame in play_movie(movie, env, sound=True) if frame.sound is not None])
    finally:
        env.close()
    with av.open(str(path)) as file:
        decoded = np.concatenate([frame.to_ndarray() for frame in file.decode(audio=0)], axis=1)
    assert np.abs(heard).max() > 500
    assert np.sqrt((decoded**2).mean()) * 32768 == pytest.approx(np.sqrt((heard.astype(float) ** 2).mean()), rel=0.15)


def test_a_game_of_two_players_with_wide_pixels_is_filmed(tmp_path: Path) -> None:
    if "Pong-Atari2600" not in list_playable():
        pytest.skip("Pong's ROM is not here (it comes with ale-py)")
    options = EnvOptions(game="Pong-Atari2600", observation="ram", players=2, frame_skip=4, max_episode_steps=10)
    path = film_agent(RandomPlay(), options, tmp_path / "pong.mp4")
    with av.open(str(path)) as file:
        picture = next(file.decode(video=0)).to_ndarray(format="rgb24")
    assert picture.shape == (420, 2 * 160 * 2 + 420, 3)


@pytest.mark.parametrize("num_variables", [0, 3, 23, 200])
@pytest.mark.parametrize("height", [400, 448])
def test_the_panel_leaves_room_for_the_network_and_draws_every_variable_that_fits(
    height: int, num_variables: int
) -> None:
    system = systems()["Nes"]
    long = "a name that is much longer than the panel is wide, " * 4
    panel = Panel(height, system, long, long, None, num_variables)
    variables = {f"variable_{number}": 1000 + number for number in range(num_variables)}
    picture = panel.draw(None, [["A"]], PanelNumbers(1.0, 60, 12.5, variables))
    assert picture.shape == (height, WIDTH, 3)
    background = picture[0, -1]
    assert (picture[:54, -10:] == background).all(), "the title runs over the edge"
    assert network_size(height, num_variables)[1] >= 160
    if num_variables == 23 and height == 448:  # the last one as well
        changed = panel.draw(None, [["A"]], PanelNumbers(1.0, 60, 12.5, {**variables, "variable_22": 2000}))
        assert (picture != changed).any()


def test_outputs_without_a_button_are_not_drawn() -> None:
    env = RetroVectorEnv(EnvOptions(game="Breakout-Atari2600", observation="ram"))
    try:
        labels = output_labels(env)
    finally:
        env.close()
    assert "" in labels
    evolution = Evolution(load_neat_config(fill_in_sizes(DEFAULT_NEAT_TEXT, 16, 8))[0], seed=1)
    evolution.start()
    genome = next(iter(evolution.population.values()))
    shape = NetworkShape(16, 8, False)
    drawing = NetworkDrawing(genome, shape, (4, 4), labels, (392, 200))
    unnamed = labels.index("")
    seen = np.ones(16, np.float32)
    off = drawing.draw(drawing.moment(seen, dict.fromkeys(range(8), 0.0), []))
    lit = drawing.draw(drawing.moment(seen, dict.fromkeys(range(8), 0.0), [unnamed]))
    other = drawing.draw(drawing.moment(seen, dict.fromkeys(range(8), 0.0), [unnamed + 1]))
    assert np.array_equal(np.asarray(off), np.asarray(lit)) and not np.array_equal(np.asarray(off), np.asarray(other))


def test_long_texts_end_in_an_ellipsis() -> None:
    font = ImageFont.load_default(12)
    text = "LEFT RIGHT UP DOWN SELECT"
    assert shortened(text, font, 1000) == text
    short = shortened(text, font, 80)
    assert short.endswith("…") and text.startswith(short[:-1]) and 40 < font.getlength(short) <= 80


def test_a_movie_is_filmed_without_an_agent(finished_run: tuple[TrainResult, Listener], tmp_path: Path) -> None:
    movie = finished_run[0].movie
    assert movie is not None
    counts: list[tuple[int, int]] = []
    film_movie(movie, tmp_path / "movie.mp4", on_frame=lambda *count: counts.append(count))
    assert counts[-1][0] == counts[-1][1] == len(counts)
    assert [path.name for path in tmp_path.iterdir()] == ["movie.mp4"]


@pytest.mark.parametrize("name", [name for name, system in systems().items() if system.supported])
def test_every_pad_lights_each_of_its_buttons(name: str) -> None:
    system = systems()[name]
    dark = np.asarray(draw_pad(system, []))
    lit = [np.asarray(draw_pad(system, [button])) for button in system.buttons if button]
    assert all((picture != dark).any() for picture in lit)
    assert len({picture.tobytes() for picture in lit}) == len(lit)


@pytest.mark.parametrize("actions", ["buttons", "discrete", "multi_discrete", [[], ["B"], ["LEFT", "B"]]])
def test_each_output_has_a_word_and_the_chosen_ones_are_known(actions: object) -> None:
    env = RetroVectorEnv(EnvOptions(game="Airstriker-Genesis", observation="variables", actions=actions))  # type: ignore[arg-type]
    try:
        labels = output_labels(env)
        assert len(labels) == outputs_needed(env.single_action_space)
        env.single_action_space.seed(0)
        for _ in range(20):
            action = env.single_action_space.sample()
            pressed = set(" ".join(labels[i] for i in chosen_outputs(env, action)).split()) - {"nothing"}
            wanted = env.actions.meaning(action)
            if actions != "buttons":
                assert pressed == set(wanted)
            else:
                assert pressed >= set(wanted)
    finally:
        env.close()


@pytest.mark.parametrize("shape", [(7, 10), (4, 7, 10), (7, 10, 3), (70,)])
def test_a_network_is_drawn_whatever_it_sees(
    finished_run: tuple[TrainResult, Listener], shape: tuple[int, ...]
) -> None:
    agent = load_agent(finished_run[0].folder)
    observation = np.linspace(0, 1, int(np.prod(shape))).reshape(shape)
    drawing = NetworkDrawing(agent.genome, agent.shape, shape, ["a", "b", "c", "d"], (300, 200))
    first = drawing.draw(drawing.moment(observation, {0: 1.0}, [0]))
    second = drawing.draw(drawing.moment(observation, {0: 1.0}, [2]))
    assert first.size == (300, 200)
    assert (np.asarray(first) != np.asarray(second)).any()


WITHOUT_AV = """
import sys
sys.modules["av"] = None
from playthrough.errors import DependencyError
from playthrough.runs.video import film_movie
try:
    film_movie(sys.argv[1], sys.argv[1] + ".mp4")
except DependencyError as error:
    print(error)
"""


def test_without_pyav_the_message_says_what_to_install(finished_run: tuple[TrainResult, Listener]) -> None:
    command = [sys.executable, "-c", WITHOUT_AV, str(finished_run[0].movie)]
    assert "pip install 'playthrough[runs]'" in subprocess.run(command, capture_output=True, text=True).stdout
