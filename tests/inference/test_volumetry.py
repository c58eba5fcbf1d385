import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.geometry import Geometry
from inference.labels import InfectionLabel, LobeLabel, LungLabel
from inference.volume import Mask, Volume
from inference.volumetry import Masks, lobe_score, measure

#: A voxel of 10 x 10 x 10 mm is one millilitre, so that voxels can be counted by hand.
GRID = Geometry(shape_zyx=(4, 10, 20), spacing_zyx_mm=(10.0, 10.0, 10.0))


def two_lungs() -> Masks:
    """Right lung 400 ml (all RUL), left lung 300 ml (LUL 200, LLL 100), nothing infected."""
    lung, lobes, infection = (np.zeros(GRID.shape_zyx, np.uint8) for _ in range(3))
    lung[:, :, :10] = LungLabel.RIGHT
    lobes[:, :, :10] = LobeLabel.RUL
    lung[:3, :, 10:] = LungLabel.LEFT
    lobes[:2, :, 10:] = LobeLabel.LUL
    lobes[2, :, 10:] = LobeLabel.LLL
    return Masks(Mask(lung, GRID), Mask(lobes, GRID), Mask(infection, GRID))


def air() -> Volume:
    return Volume(np.full(GRID.shape_zyx, -900, np.int16), GRID)


def test_volumes_of_lungs_and_lobes_are_voxel_counts() -> None:
    figures = measure(air(), two_lungs())
    assert figures["lung_ml"] == 700
    assert figures["lungs"]["right"]["ml"] == 400
    assert figures["lungs"]["left"]["ml"] == 300
    assert {name: lobe["ml"] for name, lobe in figures["lobes"].items()} == {
        "RUL": 400,
        "RML": 0,
        "RLL": 0,
        "LUL": 200,
        "LLL": 100,
    }


def test_without_infection_every_share_and_score_is_0() -> None:
    figures = measure(air(), two_lungs())
    assert figures["infected_ml"] == 0
    assert figures["poi_percent"] == 0
    assert figures["high_opacity_percent"] == 0
    assert figures["severity_score"] == 0
    assert figures["infected_by_slice_ml"] == [0, 0, 0, 0]


def test_infection_is_told_by_side_lobe_kind_and_slice() -> None:
    masks = two_lungs()
    masks.infection.labels[0, :2, :10] = InfectionLabel.GROUND_GLASS  # 20 ml of RUL
    masks.infection.labels[2, :5, 10:] = InfectionLabel.CONSOLIDATION  # 50 ml of LLL
    masks.infection.labels[2, 9, 10] = InfectionLabel.INFECTED  # 1 ml of LLL
    figures = measure(air(), masks)
    assert figures["infected_ml"] == 71
    assert figures["poi_percent"] == pytest.approx(100 * 71 / 700, abs=1e-3)
    assert figures["lungs"]["right"]["infected_ml"] == 20
    assert figures["lungs"]["left"]["poi_percent"] == 17
    assert figures["lobes"]["RUL"] == {"ml": 400, "infected_ml": 20, "poi_percent": 5, "score": 2}
    assert figures["lobes"]["LLL"] == {"ml": 100, "infected_ml": 51, "poi_percent": 51, "score": 4}
    assert figures["composition"] == {
        "ground_glass_ml": 20,
        "consolidation_ml": 50,
        "effusion_ml": 0,
        "unknown_ml": 1,
    }
    assert figures["severity_score"] == 6
    assert figures["infected_by_slice_ml"] == [20, 0, 51, 0]


def test_effusion_is_reported_apart_and_is_not_infected_lung() -> None:
    masks = two_lungs()
    masks.infection.labels[3, :, 10:] = InfectionLabel.EFFUSION  # below the left lung
    figures = measure(air(), masks)
    assert figures["composition"]["effusion_ml"] == 100
    assert figures["infected_ml"] == 0
    assert figures["lung_ml"] == 700


def test_high_opacity_is_the_share_of_infected_voxels_from_minus_200_hu_on() -> None:
    masks, volume = two_lungs(), air()
    masks.infection.labels[0, 0, :4] = InfectionLabel.GROUND_GLASS
    volume.hu[0, 0, :4] = (-201, -200, 50, -700)
    volume.hu[1] = 300  # dense, but not infected
    assert measure(volume, masks)["high_opacity_percent"] == 50


def test_a_scan_without_lung_divides_by_nothing() -> None:
    nothing = Masks(*(Mask(np.zeros(GRID.shape_zyx, np.uint8), GRID) for _ in range(3)))
    figures = measure(air(), nothing)
    assert figures["lung_ml"] == 0
    assert figures["poi_percent"] == 0


@pytest.mark.parametrize(
    ("percent", "score"),
    [
        (0, 0),
        (0.001, 1),
        (4.999, 1),
        (5, 2),
        (24.999, 2),
        (25, 3),
        (49.999, 3),
        (50, 4),
        (74.999, 4),
        (75, 5),
        (100, 5),
    ],
)
def test_lobe_scores_change_exactly_at_their_bounds(percent: float, score: int) -> None:
    assert lobe_score(percent) == score


@given(st.integers(0, 2**32 - 1))
def test_parts_always_add_up_to_the_whole(seed: int) -> None:
    rng = np.random.default_rng(seed)
    masks = two_lungs()
    masks.infection.labels[:] = rng.integers(0, 5, GRID.shape_zyx) * (masks.lung.labels > 0)
    figures = measure(air(), masks)
    for parts in (figures["lungs"], figures["lobes"]):
        assert sum(part["ml"] for part in parts.values()) == figures["lung_ml"]
        assert sum(part["infected_ml"] for part in parts.values()) == figures["infected_ml"]
    composition = figures["composition"]
    assert sum(composition.values()) - composition["effusion_ml"] == figures["infected_ml"]
    assert sum(figures["infected_by_slice_ml"]) == figures["infected_ml"]
