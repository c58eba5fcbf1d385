"""Candidates of infection: how they are cut, judged and scored."""

import numpy as np
import pytest
import torch
from torch import nn

from inference.candidates import MIN_PIXELS, PATCH_EDGE, CandidateJudge, candidates_in, patch_of
from inference.device import pick_device
from inference.geometry import Geometry
from inference.labels import InfectionLabel
from inference.progress import ignore_progress
from inference.training.candidates import Candidates, area_under_roc, best_threshold, judged
from inference.volume import Volume


class BrightIsInfected(nn.Module):
    """Infected where the middle of the patch is bright."""

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        middle = PATCH_EDGE // 2
        return (patches[:, :, middle, middle] - 0.5) * 40


@pytest.fixture
def judge() -> CandidateJudge:
    return CandidateJudge(BrightIsInfected(), pick_device("cpu"), 0.5)


def test_each_region_has_a_square_around_it_inside_the_slice() -> None:
    infected = np.zeros((60, 80), np.bool_)
    infected[0:6, 0:12] = infected[40:50, 60:64] = True
    infected[20, 20] = True
    _, found = candidates_in(infected)
    assert [candidate.pixels for candidate in found] == [72, 40], f"smaller than {MIN_PIXELS} pixels are not judged"
    for candidate in found:
        height, width = candidate.rows.stop - candidate.rows.start, candidate.columns.stop - candidate.columns.start
        assert height == width >= 12
        assert candidate.rows.start >= 0
        assert candidate.columns.stop <= 80


def test_a_patch_has_one_size_whatever_the_candidate() -> None:
    infected = np.zeros((64, 64), np.bool_)
    infected[10:40, 20:30] = True
    (candidate,) = candidates_in(infected)[1]
    patch = patch_of(np.full((64, 64), -600, np.int16), candidate)
    assert patch.shape == (1, PATCH_EDGE, PATCH_EDGE)
    assert float(patch.std()) == pytest.approx(0, abs=1e-6)


def test_the_healthy_are_dropped_and_effusion_stays(judge: CandidateJudge) -> None:
    hu = np.full((1, 64, 64), -850, np.int16)
    kinds = np.zeros((1, 64, 64), np.uint8)
    kinds[0, 5:15, 5:15] = kinds[0, 40:50, 5:15] = InfectionLabel.GROUND_GLASS
    kinds[0, 40:50, 40:50] = InfectionLabel.EFFUSION
    hu[0, 2:18, 2:18] = 100
    kept = judge.without_healthy(Volume(hu, Geometry(hu.shape, (1.0, 1.0, 1.0))), kinds, ignore_progress)
    assert (kept[0, 5:15, 5:15] == InfectionLabel.GROUND_GLASS).all()
    assert not kept[0, 40:50, 5:15].any()
    assert (kept[0, 40:50, 40:50] == InfectionLabel.EFFUSION).all()


def test_the_threshold_leaves_the_mask_with_the_best_dice() -> None:
    shares = torch.tensor([0.1, 0.22, 0.42, 0.9])
    pixels, hits = torch.tensor([50, 400, 30, 900]), torch.tensor([0, 300, 5, 900])
    candidates = Candidates(torch.zeros(4, 1, 1, 1), hits > 100, pixels, hits, 100)
    assert 0.1 < best_threshold(shares, candidates) <= 0.22, "a large region, mostly infected, is worth keeping"


def test_the_curve_reaches_from_corner_to_corner(judge: CandidateJudge) -> None:
    values = torch.linspace(0, 1, 40)
    patches = values[:, None, None, None].expand(40, 1, PATCH_EDGE, PATCH_EDGE)
    infected = values > 0.45
    result = judged(judge, Candidates(patches, infected, torch.ones(40), infected.int(), 0), 0.5)
    assert result["auc"] == 1.0
    assert result["accuracy"] == pytest.approx(0.95, abs=0.05)
    assert result["roc"][0] == [1.0, 1.0]
    assert result["roc"][-1] == [0.0, 0.0]


def test_a_coin_has_half_the_area() -> None:
    assert area_under_roc(torch.tensor([0.5, 0.5, 0.5, 0.5]), torch.tensor([True, False, True, False])) == 0.5
