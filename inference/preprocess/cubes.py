"""How a scan becomes input of the 3D network (Müller et al., section on preprocessing), and shares come back."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from inference.geometry import Vector3

#: Coarser than the paper's 2.70 x 1.58 x 1.58 mm: what two CPU cores train in the time there is.
SPACING_ZYX_MM: Vector3 = (4.0, 2.2, 2.2)
#: Patches; the paper's are 80 x 160 x 160 voxels of its finer grid, much the same piece of a patient.
PATCH_ZYX = (48, 112, 112)
WINDOW_HU = (-1250.0, 250.0)


def resampled(hu: NDArray[np.int16], spacing_zyx_mm: Vector3) -> Tensor:
    """HU (z, y, x) clipped to the paper's window on the network's spacing, float32, averaged where it shrinks."""
    shape = grid_shape(hu.shape, spacing_zyx_mm)
    planes = []
    for plane in hu:
        values = torch.from_numpy(np.ascontiguousarray(plane)).float().clamp(*WINDOW_HU)
        planes.append(_resized(values[None, None], (shape[1], shape[2]))[0, 0])
    stack = torch.stack(planes)
    return _resized(stack.flatten(1)[None, None], (shape[0], shape[1] * shape[2]))[0, 0].view(shape)


def standardised(hu: Tensor) -> Tensor:
    """Grey 0..255 over the window, then mean 0 and variance 1 over the scan."""
    low, high = WINDOW_HU
    grey = (hu - low) / (high - low) * 255
    return (grey - grey.mean()) / grey.std().clamp(min=1)


def grid_shape(shape: tuple[int, ...], spacing_zyx_mm: Vector3) -> tuple[int, int, int]:
    """Voxels along z, y, x on the network's spacing."""
    z, y, x = (
        max(1, round(size * own / wanted))
        for size, own, wanted in zip(shape, spacing_zyx_mm, SPACING_ZYX_MM, strict=True)
    )
    return z, y, x


def _resized(image: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(image, size=size, mode="bilinear", align_corners=False, antialias=True)
