"""Whole analyses of a synthetic patient whose lungs and infection are known to the voxel."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.catalogue import pipeline_named
from inference.errors import NoLungs
from inference.geometry import Geometry
from inference.io import Reading, read_input
from inference.labels import InfectionLabel, LungLabel
from inference.lobes import label_lobes
from inference.phantom import SyntheticScan
from inference.pipeline import Analysis, analyse, load_segmenter
from inference.progress import OnProgress, Progress
from inference.quality import QualityNote
from inference.volume import Mask, Volume


@dataclass
class KnownSegmenter:
    """Answers with the truth, so that everything around it is tested alone."""

    scan: SyntheticScan
    kinds: NDArray[np.uint8]
    closing_mm: float = 1.0
    joins_infection: bool = False

    def lung_probability(self, volume: Volume, on_progress: OnProgress) -> NDArray[np.uint8]:
        on_progress(1.0)
        return (self.scan.truth.lung.labels > 0).astype(np.uint8) * np.uint8(255)

    def infection_kinds(self, volume: Volume, lung: Mask, on_progress: OnProgress) -> NDArray[np.uint8]:
        on_progress(1.0)
        return self.kinds.copy()

    def infection_saliency(self, volume, lung, z):
        return None

    def find_lobes(self, volume: Volume, lung: Mask) -> tuple[Mask, tuple[QualityNote, ...]]:
        return label_lobes(lung)


@pytest.fixture(scope="session")
def reading(chest_folder: Path) -> Reading:
    return read_input(chest_folder)


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def baseline_of(reading: Reading) -> Analysis:
    entry = pipeline_named("hu-baseline")
    return analyse(reading, entry, load_segmenter(entry, "cpu"), Progress())


def test_the_baseline_finds_both_lungs_of_a_synthetic_patient(reading: Reading, chest_scan: SyntheticScan) -> None:
    lung = baseline_of(reading).masks.lung
    for side in LungLabel:
        assert dice(lung.labels == side, chest_scan.truth.lung.labels == side) > 0.96


def test_a_scan_turned_any_way_gives_the_same_figures_and_masks(reading: Reading) -> None:
    upright = baseline_of(reading)
    z, y, x = reading.volume.geometry.axes_zyx_lps
    flipped_z = (-z[0], -z[1], -z[2])
    depth = reading.volume.geometry.shape_zyx[0]
    turned_geometry = Geometry(
        shape_zyx=tuple(reading.volume.geometry.shape_zyx[axis] for axis in (1, 0, 2)),  # type: ignore[arg-type]
        spacing_zyx_mm=tuple(reading.volume.geometry.spacing_zyx_mm[axis] for axis in (1, 0, 2)),  # type: ignore[arg-type]
        origin_lps_mm=reading.volume.geometry.point_lps_mm((depth - 1, 0, 0)),
        axes_zyx_lps=(y, flipped_z, x),
    )
    hu = np.ascontiguousarray(reading.volume.hu[::-1].transpose(1, 0, 2))
    coronal = baseline_of(replace(reading, volume=Volume(hu, turned_geometry)))
    assert coronal.measurements["lung_ml"] == upright.measurements["lung_ml"]
    assert coronal.measurements["lobes"] == upright.measurements["lobes"]
    assert coronal.masks.lung.geometry == turned_geometry
    assert np.array_equal(coronal.masks.lung.labels.transpose(1, 0, 2)[::-1], upright.masks.lung.labels)


def test_infection_outside_the_lung_does_not_count_but_effusion_does(
    reading: Reading, chest_scan: SyntheticScan
) -> None:
    kinds = chest_scan.truth.infection.labels.copy()
    kinds[:, :5] = InfectionLabel.GROUND_GLASS
    kinds[:, -5:] = InfectionLabel.EFFUSION
    known = KnownSegmenter(chest_scan, kinds)
    analysis = analyse(reading, pipeline_named("hu-baseline"), known, Progress())
    infection = analysis.masks.infection.labels
    assert not infection[:, :5].any()
    assert (infection[:, -5:] == InfectionLabel.EFFUSION).all()
    assert analysis.measurements["infected_ml"] == pytest.approx(chest_scan.truth.infected_ml, rel=0.02)
    assert analysis.measurements["lung_ml"] == pytest.approx(chest_scan.truth.lung_ml, rel=0.03)


def test_lung_without_air_counts_where_the_pipeline_joins_infection(
    reading: Reading, chest_scan: SyntheticScan
) -> None:
    left = chest_scan.truth.lung.labels == LungLabel.LEFT
    back = left & (np.arange(left.shape[1])[:, None] > np.quantile(np.nonzero(left)[1], 0.9))
    hu = np.where(back, 30, reading.volume.hu).astype(np.int16)
    consolidated = replace(reading, volume=Volume(hu, reading.volume.geometry))

    @dataclass
    class SeesAirAlone(KnownSegmenter):
        def lung_probability(self, volume: Volume, on_progress: OnProgress) -> NDArray[np.uint8]:
            return np.where(back, np.uint8(0), super().lung_probability(volume, on_progress))

    kinds = np.where(back, InfectionLabel.CONSOLIDATION, 0).astype(np.uint8)
    entry = pipeline_named("hu-baseline")
    by_air, joined = (
        analyse(consolidated, entry, SeesAirAlone(chest_scan, kinds, joins_infection=joins), Progress())
        for joins in (False, True)
    )
    true_ml = back.sum() * reading.volume.geometry.voxel_mm3 / 1000
    assert by_air.measurements["infected_ml"] < 0.3 * true_ml
    assert joined.measurements["infected_ml"] == pytest.approx(true_ml, rel=0.05)
    assert joined.measurements["lung_ml"] == pytest.approx(chest_scan.truth.lung_ml, rel=0.03)
    assert sum(lobe["infected_ml"] for lobe in joined.measurements["lobes"].values()) == pytest.approx(
        joined.measurements["infected_ml"], rel=0.01
    )
    assert "dense-infection-joined" in [note["code"] for note in joined.measurements["quality"]]


def test_figures_name_their_pipeline_and_carry_every_quality_note(reading: Reading) -> None:
    odd = QualityNote("slice-gap", "Two slices are missing.")
    figures = baseline_of(replace(reading, quality=(odd,))).measurements
    entry = pipeline_named("hu-baseline")
    assert figures["pipeline"] == {"name": "hu-baseline", "version": entry.version, "sha256": entry.sha256}
    assert figures["measurement_floor_ml"] == entry.floor_ml
    codes = [note["code"] for note in figures["quality"]]
    assert codes[0] == "slice-gap"
    assert "lobes-approximate" in codes


def test_a_scan_without_lungs_is_refused_with_what_was_odd_about_it(reading: Reading) -> None:
    water = Volume(np.zeros_like(reading.volume.hu), reading.volume.geometry)
    odd = QualityNote("few-slices", "The series holds few slices.")
    with pytest.raises(NoLungs, match=r"No pair of lungs.*The series holds few slices\."):
        baseline_of(replace(reading, volume=water, quality=(odd,)))


def test_real_patients_have_lungs_of_plausible_size_on_both_sides(datasets: Path) -> None:
    figures = baseline_of(read_input(datasets / "dicom" / "normal001")).measurements
    for side in ("right", "left"):
        assert 1500 < figures["lungs"][side]["ml"] < 2500
