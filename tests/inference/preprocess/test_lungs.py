"""Clean-up on drawn chests (rows and columns of 3 mm, slices of 5 mm) whose lungs are known exactly."""

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.errors import NoLungs
from inference.geometry import Geometry
from inference.labels import LungLabel
from inference.preprocess.chest import Chest
from inference.preprocess.lungs import clean_lungs, lung_notes
from inference.progress import ignore_progress
from inference.volume import Mask, Volume

SHAPE = (44, 110, 130)
SPACING = (5.0, 3.0, 3.0)
MIDDLE_X = 65
ROOM, TISSUE, LUNG = -1000, 40, -850


def ellipsoid(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> NDArray[np.bool_]:
    steps = [(axis - c) / r for axis, c, r in zip(np.indices(SHAPE), centre, radii, strict=True)]
    return sum(step**2 for step in steps) <= 1


def right_lung() -> NDArray[np.bool_]:
    return ellipsoid((20, 55, 40), (16, 30, 18))


def left_lung() -> NDArray[np.bool_]:
    return ellipsoid((20, 55, 90), (16, 30, 18))


def trachea() -> NDArray[np.bool_]:
    return ellipsoid((32, 50, MIDDLE_X), (11, 3, 3))


def chest(*air: NDArray[np.bool_]) -> NDArray[np.int16]:
    """Body in room air with a table beneath, lungs in it; `air` is added at lung density."""
    _, y, x = np.indices(SHAPE)
    hu = np.full(SHAPE, ROOM, np.int16)
    hu[((y - 55) / 42) ** 2 + ((x - MIDDLE_X) / 58) ** 2 <= 1] = TISSUE
    hu[:, 98:100] = TISSUE
    for part in (right_lung(), left_lung(), *air):
        hu[part] = LUNG
    hu[trachea()] = ROOM
    return hu


def cleaned(hu: NDArray[np.int16], closing_mm: float = 4.0) -> Mask:
    volume = Volume(hu, Geometry(hu.shape, SPACING))
    probability = (hu < -200).astype(np.uint8) * np.uint8(255)
    return clean_lungs(volume, probability, Chest.survey(volume), closing_mm, ignore_progress)


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def test_lungs_are_found_on_their_own_sides_without_trachea_room_or_table() -> None:
    lungs = cleaned(chest()).labels
    assert dice(lungs == LungLabel.RIGHT, right_lung()) > 0.99
    assert dice(lungs == LungLabel.LEFT, left_lung()) > 0.99
    assert not lungs[trachea()].any()
    assert not lungs[~(right_lung() | left_lung())].any()


def test_lungs_that_touch_in_front_are_parted_in_the_middle() -> None:
    bridge = ellipsoid((20, 40, MIDDLE_X), (6, 3, 14))
    lungs = cleaned(chest(bridge)).labels
    assert lungs[right_lung()].tolist().count(LungLabel.LEFT) == 0
    assert lungs[left_lung()].tolist().count(LungLabel.RIGHT) == 0
    assert set(lungs[20, 40, MIDDLE_X - 10 : MIDDLE_X + 11].tolist()) == {LungLabel.RIGHT, LungLabel.LEFT}


def test_vessels_and_small_dense_spots_inside_the_lung_belong_to_it() -> None:
    hu = chest()
    spot = ellipsoid((20, 55, 40), (3, 4, 4))
    hu[spot] = 30
    assert (cleaned(hu).labels[spot] == LungLabel.RIGHT).all()


def test_bowel_gas_below_the_lungs_is_not_lung() -> None:
    gas = ellipsoid((2, 40, 95), (2, 8, 10))
    hu = chest()
    hu[gas] = ROOM
    assert not cleaned(hu).labels[gas & ~left_lung()].any()


def test_pieces_that_dense_infection_cuts_off_stay_with_their_lung() -> None:
    hu = chest()
    hu[:, 68:72][left_lung()[:, 68:72]] = 30
    hu[6][right_lung()[6]] = 30
    lungs = cleaned(hu).labels
    for z, rows, side, lung in (
        (20, slice(73, None), LungLabel.LEFT, left_lung()),
        (5, slice(None), LungLabel.RIGHT, right_lung()),
    ):
        part = lung[z, rows]
        assert part.any()
        assert (lungs[z, rows][part] == side).all()


def test_a_chest_wider_than_the_image_is_cut_but_measured() -> None:
    lungs = cleaned(np.ascontiguousarray(chest()[:, :, 30:]))
    assert dice(lungs.labels == LungLabel.LEFT, left_lung()[:, :, 30:]) > 0.99
    assert dice(lungs.labels == LungLabel.RIGHT, right_lung()[:, :, 30:]) > 0.95
    assert [note.code for note in lung_notes(lungs)] == ["lungs-cut-off"]


def test_a_chest_wall_as_thin_as_a_childs_is_enough() -> None:
    hu = chest()
    hu[:, :23] = ROOM
    hu[:, 88:] = ROOM
    assert dice(cleaned(hu).labels > 0, right_lung() | left_lung()) > 0.98


def test_whole_lungs_of_usual_size_need_no_note() -> None:
    assert lung_notes(cleaned(chest())) == []


def test_a_scan_that_starts_within_the_lungs_says_which_end_is_missing() -> None:
    (note,) = lung_notes(cleaned(chest()[12:]))
    assert note.code == "lungs-cut-off"
    assert "lower" in note.text
    assert "upper" not in note.text


def test_a_missing_lung_is_named() -> None:
    hu = chest()
    hu[left_lung()] = 20
    (note,) = lung_notes(cleaned(hu))
    assert note.code == "one-lung"
    assert "left" in note.text


@pytest.mark.parametrize("hu", [ROOM, 0, TISSUE])
def test_a_scan_of_anything_else_has_no_lungs(hu: int) -> None:
    with pytest.raises(NoLungs, match="No pair of lungs"):
        cleaned(np.full(SHAPE, hu, np.int16))


def test_an_abdomen_with_the_lowest_part_of_the_lungs_is_refused() -> None:
    with pytest.raises(NoLungs, match="mm of the lungs' height"):
        cleaned(chest()[:18])


def test_probability_as_share_and_as_byte_mean_the_same() -> None:
    hu = chest()
    volume = Volume(hu, Geometry(hu.shape, SPACING))
    survey = Chest.survey(volume)
    share = (hu < -200).astype(np.float32)
    as_share = clean_lungs(volume, share, survey, 4.0, ignore_progress)
    assert np.array_equal(as_share.labels, cleaned(hu).labels)
