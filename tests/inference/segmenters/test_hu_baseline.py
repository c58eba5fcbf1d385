import numpy as np
from numpy.typing import NDArray

from inference.geometry import Geometry
from inference.labels import InfectionLabel, LungLabel
from inference.progress import ignore_progress
from inference.segmenters.hu_baseline import HuBaseline, load
from inference.volume import Mask, Volume

GRID = Geometry((1, 40, 40), (5.0, 1.0, 1.0))


def kinds_of(hu: NDArray[np.int16]) -> NDArray[np.uint8]:
    lung = Mask(np.full(GRID.shape_zyx, LungLabel.RIGHT, np.uint8), GRID)
    return HuBaseline(lung_hu=-200, infection_hu=-750).infection_kinds(Volume(hu, GRID), lung, ignore_progress)


def lung_with_square(hu_inside: int, size: int = 10) -> NDArray[np.int16]:
    hu = np.full(GRID.shape_zyx, -850, np.int16)
    hu[0, 10 : 10 + size, 10 : 10 + size] = hu_inside
    return hu


def test_the_shipped_baseline_uses_the_thresholds_of_the_paper() -> None:
    baseline = load("hu-baseline", "cpu")
    assert (baseline.lung_hu, baseline.infection_hu) == (-200, -750)


def test_lung_is_what_lies_below_the_lung_threshold() -> None:
    hu = np.array([[[-1000, -201, -200, 40]]], np.int16)
    volume = Volume(hu, Geometry(hu.shape, (1.0, 1.0, 1.0)))
    assert load("hu-baseline", "cpu").lung_probability(volume, ignore_progress).ravel().tolist() == [255, 255, 0, 0]


def test_density_between_the_thresholds_is_ground_glass_and_above_them_consolidation() -> None:
    for hu, kind in ((-750, InfectionLabel.GROUND_GLASS), (-201, InfectionLabel.GROUND_GLASS)):
        assert np.count_nonzero(kinds_of(lung_with_square(hu)) == kind) == 100
    assert np.count_nonzero(kinds_of(lung_with_square(-200)) == InfectionLabel.CONSOLIDATION) == 100
    assert not kinds_of(lung_with_square(-751)).any()


def test_what_is_as_thin_as_a_vessel_is_not_infected() -> None:
    assert not kinds_of(lung_with_square(0, size=3)).any()


def test_nothing_outside_the_lung_is_infected() -> None:
    lung = Mask(np.zeros(GRID.shape_zyx, np.uint8), GRID)
    volume = Volume(lung_with_square(-500), GRID)
    assert not load("hu-baseline", "cpu").infection_kinds(volume, lung, ignore_progress).any()
