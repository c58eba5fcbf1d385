"""A reader's masks: checked against their scan, made consistent, and measured like a pipeline's."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.errors import BadMask
from inference.geometry import same_grid
from inference.labels import LEFT_LOBES, RIGHT_LOBES, InfectionLabel, LobeLabel, LungLabel
from inference.preprocess.morphology import box_around
from inference.volume import Mask, Volume
from inference.volumetry import Masks, measure

ALLOWED: dict[str, frozenset[int]] = {
    "lung": frozenset({0, *LungLabel}),
    "lobes": frozenset({0, *LobeLabel}),
    "infection": frozenset({0, *InfectionLabel}),
}
#: New lung is painted at the border of old lung.
NEAR_MM = 15.0
LOBES_OF_SIDE = {LungLabel.RIGHT: RIGHT_LOBES, LungLabel.LEFT: LEFT_LOBES}


def corrected(volume: Volume, masks: Mapping[str, Mask]) -> Masks:
    """Check lung, lobes and infection masks, and settle what a reader need not paint twice.

    Infection other than effusion counts inside the lung only; every lung voxel gets the nearest lobe of its side.

    Raises:
        BadMask: a mask on another grid, with unknown labels, or without any lung.
    """
    for name, mask in masks.items():
        if not same_grid(mask.geometry, volume.geometry):
            raise BadMask(
                f"The mask {name} does not lie on the grid of its scan ({_size(mask)} against {_size(volume)} voxels, "
                "or another position); save it on the scan's own grid.",
                files=[name],
            )
        if unknown := sorted(set(np.unique(mask.labels).tolist()) - ALLOWED[name]):
            allowed = ", ".join(str(int(label)) for label in sorted(ALLOWED[name]))
            raise BadMask(f"The mask {name} holds the label {unknown[0]}; it may hold {allowed}.", files=[name])
    lung = masks["lung"].labels
    if not lung.any():
        raise BadMask("The mask lung is empty; a scan without lungs cannot be measured.", files=["lung"])
    kinds = masks["infection"].labels.copy()
    kinds[(lung == 0) & (kinds != InfectionLabel.EFFUSION)] = 0
    grid = volume.geometry
    lobes = _settled_lobes(lung, masks["lobes"].labels, grid.spacing_zyx_mm)
    return Masks(Mask(lung, grid), Mask(lobes, grid), Mask(kinds, grid))


def remeasured(volume: Volume, masks: Masks, before: Mapping[str, Any]) -> dict[str, Any]:
    """`measurements.json` of corrected masks; what describes pipeline and scan is kept from `before`."""
    return {
        **measure(volume, masks),
        "measurement_floor_ml": before["measurement_floor_ml"],
        "pipeline": before["pipeline"],
        "quality": before["quality"],
        "timings_s": {},
    }


def _size(grid: Mask | Volume) -> str:
    return " x ".join(str(n) for n in reversed(grid.geometry.shape_zyx))


def _settled_lobes(
    lung: NDArray[np.uint8], lobes: NDArray[np.uint8], spacing_zyx_mm: tuple[float, float, float]
) -> NDArray[np.uint8]:
    settled = np.zeros_like(lobes)
    for side, own in LOBES_OF_SIDE.items():
        inside = lung == side
        is_own = np.isin(lobes, own)
        kept = inside & is_own
        settled[kept] = lobes[kept]
        missing = inside & ~is_own
        if not missing.any() or not is_own.any():
            continue
        # Lobes that were there before tell the place, also where the reader took lung away.
        # Only those near it are asked: distances over a whole scan take long.
        box = box_around(missing, NEAR_MM, spacing_zyx_mm)
        if not is_own[box].any():
            box = (slice(None), slice(None), slice(None))
        nearest = ndimage.distance_transform_edt(
            ~is_own[box], sampling=spacing_zyx_mm, return_distances=False, return_indices=True
        )
        z, y, x = (axis[missing[box]] for axis in nearest)
        settled[box][missing[box]] = lobes[box][z, y, x]
    return settled
