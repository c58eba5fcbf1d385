"""The grid on which lobes are found: the box around both lungs, scaled to one fixed shape.

Every scan costs the same there, and sizes of people and slices fall out.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Box = tuple[slice, slice, slice]
#: Fine grid z, y, x, about 2 mm a voxel in an adult; the first stage sees half of it along each axis.
FINE_ZYX = (128, 96, 128)
COARSE_ZYX = (64, 48, 64)
#: Margin around the lungs, as a share of their box.
MARGIN_SHARE = 0.06
#: Window of Xie et al.
WINDOW_HU = (-1200.0, 400.0)


def grid_box(lung: NDArray[np.bool_]) -> Box | None:
    """The box around the lungs with its margin, cut at the scan's edges; None where there is no lung."""
    spans = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        found = np.flatnonzero(lung.any(axis=others))
        if not found.size:
            return None
        margin = round(MARGIN_SHARE * (found[-1] - found[0] + 1))
        spans.append(slice(max(0, int(found[0]) - margin), min(lung.shape[axis], int(found[-1]) + 1 + margin)))
    return (spans[0], spans[1], spans[2])


def on_grid(hu: NDArray[np.int16], box: Box) -> Tensor:
    """HU of the box as 0..1 on the fine grid, float32 (z, y, x), averaged where it shrinks."""
    planes = []
    low, high = WINDOW_HU
    for z in range(box[0].start, box[0].stop):
        plane = torch.from_numpy(hu[z, box[1], box[2]].astype(np.float32)).clamp(low, high)
        planes.append(_resized(plane[None, None], (FINE_ZYX[1], FINE_ZYX[2]))[0, 0])
    stack = torch.stack(planes)
    upright = _resized(stack.flatten(1)[None, None], (FINE_ZYX[0], FINE_ZYX[1] * FINE_ZYX[2]))
    return (upright[0, 0].view(FINE_ZYX) - low) / (high - low)


def labels_on_grid(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Labels of a box at the middles of the fine grid's voxels."""
    places = [((np.arange(n) + 0.5) / n * size).astype(int) for n, size in zip(FINE_ZYX, labels.shape, strict=True)]
    return labels[np.ix_(*places)]


def coarse(fine: Tensor) -> Tensor:
    """(n, c, z, y, x) on the fine grid, averaged to the coarse one."""
    return functional.avg_pool3d(fine, 2)


def _resized(image: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(image, size=size, mode="bilinear", align_corners=False, antialias=True)
