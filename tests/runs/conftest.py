"""Fixtures for runs: one finished run that several tests look at."""

from __future__ import annotations

import pytest
from small_run import Listener, small_config

from playthrough.runs.train import train
from playthrough.runs.watcher import TrainResult


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainResult, Listener]:
    """Five generations in one go, and what the watcher was told."""
    listener = Listener()
    result = train(small_config(tmp_path_factory.mktemp("run") / "whole", lanes=4, video=True), watcher=listener)
    return result, listener
