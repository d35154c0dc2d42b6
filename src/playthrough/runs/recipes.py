"""The recipes that come with playthrough."""

from __future__ import annotations

from pathlib import Path

from playthrough.errors import ConfigError
from playthrough.runs.settings import Draft, suggest


def recipe_folders() -> list[Path]:
    """Where shipped recipes lie: in the installed package, or in the source tree."""
    package = Path(__file__).parents[1]
    return [folder for folder in (package / "recipes", package.parents[1] / "recipes") if folder.is_dir()]


def list_recipes() -> dict[str, Path]:
    """The shipped recipes by name."""
    return {path.stem: path for folder in reversed(recipe_folders()) for path in sorted(folder.glob("*.toml"))}


def find_recipe(name_or_path: str | Path) -> Path:
    """A recipe by the name of a shipped one, or by its path.

    Raises:
        ConfigError: If there is none.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    known = list_recipes()
    if str(name_or_path) in known:
        return known[str(name_or_path)]
    advice = suggest(str(name_or_path), known) if known else "no recipe is shipped with this installation"
    raise ConfigError(f"no recipe {str(name_or_path)!r}: neither a file nor a shipped recipe; {advice}")


def recipe_for(game: str, algo: str = "neat") -> Path | None:
    """The shipped recipe that trains a game with an algorithm; None where there is none.

    Of several the one with the shortest name, which is the plain one: the others add to it what they are for.
    """
    fitting: list[Path] = []
    for path in list_recipes().values():
        table = Draft.read(path).table
        plays_it = str(table.get("game", "")).removesuffix("-v0") == game.removesuffix("-v0")
        if plays_it and table.get("algo", "neat") == algo and "selfplay" not in table:
            fitting.append(path)
    return min(fitting, key=lambda path: (len(path.stem), path.stem), default=None)
