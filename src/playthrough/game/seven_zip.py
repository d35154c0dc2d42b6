"""7z archives, read by py7zr in a process of its own.

A 7z archive decides itself how much memory and time its reader takes before anything can be counted. So the reader is a
process with a limit on its memory, and with somebody who waits only so long. One process reads all archives of an
import, one after the other; archives in archives have one for each level, as the outer one is still being read. A new
one takes over where one was lost.

    parent -> reader: kind (p: a path, d: the content), its length, the three limits
    reader -> parent: f, name, data for each file; then . for the end, or ! with what is wrong
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import select
import selectors
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from playthrough.errors import DependencyError, RomError

_REQUEST = struct.Struct("<cQQQQ")
_ANSWER = struct.Struct("<cIQ")
_MAX_MEMORY_BYTES = 2 << 30
_TIMEOUT_S = 30.0
_MAX_ARCHIVE_S = 300.0

# The reader searches modules where this process does, and never runs the user's script again.
_START = """
import sys
sys.path[:] = sys.argv[1:]
from playthrough.game.seven_zip import main
main()
"""


class SevenZipReader:
    """Reads 7z archives; starts its process when it is first needed. Use as a context manager."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._busy = False
        self._inner: SevenZipReader | None = None  # for archives met while this one is in the middle of another

    def __enter__(self) -> SevenZipReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(
        self, source: Path | bytes, max_file_bytes: int, max_bytes: int, max_files: int
    ) -> Iterator[tuple[str, bytes]]:
        """Name and content of each file in an archive; larger ones than allowed are left out.

        Args:
            source: The archive's path, or its content.
            max_file_bytes: How large a file in it may be.
            max_bytes: How much all of them may be.
            max_files: How many there may be.

        Raises:
            DependencyError: If py7zr is not installed.
            RomError: If the archive is damaged, encrypted or a bomb.
        """
        if importlib.util.find_spec("py7zr") is None:
            raise DependencyError(
                "7z archives need py7zr: run pip install 'playthrough[archives]', or unpack it yourself"
            )
        if self._busy:
            self._inner = self._inner or SevenZipReader()
            yield from self._inner.read(source, max_file_bytes, max_bytes, max_files)
            return
        if self._process is None:
            self._process = self._start()
        self._busy, finished = True, False
        try:
            kind, request = (b"d", source) if isinstance(source, bytes) else (b"p", os.fsencode(source.absolute()))
            give_up_s = time.monotonic() + _MAX_ARCHIVE_S
            with contextlib.suppress(BrokenPipeError):  # that it has ended is told where its answer is missed
                self._give(_REQUEST.pack(kind, len(request), max_file_bytes, max_bytes, max_files), give_up_s)
                self._give(request, give_up_s)
            while True:
                kind, name_bytes, data_bytes = _ANSWER.unpack(self._take(_ANSWER.size, give_up_s))
                name = self._take(name_bytes, give_up_s).decode("utf-8", "replace")
                if kind == b"f":
                    yield name, self._take(data_bytes, give_up_s)
                    continue
                finished = True
                if kind == b"!":
                    raise RomError(f"the archive cannot be unpacked: {name}")
                return
        finally:
            self._busy = False
            if not finished:  # it is in the middle of something
                self.close()

    def close(self) -> None:
        """End the process, and those for archives in archives."""
        if self._inner is not None:
            self._inner.close()
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with contextlib.suppress(OSError):
                process.communicate()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", _START, *(str(entry) for entry in sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for this process to decide on
        )

    def _give(self, request: bytes, give_up_s: float) -> None:
        """Write a part of a request.

        Raises:
            RomError: If the process does not read it.
            BrokenPipeError: If it has ended.
        """
        assert self._process is not None and self._process.stdin is not None
        pipe, left = self._process.stdin.fileno(), memoryview(request)
        with selectors.DefaultSelector() as waiting:
            waiting.register(pipe, selectors.EVENT_WRITE)
            while left:
                _wait(waiting, give_up_s)
                left = left[os.write(pipe, left[: select.PIPE_BUF]) :]  # a ready pipe takes so much without blocking

    def _take(self, size_bytes: int, give_up_s: float) -> bytes:
        """The next bytes of the answer.

        Raises:
            RomError: If they do not come.
        """
        assert self._process is not None and self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        found = bytearray()
        with selectors.DefaultSelector() as waiting:
            waiting.register(pipe, selectors.EVENT_READ)
            while len(found) < size_bytes:
                _wait(waiting, give_up_s)
                piece = os.read(pipe, min(size_bytes - len(found), 1 << 20))
                if not piece:
                    raise RomError(
                        "the archive ended the process that read it: it is damaged, or needs more than "
                        f"{_MAX_MEMORY_BYTES >> 30} GiB of memory"
                    )
                found += piece
        return bytes(found)


def _wait(pipe: selectors.BaseSelector, give_up_s: float) -> None:
    if time.monotonic() > give_up_s or not pipe.select(_TIMEOUT_S):
        raise RomError("the archive takes too long to unpack and was given up")


# The reader's side ---------------------------------------------------------------------------------------------------


_BOMB = "it would unpack to far more than its size: it looks like an archive bomb"


class _TooMuchError(Exception):
    pass


class _Answers:
    """What the reader sends, from whichever of py7zr's threads."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe, self._lock = pipe, threading.Lock()

    def send(self, kind: bytes, name: str, data: bytes | bytearray = b"") -> None:
        text = name.encode("utf-8", "replace")
        with self._lock:
            self._pipe.write(_ANSWER.pack(kind, len(text), len(data)) + text)
            self._pipe.write(data)
            self._pipe.flush()


def main() -> None:
    """Answer requests until there are no more."""
    with contextlib.suppress(ImportError):  # there is no such module, and no such limit, on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))
    requests, answers = sys.stdin.buffer, _Answers(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)  # whatever else prints does not reach the parent
    while head := requests.read(_REQUEST.size):
        kind, length, *limits = _REQUEST.unpack(head)
        request = requests.read(length)
        try:
            _send_all(request, kind == b"p", answers, *limits)
        except _TooMuchError as error:
            answers.send(b"!", str(error))
        except MemoryError:
            answers.send(b"!", f"it needs more than {_MAX_MEMORY_BYTES >> 30} GiB of memory")
        except Exception as error:  # py7zr meets a damaged archive with whatever exception it runs into
            answers.send(b"!", " ".join(str(error).split()) or type(error).__name__)
        else:
            answers.send(b".", "")


def _send_all(
    request: bytes, is_path: bool, answers: _Answers, max_file_bytes: int, max_bytes: int, max_files: int
) -> None:
    import io

    import py7zr
    from py7zr.io import Py7zIO, WriterFactory

    left = {"bytes": max_bytes, "files": max_files}

    class File(Py7zIO):
        """Collects one file of the archive and sends it when it is complete."""

        def __init__(self, name: str) -> None:
            self._name, self._data, self._size_bytes, self._sent = name, bytearray(), 0, False

        def write(self, s: bytes | bytearray) -> int:
            left["bytes"] -= len(s)
            if left["bytes"] < 0:
                raise _TooMuchError(_BOMB)
            self._size_bytes += len(s)
            if self._size_bytes <= max_file_bytes:
                self._data += s
            else:
                self._data.clear()
            return len(s)

        def read(self, size: int | None = None) -> bytes:
            return b""

        def seek(self, offset: int, whence: int = 0) -> int:
            return 0

        def flush(self) -> None:
            pass

        def size(self) -> int:
            return self._size_bytes

        def close(self) -> None:
            if not self._sent and self._size_bytes <= max_file_bytes:
                answers.send(b"f", self._name, self._data)
            self._sent = True
            self._data.clear()

    class Files(WriterFactory):
        def create(self, filename: str) -> Py7zIO:
            left["files"] -= 1
            if left["files"] < 0:
                raise _TooMuchError(f"it holds more than {max_files:,} files")
            return File(filename)

    source: Any = Path(os.fsdecode(request)) if is_path else io.BytesIO(request)
    with py7zr.SevenZipFile(source) as archive:
        if archive.needs_password():
            raise _TooMuchError("it is encrypted; unpack it with its password")
        if sum(file.uncompressed for file in archive.list()) > max_bytes:
            raise _TooMuchError(_BOMB)
        archive.extractall(factory=Files())
