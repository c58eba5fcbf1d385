"""Of what scanners send, chest is analysed, and one reconstruction of each acquisition; everything is kept."""

import pytest

from portal.jobs.routing import RoutingRules, route
from tests.factories import make_scan

THIN_LUNG = RoutingRules(body_parts=("CHEST", "LUNG"), slices="thin", kernels=("Bl57", "Br40"))


@pytest.fixture
def reconstruction(patient, clinician):
    def make(thickness_mm: float, kernel: str = "", acquisition: str = "A", **fields):
        scan = make_scan(patient, clinician, kernel=kernel, acquisition_key=acquisition, **fields)
        scan.slice_thickness_mm = thickness_mm
        scan.save()
        return scan

    return make


def test_without_rules_everything_is_analysed(reconstruction) -> None:
    scans = [reconstruction(1), reconstruction(5), reconstruction(1, body_part="HEAD")]
    assert route(scans, None) == scans


@pytest.mark.parametrize(("slices", "chosen"), [("thin", 0), ("thick", 1)])
def test_one_reconstruction_of_an_acquisition_is_analysed(reconstruction, slices, chosen) -> None:
    scans = [reconstruction(1.0), reconstruction(5.0)]
    assert route(scans, RoutingRules(slices=slices)) == [scans[chosen]]
    (note,) = scans[1 - chosen].quality
    assert note["code"] == "other-reconstruction"


def test_the_kernel_counts_before_the_thickness(reconstruction) -> None:
    soft, lung, unnamed = reconstruction(1, "Br40d"), reconstruction(5, "Bl57f"), reconstruction(0.6, "Hr60")
    assert route([soft, lung, unnamed], THIN_LUNG) == [lung]


def test_another_part_of_the_body_is_kept_and_not_analysed(reconstruction) -> None:
    head, chest, silent = (
        reconstruction(1, acquisition=part, body_part=part) for part in ("HEAD", "CHEST_TO_PELVIS", "")
    )
    assert route([head, chest, silent], THIN_LUNG) == [chest, silent]
    assert head.quality[0]["text"] == "Not analysed by itself: the scanner says that it shows HEAD."


def test_a_worse_one_that_comes_later_is_linked_and_a_better_one_analysed(reconstruction) -> None:
    first = reconstruction(3, "Br40d")
    assert route([first], THIN_LUNG) == [first]
    assert route([reconstruction(5, "Br40d")], THIN_LUNG) == []
    assert route([reconstruction(3, "Br40d")], THIN_LUNG) == []
    better = reconstruction(1, "Bl57f")
    assert route([better], THIN_LUNG) == [better]
