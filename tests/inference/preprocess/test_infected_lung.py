"""Consolidation at the pleura joins the lung it lies beside; what else is bright and called infected does not."""

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.geometry import Geometry
from inference.labels import InfectionLabel, LobeLabel, LungLabel
from inference.preprocess.chest import Chest
from inference.preprocess.infected_lung import joined_notes, with_infected_tissue
from inference.volume import Mask, Volume
from tests.inference.preprocess.test_lungs import SHAPE, SPACING, TISSUE, chest, ellipsoid, left_lung, right_lung

GRID = Geometry(SHAPE, SPACING)
Drawn = NDArray[np.bool_]


def joined(
    dense: Drawn, kind: InfectionLabel = InfectionLabel.CONSOLIDATION, dense_hu: int = TISSUE
) -> tuple[Mask, Mask]:
    """The drawn chest after `dense` in it lost its air and its place in the lung mask, and was called infected."""
    hu = chest()
    hu[dense & (left_lung() | right_lung())] = dense_hu
    lung = np.where(right_lung(), LungLabel.RIGHT, np.where(left_lung(), LungLabel.LEFT, 0)).astype(np.uint8)
    lung[dense] = 0
    lower = np.indices(SHAPE)[0] < 20
    lobes = np.where(lung == LungLabel.RIGHT, LobeLabel.RUL, np.where(lung == LungLabel.LEFT, LobeLabel.LUL, 0))
    lobes = np.where(lower & (lung == LungLabel.LEFT), LobeLabel.LLL, lobes).astype(np.uint8)
    kinds = (dense * int(kind)).astype(np.uint8)
    volume = Volume(hu, GRID)
    return with_infected_tissue(Mask(lung, GRID), Mask(lobes, GRID), kinds, volume, Chest.survey(volume))


@pytest.fixture(scope="module")
def at_the_back() -> Drawn:
    """The back of the lower left lung, as thick as a finger."""
    return left_lung() & ellipsoid((12, 78, 90), (7, 14, 14))


def test_consolidation_at_the_pleura_belongs_to_its_lung_and_lobe(at_the_back: Drawn) -> None:
    lung, lobes = joined(at_the_back)
    found = (lung.labels == LungLabel.LEFT) & at_the_back
    assert found.sum() > 0.9 * at_the_back.sum()
    assert (lobes.labels[found] == LobeLabel.LLL).mean() > 0.9
    assert ((lung.labels > 0) == (lobes.labels > 0)).all()
    assert not (lung.labels[~(left_lung() | right_lung())] > 0).any()


def test_the_reader_is_told_how_much_joined(at_the_back: Drawn) -> None:
    lung, _ = joined(at_the_back)
    aerated = Mask(np.where(at_the_back, 0, lung.labels), GRID)
    (note,) = joined_notes(aerated, lung)
    assert f"{lung.volume_ml(*LungLabel) - aerated.volume_ml(*LungLabel):.0f} ml" in note.text
    assert joined_notes(aerated, aerated) == []


def test_vessels_with_contrast_medium_join_no_lung(at_the_back: Drawn) -> None:
    lung, _ = joined(at_the_back, dense_hu=320)
    assert not lung.labels[at_the_back].any()


@pytest.mark.parametrize(
    "drawn",
    [
        pytest.param(ellipsoid((20, 55, 65), (4, 6, 4)), id="away from both lungs"),
        pytest.param(ellipsoid((20, 97, 90), (8, 2, 20)), id="outside the chest"),
    ],
)
def test_what_no_lung_touches_joins_none(drawn: Drawn) -> None:
    lung, _ = joined(drawn)
    assert not lung.labels[drawn].any()


def test_fluid_beside_a_lung_stays_fluid(at_the_back: Drawn) -> None:
    lung, lobes = joined(at_the_back, InfectionLabel.EFFUSION)
    assert not lung.labels[at_the_back].any()
    assert not lobes.labels[at_the_back].any()


def test_the_blurred_border_of_the_chest_wall_is_no_lung() -> None:
    wider = ellipsoid((20, 55, 90), (16, 31, 19)) & ~left_lung()
    lung, _ = joined(wider)
    assert (lung.labels[wider] > 0).mean() < 0.05
