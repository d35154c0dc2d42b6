"""The scenario doctor on real games: right ones, and copies with a mistake planted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from playthrough.env.options import EnvOptions
from playthrough.game.integration import find_game, load_integration
from playthrough.game.movies import MovieWriter
from playthrough.integrate.check import check
from playthrough.integrate.check_finding import CheckReport
from playthrough.integrate.check_plays import play_movie

WICKLING, AIRSTRIKER, BREAKOUT = "Wickling-Nes", "Airstriker-Genesis", "Breakout-Atari2600"
Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def planted(tmp_path: Path) -> Callable[..., CheckReport]:
    """The doctor's report about a copy of a game with changed files; without its movies."""

    def report(game: str, *, num_frames: int = 600, data: Change | None = None, scenario: Change | None = None) -> Any:
        folder = tmp_path / game
        folder.mkdir()
        for source in reversed(find_game(game)[1]):
            for path in source.iterdir():
                if path.is_file():
                    shutil.copy(path, folder)
        for name, change in (("data.json", data), ("scenario.json", scenario)):
            content = json.loads((folder / name).read_text())
            if change:
                change(content)
            (folder / name).write_text(json.dumps(content, indent=1))
        return check(EnvOptions(game=folder), num_frames=num_frames)

    return report


def movie_of(folder: Path, path: Path, num_frames: int) -> Path:
    with MovieWriter(path, load_integration(folder).system, folder.name, 1, None) as writer:
        for _ in range(num_frames):
            writer.frame([0])
    return path


def kinds(report: CheckReport) -> set[str]:
    return {finding.kind for finding in report.findings if finding.level != "note"}


@pytest.mark.parametrize("game", [AIRSTRIKER, BREAKOUT])
def test_right_games_are_left_in_peace(game: str) -> None:
    report = check(EnvOptions(game=game), num_frames=800)
    assert kinds(report) == set()
    assert any(play.startswith("nothing pressed: ") for play in report.plays)


def test_movies_show_what_random_play_does_not() -> None:
    report = check(EnvOptions(game=WICKLING), num_frames=0)
    assert kinds(report) == set()
    assert sum(play.startswith("movie ") and "reward 4" in play for play in report.plays) == 3
    (note,) = (finding for finding in report.findings if finding.kind == "done on level change")
    assert "levels_done 0 -> 1" in note.evidence


def test_a_scroll_byte_alone(planted: Callable[..., CheckReport]) -> None:
    reward = {"variables": {"xscrollLo": {"reward": 1, "penalty": 1}}}
    report = planted(WICKLING, scenario=lambda content: content.update(reward=reward))
    (finding,) = (finding for finding in report.findings if finding.kind == "wrapping")
    assert '["xscrollHi", "xscrollLo"]' in finding.next_step
    assert report.count("error") == 1


def test_an_end_that_comes_at_once(planted: Callable[..., CheckReport]) -> None:
    done = {"variables": {"lives": {"op": "greater-than", "reference": 0}}}
    report = planted(AIRSTRIKER, num_frames=200, scenario=lambda content: content.update(done=done))
    assert "done at once" in kinds(report)


def test_buttons_that_do_nothing(planted: Callable[..., CheckReport]) -> None:
    report = planted(AIRSTRIKER, scenario=lambda content: content.update(actions=[[[], ["UP"], ["DOWN"]]]))
    assert "no effect" in kinds(report)


def test_an_address_outside_of_memory(planted: Callable[..., CheckReport]) -> None:
    report = planted(BREAKOUT, data=lambda content: content["info"]["score"].update(address=700))
    (finding,) = (finding for finding in report.findings if finding.kind == "address")
    assert (finding.level, finding.path and finding.path.name) == ("error", "data.json")
    assert finding.line
    assert "0x80-0xff" in finding.evidence


def test_an_address_of_something_else(planted: Callable[..., CheckReport]) -> None:
    report = planted(BREAKOUT, data=lambda content: content["info"]["score"].update(address=130))
    assert "type" in kinds(report)


def test_start_states(planted: Callable[..., CheckReport], tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / AIRSTRIKER).mkdir()
    source = find_game(AIRSTRIKER)[1][-1]
    for path in source.iterdir():
        shutil.copy(path, tmp_path / AIRSTRIKER)
    (tmp_path / AIRSTRIKER / "Level1.state").write_bytes(b"no savestate")
    (tmp_path / AIRSTRIKER / "metadata.json").write_text('{"default_state": "Level9"}')
    found = [f.message for f in check(EnvOptions(game=tmp_path / AIRSTRIKER)).findings if f.kind == "states"]
    assert found == [
        "default_state names the start state 'Level9', which does not exist",
        "the start state 'Level1' cannot be loaded",
    ]


def test_a_script_that_fails_while_it_runs(planted: Callable[..., CheckReport], tmp_path: Path) -> None:
    script = "def reward(prev, cur):\n    return cur.points\n\ndef done(prev, cur):\n    return False\n"
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "mine.py").write_text(script)
    report = check(EnvOptions(game=AIRSTRIKER, scenario=folder / "mine.py"), num_frames=100)
    (finding,) = (finding for finding in report.findings if finding.kind == "script")
    assert (finding.level, finding.line) == ("error", 2)
    assert "there is no variable 'points'" in finding.message


@pytest.mark.parametrize("frame", [5, 130])
def test_a_movie_that_takes_the_core_down(frame: int, tmp_path: Path, tiny_cores: Any, tiny_game: Any) -> None:
    folder, core = tiny_game(frame=frame), tiny_cores["tiny_crash"]
    movie = movie_of(folder, tmp_path / "crash.bk2", 300)
    play = play_movie(movie, game=folder, core=core)[0]
    assert play.lost
    assert play.num_frames < frame
    assert len(play.samples) == play.num_frames + 1 == len(play.rewards) + 1
    report = check(EnvOptions(game=folder, core=core), movies=[movie], num_frames=0)
    (finding,) = (finding for finding in report.findings if finding.kind == "core")
    assert "movie crash.bk2" in finding.evidence


def test_a_movie_of_one_player_in_a_scenario_for_two(tmp_path: Path, tiny_cores: Any, tiny_game: Any) -> None:
    folder = tiny_game()
    movie = movie_of(folder, tmp_path / "alone.bk2", 60)
    report = check(EnvOptions(game=folder, core=tiny_cores["tiny_rgb565"]), movies=[movie], num_frames=0)
    assert [play.partition(":")[0] for play in report.plays] == ["movie alone.bk2"]
