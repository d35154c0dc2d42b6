"""docs/bizhawk-scripts.md says what the host supports."""

from __future__ import annotations

import importlib.util
from typing import Any

from tiny_cores import REPOSITORY

DOCS = REPOSITORY / "docs"


def load_generator() -> Any:
    spec = importlib.util.spec_from_file_location("bizhawk_functions", DOCS / "bizhawk_functions.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_up_to_date() -> None:
    text = (DOCS / "bizhawk-scripts.md").read_text("utf-8")
    assert load_generator().page_with_table(text) == text, "run: python docs/bizhawk_functions.py"


def test_the_python_on_the_page_runs(monkeypatch: Any) -> None:
    monkeypatch.chdir(REPOSITORY)
    text = (DOCS / "bizhawk-scripts.md").read_text("utf-8")
    exec(text.partition("```py\n")[2].partition("```")[0], {})
