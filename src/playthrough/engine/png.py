"""PNG files as emulators send them."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from playthrough.errors import DependencyError


def decode_png(data: bytes | memoryview) -> NDArray[np.uint8]:
    """The pixels of a PNG file: uint8 (height, width, 4), X R G B.

    Raises:
        DependencyError: If Pillow is missing.
        ValueError: If it is no PNG file.
    """
    try:
        from PIL import Image
    except ImportError:
        raise DependencyError("BizHawk sends its pictures as PNG files: pip install 'playthrough[bizhawk]'") from None
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            colors = np.asarray(image.convert("RGB"), np.uint8)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"no PNG file: {error}") from None
    pixels = np.zeros((*colors.shape[:2], 4), np.uint8)
    pixels[..., 1:] = colors
    return pixels
