"""The module `bizhawk`, which processor scripts of GymBizHawk require."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playthrough.env.bizhawk.host import BizHawkHost

_SOURCE = Path(__file__).with_name("gym_module.lua")


class GymModule:
    """What a script handed to `bizhawk.run`.

    Attributes:
        functions: The Lua functions that drive its processor; None as long as the script has not run one.
    """

    def __init__(self) -> None:
        self.functions: Any = None

    def take(self, functions: Any) -> None:
        """Called by the script."""
        self.functions = functions


def offer_gym_module(host: BizHawkHost, module: GymModule | None = None) -> None:
    """Let scripts `require('bizhawk')`.

    Args:
        host: The script's.
        module: Takes the processor; None where no environment wants it: then `bizhawk.run` plays it alone.
    """
    host.add_module(
        "bizhawk",
        _SOURCE.read_text("utf-8"),
        is_environment=lambda: module is not None,
        take=(GymModule() if module is None else module).take,
    )
