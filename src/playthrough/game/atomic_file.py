"""A file that appears complete or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path

from playthrough.errors import RunError

_REASONS = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up"}


def write_file(path: Path, data: bytes) -> None:
    """Write a file so that a reader, a crash or a full disk never meets half of it: the old one stays until then.

    Args:
        path: The file; folders above it are made.
        data: Its whole content.

    Raises:
        RunError: If it cannot be written. What was there before is untouched.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        raise RunError(
            f"could not write {path} ({len(data)} bytes): {reason}; nothing was changed; "
            "make room there or choose another folder"
        ) from error
