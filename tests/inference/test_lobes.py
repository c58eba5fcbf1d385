import json
from pathlib import Path

import numpy as np
import pytest

from inference.catalogue import WEIGHTS
from inference.geometry import Geometry
from inference.labels import LEFT_LOBES, RIGHT_LOBES, LobeLabel, LungLabel
from inference.lobes import interpolation, label_lobes
from inference.phantom import SyntheticScan
from inference.training.lobe_atlas import lobes_of, sides_of
from inference.volume import Mask


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_every_lung_voxel_gets_a_lobe_of_its_own_side_and_nothing_else_does(chest_scan: SyntheticScan) -> None:
    lung = chest_scan.truth.lung
    lobes, _ = label_lobes(lung)
    assert np.isin(lobes.labels[lung.labels == LungLabel.RIGHT], RIGHT_LOBES).all()
    assert np.isin(lobes.labels[lung.labels == LungLabel.LEFT], LEFT_LOBES).all()
    assert not lobes.labels[lung.labels == 0].any()


def test_upper_lobes_lie_above_lower_ones_and_the_middle_lobe_in_front(chest_scan: SyntheticScan) -> None:
    lobes, _ = label_lobes(chest_scan.truth.lung)
    z, y = ({lobe: np.nonzero(lobes.labels == lobe)[axis].mean() for lobe in LobeLabel} for axis in (0, 1))
    assert z[LobeLabel.RUL] > z[LobeLabel.RLL]
    assert z[LobeLabel.LUL] > z[LobeLabel.LLL]
    assert y[LobeLabel.RML] < y[LobeLabel.RLL]


def test_figures_by_lobe_are_marked_as_approximate(chest_scan: SyntheticScan) -> None:
    _, notes = label_lobes(chest_scan.truth.lung)
    assert [note.code for note in notes] == ["lobes-approximate"]


def test_a_missing_lung_leaves_its_lobes_empty() -> None:
    labels = np.zeros((10, 10, 10), np.uint8)
    labels[2:8, 2:8, 1:4] = LungLabel.RIGHT
    lobes, _ = label_lobes(Mask(labels, Geometry(labels.shape, (5.0, 5.0, 5.0))))
    assert not np.isin(lobes.labels, LEFT_LOBES).any()
    assert np.count_nonzero(lobes.labels) == np.count_nonzero(labels)


@pytest.mark.parametrize("count", [1, 5, 32, 100])
def test_interpolation_weights_add_up_to_one_and_reproduce_a_ramp(count: int) -> None:
    weights = interpolation(32, count)
    assert weights.sum(axis=1) == pytest.approx(np.ones(count))
    places = (np.arange(count) + 0.5) / count * 32 - 0.5
    assert weights @ np.arange(32) == pytest.approx(np.clip(places, 0, 31), abs=1e-4)


def test_lobes_of_a_real_person_overlap_as_the_card_says(datasets: Path) -> None:
    truth = lobes_of(sorted((datasets / "lobe_masks").glob("*_lobes.nii.gz"))[0])
    lobes, _ = label_lobes(Mask(sides_of(truth), Geometry(truth.shape, (1.5, 1.5, 1.5))))
    card = json.loads((WEIGHTS / "lobe-atlas.json").read_text())
    overlaps = [iou(lobes.labels == lobe, truth == lobe) for lobe in LobeLabel]
    assert np.mean(overlaps) > card["iou"]["mean"] - 0.15
