"""A colour for every species, the same in all pictures of a run."""

from __future__ import annotations

import colorsys


def species_color(key: int) -> tuple[int, int, int]:
    """Red, green and blue; species that follow each other look far apart."""
    # Steps of the golden section go round the colours without ever coming close to an early one.
    hue = (0.58 + 0.618033988749895 * key) % 1.0
    red, green, blue = colorsys.hls_to_rgb(hue, 0.62, 0.78)
    return round(255 * red), round(255 * green), round(255 * blue)
