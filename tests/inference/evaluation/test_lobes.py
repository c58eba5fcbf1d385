"""How lobes are compared with maps and with radiologists' marks."""

import numpy as np

from inference.evaluation.lobes import lobe_agreement, slice_agreement
from inference.labels import LobeLabel


def test_agreement_with_oneself_is_perfect_and_a_missing_lobe_has_no_distance() -> None:
    labels = np.repeat(np.arange(6, dtype=np.uint8), 4)[:, None, None] * np.ones((1, 6, 6), np.uint8)
    same = lobe_agreement(labels, labels)
    assert all(figures == {"iou": 1.0, "hd95_mm": 0.0} for figures in same.values())
    without = lobe_agreement(np.where(labels == LobeLabel.RML, LobeLabel.RLL, labels).astype(np.uint8), labels)
    assert without["RML"] == {"iou": 0.0, "hd95_mm": None}
    assert without["RLL"]["iou"] == 0.5


def test_a_lobe_counts_as_infected_from_a_patch_of_some_size_on() -> None:
    lobes = np.full((2, 20, 20), LobeLabel.RUL, np.uint8)
    infected = np.zeros(lobes.shape, np.bool_)
    infected[0, :10, :10], infected[1, :2, :2] = True, True
    truth = np.zeros((2, 5), np.bool_)
    truth[0, 0] = truth[1, 4] = True
    figures = slice_agreement(infected, lobes, truth, pixel_mm2=1.0)
    assert (figures["sensitivity"], figures["specificity"], figures["ppv"]) == (0.5, 1.0, 1.0)
