"""Fixtures for the whole test suite: tiny real cores, and a game for them."""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_cores import REPOSITORY, TINY_SCENARIO, TINY_VARIABLES, TinyCores, tiny_rom

from playthrough.game import integration as integrations

pytest.register_assert_rewrite("engine.conformance")

# Whoever starts the tests in a shell's background hands down a Ctrl-C that is ignored; some tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests see an empty home, and leave the user's alone.
os.environ["PLAYTHROUGH_HOME"] = tempfile.mkdtemp(prefix="playthrough-tests-")
atexit.register(shutil.rmtree, os.environ["PLAYTHROUGH_HOME"], ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The documentation's commands take longest: begun last, they would keep one processor waiting for the other."""
    items.sort(key=lambda item: not item.path.name.startswith(("test_readme", "test_integrate_guide")))


@pytest.fixture(autouse=True)
def only_own_integrations(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test adds, the next one does not find."""
    monkeypatch.setattr(integrations, "_added", [])
    monkeypatch.setattr(integrations, "_added_by_root", {})


@pytest.fixture(scope="session")
def tiny_cores() -> TinyCores:
    """Compiled tiny cores by name: `tiny_cores["tiny_crash"]` is the path of a core that crashes."""
    return TinyCores(REPOSITORY / ".made" / "tiny_cores")


@pytest.fixture
def tiny_game(tmp_path: Path) -> Callable[..., Path]:
    """Makes an integration folder for the tiny cores: `tiny_game(seed=1, frame=0, choice=0)` returns its path.

    The folder is named `<name>`, holds `rom.nes`, and its parent holds nothing else, so the parent can be given to
    `add_integrations`. `data` and `scenario` replace the JSON files' contents.
    """

    def make(
        seed: int = 0,
        frame: int = 0,
        choice: int = 0,
        name: str = "TinyCore-Nes-v0",
        data: dict[str, object] | None = None,
        scenario: dict[str, object] | None = None,
    ) -> Path:
        folder = tmp_path / "integrations" / name
        folder.mkdir(parents=True)
        rom = tiny_rom(seed, frame, choice)
        variables = {key: {"address": address, "type": type_} for key, (address, type_) in TINY_VARIABLES.items()}
        (folder / "rom.nes").write_bytes(rom)
        # An NES game is known by what follows the 16 bytes of its file's header.
        (folder / "rom.sha").write_text(hashlib.sha1(rom[16:]).hexdigest() + "\n")
        (folder / "data.json").write_text(json.dumps(data or {"info": variables}))
        (folder / "scenario.json").write_text(json.dumps(scenario or TINY_SCENARIO))
        (folder / "metadata.json").write_text("{}")
        return folder

    return make
