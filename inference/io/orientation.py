"""Any volume as axial slices, feet to head, patient's right on the image's left; and the way back for masks."""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from inference.geometry import Geometry, dot
from inference.volume import Mask, Volume

#: Superior, posterior, left: where array axes z, y, x of an axial volume point in LPS.
AXIAL_AXES = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))


@dataclass(frozen=True, slots=True)
class AxialView:
    """A volume turned to axial, and how it was turned: axis order and flips, so that nothing is interpolated."""

    volume: Volume
    original: Geometry
    order: tuple[int, int, int]
    flips: tuple[bool, bool, bool]

    def undo(self, labels: NDArray[np.uint8]) -> Mask:
        """A label map of the axial volume, back on the original grid; bit for bit."""
        turned = np.flip(labels, tuple(axis for axis, flip in enumerate(self.flips) if flip))
        inverse = np.argsort(self.order)
        return Mask(np.ascontiguousarray(turned.transpose(inverse)), self.original)


def to_axial(volume: Volume) -> AxialView:
    """Turn a volume by swapping and flipping axes only; oblique ones go to the nearest axes."""
    geometry = volume.geometry
    order = max(
        permutations(range(3)),
        key=lambda axes: sum(
            abs(dot(geometry.axes_zyx_lps[axis], target)) for axis, target in zip(axes, AXIAL_AXES, strict=True)
        ),
    )
    axes = [geometry.axes_zyx_lps[axis] for axis in order]
    flips = tuple(dot(axis, target) < 0 for axis, target in zip(axes, AXIAL_AXES, strict=True))
    hu = np.flip(volume.hu.transpose(order), tuple(axis for axis, flip in enumerate(flips) if flip))
    shape = tuple(geometry.shape_zyx[axis] for axis in order)
    corner = [0.0, 0.0, 0.0]
    for axis, flip in zip(order, flips, strict=True):
        corner[axis] = geometry.shape_zyx[axis] - 1.0 if flip else 0.0
    signs = [-1.0 if flip else 1.0 for flip in flips]
    turned = Geometry(
        shape_zyx=(shape[0], shape[1], shape[2]),
        spacing_zyx_mm=tuple(geometry.spacing_zyx_mm[axis] for axis in order),  # type: ignore[arg-type]
        origin_lps_mm=geometry.point_lps_mm((corner[0], corner[1], corner[2])),
        axes_zyx_lps=tuple(  # type: ignore[arg-type]
            tuple(sign * value for value in axis) for sign, axis in zip(signs, axes, strict=True)
        ),
    )
    return AxialView(Volume(np.ascontiguousarray(hu), turned), geometry, order, flips)  # type: ignore[arg-type]
