"""From a segmenter's lung probability to two clean lungs on the scan's own grid."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.errors import NoLungs
from inference.labels import LungLabel
from inference.preprocess.chest import Chest
from inference.preprocess.morphology import IN_PLANE, close_in_plane, erode_in_plane, fill_holes_in_plane, grow_in_plane
from inference.preprocess.sides import right_and_left
from inference.progress import OnProgress
from inference.quality import QualityNote
from inference.volume import Mask, Volume

#: Smaller lungs than this are a baby's or none: together, millilitres.
MIN_PAIR_ML = 150.0
#: Lungs that the scan cuts off are measured only if so much of their height is there.
MIN_CUT_HEIGHT_MM = 100.0
#: A lung that reaches a side of the image with more than this goes on outside it.
CUT_AREA_CM2 = 5.0
SMALL_PAIR_ML = 1500.0
#: One side this small beside the other has no aerated lung.
ONE_LUNG_SHARE = 0.05


def clean_lungs(
    volume: Volume,
    probability: NDArray[np.uint8] | NDArray[np.float32],
    chest: Chest,
    closing_mm: float,
    on_progress: OnProgress,
) -> Mask:
    """`LungLabel` on the grid of `volume`: airways removed, sides parted, dents and holes closed.

    Args:
        volume: the axial scan.
        probability: of lung, axes z, y, x; float32 0..1 or uint8 0..255.
        chest: survey of `volume`.
        closing_mm: dents narrower than twice this (vessels, dense infection at the pleura) become lung; 0: none.
        on_progress: told 0..1.

    Raises:
        NoLungs: when there is no lung, or too little of it to measure.
    """
    half = 0.5 if probability.dtype == np.float32 else 128
    grid = chest.grid
    likely = grid.mean(probability >= half) > 0.5
    on_progress(0.2)
    airways = ndimage.binary_dilation(chest.airways, IN_PLANE)
    sides = right_and_left(likely & chest.inside & ~airways, chest.hu, chest.midline_x, grid.spacing_zyx_mm)
    on_progress(0.4)
    solid = _close(sides, airways, closing_mm, chest)
    on_progress(0.7)
    lungs = Mask(_on_full_grid(sides, solid, airways, probability, half, chest), volume.geometry)
    _refuse_what_is_no_chest(lungs)
    return lungs


def _close(sides: NDArray[np.uint8], airways: NDArray[np.bool_], closing_mm: float, chest: Chest) -> NDArray[np.uint8]:
    """Each lung with its dents and holes closed, slice by slice."""
    closed = sides.copy()
    margin = 2 + round(closing_mm / min(chest.grid.spacing_zyx_mm[1:]))
    for side, box in zip(LungLabel, ndimage.find_objects(sides, max_label=2), strict=True):
        if box is None:
            continue
        wider = (box[0], *(slice(max(0, s.start - margin), s.stop + margin) for s in box[1:]))
        whole = sides[wider] == side
        filled = (
            close_in_plane(whole, closing_mm, chest.grid.spacing_zyx_mm)
            if closing_mm
            else fill_holes_in_plane(whole, chest.grid.spacing_zyx_mm)
        )
        closed[wider][filled & (closed[wider] == 0) & chest.inside[wider] & ~airways[wider]] = side
    return closed


def _on_full_grid(
    sides: NDArray[np.uint8],
    solid: NDArray[np.uint8],
    airways: NDArray[np.bool_],
    probability: NDArray[np.uint8] | NDArray[np.float32],
    half: float,
    chest: Chest,
) -> NDArray[np.uint8]:
    """The coarse lungs with their outer border drawn by the full-resolution probability."""
    grid = chest.grid
    # Blocks that are lung whatever single voxels say: the inside, and what closing added.
    core = erode_in_plane(solid > 0) | ((solid > 0) & (sides == 0))
    # One block beyond the border, for border voxels of blocks that are mostly wall.
    reach = grow_in_plane(solid)
    reach[airways] = 0
    labels = np.zeros(grid.full_shape_zyx, np.uint8)
    for z, covered in grid.slabs():
        if reach[z].any():
            near, within = grid.expand_slice(reach[z]), grid.expand_slice(core[z])
            labels[covered] = near * ((probability[covered] >= half) | within)
    return labels


def _refuse_what_is_no_chest(lungs: Mask) -> None:
    total_ml = lungs.volume_ml(*LungLabel)
    if total_ml < MIN_PAIR_ML:
        raise NoLungs(
            "No pair of lungs was found in this scan; send a CT of the whole chest, "
            "or check that this series is the right one."
        )
    occupied = np.flatnonzero(lungs.labels.any(axis=(1, 2)))
    height_mm = (occupied[-1] - occupied[0] + 1) * lungs.geometry.spacing_zyx_mm[0]
    if height_mm < MIN_CUT_HEIGHT_MM and {"lower", "upper"} & set(cut_sides(lungs)):
        raise NoLungs(
            f"Only {height_mm:.0f} mm of the lungs' height lie within this scan, too little to measure; "
            "send a CT of the whole chest."
        )


def cut_sides(lungs: Mask) -> list[str]:
    """The sides of the image that cut through lung; for an axial mask."""
    labels = lungs.labels
    dz_mm, dy_mm, dx_mm = lungs.geometry.spacing_zyx_mm
    faces = {
        "lower": (labels[0], dy_mm * dx_mm),
        "upper": (labels[-1], dy_mm * dx_mm),
        "front": (labels[:, 0], dz_mm * dx_mm),
        "back": (labels[:, -1], dz_mm * dx_mm),
        "right": (labels[:, :, 0], dz_mm * dy_mm),
        "left": (labels[:, :, -1], dz_mm * dy_mm),
    }
    return [side for side, (face, mm2) in faces.items() if np.count_nonzero(face) * mm2 / 100 > CUT_AREA_CM2]


def lung_notes(lungs: Mask) -> list[QualityNote]:
    """What a reader should know about the lungs found in an axial scan."""
    notes = []
    cut = cut_sides(lungs)
    if cut:
        where = ", ".join(cut)
        notes.append(
            QualityNote(
                "lungs-cut-off",
                f"The image cuts the lungs off ({where} side); volumes are of the part that was imaged.",
            )
        )
    right_ml, left_ml = (lungs.volume_ml(side) for side in LungLabel)
    smaller_ml, missing = min((right_ml, "right"), (left_ml, "left"))
    if smaller_ml < ONE_LUNG_SHARE * max(right_ml, left_ml):
        notes.append(QualityNote("one-lung", f"Almost no {missing} lung was found; check the lung mask."))
    elif right_ml + left_ml < SMALL_PAIR_ML:
        notes.append(
            QualityNote(
                "small-lung-volume",
                f"The lungs together hold only {right_ml + left_ml:.0f} ml; check that both were found whole.",
            )
        )
    return notes
