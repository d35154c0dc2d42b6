"""Pictures and sound into files: MP4 for watching, GIF for showing on a page."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import closing, contextmanager
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from playthrough.errors import DependencyError, RunError

if TYPE_CHECKING:
    from PIL import Image

_SOUND_RATE_HZ = 48_000
_GIF_RATE, _GIF_MOST = 10.0, 300
"""Pictures per second of a GIF, and how many it has at most: half a minute."""


class Encoder(Protocol):
    """Writes pictures, with what sounds meanwhile."""

    def add(self, picture: NDArray[np.uint8], sound: NDArray[np.int16] | None) -> None:
        """Add a frame: uint8 (height, width, 3), and the sound that comes with it, int16 (samples, 2)."""
        ...

    def finish(self) -> None:
        """Write what is still held back."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


def libraries() -> ModuleType:
    """PyAV, with Pillow known to be there."""
    try:
        import_module("PIL")
        return import_module("av")
    except ImportError as error:
        raise DependencyError("videos need PyAV and Pillow: pip install 'playthrough[runs]'") from error


@contextmanager
def encoding(path: Path, shape: tuple[int, ...], frames_per_second: float, sample_rate_hz: float) -> Generator[Encoder]:
    """An encoder for a file that appears when it is complete, or not at all.

    Args:
        path: An `.mp4`, or a `.gif`.
        shape: (height, width, 3) of all pictures, even numbers.
        frames_per_second: Of the game.
        sample_rate_hz: Of its sound.

    Raises:
        RunError: If it cannot be written.
    """
    is_gif = path.suffix.lower() == ".gif"
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.{'gif' if is_gif else 'mp4'}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            if is_gif:
                encoder = GifEncoder(temporary, frames_per_second)
            else:
                encoder = Mp4Encoder(temporary, shape, frames_per_second, sample_rate_hz)
            with closing(encoder):
                yield encoder
                encoder.finish()
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"could not write the video {path}: {error.strerror or error}; nothing was changed") from error


class Mp4Encoder:
    """Writes H.264 and AAC into an MP4 file.

    Args:
        path: The file.
        shape: (height, width, 3) of all pictures, even numbers.
        frames_per_second: Of the game.
        sample_rate_hz: Of its sound.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], frames_per_second: float, sample_rate_hz: float) -> None:
        av: Any = libraries()
        self._av = av
        self._file = av.open(str(path), "w", options={"movflags": "faststart"})
        self._rate = Fraction(frames_per_second).limit_denominator(10_000)
        self._video = self._file.add_stream("libx264", rate=self._rate)
        self._video.height, self._video.width = shape[0], shape[1]
        self._video.pix_fmt = "yuv420p"
        self._video.options = {"preset": "veryfast", "crf": "23"}
        self._source_rate_hz = round(sample_rate_hz)
        self._sound = self._file.add_stream("aac", rate=_SOUND_RATE_HZ, layout="stereo")
        self._sound.bit_rate = 128_000
        self._resampler = av.AudioResampler(format="fltp", layout="stereo", rate=_SOUND_RATE_HZ, frame_size=1024)
        self._num_pictures = self._num_samples = 0

    def add(self, picture: NDArray[np.uint8], sound: NDArray[np.int16] | None) -> None:
        """Add a frame: uint8 (height, width, 3), and the sound that comes with it, int16 (samples, 2)."""
        image = self._av.VideoFrame.from_ndarray(picture, format="rgb24")
        image.pts, image.time_base = self._num_pictures, 1 / self._rate
        self._num_pictures += 1
        self._file.mux(self._video.encode(image))
        if sound is not None and len(sound):
            samples = self._av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="s16", layout="stereo")
            samples.sample_rate = self._source_rate_hz
            samples.pts, samples.time_base = self._num_samples, Fraction(1, self._source_rate_hz)
            self._num_samples += len(sound)
            self._add_sound(samples)

    def finish(self) -> None:
        """Write what the codecs still hold back."""
        if self._num_samples:
            self._add_sound(None)
            self._file.mux(self._sound.encode(None))
        self._file.mux(self._video.encode(None))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _add_sound(self, samples: Any) -> None:
        for frame in self._resampler.resample(samples):
            self._file.mux(self._sound.encode(frame))


class GifEncoder:
    """Writes a GIF: half the size, ten pictures a second, no sound, and an end after half a minute.

    Args:
        path: The file.
        frames_per_second: Of the game.
    """

    def __init__(self, path: Path, frames_per_second: float) -> None:
        libraries()
        self._path = path
        self._every = max(1, round(frames_per_second / _GIF_RATE))
        self._duration_ms = round(1000 * self._every / frames_per_second / 10) * 10  # a GIF counts in hundredths
        self._number = 0
        self._pictures: list[Image.Image] = []

    def add(self, picture: NDArray[np.uint8], sound: NDArray[np.int16] | None) -> None:
        """See `Encoder`."""
        from PIL import Image

        if self._number % self._every == 0 and len(self._pictures) < _GIF_MOST:
            image = Image.fromarray(picture)
            small = image.resize((image.width // 2, image.height // 2), Image.Resampling.BOX)
            self._pictures.append(small.quantize(64, dither=Image.Dither.NONE))
        self._number += 1

    def finish(self) -> None:
        """See `Encoder`."""
        first, *others = self._pictures
        first.save(self._path, save_all=True, append_images=others, duration=self._duration_ms, loop=0)

    def close(self) -> None:
        """See `Encoder`."""
        self._pictures.clear()
