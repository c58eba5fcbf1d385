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
from inference.segmenters.slices import SliceNetwork, between, enlarged, slice_network_of, step_of
from inference.volume import Mask, Volume

#: Fluid changes little between neighbouring slices: it is sought in slices so far apart and interpolated between them.
SOUGHT_EVERY_MM = 4.0
#: Fluid gathers at the base: it is sought so far below the last slice that shows lung.
BELOW_MM = 25.0
#: Smaller collections are not reported.
SMALLEST_ML = 5.0
#: Of a voxel, and of the middle voxel of a collection: what is less dense is lung or fat, what is denser is no fluid.
FLUID_HU, USUAL_FLUID_HU = (-120, 130), (-40.0, 60.0)


#: Ribs run aslant: over so many millimetres up and down they close the chest wall. Some archives clip bone at 150 HU.
BARRIER_MM, BONE_HU = 16.0, 140
#: Pixels of the network's grid: how near to lung fluid must begin, and how far it may reach into the barrier.
TOUCHING_PIXELS, INTO_BARRIER_PIXELS = 2, 4


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
        self._drop_what_is_no_fluid(shares, volume, lung, levels)
        if not (shares > self._threshold).any():
            return found
        for z in range(levels[0], levels[-1] + 1):
            coarse = between(shares, (z - levels[0]) / step_of(SOUGHT_EVERY_MM, volume.geometry))
            plane = enlarged(coarse[None, None], found.shape[1:])[0, 0]
            found[z] = plane.numpy() > self._threshold
            found[z] &= (volume.hu[z] > FLUID_HU[0]) & (volume.hu[z] < FLUID_HU[1]) & (lung.labels[z] == 0)
        return found

    def _shares(self, volume: Volume, levels: NDArray[np.intp], on_progress: OnProgress) -> Tensor:
        parts = []
        for part, shares in self._network.batches(volume.hu[levels]):
            parts.append(shares[:, 0])
            on_progress(part.stop / len(levels))
        return torch.cat(parts)

    def _drop_what_is_no_fluid(self, shares: Tensor, volume: Volume, lung: Mask, levels: NDArray[np.intp]) -> None:
        """Set to nothing what lies outside the ribs, is too small, or not as dense as fluid, on the network's grid."""
        hu = _shrunk(volume.hu[levels], shares.shape[1:])
        near = _shrunk((lung.labels[levels] > 0).astype(np.int16), shares.shape[1:]) > 0
        reach = int(BARRIER_MM / SOUGHT_EVERY_MM)
        inside = within_ribs((shares > self._threshold).numpy(), hu > BONE_HU, near, reach)
        shares[torch.from_numpy(~inside)] = 0.0
        bodies, count = ndimage.label(inside)
        if not count:
            return
        numbers = np.arange(1, count + 1)
        sizes = ndimage.sum_labels(np.ones(bodies.shape, np.float32), bodies, numbers)
        # The median forgets the borders, which are half lung.
        medians = ndimage.median(hu, bodies, numbers)
        grid_ml = volume.geometry.voxel_mm3 / 1000 * np.prod(volume.geometry.shape_zyx[1:]) / np.prod(shares.shape[1:])
        each_ml = grid_ml * step_of(SOUGHT_EVERY_MM, volume.geometry)
        kept = (sizes * each_ml >= SMALLEST_ML) & (medians > USUAL_FLUID_HU[0]) & (medians < USUAL_FLUID_HU[1])
        shares[torch.from_numpy(np.isin(bodies, numbers[~kept]))] = 0.0


def within_ribs(
    fluid: NDArray[np.bool_], bone: NDArray[np.bool_], lung: NDArray[np.bool_], reach: int
) -> NDArray[np.bool_]:
    """Fluid that can be reached from the lung without passing the ribs; what lies behind them is muscle.

    All z, y, x on one grid; ribs of `reach` slices up and down count in each slice.
    """
    barrier = ndimage.maximum_filter1d(bone.astype(np.uint8), 2 * reach + 1, axis=0) > 0
    in_plane = np.zeros((3, 3, 3), np.bool_)
    in_plane[1] = ndimage.generate_binary_structure(2, 1)
    beside_lung = ndimage.binary_dilation(lung, in_plane, iterations=TOUCHING_PIXELS)
    # Up and down as well: below the lungs' base there may be fluid alone.
    reached = ndimage.binary_propagation(fluid & ~barrier & beside_lung, mask=fluid & ~barrier)
    # Ribs of other slices may stand where this one has fluid.
    return np.asarray(ndimage.binary_dilation(reached, in_plane, iterations=INTO_BARRIER_PIXELS, mask=fluid))


def load_effusion(part: dict[str, Any], file: dict[str, str], device: Device) -> SliceEffusion:
    """The effusion finder of a model card.

    Raises:
        MissingWeights: the file is absent or not the one the model card names.
    """
    return SliceEffusion(slice_network_of(part, file, device), part["threshold"])


def _sought(shown: NDArray[np.intp], geometry: Geometry) -> NDArray[np.intp]:
    """Slices to look at, evenly spaced, from below the lungs' base to their top."""
    lowest = max(0, int(shown[0]) - round(BELOW_MM / geometry.spacing_zyx_mm[0]))
    return np.arange(lowest, int(shown[-1]) + 1, step_of(SOUGHT_EVERY_MM, geometry))


def _shrunk(planes: NDArray[np.int16], shape_yx: torch.Size) -> NDArray[np.float32]:
    values = torch.from_numpy(planes).float()[:, None]
    small = torch.nn.functional.interpolate(values, size=tuple(shape_yx), mode="area")
    return np.asarray(small[:, 0].numpy())
