"""An earlier scan laid onto a later one: the same anatomy meets, and infection is sorted rightly."""

import numpy as np
import pytest
import SimpleITK as sitk

from inference.errors import NoLungs
from inference.phantom import Acquisition, PhantomPatient
from inference.registration import Registration, Snapshot, growth_map, register, slice_pairs, summary
from inference.volume import Mask

SIZE = {"size": 96, "slices": 44}


def snapshot(infected_ml: float, **changes: float) -> Snapshot:
    scan = PhantomPatient(7).scan(Acquisition(infected_ml=infected_ml, **SIZE, **changes))
    return Snapshot(scan.volume, scan.truth.lung, scan.truth.infection)


@pytest.fixture(scope="module")
def pair() -> tuple[Snapshot, Snapshot]:
    """Earlier, later."""
    return snapshot(100), snapshot(200, inspiration=0.95, field_mm=385, noise_seed=5)


@pytest.fixture(scope="module")
def found(pair) -> Registration:
    return register(pair[1], pair[0])


def test_growth_is_new_and_the_old_persists(pair, found) -> None:
    prior, current = pair
    figures = summary(found, growth_map(current, prior, found))
    assert figures["error_mm"] < 1.5
    assert figures["lung_dice"] > 0.95
    assert not figures["is_poor"]
    assert figures["new_ml"] + figures["persistent_ml"] == pytest.approx(current.infection.volume_ml(1, 2, 4), abs=0.01)
    assert figures["persistent_ml"] == pytest.approx(prior.infection.volume_ml(1, 2), rel=0.25)
    assert figures["resolved_ml"] < 15
    pairs = slice_pairs(found, current.volume.geometry, prior.volume.geometry, current.lung)
    assert len(pairs) == 44
    assert pairs == sorted(pairs)


@pytest.mark.parametrize(("dice", "surface_mm", "is_poor"), [(0.97, 1.0, False), (0.9, 1.0, True), (0.97, 6.0, True)])
def test_a_registration_that_misses_is_said_to_be_poor(dice: float, surface_mm: float, is_poor: bool) -> None:
    assert Registration(sitk.Transform(), sitk.Transform(), dice, surface_mm, 9.0).is_poor is is_poor


def test_without_lungs_there_is_nothing_to_lay_onto(pair) -> None:
    prior, current = pair
    empty = Mask(np.zeros_like(prior.lung.labels), prior.lung.geometry)
    with pytest.raises(NoLungs):
        register(current, Snapshot(prior.volume, empty, prior.infection))
