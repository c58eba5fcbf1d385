"""A scan and its masks: arrays that cannot be separated from their grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.errors import GeometryError
from inference.geometry import Geometry


def _check_shape(array: NDArray[np.generic], geometry: Geometry) -> None:
    if array.shape != geometry.shape_zyx:
        raise GeometryError(f"The array {array.shape} does not fill its grid {geometry.shape_zyx}.")


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """CT in Hounsfield units, int16, axes z, y, x.

    Raises:
        GeometryError: when array and grid differ in shape.
    """

    hu: NDArray[np.int16]
    geometry: Geometry

    def __post_init__(self) -> None:
        _check_shape(self.hu, self.geometry)


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """Label map, uint8, axes z, y, x, on the grid of the volume it belongs to.

    Raises:
        GeometryError: when array and grid differ in shape.
    """

    labels: NDArray[np.uint8]
    geometry: Geometry

    def __post_init__(self) -> None:
        _check_shape(self.labels, self.geometry)

    def volume_ml(self, *labels: int) -> float:
        """Voxels that carry one of `labels`, times the voxel volume, in millilitres."""
        voxels = sum(np.count_nonzero(self.labels == label) for label in set(labels))
        return voxels * self.geometry.voxel_mm3 / 1000
