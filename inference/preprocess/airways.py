"""Trachea and main bronchi, which are air but not lung."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.geometry import Vector3
from inference.preprocess.morphology import IN_PLANE, components

#: Contour of the air column; its wall, thinner than a block in places, still rises above this.
LUMEN_EDGE_HU = -700
#: Where the wall is thinner still, a tighter contour parts the column from the lung beside it, if the ring around
#: it, about two blocks wide, is mostly tissue; around bronchi inside the lung it is not.
BARE_EDGE_HU = -880
WALL_HU = -500
#: The mean inside the contour is emptier than lung.
LUMEN_MEAN_HU = -860
#: Cross-sections of trachea (up to about 25 mm wide) and main bronchi, cut obliquely.
LUMEN_AREA_MM2 = (20.0, 900.0)
#: A trachea is followed at least so far, or it is something else.
MIN_LENGTH_MM = 20.0
#: The trachea keeps to the middle of the chest.
MAX_OFF_CENTRE_MM = 50.0


def trachea_and_main_bronchi(
    hu: NDArray[np.float32], spacing_zyx_mm: Vector3, inside: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """The air column from the throat to where the bronchi enter the lungs; empty where none is seen.

    A cross-section of the column is a small patch of nearly pure air that tissue surrounds within its slice.
    Bronchi inside the lung are not such patches (at this contour they are one with the lung around them), so
    the chain of patches ends by itself at the hilum.

    Args:
        hu: block means of an axial scan, axes z, y, x.
        spacing_zyx_mm: edge lengths of a block.
        inside: what lies inside the body wall.
    """
    area_mm2 = spacing_zyx_mm[1] * spacing_zyx_mm[2]
    lumen = _cross_sections(hu, inside & (hu < LUMEN_EDGE_HU), area_mm2)
    lumen |= _cross_sections(hu, inside & (hu < BARE_EDGE_HU), area_mm2, wall_hu=WALL_HU)
    columns, _ = components(lumen)
    centre_x = np.nonzero(inside.any(axis=(0, 1)))[0].mean() if inside.any() else 0.0
    best, best_length_mm = 0, MIN_LENGTH_MM
    for label, found in enumerate(ndimage.find_objects(columns), start=1):
        length_mm = (found[0].stop - found[0].start) * spacing_zyx_mm[0]
        if length_mm <= best_length_mm:
            continue
        column = columns[found] == label
        x = found[2].start + np.nonzero(column)[2].mean()
        if abs(x - centre_x) * spacing_zyx_mm[2] <= MAX_OFF_CENTRE_MM:
            best, best_length_mm = label, length_mm
    return columns == best if best else np.zeros(hu.shape, bool)


def _cross_sections(
    hu: NDArray[np.float32], air: NDArray[np.bool_], area_mm2: float, wall_hu: float | None = None
) -> NDArray[np.bool_]:
    """Patches of `air` within slices that may be cuts through the column; the ring around them above `wall_hu`."""
    patches, count = ndimage.label(air, IN_PLANE)
    voxels = patches[air]
    sizes = np.bincount(voxels, minlength=count + 1)
    means = np.bincount(voxels, weights=hu[air], minlength=count + 1) / np.maximum(sizes, 1)
    smallest_mm2, largest_mm2 = LUMEN_AREA_MM2
    fits = (sizes * area_mm2 >= smallest_mm2) & (sizes * area_mm2 <= largest_mm2) & (means < LUMEN_MEAN_HU)
    fits[0] = False
    if wall_hu is not None:
        small = np.where(fits[patches], patches, 0)
        grown = small
        for axis in (1, 2):
            grown = ndimage.maximum_filter1d(grown, 5, axis=axis)
        ring = (grown > 0) & (small == 0)
        wall = np.bincount(grown[ring], minlength=count + 1)
        fits &= np.bincount(grown[ring], weights=hu[ring], minlength=count + 1) > wall_hu * np.maximum(wall, 1)
    return fits[patches]
