"""What GymBizHawk's examples take from its `utils`; it has that name so that their imports need not change."""

from __future__ import annotations

import logging
from pathlib import Path

_log = logging.getLogger(__name__)


def print_logger(level: int | str = logging.INFO, log_name: str = "") -> None:
    """Print what is logged.

    Args:
        level: From which level on, as a number or a name.
        log_name: Whose; all loggers without one.
    """
    number = logging.getLevelNamesMapping()[level.upper()] if isinstance(level, str) else level
    logger = logging.getLogger(log_name)
    logger.setLevel(number)
    handler = logging.StreamHandler()
    handler.setLevel(number)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(funcName)s %(lineno)d [%(levelname)s] %(message)s"))
    logger.addHandler(handler)


def remove_lua_log(lua_dir: str, log_file: str = "gymenv.log") -> None:
    """Remove a script's log file, if there is one.

    Args:
        lua_dir: The script's folder.
        log_file: The file's name.
    """
    path = Path(lua_dir) / log_file
    if path.is_file():
        _log.info("remove log file: %s", path.absolute())
        path.unlink()
