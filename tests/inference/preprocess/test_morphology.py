import numpy as np
import pytest

from inference.preprocess.morphology import (
    close_in_plane,
    components,
    depth_mm,
    erode_in_plane,
    fill_holes_in_plane,
    grow_in_plane,
    open_in_plane,
)

SPACING = (5.0, 1.0, 1.0)


def square(size: int = 21) -> np.ndarray:
    mask = np.zeros((3, size, size), bool)
    mask[1, 5:-5, 5:-5] = True
    return mask


def test_opening_removes_thin_things_and_keeps_thick_ones() -> None:
    mask = square()
    mask[1, 10, :5] = True  # a line one voxel thick
    assert np.array_equal(open_in_plane(mask, 1.0, SPACING), square())


def test_closing_fills_dents_and_holes_but_adds_nothing_outside() -> None:
    mask = square()
    mask[1, 5:9, 10] = False  # a dent one voxel wide
    mask[1, 12, 12] = False  # a hole
    assert np.array_equal(close_in_plane(mask, 2.0, SPACING), square())


def test_the_top_of_the_diaphragm_is_no_hole_but_vessels_and_patches_are() -> None:
    mask = np.zeros((12, 60, 60), bool)
    mask[:, 5:55, 5:55] = True
    z, y, x = np.ogrid[:12, :60, :60]
    dome = (z / 8.0) ** 2 + ((y - 35) / 14) ** 2 + ((x - 35) / 14) ** 2 < 1
    vessel, patch = np.zeros_like(mask), np.zeros_like(mask)
    vessel[:, 10:13, 10:13] = patch[6:9, 10:20, 40:52] = True
    filled = fill_holes_in_plane(mask & ~dome & ~vessel & ~patch, (2.0, 1.5, 1.5))
    assert not filled[dome].any()
    assert filled[vessel].all()
    assert filled[patch].all()


def test_closing_keeps_what_touches_the_border_of_the_slice() -> None:
    mask = np.zeros((1, 8, 8), bool)
    mask[0, :, :3] = True
    assert np.array_equal(close_in_plane(mask, 2.0, SPACING), mask)


def test_filters_stay_within_their_slice() -> None:
    for changed in (open_in_plane(square(), 2.0, SPACING), close_in_plane(square(), 3.0, SPACING)):
        assert not changed[0].any()
        assert not changed[2].any()


def test_erosion_peels_and_growth_adds_one_voxel() -> None:
    eroded = erode_in_plane(square())
    assert eroded.sum() == 9 * 9
    labels = eroded.astype(np.uint8) * np.uint8(2)
    assert np.array_equal(grow_in_plane(labels) == 2, square())


def test_growing_labels_do_not_overwrite_each_other() -> None:
    labels = np.zeros((1, 1, 4), np.uint8)
    labels[0, 0, 1:3] = (1, 2)
    assert grow_in_plane(labels)[0, 0].tolist() == [1, 1, 2, 2]


def test_components_come_largest_first() -> None:
    mask = np.zeros((1, 5, 9), bool)
    mask[0, 0, 0] = True
    mask[0, 2:, 4:] = True
    labels, sizes = components(mask)
    assert sizes.tolist() == [0, 15, 1]
    assert labels[0, 4, 8] == 1


def test_depth_is_measured_in_millimetres_along_each_axis() -> None:
    slab = np.ones((9, 9, 9), bool)
    slab[:, :, 0] = False
    depth = depth_mm(slab, (1.0, 1.0, 2.5))
    assert depth[4, 4, 1] == 0
    assert depth[4, 4, 2] == pytest.approx(2.5)
    assert depth[4, 4, 5] == pytest.approx(10.0)
    assert depth[4, 4, 0] == 0
