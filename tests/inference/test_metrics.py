"""Metrics against other people's implementations, on random masks."""

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from monai.metrics import compute_dice, compute_iou
from monai.metrics.utils import get_mask_edges, get_surface_distance
from scipy import ndimage, stats
from sklearn import metrics as reference

from inference.metrics import Confusion, hd95_mm, mape_percent, pearson_r
from inference.training.candidates import area_under_roc

RNG = np.random.default_rng(3)
PAIRS = [(RNG.random((6, 20, 18)) < a, RNG.random((6, 20, 18)) < b) for a, b in ((0.5, 0.5), (0.1, 0.4), (0.9, 0.2))]


@pytest.mark.parametrize(("guess", "truth"), PAIRS)
def test_overlap_metrics_agree_with_scikit_learn(guess, truth) -> None:
    ours = Confusion.of(guess, truth).metrics()
    flat = truth.ravel(), guess.ravel()
    assert ours["dice"] == pytest.approx(reference.f1_score(*flat))
    assert ours["iou"] == pytest.approx(reference.jaccard_score(*flat))
    assert ours["sensitivity"] == pytest.approx(reference.recall_score(*flat))
    assert ours["specificity"] == pytest.approx(reference.recall_score(*flat, pos_label=0))
    assert ours["ppv"] == pytest.approx(reference.precision_score(*flat))
    assert ours["f2"] == pytest.approx(reference.fbeta_score(*flat, beta=2))
    assert ours["accuracy"] == pytest.approx(reference.accuracy_score(*flat))
    assert ours["g_mean"] == pytest.approx((ours["sensitivity"] * ours["specificity"]) ** 0.5)


def test_overlap_agrees_with_simpleitk() -> None:
    guess, truth = PAIRS[0]
    images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (truth, guess)]
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*images)
    assert Confusion.of(guess, truth).metrics()["dice"] == pytest.approx(overlap.GetDiceCoefficient())


@pytest.mark.parametrize(("guess", "truth"), PAIRS)
def test_overlap_agrees_with_monai(guess, truth) -> None:
    pair = [torch.from_numpy(mask)[None, None].float() for mask in (guess, truth)]
    ours = Confusion.of(guess, truth).metrics()
    assert ours["dice"] == pytest.approx(float(compute_dice(*pair)))
    assert ours["iou"] == pytest.approx(float(compute_iou(*pair)))


@pytest.mark.parametrize("seed", range(3))
def test_the_surfaces_lie_as_far_apart_as_monai_measures(seed: int) -> None:
    rng, spacing = np.random.default_rng(seed), (3.0, 1.2, 0.8)
    guess, truth = (ndimage.gaussian_filter(rng.random((14, 30, 30)), 2) > 0.5 for _ in range(2))
    edges = get_mask_edges(guess, truth, crop=False)
    both_ways = [
        np.asarray(get_surface_distance(*pair, distance_metric="euclidean", spacing=spacing))
        for pair in (edges, edges[::-1])
    ]
    assert hd95_mm(guess, truth, spacing) == pytest.approx(np.percentile(np.concatenate(both_ways), 95), abs=1e-4)


def test_correlation_and_area_agree_with_others() -> None:
    one, other = RNG.random(40), RNG.random(40)
    assert pearson_r(one, other) == pytest.approx(stats.pearsonr(one, other).statistic)
    infected = other > 0.5
    ours = area_under_roc(torch.from_numpy(one), torch.from_numpy(infected))
    assert ours == pytest.approx(reference.roc_auc_score(infected, one))
    assert mape_percent(one, other) == pytest.approx(100 * reference.mean_absolute_percentage_error(other, one))


def test_two_empty_masks_agree() -> None:
    nothing = np.zeros((2, 3, 3), bool)
    found = Confusion.of(nothing, nothing).metrics()
    assert (found["dice"], found["iou"], found["sensitivity"]) == (1.0, 1.0, None)


def test_pooling_is_adding() -> None:
    (a, b), (c, d), _ = PAIRS
    pooled = Confusion.of(a, b) + Confusion.of(c, d)
    assert pooled == Confusion.of(np.concatenate([a, c]), np.concatenate([b, d]))


def test_the_hausdorff_distance_is_in_millimetres() -> None:
    one, other = np.zeros((9, 9, 30), bool), np.zeros((9, 9, 30), bool)
    one[4, 4, 5] = other[4, 4, 15] = True
    assert hd95_mm(one, other, (1.0, 1.0, 0.7)) == pytest.approx(7.0)
    assert hd95_mm(one, np.zeros_like(one), (1.0, 1.0, 1.0)) is None


def test_poir_agreement() -> None:
    assert pearson_r([1, 2, 3], [2, 4, 6]) == pytest.approx(1.0)
    assert pearson_r([1.0, 2.0], [2.0, 1.0]) is None
    assert mape_percent([11, 9, 5], [10, 10, 0]) == pytest.approx(10.0)
