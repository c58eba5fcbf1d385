"""Pneumonia: patches with ragged, soft borders that grow with one dial until they fill a given volume."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.phantom.space import Space

#: Irregularity of the outline, as a share of the radius, and its grain.
RAGGEDNESS = 0.22
GRAIN_MM = 11.0


@dataclass(frozen=True, slots=True)
class Lesion:
    """A patch around `centre_mm` (x, y, z) with radii in mm before growth; `dense_core` is its consolidated share."""

    centre_mm: tuple[float, float, float]
    radii_mm: tuple[float, float, float]
    dense_core: float = 0.0


@dataclass(frozen=True, slots=True)
class Patches:
    """For every voxel how far, in patch radii, it lies from the nearest patch, and that patch's dense share."""

    distance: NDArray[np.float32]
    dense_core: NDArray[np.float32]

    def dial_for(self, lung: NDArray[np.bool_], voxels: int) -> float:
        """The growth at which exactly `voxels` of the lung are infected (up to ties)."""
        if voxels <= 0:
            return 0.0
        reached = self.distance[lung]
        count = min(voxels, reached.size - 1)
        return float(np.partition(reached, count)[count])


def patches_of(space: Space, lesions: tuple[Lesion, ...], seed: int) -> Patches:
    """Distances to the lesions of a patient; the same seed gives the same outlines on every day."""
    shape = space.geometry.shape_zyx
    distance = np.full(shape, 99.0, np.float32)
    dense = np.zeros(shape, np.float32)
    ragged = _grain(space, seed)
    x, y = space.x_mm, space.y_mm
    for index, z in space.planes():
        for lesion in lesions:
            (cx, cy, cz), (rx, ry, rz) = lesion.centre_mm, lesion.radii_mm
            away = np.sqrt(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 + ((z - cz) / rz) ** 2)
            away = away * (1 + RAGGEDNESS * ragged[index])
            nearer = away < distance[index]
            distance[index][nearer] = away[nearer]
            dense[index][nearer] = lesion.dense_core
    return Patches(distance, dense)


def _grain(space: Space, seed: int) -> NDArray[np.float32]:
    """Smooth noise around 0 with the grain of `GRAIN_MM`, fixed in the patient and not in the grid."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(36, 44, 44)).astype(np.float32)
    nz, ny, nx = space.geometry.shape_zyx
    rows = (space.y_mm[:, 0] + 220) / GRAIN_MM
    columns = (space.x_mm[0] + 220) / GRAIN_MM
    grain = np.empty((nz, ny, nx), np.float32)
    places = np.meshgrid(rows, columns, indexing="ij")
    for index, z in space.planes():
        level = np.clip(z / GRAIN_MM, 0, 34)
        below = int(level)
        plane = coarse[below] * (1 - level + below) + coarse[below + 1] * (level - below)
        grain[index] = ndimage.map_coordinates(plane, places, order=1, mode="nearest")
    return grain
