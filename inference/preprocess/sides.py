"""Which air is lung, and which lung is right and which is left."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.geometry import Vector3
from inference.labels import LungLabel
from inference.preprocess.morphology import components, depth_mm, widened

#: A lung holds at least this; smaller pieces join the lung they lie beside.
MIN_LUNG_ML = 60.0
MIN_PIECE_ML = 1.0
#: Gas in stomach or bowel is emptier than lung: a piece with such a share of voxels below this is gas.
GAS_HU = -950
GAS_SHARE = 0.3
#: A small piece of lung lies this close to its lung on average, a large one at its nearest; only dense infection
#: lies between.
MAX_GAP_MM = 8.0
MAX_GAP_LARGE_MM = 16.0
#: Two lungs that touch part again when so much is peeled off; the first depth that parts them is taken.
PEEL_MM = (1.0, 2.0, 3.0, 4.5, 6.0, 8.0, 10.0, 13.0)
#: The smaller part of a pair has at least this share of both.
MIN_SHARE = 0.12


def right_and_left(
    candidate: NDArray[np.bool_], hu: NDArray[np.float32], midline_x: float, spacing_zyx_mm: Vector3
) -> NDArray[np.uint8]:
    """`LungLabel` of every candidate voxel that belongs to a lung; bowel, stomach and crumbs fall to 0.

    Args:
        candidate: air or probable lung without the trachea, axes z, y, x, patient's right at small x.
        hu: block means of the scan.
        midline_x: column of the patient's midline.
        spacing_zyx_mm: edge lengths of a block.
    """
    voxel_ml = float(np.prod(spacing_zyx_mm)) / 1000
    labels, sizes = components(candidate)
    pieces = np.flatnonzero(sizes * voxel_ml >= MIN_PIECE_ML)
    sides = np.zeros(candidate.shape, np.uint8)
    if pieces.size == 0:
        return sides
    pieces = pieces[ndimage.mean(hu < GAS_HU, labels, pieces) < GAS_SHARE]
    centre_x = np.zeros(sizes.size)
    centre_x[pieces] = [centre[2] for centre in ndimage.center_of_mass(candidate, labels, pieces)]
    lungs = pieces[sizes[pieces] * voxel_ml >= MIN_LUNG_ML]
    if lungs.size == 0:
        return sides
    pair = _part(labels == lungs[0], midline_x, spacing_zyx_mm)
    if pair is not None:
        sides = pair
    else:
        for is_right, label in ((True, LungLabel.RIGHT), (False, LungLabel.LEFT)):
            beside = lungs[(centre_x[lungs] < midline_x) == is_right]
            if beside.size:
                sides[labels == beside[0]] = label
    _adopt_pieces(sides, labels, pieces, spacing_zyx_mm)
    return sides


def _part(joined: NDArray[np.bool_], midline_x: float, spacing_zyx_mm: Vector3) -> NDArray[np.uint8] | None:
    """Right and left of one component that holds both lungs; None where it holds one."""
    right_share = joined[:, :, : round(midline_x)].sum() / joined.sum()
    if not MIN_SHARE <= right_share <= 1 - MIN_SHARE:
        return None
    (box,) = ndimage.find_objects(joined.view(np.uint8))
    lungs, offset_x = joined[box], box[2].start
    depth = depth_mm(lungs, spacing_zyx_mm)
    for peel_mm in PEEL_MM:
        cores, sizes = components(depth > peel_mm)
        if sizes.size < 3 or sizes[2] < MIN_SHARE * (sizes[1] + sizes[2]):
            continue
        first_x, second_x = (offset_x + centre[2] for centre in ndimage.center_of_mass(cores > 0, cores, [1, 2]))
        if (first_x < midline_x) == (second_x < midline_x):
            continue
        right, left = (1, 2) if first_x < second_x else (2, 1)
        nearer_right = depth_mm(cores != right, spacing_zyx_mm) < depth_mm(cores != left, spacing_zyx_mm)
        sides = np.zeros(joined.shape, np.uint8)
        sides[box] = np.where(lungs, np.where(nearer_right, LungLabel.RIGHT, LungLabel.LEFT), 0)
        return sides
    return None


def _adopt_pieces(
    sides: NDArray[np.uint8], labels: NDArray[np.uint32], pieces: NDArray[np.int64], spacing_zyx_mm: Vector3
) -> None:
    """Add the pieces that lie close to a lung, cut off from it by dense infection, to that lung."""
    voxel_ml = float(np.prod(spacing_zyx_mm)) / 1000
    boxes = ndimage.find_objects(labels, max_label=int(pieces.max()))
    for piece in pieces:
        box = boxes[piece - 1]
        if (sides[box] > 0)[labels[box] == piece].any():
            continue
        around = widened(box, 2 * MAX_GAP_LARGE_MM, spacing_zyx_mm, labels.shape)
        voxels = labels[around] == piece
        is_large = np.count_nonzero(voxels) * voxel_ml >= MIN_LUNG_ML
        reaches = {
            side: gap_mm.min() / MAX_GAP_LARGE_MM if is_large else gap_mm.mean() / MAX_GAP_MM
            for side, gap_mm in _distances(sides[around], voxels, spacing_zyx_mm).items()
        }
        side = min(reaches, key=lambda candidate: reaches[candidate], default=None)
        if side is not None and reaches[side] <= 1:
            sides[around][voxels] = side


def _distances(
    sides: NDArray[np.uint8], voxels: NDArray[np.bool_], spacing_zyx_mm: Vector3
) -> dict[LungLabel, NDArray[np.float32]]:
    """Millimetres from each of `voxels` to each lung that is in sight."""
    lungs = {side: sides == side for side in LungLabel}
    return {side: depth_mm(~lung, spacing_zyx_mm)[voxels] for side, lung in lungs.items() if lung.any()}
