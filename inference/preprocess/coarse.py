"""A coarser copy of a scan's grid, on which questions of shape are answered quickly."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from inference.geometry import Geometry, Vector3

#: Coarse voxels are at least about this large: enough to keep bronchial walls, small enough for 300 slices in seconds.
TARGET_IN_PLANE_MM = 1.4
TARGET_BETWEEN_SLICES_MM = 2.0

Shape3 = tuple[int, int, int]
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True)
class CoarseGrid:
    """Blocks of `factors_zyx` voxels of a full grid, the last block of an axis possibly filled only in part."""

    full_shape_zyx: Shape3
    full_spacing_zyx_mm: Vector3
    factors_zyx: Shape3

    @classmethod
    def of(cls, geometry: Geometry) -> Self:
        """The coarse grid that suits a scan's spacing; a scan that is coarse already keeps its own grid."""
        dz, dy, dx = geometry.spacing_zyx_mm
        return cls(
            geometry.shape_zyx,
            geometry.spacing_zyx_mm,
            (
                max(1, math.floor(TARGET_BETWEEN_SLICES_MM / dz + 0.05)),
                max(1, round(TARGET_IN_PLANE_MM / dy)),
                max(1, round(TARGET_IN_PLANE_MM / dx)),
            ),
        )

    @property
    def shape_zyx(self) -> Shape3:
        """Blocks along each axis."""
        z, y, x = (math.ceil(n / f) for n, f in zip(self.full_shape_zyx, self.factors_zyx, strict=True))
        return (z, y, x)

    @property
    def spacing_zyx_mm(self) -> Vector3:
        """Edge lengths of a block."""
        z, y, x = (mm * f for mm, f in zip(self.full_spacing_zyx_mm, self.factors_zyx, strict=True))
        return (z, y, x)

    @property
    def voxel_ml(self) -> float:
        """Volume of a block."""
        return math.prod(self.spacing_zyx_mm) / 1000

    def slabs(self) -> Iterator[tuple[int, slice]]:
        """Each coarse slice with the full slices it covers."""
        step = self.factors_zyx[0]
        for z in range(self.shape_zyx[0]):
            yield z, slice(z * step, min((z + 1) * step, self.full_shape_zyx[0]))

    def mean(self, values: NDArray[np.generic]) -> NDArray[np.float32]:
        """Mean of each block; `values` has the full shape."""
        _, fy, fx = self.factors_zyx
        sums = np.zeros(self.shape_zyx, np.int32)
        counts = np.zeros(self.shape_zyx[1:], np.int32)
        for z, covered in self.slabs():
            for row, column in product(range(fy), range(fx)):
                # Blocks at the far edges lack their last rows or columns.
                part = values[covered, row::fy, column::fx]
                sums[z, : part.shape[1], : part.shape[2]] += part.sum(axis=0, dtype=np.int32)
                if z == 0:
                    counts[: part.shape[1], : part.shape[2]] += 1
        depths = [covered.stop - covered.start for _, covered in self.slabs()]
        return (sums / (counts * np.asarray(depths)[:, None, None])).astype(np.float32)

    def expand_slice(self, plane: NDArray[Scalar]) -> NDArray[Scalar]:
        """One coarse slice spread over the rows and columns of the full grid."""
        _, fy, fx = self.factors_zyx
        _, ny, nx = self.full_shape_zyx
        return plane.repeat(fy, axis=0).repeat(fx, axis=1)[:ny, :nx]
