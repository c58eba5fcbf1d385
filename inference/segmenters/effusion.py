"""Pleural effusion by a slice network that sees whole slices: fluid lies outside the lungs, and may hide one."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from inference.device import Device
from inference.geometry import Geometry
from inference.progress import OnProgress
from inference.segmenters.slices import SliceNetwork, enlarged, slice_network_of
from inference.volume import Mask, Volume

#: Fluid changes little between neighbouring slices: it is sought in slices so far apart and interpolated between them.
SOUGHT_EVERY_MM = 4.0
#: Fluid gathers at the base: it is sought so far below the last slice that shows lung.
BELOW_MM = 25.0
#: Smaller collections are not reported.
SMALLEST_ML = 5.0
#: What is less dense is lung or fat, what is denser on the whole is no fluid.
FLUID_HU, MEAN_FLUID_HU = (-120, 130), (-40.0, 60.0)


class SliceEffusion:
    """Where there is fluid, by one output of a network on whole slices."""

    def __init__(self, network: SliceNetwork, threshold: float) -> None:
        self._network, self._threshold = network, threshold

    def find_effusion(self, volume: Volume, lung: Mask, on_progress: OnProgress) -> NDArray[np.bool_]:
        """Voxels of fluid outside the lungs, axes z, y, x."""
        found = np.zeros(volume.geometry.shape_zyx, np.bool_)
        shown = np.flatnonzero(lung.labels.any(axis=(1, 2)))
        if not shown.size:
            return found
        levels = _sought(shown, volume.geometry)
        shares = self._shares(volume, levels, on_progress)
        self._drop_what_is_no_fluid(shares, volume, levels)
        if not (shares > self._threshold).any():
            return found
        for z in range(levels[0], levels[-1] + 1):
            plane = enlarged(_between(shares, levels, z)[None, None], found.shape[1:])[0, 0]
            found[z] = plane.numpy() > self._threshold
            found[z] &= (volume.hu[z] > FLUID_HU[0]) & (volume.hu[z] < FLUID_HU[1]) & (lung.labels[z] == 0)
        return found

    def _shares(self, volume: Volume, levels: NDArray[np.intp], on_progress: OnProgress) -> Tensor:
        parts = []
        for part, shares in self._network.batches(volume.hu[levels]):
            parts.append(shares[:, 0])
            on_progress(part.stop / len(levels))
        return torch.cat(parts)

    def _drop_what_is_no_fluid(self, shares: Tensor, volume: Volume, levels: NDArray[np.intp]) -> None:
        """Set to nothing what is too small, or not as dense as fluid, on the network's own grid."""
        bodies, count = ndimage.label((shares > self._threshold).numpy())
        if not count:
            return
        hu = _shrunk(volume.hu[levels], shares.shape[1:])
        numbers = np.arange(1, count + 1)
        sizes = ndimage.sum_labels(np.ones(bodies.shape, np.float32), bodies, numbers)
        # Erosion keeps the borders, which are half lung, out of the mean.
        inside = ndimage.binary_erosion(bodies > 0, np.ones((1, 3, 3), np.bool_))
        means = ndimage.mean(hu, np.where(inside, bodies, 0), numbers)
        grid_ml = volume.geometry.voxel_mm3 / 1000 * np.prod(volume.geometry.shape_zyx[1:]) / np.prod(shares.shape[1:])
        each_ml = grid_ml * (int(levels[1] - levels[0]) if len(levels) > 1 else 1)
        kept = (sizes * each_ml >= SMALLEST_ML) & (means > MEAN_FLUID_HU[0]) & (means < MEAN_FLUID_HU[1])
        shares[torch.from_numpy(np.isin(bodies, numbers[~kept]))] = 0.0


def load_effusion(part: dict[str, Any], file: dict[str, str], device: Device) -> SliceEffusion:
    """The effusion finder of a model card.

    Raises:
        MissingWeights: the file is absent or not the one the model card names.
    """
    return SliceEffusion(slice_network_of(part, file, device), part["threshold"])


def _sought(shown: NDArray[np.intp], geometry: Geometry) -> NDArray[np.intp]:
    """Slices to look at, evenly spaced, from below the lungs' base to their top."""
    thickness = geometry.spacing_zyx_mm[0]
    step = max(1, int(SOUGHT_EVERY_MM / thickness))
    lowest = max(0, int(shown[0]) - round(BELOW_MM / thickness))
    return np.arange(lowest, int(shown[-1]) + 1, step)


def _between(shares: Tensor, levels: NDArray[np.intp], z: int) -> Tensor:
    """Shares of one slice, from the two slices around it that were looked at."""
    step = int(levels[1] - levels[0]) if len(levels) > 1 else 1
    place = (z - int(levels[0])) / step
    below = int(place)
    above = min(below + 1, len(levels) - 1)
    return torch.lerp(shares[below], shares[above], place - below)


def _shrunk(planes: NDArray[np.int16], shape_yx: torch.Size) -> NDArray[np.float32]:
    values = torch.from_numpy(planes).float()[:, None]
    small = torch.nn.functional.interpolate(values, size=tuple(shape_yx), mode="area")
    return np.asarray(small[:, 0].numpy())
