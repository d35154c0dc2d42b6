"""The scenario doctor with cores that break down while it plays: a finding among the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_cores import TINY_SCENARIO, TinyCores

from playthrough.engine.isolated import IsolatedEngine
from playthrough.env.options import EnvOptions
from playthrough.integrate.check import check
from playthrough.integrate.check_finding import CheckReport, Finding
from playthrough.integrate.check_plays import random_plays

MISSPELT = TINY_SCENARIO | {"reward": {}, "rewrads": []}


def lost(report: CheckReport) -> Finding:
    """The one finding about it, among those that the files gave."""
    assert "unknown key" in {finding.kind for finding in report.findings}
    (finding,) = (finding for finding in report.findings if finding.kind == "core")
    assert finding.level == "error" and finding.message == "the emulator was lost"
    assert "--core NAME" in finding.next_step
    return finding


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (
            45,
            "from power-on, in the play 'nothing pressed', after frame 40, in the next 20 frames, pressing nothing: "
            "core tiny_crash crashed (SIGSEGV); so was it in 8 more plays",
        ),
        (90, "while buttons were tried one by one: holding nothing, core tiny_crash crashed (SIGSEGV)"),
    ],
)
def test_a_core_that_crashes(frame: int, expected: str, tiny_cores: TinyCores, tiny_game: Callable[..., Path]) -> None:
    folder = tiny_game(frame=frame, scenario=MISSPELT)
    report = check(EnvOptions(game=folder, core=tiny_cores["tiny_crash"]), num_frames=70)
    assert lost(report).evidence == expected
    assert len(report.plays) == 9


def test_a_core_that_hangs(
    tiny_cores: TinyCores, tiny_game: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(IsolatedEngine.__init__.__kwdefaults__ or {}, "timeout_s", 0.4)
    folder = tiny_game(frame=30, scenario=MISSPELT)
    finding = lost(check(EnvOptions(game=folder, core=tiny_cores["tiny_hang"]), num_frames=40))
    assert "after frame 20, in the next 20 frames" in finding.evidence
    assert "core tiny_hang hung: no frame for 0.4 s" in finding.evidence


def test_a_scripted_game_says_on_which_frame(tiny_cores: TinyCores, tiny_game: Callable[..., Path]) -> None:
    scenario: dict[str, Any] = MISSPELT | {"rewards": [{"script": "lua:pay"}], "scripts": ["pay.lua"]}
    folder = tiny_game(frame=30, scenario=scenario)
    (folder / "pay.lua").write_text("function pay() return data.x end\n")
    report = check(EnvOptions(game=folder, core=tiny_cores["tiny_crash"]), num_frames=40)
    assert "after frame 26, in the next 14 frames, pressing nothing" in lost(report).evidence
    assert {play.partition(" frames")[0].rpartition(" ")[2] for play in report.plays} == {"26"}


def test_what_was_played_until_then_counts(
    tiny_cores: TinyCores, tiny_game: Callable[..., Path], tmp_path: Path
) -> None:
    """The core's file goes away during the play: nothing can be started again."""
    core = tmp_path / "tiny_crash_libretro.so"
    core.write_bytes(tiny_cores["tiny_crash"].read_bytes())
    options = EnvOptions(game=tiny_game(frame=30), core=core)
    plays = random_plays(options, 60, lambda done, total: core.unlink(missing_ok=True))
    assert [play.num_frames for play in plays] == [20] * 9
    assert "cannot be read" in str(plays[-1].lost)
