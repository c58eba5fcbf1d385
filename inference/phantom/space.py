"""The space a phantom is drawn in: patient millimetres on a voxel grid, slice by slice."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.geometry import Geometry

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Space:
    """A grid centred on the chest: x to the patient's left, y to the back, z to the head, in mm.

    z runs from 0 at the lowest slice; the lungs' lowest point lies a little above it.
    """

    geometry: Geometry

    @classmethod
    def of(cls, *, size: int, slices: int, field_mm: float, height_mm: float) -> "Space":
        """A square field of `size` pixels and `field_mm`, and `slices` over `height_mm`."""
        pixel_mm = field_mm / size
        step_mm = height_mm / slices
        corner = -field_mm / 2 + pixel_mm / 2
        return cls(Geometry((slices, size, size), (step_mm, pixel_mm, pixel_mm), (corner, corner, step_mm / 2)))

    @property
    def x_mm(self) -> Plane:
        """Coordinates of the columns, shape (1, columns)."""
        n = self.geometry.shape_zyx[2]
        return (self.geometry.origin_lps_mm[0] + np.arange(n, dtype=np.float32) * self.geometry.spacing_zyx_mm[2])[None]

    @property
    def y_mm(self) -> Plane:
        """Coordinates of the rows, shape (rows, 1)."""
        n = self.geometry.shape_zyx[1]
        return (self.geometry.origin_lps_mm[1] + np.arange(n, dtype=np.float32) * self.geometry.spacing_zyx_mm[1])[
            :, None
        ]

    def planes(self) -> Iterator[tuple[int, float]]:
        """Index and z of every slice."""
        for index in range(self.geometry.shape_zyx[0]):
            yield index, self.geometry.origin_lps_mm[2] + index * self.geometry.spacing_zyx_mm[0]

    def index_of(self, point_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Voxel index z, y, x of a point x, y, z."""
        return (point_mm[::-1] - np.asarray(self.geometry.origin_lps_mm)[::-1]) / np.asarray(
            self.geometry.spacing_zyx_mm
        )
