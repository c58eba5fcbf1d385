"""What the fissure network learns from, and its loss."""

import numpy as np
import torch

from inference.training.fissures import fissure_loss
from inference.training.lobes import Scans
from inference.training.synthetic_ct import LobeMap, fissures_of


def test_both_sides_of_a_fissure_count_and_the_lungs_do_not_touch() -> None:
    lobes = np.zeros((12, 4, 8), np.uint8)
    lobes[1:6, :, :4], lobes[6:11, :, :4] = 3, 1
    lobes[1:11, :, 4:] = 5
    found = fissures_of(lobes, both_sides=True)
    assert found[5:7, :, :4].all()
    assert found.sum() == 2 * 4 * 4


def test_only_the_lung_counts_in_the_loss() -> None:
    truth, lung = torch.zeros(1, 4, 4, 4), torch.zeros(1, 4, 4, 4)
    truth[:, 1], lung[:, :2] = 1, 1
    right = torch.where(truth > 0, 9.0, -9.0)
    wrong_outside = right.clone()
    wrong_outside[:, 2:] = 9.0
    assert fissure_loss(right, truth, lung) < 0.01
    assert torch.equal(fissure_loss(wrong_outside, truth, lung), fissure_loss(right, truth, lung))
    assert fissure_loss(-right, truth, lung) > 5


def test_scans_are_kept_and_shown_bent_otherwise(person: LobeMap) -> None:
    scans = Scans([person], np.random.default_rng(1))
    (first, lobes), (second, _) = scans.draw(), scans.draw()
    assert first.shape == (1, 1, *person.labels.shape)
    assert -0.2 < float(first.min()) < float(first.max()) < 1.2
    assert set(lobes.unique().tolist()) <= set(range(6))
    assert not torch.allclose(first, second)
