"""How slices become input of the 2D networks; training and inference share it."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

#: Edge of a network's input, in pixels.
INPUT_SIZE = 256
#: Window of Wu et al.: HU outside are clipped.
WINDOW_HU = (-1200.0, 600.0)
#: Margin around the lungs' box: this share of its edge and so many pixels.
BOX_MARGIN_SHARE = 0.06
BOX_MARGIN_PIXELS = 3


def resized_hu(planes: NDArray[np.int16]) -> Tensor:
    """Planes (n, y, x) as float32 HU (n, 1, INPUT_SIZE, INPUT_SIZE), averaged where they shrink."""
    values = torch.from_numpy(np.ascontiguousarray(planes)).to(torch.float32)[:, None]
    return functional.interpolate(
        values, size=(INPUT_SIZE, INPUT_SIZE), mode="bilinear", align_corners=False, antialias=True
    )


def normalised(hu: Tensor) -> Tensor:
    """HU to 0..1 over the window."""
    low, high = WINDOW_HU
    return (hu.clamp(low, high) - low) / (high - low)


def lung_box(lung: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns around the lungs in any slice of a stack, with the margin the networks were trained with."""
    shadow: NDArray[np.bool_] = np.logical_or.reduce(lung, axis=0)
    spans = []
    for axis in (1, 0):
        found = np.flatnonzero(np.logical_or.reduce(shadow, axis=axis))
        size = shadow.shape[1 - axis]
        if not found.size:
            spans.append(slice(0, size))
            continue
        margin = int(BOX_MARGIN_SHARE * (found[-1] - found[0])) + BOX_MARGIN_PIXELS
        spans.append(slice(max(0, int(found[0]) - margin), min(size, int(found[-1]) + 1 + margin)))
    return spans[0], spans[1]
