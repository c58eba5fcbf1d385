"""Lung that holds no air: consolidation at the pleura, which looks like chest wall to whoever looks for lungs."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.labels import INFECTED_LABELS, LEFT_LOBES, LungLabel
from inference.preprocess.chest import Chest
from inference.preprocess.coarse import CoarseGrid
from inference.preprocess.morphology import box_around, grow_in_plane, open_in_plane
from inference.quality import QualityNote
from inference.volume import Mask, Volume

#: Aerated lung is found as lung: what is thinner and lies outside is bowel, or air around the body. What is denser is
#: bone, or a vessel with contrast medium.
DENSE_HU = (-500, 200)
#: What is thinner than twice this, within its slice, is the blurred border of the chest wall or a vessel.
RIM_MM = 2.0
#: Lobes are looked for so far around the tissue that joins a lung.
NEAR_MM = 30.0
#: So much of it is told to the reader.
TOLD_ML = 20.0

Labels = NDArray[np.uint8]


def with_infected_tissue(lung: Mask, lobes: Mask, kinds: Labels, volume: Volume, chest: Chest) -> tuple[Mask, Mask]:
    """`LungLabel` and `LobeLabel` with the dense infection that lies beside a lung; it joins the nearest lobe.

    Args:
        lung: what was found as lung, on the grid of `volume`.
        lobes: its lobes.
        kinds: `InfectionLabel`, also of voxels outside the lung, axes z, y, x.
        volume: the axial scan.
        chest: survey of `volume`.
    """
    grid = chest.grid
    dense = _dense_infection(lung.labels, kinds, volume.hu)
    tissue = (grid.mean(dense) > 0.5) & chest.inside & ~chest.airways
    tissue = open_in_plane(tissue, RIM_MM, grid.spacing_zyx_mm)
    if tissue.any():
        beside = ndimage.binary_dilation(grid.mean(lung.labels > 0) > 0.5)
        tissue = ndimage.binary_propagation(tissue & beside, mask=tissue)
    if not tissue.any():
        return lung, lobes
    nearest = grow_in_plane(_nearest_lobes(tissue, lobes.labels, grid))
    joined_lung, joined_lobes = lung.labels.copy(), lobes.labels.copy()
    for z, covered in grid.slabs():
        if nearest[z].any():
            joining = np.where(dense[covered], grid.expand_slice(nearest[z]), 0).astype(np.uint8)
            joined_lobes[covered] |= joining
            sides = np.where(np.isin(joining, LEFT_LOBES), LungLabel.LEFT, LungLabel.RIGHT)
            joined_lung[covered] |= np.where(joining > 0, sides, 0).astype(np.uint8)
    return Mask(joined_lung, lung.geometry), Mask(joined_lobes, lobes.geometry)


def joined_notes(aerated: Mask, lung: Mask) -> list[QualityNote]:
    """What a reader should know of a lung to which dense infection was joined."""
    joined_ml = np.count_nonzero(lung.labels != aerated.labels) * lung.geometry.voxel_mm3 / 1000
    if joined_ml < TOLD_ML:
        return []
    return [
        QualityNote(
            "dense-infection-joined",
            f"{joined_ml:.0f} ml of dense tissue at the border of the lungs count as infected lung; "
            "check the masks there.",
        )
    ]


def _dense_infection(lung: Labels, kinds: Labels, hu: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Infection outside the lung that is as dense as tissue; slice by slice, to spare memory."""
    thinnest, densest = DENSE_HU
    found = np.zeros(kinds.shape, np.bool_)
    for z in np.flatnonzero(kinds.any(axis=(1, 2))):
        infected = np.isin(kinds[z], INFECTED_LABELS) & (lung[z] == 0)
        found[z] = infected & (hu[z] > thinnest) & (hu[z] < densest)
    return found


def _nearest_lobes(tissue: NDArray[np.bool_], lobes: Labels, grid: CoarseGrid) -> Labels:
    """For each block of the tissue the lobe that lies nearest, 0 elsewhere."""
    known = lobes[tuple(slice(None, None, factor) for factor in grid.factors_zyx)]
    near = box_around(tissue, NEAR_MM, grid.spacing_zyx_mm)
    result = np.zeros(tissue.shape, np.uint8)
    if not known[near].any():
        return result
    indices = ndimage.distance_transform_edt(
        known[near] == 0, sampling=grid.spacing_zyx_mm, return_distances=False, return_indices=True
    )
    z, y, x = (axis[tissue[near]] for axis in indices)
    result[near][tissue[near]] = known[near][z, y, x]
    return result
