"""Synthetic CT around lobe maps, and the losses and the mining of the lobe network."""

import numpy as np
import pytest
import torch

from inference.device import pick_device
from inference.errors import BadConfiguration
from inference.networks.ctsunet import CtsUNet
from inference.preprocess.lobe_grid import FINE_ZYX
from inference.training.lobes import generalised_dice_loss, lobe_iou, lobe_maps, lobes_in, stage_loss
from inference.training.synthetic_ct import AIRWAYS, LobeMap, borders_of, fissures_of, synthetic_ct


def test_fissures_lie_between_lobes_of_one_lung_only(person: LobeMap) -> None:
    fissures = fissures_of(np.where(person.labels <= 5, person.labels, 0).astype(np.uint8))
    assert fissures.any()
    assert (person.labels[fissures] > 0).all()
    assert not fissures[:, :, 60:68].any(), "the lungs do not touch"
    assert borders_of(person.labels).sum() > fissures.sum()


def test_synthetic_ct_looks_like_ct(person: LobeMap) -> None:
    rng = np.random.default_rng(3)
    scans = [synthetic_ct(person, rng) for _ in range(4)]
    lung = (person.labels > 0) & (person.labels < AIRWAYS)
    assert all(-960 < np.median(scan[lung]) < -500 for scan in scans)
    assert all(np.median(scan[person.labels == AIRWAYS]) < -800 for scan in scans)
    assert all(np.median(scan[(person.outside_mm > 2) & (person.outside_mm < 8)]) > -200 for scan in scans)
    assert not np.allclose(scans[0], scans[1])


def test_the_same_seed_draws_the_same_scan(person: LobeMap) -> None:
    first, second = (synthetic_ct(person, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first, second)


def test_a_right_answer_costs_less_than_a_wrong_one() -> None:
    lobes = torch.arange(6).repeat(8)[None, :, None, None].expand(1, 48, 4, 4).contiguous()
    right = torch.cat(
        [torch.nn.functional.one_hot(lobes, 6).movedim(-1, 1) * 12.0, torch.full((1, 1, 48, 4, 4), -6.0)], 1
    )
    border = torch.zeros(1, 48, 4, 4)
    assert stage_loss(right, lobes, border) < 0.05
    assert stage_loss(right.roll(1, dims=2), lobes, border) > 2


def test_generalised_dice_counts_small_classes_as_much_as_large_ones() -> None:
    truth = torch.zeros(1, 2, 100, 1, 1)
    truth[:, 0, :98], truth[:, 1, 98:] = 1, 1
    without_small = truth.clone()
    without_small[:, 1] = 0
    assert generalised_dice_loss(truth, truth) == pytest.approx(0, abs=1e-6)
    assert generalised_dice_loss(without_small, truth) > 0.9


def test_iou_is_counted_for_each_lobe_within_the_known_lung(person: LobeMap) -> None:
    torch.manual_seed(0)
    iou = lobe_iou(CtsUNet(0.25).eval(), np.full(FINE_ZYX, -800, np.float32), person, pick_device("cpu"))
    assert set(iou) == {1, 2, 3, 4, 5}
    assert all(0 <= value < 0.9 for value in iou.values())
    assert (lobes_in(person.labels) < 6).all()


def test_a_folder_without_lobe_maps_is_named(tmp_path) -> None:
    with pytest.raises(BadConfiguration, match=r"_lobes\.nii\.gz"):
        lobe_maps(tmp_path)
