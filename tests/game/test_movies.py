from __future__ import annotations

import errno
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_roms import made_rom
from peer_process import ask_peer

from playthrough.engine.systems import System, get_system, systems
from playthrough.errors import MovieError, RunError
from playthrough.game.movies import Movie, MovieWriter, export_inputs, read_movie

SUPPORTED = [name for name, system in systems().items() if system.supported]
NES = get_system("Nes")

# Buttons for which stable-retro has no key in a movie.
UNKNOWN_TO_PEER = {
    "PCEngine": ["I", "II", "III", "IV", "V", "VI", "RUN"],
    "Sms": ["PAUSE"],
    "Atari2600": ["RESET"],
}


def random_frames(system: System, players: int, num_frames: int = 40) -> list[list[int]]:
    """Every button alone for every player, then random combinations."""
    named = [i for i, button in enumerate(system.buttons) if button]
    frames = [[1 << i if p == player else 0 for p in range(players)] for player in range(players) for i in named]
    chosen = np.random.default_rng(5).integers(0, 2, (num_frames, players, len(named)))
    frames += [[sum(int(bit) << i for bit, i in zip(pad, named, strict=True)) for pad in frame] for frame in chosen]
    return [*frames, [0] * players]


def known_to_peer(system: System, frames: list[list[int]]) -> list[list[int]]:
    lost = system.mask_of(UNKNOWN_TO_PEER.get(system.name, []))
    return [[mask & ~lost for mask in frame] for frame in frames]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], tuple[Any, Path]]:
    """Per system and number of players: what the peer read of our movie, and a movie of the peer's."""
    folder = tmp_path_factory.mktemp("movies")
    requests: list[dict[str, Any]] = []
    for name in SUPPORTED:
        system = systems()[name]
        rom = folder / f"rom{system.extensions[0]}"
        rom.write_bytes(made_rom(name))
        for players in (1, 2):
            frames = random_frames(system, players)
            ours, theirs = folder / f"ours-{name}-{players}.bk2", folder / f"theirs-{name}-{players}.bk2"
            with MovieWriter(ours, system, f"Game-{name}", players, b"a state", core=system.core) as movie:
                for masks in frames:
                    movie.frame(masks)
            requests.append({"do": "read_movie", "path": str(ours)})
            requests.append(
                {
                    "do": "write_movie",
                    "path": str(theirs),
                    "rom": str(rom),
                    "game": f"Game-{name}",
                    "players": players,
                    "frames": frames,
                    "state": b"their state".hex(),
                }
            )
    answers = ask_peer(requests)
    cases = [(name, players) for name in SUPPORTED for players in (1, 2)]
    return {case: (answers[2 * i], folder / f"theirs-{case[0]}-{case[1]}.bk2") for i, case in enumerate(cases)}


@pytest.mark.parametrize("players", [1, 2])
@pytest.mark.parametrize("name", SUPPORTED)
def test_stable_retro_reads_our_movies(name: str, players: int, exchange: Any):
    system = systems()[name]
    answer = exchange[name, players][0]
    assert answer["frames"] == known_to_peer(system, random_frames(system, players))
    assert answer["players"] == players
    assert answer["game"] == f"Game-{name}"
    assert bytes.fromhex(answer["state"]) == b"a state"


@pytest.mark.parametrize("players", [1, 2])
@pytest.mark.parametrize("name", SUPPORTED)
def test_we_read_stable_retros_movies(name: str, players: int, exchange: Any):
    system = systems()[name]
    movie = read_movie(exchange[name, players][1])
    assert movie.inputs.tolist() == known_to_peer(system, random_frames(system, players))
    assert movie.inputs.dtype == np.uint16
    assert movie.system is system and movie.platform == system.bk2_platform
    assert (movie.game, movie.players, movie.state) == (f"Game-{name}", players, b"their state")
    assert (movie.dialect, movie.resets) == ("stable-retro", ())


@pytest.mark.parametrize("players", [1, 2])
@pytest.mark.parametrize("name", SUPPORTED)
def test_our_movies_lose_no_button(name: str, players: int, tmp_path: Path):
    system = systems()[name]
    frames = random_frames(system, players)
    with MovieWriter(tmp_path / "x.bk2", system, f"Game-{name}", players) as writer:
        for masks in frames:
            writer.frame(masks)
        assert writer.num_frames == len(frames)
    movie = read_movie(tmp_path / "x.bk2")
    assert movie.inputs.tolist() == frames
    assert movie.state is None


def test_a_recording_of_n_steps_has_the_frame_of_the_reset_first(tmp_path: Path):
    steps = [0b1, 0b10, 0b10000, 0b1]
    path = ask_peer([{"do": "record_env", "folder": str(tmp_path), "masks": steps}])[0]
    movie = read_movie(path)
    assert movie.inputs[:, 0].tolist() == [0, *steps]
    assert movie.game == "Airstriker-Genesis-v0"
    assert movie.state is not None and len(movie.state) == 1036288


def test_a_movie_from_power_on_is_read_by_stable_retro(tmp_path: Path):
    with MovieWriter(tmp_path / "x.bk2", NES, "Game-Nes") as writer:
        writer.frame([1])
    assert ask_peer([{"do": "read_movie", "path": str(tmp_path / "x.bk2")}])[0]["state"] == ""


def test_older_stable_retro_movies_with_a_log_key(tmp_path: Path):
    keys = "LogKey:#Reset|Power|#P1 B|P1 Select|P1 A|P2 B|P2 Select|P2 A|"
    path = bk2(tmp_path, log=f"[Input]\n{keys}\n|..|B.A|...|\n|..|.s.|B..|\n[/Input]\n")
    assert read_movie(path).inputs.tolist() == [[0b1_0000_0001, 0], [0b100, 0b1]]


BIZHAWK_HEADER = {"MovieVersion": "BizHawk v2.0.0", "GameName": "Some Game (USA)", "Platform": "NES", "Core": "NesHawk"}
NES_KEYS = "P1 Up|P1 Down|P1 Left|P1 Right|P1 Start|P1 Select|P1 B|P1 A|"


def bk2(folder: Path, log: str, header: dict[str, str] | None = None, **entries: bytes) -> Path:
    path = folder / "movie.bk2"
    header = header or {"MovieVersion": "Retro", "Platform": "NES", "GameName": "Game-Nes"}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Header.txt", "".join(f"{key} {value}\n" for key, value in header.items()))
        archive.writestr("Input Log.txt", log)
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def test_bizhawks_movies(tmp_path: Path):
    keys = f"LogKey:#Reset|Power|#{NES_KEYS}#{NES_KEYS.replace('P1', 'P2')}"
    log = f"[Input]\n{keys}\n|.P|........|........|\n|..|...R...A|....S...|\n|r.|........|........|\n[/Input]\n"
    movie = read_movie(bk2(tmp_path, log, BIZHAWK_HEADER))
    assert export_inputs(movie) == ". | .\nRIGHT A | START\n. | .\n"
    assert (movie.dialect, movie.resets, movie.state, movie.players) == ("bizhawk", (2,), None, 2)
    assert (movie.game, movie.header["Core"]) == ("Some Game (USA)", "NesHawk")


@pytest.mark.parametrize(
    ("platform", "keys", "line", "pressed"),
    [
        (
            "A26",
            "#Reset|Select|Power|Toggle Left Difficulty|#P1 Up|P1 Down|P1 Button|",
            "|rs..|U.B|",
            "BUTTON SELECT RESET UP",
        ),
        ("SMS", "#Reset|Pause|#P1 Up|P1 B1|P1 B2|", "|.P|.1.|", "B PAUSE"),
        ("SMS", "#Reset|Pause|#P1 Up|P1 B1|P1 B2|", "|..|..2|", "A"),
        ("GBA", "#Up|Down|Left|Right|Start|Select|B|A|L|R|Power|", "|U....s...R.|", "SELECT UP R"),
        (
            "GEN",
            "#Power|Reset|#P1 Up|P1 A|P1 B|P1 C|P1 Start|P1 X|P1 Y|P1 Z|P1 Mode|",
            "|..|.A..S...M|",
            "A MODE START",
        ),
        ("SNES", "#Reset|Power|#P1 Select|P1 Y|P1 X|P1 L|P1 R|", "|..|.Y.lr|", "Y L R"),
        ("PCE", "#Power|#P1 Run|P1 B2|P1 B1|", "|.|R2.|", "II RUN"),
        ("GBC", "#P1 Up|P1 B|Power|", "|UB.|", "B UP"),
    ],
)
def test_bizhawks_key_names(platform: str, keys: str, line: str, pressed: str, tmp_path: Path):
    path = bk2(tmp_path, f"[Input]\nLogKey:{keys}\n{line}\n[/Input]\n", {**BIZHAWK_HEADER, "Platform": platform})
    assert export_inputs(read_movie(path)) == f"{pressed}\n"


@pytest.mark.parametrize(
    ("log", "message"),
    [
        ("", r"expected the line \[Input\]"),
        ("[Input]\n", r"expected the line \[Input\]"),
        ("[Input]\nFoo|Bar|\n[/Input]", "line 2: no key of Nes's pad"),
        ("[Input]\nP1 A|P1 B|\n|..|A.|\n", r"cut off after line 3: expected \[/Input\]"),
        (
            "[Input]\nP1 A|P1 B|\n|..|A.|\n|..|A|\n[/Input]",
            r"line 4: expected a line such as \|\.\.\|\.\.\|, found '\|\.\.\|A\|'",
        ),
        ("[Input]\nP1 A|P1 B|\n|..|A.|..|\n[/Input]", "line 3: expected a line"),
        ("[Input]\nP1 A|P1 B|\nA.\n[/Input]", "line 3: expected a line"),
        ("[Input]\nP1 A|P1 X|\n|..|A.|\n|..|.X|\n[/Input]", "line 4: 'P1 X' is pressed, which is no button"),
        ("[Input]\nLogKey:#Reset|#P1 A|P1 X Axis|\n|.|A  128,|\n[/Input]", "line 3.*analog inputs cannot be used"),
    ],
)
def test_a_damaged_log_names_the_line(log: str, message: str, tmp_path: Path):
    with pytest.raises(MovieError, match=message):
        read_movie(bk2(tmp_path, log))


def test_damaged_files(tmp_path: Path):
    path = tmp_path / "x.bk2"
    with pytest.raises(MovieError, match="cannot read the movie"):
        read_movie(path)
    with MovieWriter(path, NES, "Game-Nes", 1, os.urandom(5000)) as writer:
        writer.frame([1])
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    with pytest.raises(MovieError, match="damaged or cut off"):
        read_movie(path)
    path.write_bytes(whole[:60] + b"\xff" * 8 + whole[68:])
    with pytest.raises(MovieError, match="damaged or cut off"):
        read_movie(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(MovieError, match="is no movie"):
        read_movie(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Header.txt", "")
    with pytest.raises(MovieError, match=r"holds no 'Input Log\.txt'"):
        read_movie(path)


def test_movies_that_cannot_be_replayed_here(tmp_path: Path):
    log = "[Input]\nP1 A|\n[/Input]"
    with pytest.raises(MovieError, match="starts from a savestate of BizHawk's own"):
        read_movie(bk2(tmp_path, log, {**BIZHAWK_HEADER, "StartsFromSavestate": "True"}))
    with pytest.raises(MovieError, match="platform 'C64'"):
        read_movie(bk2(tmp_path, log, {**BIZHAWK_HEADER, "Platform": "C64"}))


FM2_HEADER = "version 3\nemuVersion 20604\nromFilename Some Game\nport0 1\nport1 1\nport2 0\nfourscore 0\n"


def test_fm2(tmp_path: Path):
    path = tmp_path / "x.fm2"
    path.write_text(f"{FM2_HEADER}|0|........|........||\n|0|R......A|.L......||\r\n|1|...UTSB.|........||\n")
    movie = read_movie(path)
    assert export_inputs(movie) == ". | .\nRIGHT A | LEFT\nB SELECT START UP | .\n"
    assert (movie.game, movie.system.name, movie.dialect, movie.resets) == ("Some Game", "Nes", "fceux", (2,))
    path.write_text(f"{FM2_HEADER.replace('port1 1', 'port1 0')}|0|.......A|||\n")
    assert read_movie(path).inputs.tolist() == [[NES.mask_of(["A"])]]
    path.write_text(f"{FM2_HEADER.replace('fourscore 0', 'fourscore 1')}|0|.......A|........|........|R.......||\n")
    assert read_movie(path).inputs.tolist() == [[NES.mask_of(["A"]), 0, 0, NES.mask_of(["RIGHT"])]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: expected FCEUX's movie version 3"),
        ("version 2\n", "found 'version 2'"),
        (f"{FM2_HEADER}binary 1\n|", "binary"),
        (f"{FM2_HEADER}savestate base64:AAAA\n", "savestate of FCEUX's own"),
        (f"{FM2_HEADER}|0|........|........||\n|0|......|........||\n", "line 9: expected a line"),
        (f"{FM2_HEADER}|4|........|........||\n", "line 8: the command 4"),
        (f"{FM2_HEADER}|x|........|........||\n", "line 8"),
        (f"{FM2_HEADER}|²|........|........||\n", "line 8: expected a line"),
        (f"{FM2_HEADER}|{'1' * 5000}|........|........||\n", "line 8: expected a line"),
        (f"{FM2_HEADER}|\n", "line 8"),
        (FM2_HEADER.replace("port1 1", "port1 2"), "only pads"),
    ],
)
def test_a_damaged_fm2_names_the_line(text: str, message: str, tmp_path: Path):
    path = tmp_path / "x.fm2"
    path.write_text(text)
    with pytest.raises(MovieError, match=message):
        read_movie(path)


def test_a_movie_that_is_not_closed_leaves_no_file(tmp_path: Path):
    writer = MovieWriter(tmp_path / "x.bk2", NES, "Game-Nes")
    writer.frame([1])
    assert list(tmp_path.iterdir()) == []
    writer.discard()
    writer.close()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="is closed"):
        writer.frame([1])


def test_the_same_recording_gives_the_same_file(tmp_path: Path):
    for name in ("a.bk2", "b.bk2"):
        with MovieWriter(tmp_path / name, NES, "Game-Nes", 1, b"state") as writer:
            writer.frame([1])
    assert (tmp_path / "a.bk2").read_bytes() == (tmp_path / "b.bk2").read_bytes()


def test_a_full_disk_leaves_the_older_movie_and_closing_can_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "x.bk2"
    path.write_bytes(b"older")
    writer = MovieWriter(path, NES, "Game-Nes")
    writer.frame([1])

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RunError, match="the disk is full"):
            writer.close()
    assert path.read_bytes() == b"older" and len(list(tmp_path.iterdir())) == 1
    writer.close()
    assert len(read_movie(path).inputs) == 1


def test_wrong_frames_are_refused(tmp_path: Path):
    writer = MovieWriter(tmp_path / "x.bk2", NES, "Game-Nes", 2)
    with pytest.raises(ValueError, match="expected 2 button masks"):
        writer.frame([1])
    with pytest.raises(ValueError, match="no button of Nes"):
        writer.frame([1, 2])
    with pytest.raises(ValueError, match=r"\.bk2"):
        MovieWriter(tmp_path / "x.mp4", NES, "Game-Nes")


def test_a_long_movie_is_read_in_a_moment(tmp_path: Path):
    masks = np.random.default_rng(2).integers(0, 512, 100_000) & ~2
    with MovieWriter(tmp_path / "x.bk2", NES, "Game-Nes") as writer:
        for mask in masks:
            writer.frame([mask])
    movie = read_movie(tmp_path / "x.bk2")
    assert isinstance(movie, Movie)
    assert (movie.inputs[:, 0] == masks).all()
