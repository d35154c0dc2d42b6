from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from playthrough.env.options import EnvOptions
from playthrough.errors import MovieError
from playthrough.game.movies import read_movie
from playthrough.runs.agent import RandomPlay
from playthrough.runs.episode import RecordedEpisode, record_episode
from playthrough.runs.replay import export_inputs, replay

OPTIONS = EnvOptions(
    game="Airstriker-Genesis",
    observation="ram",
    actions=[["B"], ["LEFT"], ["RIGHT"]],
    frame_skip=4,
    noop_max=30,
    repeat_action_probability=0.25,
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> RecordedEpisode:
    path = tmp_path_factory.mktemp("movies") / "random.bk2"
    return record_episode(RandomPlay(), OPTIONS, path, seed=11, max_steps=250)


def test_a_recorded_episode_replays_with_equal_reward(recorded: RecordedEpisode) -> None:
    report = replay(recorded.movie)
    assert recorded.reward > 0 and recorded.end == "step limit"
    assert report.rewards == (recorded.reward,)
    assert recorded.frames == 1000 < report.frames <= 1031
    assert report.variables["score"] == recorded.reward
    assert report.traced and report.diverged_at is None and report.ended_at is None


def edited(source: Path, target: Path, edit: object, drop: str = "") -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            if name != drop:
                text = old.read(name)
                new.writestr(name, edit(text) if name == "Input Log.txt" else text)  # type: ignore[operator]
    return target


def silence(log: bytes) -> bytes:
    """The log with nothing pressed after frame 100."""
    lines = log.split(b"\n")
    return b"\n".join(
        line if not line.startswith(b"|..|") or i < 102 else b"|..|............|" for i, line in enumerate(lines)
    )


def test_a_movie_whose_inputs_were_edited_diverges(recorded: RecordedEpisode, tmp_path: Path) -> None:
    path = edited(recorded.movie, tmp_path / "edited.bk2", silence)
    report = replay(path)
    assert report.diverged_at is not None and 100 < report.diverged_at < report.frames
    assert report.rewards != (recorded.reward,)


def test_a_movie_without_a_trace_replays_too(recorded: RecordedEpisode, tmp_path: Path) -> None:
    path = edited(recorded.movie, tmp_path / "plain.bk2", lambda log: log, drop="Trace.txt")
    report = replay(path)
    assert not report.traced and report.diverged_at is None
    assert report.rewards == (recorded.reward,)


def test_a_movie_that_goes_on_after_the_end_says_where_that_was(tmp_path: Path) -> None:
    movie = record_episode(RandomPlay(), OPTIONS, tmp_path / "whole.bk2", seed=5)
    assert movie.end == "game"
    whole = replay(movie.movie)
    assert whole.ended_at == whole.frames - 1
    longer = edited(
        movie.movie,
        tmp_path / "longer.bk2",
        lambda log: log.replace(b"[/Input]", b"|..|............|\n" * 9 + b"[/Input]"),
    )
    report = replay(longer)
    assert (report.frames, report.ended_at) == (whole.frames + 9, whole.ended_at)


def test_every_frame_is_seen(recorded: RecordedEpisode) -> None:
    seen: list[tuple[int, int, tuple[int, ...]]] = []
    replay(
        recorded.movie,
        pictures=True,
        on_frame=lambda frame, total: seen.append((frame.number, total, frame.picture.shape)),  # type: ignore[union-attr]
    )
    assert [number for number, _, _ in seen] == list(range(len(seen)))
    assert {(total, shape) for _, total, shape in seen} == {(len(seen), (224, 320, 3))}


def test_inputs_are_exported_line_by_line(recorded: RecordedEpisode) -> None:
    movie = read_movie(recorded.movie)
    lines = export_inputs(movie).splitlines()
    assert len(lines) == len(movie.inputs)
    assert lines[0] == "." and set(lines) == {".", "B", "LEFT", "RIGHT"}


def test_what_is_no_movie_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.bk2").write_bytes(b"nothing")
    with pytest.raises(MovieError, match=r"no\.bk2"):
        replay(tmp_path / "no.bk2")
