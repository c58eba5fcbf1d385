"""Slices as pictures for people: lung window, infection tinted by kind."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inference.labels import InfectionLabel

#: Lung window: centre and width in HU.
WINDOW_HU = (-600.0, 1500.0)
TINTS = {
    InfectionLabel.GROUND_GLASS: (245, 158, 11),
    InfectionLabel.CONSOLIDATION: (220, 38, 38),
    InfectionLabel.EFFUSION: (59, 130, 246),
    InfectionLabel.INFECTED: (217, 70, 239),
}
TINT_SHARE = 0.45


def windowed(values: NDArray[np.number], window: tuple[float, float] = WINDOW_HU) -> NDArray[np.uint8]:
    """Values within a window (centre, width) as grey 0..255, the same shape."""
    centre, width = window
    grey: NDArray[np.uint8] = (np.clip((values - (centre - width / 2)) / width, 0, 1) * 255).astype(np.uint8)
    return grey


def tinted(hu: NDArray[np.int16], kinds: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One slice (y, x) in HU and its infection (`InfectionLabel`, y, x) as RGB (y, x, 3)."""
    picture = np.repeat(windowed(hu.astype(np.float32))[..., None], 3, axis=2).astype(np.float32)
    for kind, tint in TINTS.items():
        where = kinds == kind
        picture[where] = picture[where] * (1 - TINT_SHARE) + np.asarray(tint, np.float32) * TINT_SHARE
    return picture.astype(np.uint8)


def spread(candidates: Sequence[int], at_most: int) -> list[int]:
    """At most so many of the candidates, evenly over them, in order."""
    if len(candidates) <= at_most:
        return list(candidates)
    places = np.linspace(0, len(candidates) - 1, at_most).round().astype(int)
    return [candidates[place] for place in places]
