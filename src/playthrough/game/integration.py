"""Games: the folders that say where a game's variables are and what they mean.

A game is a folder `<Game>-<System>`, with or without stable-retro's `-v0`. Folders are searched in this order: the ones
that were added, `integrations` in the user's own folder, the product's own games, and the stable-retro wheel's
`stable`, `contrib` and `experimental`. Where several hold the same game, the first with a file counts, file by file, so
that a folder with nothing but a `scenario.json` gives a shipped game another reward.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from playthrough.engine.systems import System, system_of_game, system_of_rom, systems, wheel_folder
from playthrough.errors import BadInputError, GameNotFoundError, IntegrationError, RomError
from playthrough.game.attached import attached_hashes
from playthrough.game.home import user_integrations
from playthrough.game.json_files import read_json
from playthrough.game.scenario import Scenario, find_scenario, load_scenario
from playthrough.game.tiles import TileMap, load_tiles
from playthrough.game.variables import Variable, load_variables

if TYPE_CHECKING:
    from collections.abc import Iterator

RECIPE_SUFFIX = ".recipe.json"

_GAME_FILES = ("rom.sha", "data.json", "scenario.json", "metadata.json")
_SHA1 = re.compile(r"[0-9a-f]{40}")

_WHEEL_ORDER = {"stable": 1, "contrib": 2, "experimental": 3}
_MAX_DEPTH = 3
_MAX_FOLDERS = 5000

_added: list[Path] = []
_added_by_root: dict[Path, list[Path]] = {}


@dataclass(frozen=True, eq=False)
class Integration:
    """One game with its meaning, loaded and checked.

    Attributes:
        name: The game's name, without `-v0`.
        folder: The first folder that holds it.
        folders: All folders that hold it; the first with a file counts.
        system: The system that it runs on.
        variables: The variables of its data.json, by name and in the order of the file.
        scenario: Rewards, the end of an episode, crop, button groups.
        metadata: What metadata.json says; empty if there is none.
        rom_hashes: SHA-1 of every ROM that the integration is made for, after header grooming, and of those that the
            user attached to it.
        info_path: The file that the variables come from.
        scenario_path: The file that the scenario comes from.
    """

    name: str
    folder: Path
    folders: tuple[Path, ...]
    system: System
    variables: dict[str, Variable]
    scenario: Scenario
    metadata: dict[str, Any]
    rom_hashes: tuple[str, ...]
    info_path: Path
    scenario_path: Path

    @property
    def buttons(self) -> tuple[str | None, ...]:
        """The system's buttons by libretro id."""
        return self.system.buttons

    @property
    def states(self) -> dict[str, Path]:
        """The stored start states by name, as files."""
        return _named_files(self.folders, ".state")

    @property
    def recipes(self) -> dict[str, Path]:
        """The start states that are stored as recipes, by name, as files."""
        return _named_files(self.folders, RECIPE_SUFFIX)

    @property
    def movie_name(self) -> str:
        """What movies call the game: stable-retro looks it up by its folder's whole name, `-v0` included."""
        shipped = [folder.name for folder in self.folders if wheel_folder() in folder.parents]
        return (shipped or [self.folder.name])[0]

    @property
    def tiles(self) -> TileMap | None:
        """Where the level's tiles are in memory, if a tiles.json says so."""
        path = self.find_file("tiles.json")
        return None if path is None else load_tiles(path)

    def find_file(self, name: str) -> Path | None:
        """A file of the integration, from the first folder that has it."""
        return find_file(self.folders, name)

    def default_state(self, players: int = 1) -> str | None:
        """The state that the game starts in with so many players; None for power-on."""
        per_player = self.metadata.get("default_player_state")
        if isinstance(per_player, list) and 1 <= players <= len(cast("list[Any]", per_player)):
            return _text_or_none(cast("list[Any]", per_player)[players - 1], "default_player_state", self)
        return _text_or_none(self.metadata.get("default_state"), "default_state", self)

    def reference_runs(self, state: str) -> tuple[dict[str, Any], ...]:
        """The reference training runs that metadata.json reports for a state, each with its `rewards`."""
        found: Any = self.metadata
        for key in ("states", state, "runs"):
            found = cast("dict[str, Any]", found).get(key) if isinstance(found, dict) else None
        runs = cast("list[Any]", found) if isinstance(found, list) else []
        tables = [cast("dict[str, Any]", run) for run in runs if isinstance(run, dict)]
        return tuple(run for run in tables if isinstance(run.get("rewards"), dict))


def add_integrations(folder: str | Path) -> None:
    """Search a folder of game folders before all others.

    Args:
        folder: A folder of game folders, one game folder, or what such folders lie in up to three levels deep: a copy
            of stable-retro's `data` with `stable`, `contrib` and `experimental`, or a repository that somebody
            published.

    Raises:
        IntegrationError: If it does not exist or holds no game.
    """
    path = Path(folder).expanduser().absolute()
    if not path.is_dir():
        raise IntegrationError("is no folder; expected one that holds game folders such as MyGame-Nes", path=path)
    found = _collections_in(path)
    if not found and any(True for _ in _games_in(path)):
        found = [path]
    if not found:
        raise IntegrationError(
            "holds no game; expected folders such as MyGame-Nes with "
            f"{', '.join(_GAME_FILES[:3])} inside, or to be one itself",
            path=path,
        )
    _added_by_root[path] = found
    _added[:] = [*found, *(other for other in _added if other not in found)]


def remove_integrations(folder: str | Path) -> None:
    """Forget a folder that was added."""
    path = Path(folder).expanduser().absolute()
    gone = _added_by_root.pop(path, [path])
    _added[:] = [other for other in _added if other not in gone]


def _collections_in(root: Path) -> list[Path]:
    """The folders with game folders in them, or the one game folder, from a folder on downwards; the nearest first."""
    if _is_game_folder(root.name, root):
        return [root]
    found: list[Path] = []
    level, num_seen = [root], 0
    for _ in range(_MAX_DEPTH + 1):
        below: list[Path] = []
        for folder in level:
            inner = _folders_in(folder)
            num_seen += len(inner)
            if any(_is_game_folder(path.name, path) for path in inner):
                found.append(folder)
            elif num_seen < _MAX_FOLDERS:
                below += inner
        level = below
    return sorted(found, key=lambda path: (len(path.parts), _WHEEL_ORDER.get(path.name, 0), path))


def _folders_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [
                Path(entry.path)
                for entry in entries
                if entry.name[0] not in "._" and entry.is_dir(follow_symlinks=False)
            ]
    except OSError:
        return []  # a folder that may not be listed holds no game for us


def integration_folders() -> list[Path]:
    """The folders that are searched for games, in the order of the search."""
    data = wheel_folder() / "data"
    folders = (*_added, user_integrations(), *_own_games(), data / "stable", data / "contrib", data / "experimental")
    return list(dict.fromkeys(folders))


def list_games() -> list[str]:
    """The names of all games whose ROM is known by its SHA-1, without `-v0`, sorted."""
    return sorted(game for game, folders in _folders_by_game().items() if _knows_its_rom(folders))


def list_states(game: str | Path) -> list[str]:
    """The names of a game's start states, stored or as recipes, sorted; those that begin with `_` are left out.

    Raises:
        GameNotFoundError: If there is no such game.
    """
    _, folders = find_game(game)
    names = {*_named_files(folders, ".state"), *_named_files(folders, RECIPE_SUFFIX)}
    return sorted(name for name in names if not name.startswith("_"))


def known_games() -> Iterator[tuple[str, tuple[Path, ...], tuple[str, ...]]]:
    """Name, folders and ROM hashes of every game whose ROM is known by its SHA-1."""
    for game, folders in _folders_by_game().items():
        if _knows_its_rom(folders):
            try:
                yield game, folders, _hashes_of(folders)
            except IntegrationError:
                continue  # one damaged file must not hide a thousand other games; load_integration explains it


def known_hashes() -> dict[str, list[str]]:
    """For the SHA-1 of every known ROM the games made for it."""
    found: dict[str, list[str]] = {}
    for game, _, hashes in known_games():
        for sha1 in hashes:
            found.setdefault(sha1, []).append(game)
    return found


def find_game(name: str | Path) -> tuple[str, tuple[Path, ...]]:
    """A game's name without `-v0` and the folders that hold it.

    Args:
        name: The game's name, or the path of its folder.

    Raises:
        GameNotFoundError: If there is none; the message names similar ones.
    """
    if not isinstance(name, str | Path):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"game must be a game's name, or the path of its folder, not {name!r}")
    if isinstance(name, Path) or "/" in name or os.sep in name:
        path = Path(name).expanduser().absolute()
        game = _canonical(path.name)
        if not path.is_dir():
            raise GameNotFoundError(f"there is no game folder {path}")
        if not any((path / file).is_file() for file in _GAME_FILES):
            raise GameNotFoundError(f"{path} is no game folder: it holds none of {', '.join(_GAME_FILES)}")
        folders = (path, *(other for other in _folders_by_game().get(game, ()) if other != path))
        return game, folders
    game = _canonical(name)
    folders = _folders_of(game)
    if not folders:
        games = list(_folders_by_game())
        similar = difflib.get_close_matches(game, games, n=4, cutoff=0.6)
        if not similar:
            similar = [other for other in games if game and game.lower() in other.lower()][:4]
        hint = f"did you mean {', '.join(similar)}?" if similar else "playthrough games lists all of them"
        raise GameNotFoundError(f"no game is called {name!r}; {hint} (folders of your own: --integrations PATH)")
    return game, folders


def load_integration(
    name: str | Path, *, info: str | Path | None = None, scenario: str | Path | None = None
) -> Integration:
    """Load a game's integration.

    Args:
        name: The game's name with or without `-v0`, or the path of its folder.
        info: Another file of variables: a name, a file name such as `x.json`, or a path.
        scenario: Another scenario, likewise.

    Raises:
        GameNotFoundError: If there is no such game.
        IntegrationError: If a file is missing or wrong.
    """
    game, folders = find_game(name)
    for option, value in (("info", info), ("scenario", scenario)):
        if not isinstance(value, str | Path | None):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"{option} must be a name or the path of a file, not {value!r}")
    system = _system_of(game, folders)
    info_path = find_info(game, folders, info)
    scenario_path = find_scenario(folders, None if scenario is None else str(Path(scenario).expanduser())).absolute()
    metadata_path = find_file(folders, "metadata.json")
    metadata = read_json(metadata_path) if metadata_path else {}
    variables = load_variables(info_path)
    meaning = load_scenario(scenario_path, variables)
    for choice in (choice for group in meaning.actions or () for choice in group):
        try:
            system.mask_of(choice)
        except ValueError as error:
            raise IntegrationError(f"actions: {error}", path=scenario_path) from error
    return Integration(
        name=game,
        folder=folders[0],
        folders=folders,
        system=system,
        variables=variables,
        scenario=meaning,
        metadata=metadata,
        rom_hashes=_hashes_of(folders),
        info_path=info_path,
        scenario_path=scenario_path,
    )


def read_hashes(path: Path) -> tuple[str, ...]:
    """The SHA-1 hashes of a rom.sha file, one per line, in lower case.

    Raises:
        IntegrationError: If a line is no SHA-1.
    """
    hashes: list[str] = []
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise IntegrationError(f"cannot be read: {error}", path=path) from error
    for number, line in enumerate(lines, 1):
        text = line.strip().lower()
        if text and not _SHA1.fullmatch(text):
            raise IntegrationError(f"expected a SHA-1 of 40 hexadecimal digits, found {line!r}", path=path, line=number)
        if text:
            hashes.append(text)
    return tuple(dict.fromkeys(hashes))


def _knows_its_rom(folders: tuple[Path, ...]) -> bool:
    return find_file(folders, "rom.sha") is not None or bool(attached_hashes(folders))


def _hashes_of(folders: tuple[Path, ...]) -> tuple[str, ...]:
    """The ROMs that a game is made for, and then those that the user attached to it."""
    path = find_file(folders, "rom.sha")
    made_for = read_hashes(path) if path else ()
    return tuple(dict.fromkeys((*made_for, *attached_hashes(folders))))


def _canonical(name: str) -> str:
    return name.removesuffix("-v0")


def is_shipped(folder: Path) -> bool:
    """Whether a game's folder came with a package, so that nothing of the user's may be put there."""
    shipped = (wheel_folder(), Path(__file__).parents[1], *_own_games())
    return "site-packages" in folder.parts or any(folder.is_relative_to(other) for other in shipped)


def _own_games() -> list[Path]:
    """The product's games: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).parents[1]
    return [folder for folder in (package / "games", package.parents[1] / "games") if folder.is_dir()]


def _games_in(folder: Path) -> Iterator[tuple[str, Path]]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if "-" in entry.name and entry.name[0] not in "._" and entry.is_dir():
                    yield _canonical(entry.name), Path(entry.path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise IntegrationError(f"cannot be listed: {error.strerror}", path=folder) from error


def _folders_by_game() -> dict[str, tuple[Path, ...]]:
    found: dict[str, tuple[Path, ...]] = {}
    for folder in integration_folders():
        if _is_game_folder(folder.name, folder):
            game = _canonical(folder.name)
            found[game] = (*found.get(game, ()), folder)
            continue
        for game, path in _games_in(folder):
            found[game] = (*found.get(game, ()), path)
    return found


def _folders_of(game: str) -> tuple[Path, ...]:
    """The folders that hold a game, without listing all games."""
    found: list[Path] = []
    if game and game not in (".", ".."):
        for folder in integration_folders():
            if _canonical(folder.name) == game and _is_game_folder(folder.name, folder):
                found.append(folder)
            else:
                found += [path for path in (folder / game, folder / f"{game}-v0") if path.is_dir()]
    return tuple(found)


def _is_game_folder(name: str, path: Path) -> bool:
    return "-" in name and any((path / file).is_file() for file in _GAME_FILES)


def find_file(folders: tuple[Path, ...], name: str) -> Path | None:
    """A file of a game, from the first of its folders that has it."""
    for folder in folders:
        path = folder / name
        if path.is_file():
            return path
    return None


def _named_files(folders: tuple[Path, ...], suffix: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.glob(f"*{suffix}")):
            found.setdefault(path.name.removesuffix(suffix), path)
    return found


def find_info(game: str, folders: tuple[Path, ...], chosen: str | Path | None = None) -> Path:
    """The file of a game's variables: `data.json`, or the one that was chosen by name or path.

    Raises:
        IntegrationError: If there is no such file; the message lists those that exist.
    """
    text = "data" if chosen is None else str(chosen)
    file_name = text if text.endswith(".json") else f"{text}.json"
    if isinstance(chosen, Path) or "/" in text or os.sep in text:
        path = Path(file_name).expanduser()
        if not path.is_file():
            raise IntegrationError(f"the file of variables (info) of {game} does not exist", path=path)
        return path.absolute()
    path = find_file(folders, file_name)
    if path is None and Path(file_name).is_file():
        path = Path(file_name).absolute()
    if path is None:
        there = sorted(
            name for name in _named_files(folders, ".json") if name != "metadata" and not name.endswith(".recipe")
        )
        raise IntegrationError(
            f"{game} has no variables (info) {text!r}; its JSON files: {', '.join(there) or 'none'}", path=folders[0]
        )
    return path


def _system_of(game: str, folders: tuple[Path, ...]) -> System:
    try:
        return system_of_game(game)
    except BadInputError as error:
        for folder in folders:
            for path in sorted(folder.glob("rom.*")):
                if path.suffix != ".sha":
                    try:
                        return system_of_rom(path)
                    except RomError:
                        continue
        raise IntegrationError(
            f"cannot tell the system of {game!r}: expected a folder name such as MyGame-Nes that ends in one of "
            f"{' '.join(systems())}, or a file rom.nes, rom.md, ... inside",
            path=folders[0],
        ) from error


def _text_or_none(value: Any, key: str, integration: Integration) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise IntegrationError(
        f"{key} must be the name of a state, found {value!r}", path=integration.find_file("metadata.json")
    )
