"""Where a voxel is in the patient: one frozen value, refused at birth."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Self

from inference.errors import GeometryError

Vector3 = tuple[float, float, float]

ORTHOGONAL_TOLERANCE = 1e-3
#: Grids whose corners lie this near to each other, as a share of a voxel, are one grid: headers are rounded.
SAME_GRID_VOXELS = 0.1
IDENTITY_AXES: tuple[Vector3, Vector3, Vector3] = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))


def dot(a: Vector3, b: Vector3) -> float:
    """Scalar product of two LPS vectors."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@dataclass(frozen=True, slots=True)
class Geometry:
    """Voxel grid in the patient. Array axes are z, y, x (slice, row, column); millimetres; LPS.

    `axes_zyx_lps` holds one unit vector in LPS for each array axis, `origin_lps_mm` the centre of voxel
    [0, 0, 0]. Axes are orthogonal: a sheared (tilted-gantry) grid is resampled before it becomes a Geometry.

    Raises:
        GeometryError: for an empty grid, a spacing that is not positive and finite, or axes that are not
            orthogonal unit vectors.
    """

    shape_zyx: tuple[int, int, int]
    spacing_zyx_mm: Vector3
    origin_lps_mm: Vector3 = (0.0, 0.0, 0.0)
    axes_zyx_lps: tuple[Vector3, Vector3, Vector3] = IDENTITY_AXES

    def __post_init__(self) -> None:
        if min(self.shape_zyx) < 1:
            raise GeometryError(f"The voxel grid {self.shape_zyx} is empty.")
        if not all(math.isfinite(step) and step > 0 for step in self.spacing_zyx_mm):
            raise GeometryError(f"The voxel spacing {self.spacing_zyx_mm} mm is not positive.")
        if not all(math.isfinite(value) for value in self.origin_lps_mm):
            raise GeometryError(f"The image position {self.origin_lps_mm} mm is not a point.")
        lengths_fit = all(abs(dot(axis, axis) - 1) <= ORTHOGONAL_TOLERANCE for axis in self.axes_zyx_lps)
        right_angles = all(abs(dot(a, b)) <= ORTHOGONAL_TOLERANCE for a, b in combinations(self.axes_zyx_lps, 2))
        if not (lengths_fit and right_angles):
            raise GeometryError("The image axes are not at right angles to each other.")

    @property
    def voxel_mm3(self) -> float:
        """Volume of one voxel in cubic millimetres."""
        return math.prod(self.spacing_zyx_mm)

    def point_lps_mm(self, index_zyx: tuple[float, float, float]) -> Vector3:
        """Patient coordinates (LPS, mm) of a voxel index, fractional indices allowed."""
        steps = [i * mm for i, mm in zip(index_zyx, self.spacing_zyx_mm, strict=True)]
        x, y, z = (
            self.origin_lps_mm[k] + sum(step * axis[k] for step, axis in zip(steps, self.axes_zyx_lps, strict=True))
            for k in range(3)
        )
        return (x, y, z)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types; `from_dict` reads it back."""
        return {
            "shape_zyx": list(self.shape_zyx),
            "spacing_zyx_mm": list(self.spacing_zyx_mm),
            "origin_lps_mm": list(self.origin_lps_mm),
            "axes_zyx_lps": [list(axis) for axis in self.axes_zyx_lps],
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Inverse of `as_dict`."""
        z, y, x = fields["axes_zyx_lps"]
        return cls(
            shape_zyx=tuple(fields["shape_zyx"]),
            spacing_zyx_mm=tuple(fields["spacing_zyx_mm"]),
            origin_lps_mm=tuple(fields["origin_lps_mm"]),
            axes_zyx_lps=(tuple(z), tuple(y), tuple(x)),
        )


def same_grid(a: Geometry, b: Geometry) -> bool:
    """Whether two grids have one size and put every voxel at the same place, within rounding."""
    if a.shape_zyx != b.shape_zyx:
        return False
    limit_mm = SAME_GRID_VOXELS * min(a.spacing_zyx_mm)
    nz, ny, nx = (n - 1.0 for n in a.shape_zyx)
    corners = ((0.0, 0.0, 0.0), (nz, 0.0, 0.0), (0.0, ny, 0.0), (0.0, 0.0, nx))
    return all(math.dist(a.point_lps_mm(corner), b.point_lps_mm(corner)) <= limit_mm for corner in corners)
