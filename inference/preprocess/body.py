"""The patient on a coarse grid: what lies inside the chest wall."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.geometry import Vector3
from inference.preprocess.morphology import IN_PLANE, largest_component, open_in_plane

#: Denser than this is tissue, not air, lung or the foam of a table.
TISSUE_HU = -300
#: Air of the room, averaged over a block; lung stays above it but for the worst emphysema.
ROOM_AIR_HU = -950
#: Aerated lung lies between room air and this.
AERATED_HU = -600
#: An opening of this radius cuts the table's shell from the back that lies on it.
TABLE_RADIUS_MM = 2.0
#: So much lung-like air outside the body in one slice can only be a lung that the image's edge cuts open.
LEAK_CM2 = 10.0


def inside_of_body(hu: NDArray[np.float32], spacing_zyx_mm: Vector3) -> NDArray[np.bool_]:
    """Everything between body walls (in front and behind, or right and left) that is not the air of the room.

    Arms, table, clothing and a field of view that cuts the chest at either side are allowed for.

    Args:
        hu: block means of an axial scan, axes z, y, x, rows from front to back.
        spacing_zyx_mm: edge lengths of a block.
    """
    tissue = largest_component(open_in_plane(hu > TISSUE_HU, TABLE_RADIUS_MM, spacing_zyx_mm))
    # One pair of walls is enough: the image may cut the chest at its sides, and a thin child's wall be missed.
    covered = _between(tissue, axis=1) | _between(tissue, axis=2)
    outside = _reaching_the_edge(hu < TISSUE_HU)
    lung_like = outside & covered & (hu > ROOM_AIR_HU) & (hu < AERATED_HU)
    leaks = open_in_plane(lung_like, TABLE_RADIUS_MM, spacing_zyx_mm).sum(axis=(1, 2))
    leaking = leaks * spacing_zyx_mm[1] * spacing_zyx_mm[2] / 100 > LEAK_CM2
    if leaking.any():
        room = _reaching_the_edge(hu[leaking] < ROOM_AIR_HU)
        outside[leaking] = ndimage.binary_dilation(room, IN_PLANE, iterations=2)
    return covered & ~outside


def _between(tissue: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    """What has tissue on both sides along an axis."""
    before = np.logical_or.accumulate(tissue, axis=axis)
    after = np.flip(np.logical_or.accumulate(np.flip(tissue, axis), axis=axis), axis)
    return before & after


def _reaching_the_edge(air: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The parts of each slice's air that touch the border of the slice."""
    labels, count = ndimage.label(air, IN_PLANE)
    at_edge = np.zeros(count + 1, bool)
    for border in (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        at_edge[np.unique(border)] = True
    at_edge[0] = False
    return at_edge[labels]
