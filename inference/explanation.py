"""Where the infection score comes from: the gradient of the score by every pixel of a few slices, as one picture."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from inference.labels import InfectionLabel
from inference.segmenters import InfectionFinder
from inference.volume import Mask, Volume

FILE_NAME = "explanation.png"
#: Slices shown: where these shares of the infection (of the lung, where there is none) lie further down.
SHARES = (0.25, 0.5, 0.75)
PANEL_EDGE, CAPTION_HEIGHT = 384, 22
WINDOW_HU = (-1350.0, 150.0)
SMOOTHING_MM = 3.0
#: Saliency at this percentile of a slice is drawn in full; weaker ones fade.
FULL_PERCENTILE = 99.5
HEAT_RGB = np.asarray((255.0, 140.0, 0.0))
OUTLINE_RGB = (90, 200, 250)


def explanation(volume: Volume, lung: Mask, kinds: NDArray[np.uint8], finder: InfectionFinder) -> Image.Image | None:
    """Slices of an axial volume with the saliency of its infection score and the outline of what was found.

    None where the method has no gradient (thresholds), or the scan shows no lung.
    """
    infected = (kinds > 0) & (kinds != InfectionLabel.EFFUSION)
    levels = _levels(infected if infected.any() else lung.labels > 0)
    panels = []
    for z in levels:
        saliency = finder.infection_saliency(volume, lung, z)
        if saliency is None:
            return None
        panels.append(_panel(volume, saliency, infected[z], z))
    if not panels:
        return None
    picture = Image.new("RGB", (sum(panel.width for panel in panels), panels[0].height))
    for number, panel in enumerate(panels):
        picture.paste(panel, (sum(before.width for before in panels[:number]), 0))
    return picture


def write_explanation(picture: Image.Image, out: Path) -> None:
    """Write `explanation.png`, whole or not at all."""
    part = out / f"part-{FILE_NAME}"
    picture.save(part, optimize=True)
    part.replace(out / FILE_NAME)


def _levels(shown: NDArray[np.bool_]) -> list[int]:
    """Slices that part what is shown into quarters, from the head downwards; each once."""
    areas = np.count_nonzero(shown, axis=(1, 2))[::-1].cumsum()
    if not areas[-1]:
        return []
    places = [int(np.searchsorted(areas, share * areas[-1])) for share in SHARES]
    return list(dict.fromkeys(len(shown) - 1 - place for place in places))


def _panel(volume: Volume, saliency: NDArray[np.float32], infected: NDArray[np.bool_], z: int) -> Image.Image:
    low, high = WINDOW_HU
    grey = np.clip((volume.hu[z] - low) / (high - low), 0, 1)[..., None] * np.ones(3) * 255
    _, row_mm, column_mm = volume.geometry.spacing_zyx_mm
    heat = ndimage.gaussian_filter(saliency, (SMOOTHING_MM / row_mm, SMOOTHING_MM / column_mm))
    strength = np.clip(heat / max(float(np.percentile(heat, FULL_PERCENTILE)), 1e-12), 0, 1)[..., None] * 0.75
    coloured = grey * (1 - strength) + HEAT_RGB * strength
    coloured[infected & ~ndimage.binary_erosion(infected)] = OUTLINE_RGB
    # A pixel need not be square.
    height, width = infected.shape[0] * row_mm, infected.shape[1] * column_mm
    size = (max(1, round(PANEL_EDGE * width / height)), PANEL_EDGE)
    image = Image.fromarray(coloured.astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)
    panel = Image.new("RGB", (size[0], PANEL_EDGE + CAPTION_HEIGHT))
    panel.paste(image, (0, 0))
    caption = f"Slice {len(volume.hu) - z} of {len(volume.hu)}, counted from the head"
    ImageDraw.Draw(panel).text((8, PANEL_EDGE + 5), caption, fill=(235, 235, 235))
    return panel
