"""Effusion: sought in some slices, found in all, outside the lungs, and only what may be fluid."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from inference.device import pick_device
from inference.geometry import Geometry
from inference.labels import InfectionLabel, LungLabel
from inference.progress import OnProgress, ignore_progress
from inference.segmenters.composed import WithEffusion
from inference.segmenters.effusion import BELOW_MM, SOUGHT_EVERY_MM, SliceEffusion, within_ribs
from inference.segmenters.slices import SliceNetwork
from inference.volume import Mask, Volume

SPACING = (1.0, 1.5, 1.5)
SHAPE = (60, 128, 128)
WATER, LIVER_LIKE_BONE = 10, 300


class Soft(nn.Module):
    """Everything between lung and metal; counts the slices it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def forward(self, slices: torch.Tensor) -> torch.Tensor:
        self.seen += len(slices)
        return torch.where((slices > 0.4) & (slices < 0.98), 6.0, -6.0)


def scan() -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """A lung in air with water at its back, from slice 10 on."""
    hu = np.full(SHAPE, -1000, np.int16)
    lung = np.zeros(SHAPE, np.uint8)
    lung[20:, 20:80, 20:60] = LungLabel.RIGHT
    hu[lung > 0] = -850
    hu[10:40, 80:100, 20:60] = WATER
    return hu, lung


def found(hu: NDArray[np.int16], lung: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], Soft]:
    geometry = Geometry(SHAPE, SPACING)
    network = Soft()
    finder = SliceEffusion(SliceNetwork(network, pick_device("cpu"), is_exclusive=False), 0.5)
    return finder.find_effusion(Volume(hu, geometry), Mask(lung, geometry), ignore_progress), network


def test_fluid_is_found_in_every_slice_though_few_are_looked_at() -> None:
    hu, lung = scan()
    fluid, network = found(hu, lung)
    truth = hu == WATER
    assert 2 * (fluid & truth).sum() / (fluid.sum() + truth.sum()) > 0.93
    assert network.seen <= (SHAPE[0] + BELOW_MM) / SOUGHT_EVERY_MM + 1
    assert fluid[12].any(), "below the lungs' base as well"


def test_what_lies_in_the_lung_is_no_effusion() -> None:
    hu, lung = scan()
    lung[hu == WATER] = LungLabel.RIGHT
    assert not found(hu, lung)[0].any()


@pytest.mark.parametrize("change", ["small", "dense", "no lung"])
def test_what_is_too_small_or_too_dense_is_not_reported(change: str) -> None:
    hu, lung = scan()
    fluid = hu == WATER
    if change == "small":
        hu[fluid] = -1000
        hu[25:33, 80:90, 20:30] = WATER
    elif change == "dense":
        hu[fluid] = LIVER_LIKE_BONE
    else:
        lung[:] = 0
    assert not found(hu, lung)[0].any()


def test_muscle_behind_the_ribs_is_no_effusion() -> None:
    """Ribs run aslant: no single slice shows a closed wall."""
    fluid, lung = np.zeros((2, 24, 40, 40), np.bool_)
    lung[:, 5:15] = True
    fluid[:, 15:20] = True
    fluid[:, 24:30] = True
    bone = np.zeros_like(fluid)
    for z in range(24):
        bone[z, 21:23, (np.arange(40) + z) % 5 < 1] = True
    # The wall is open to the side, but muscle does not begin at the lung.
    kept = within_ribs(fluid, bone, lung, 4)
    assert np.array_equal(kept, fluid & (np.arange(40)[:, None] < 20))
    leaking = fluid.copy()
    leaking[:, 20:24] = True
    assert not within_ribs(leaking, bone, lung, 4)[:, 28:].any(), "not even where the network joins them"


def test_it_stands_beside_the_infection() -> None:
    class OneVoxel:
        def infection_kinds(self, volume: Volume, lung: Mask, on_progress: OnProgress) -> NDArray[np.uint8]:
            kinds = np.zeros(SHAPE, np.uint8)
            kinds[30, 30, 30] = InfectionLabel.CONSOLIDATION
            on_progress(1.0)
            return kinds

        def infection_saliency(self, volume: Volume, lung: Mask, z: int) -> None:
            return None

    hu, lung = scan()
    geometry = Geometry(SHAPE, SPACING)
    effusion = SliceEffusion(SliceNetwork(Soft(), pick_device("cpu"), is_exclusive=False), 0.5)
    steps: list[float] = []
    kinds = WithEffusion(OneVoxel(), effusion).infection_kinds(Volume(hu, geometry), Mask(lung, geometry), steps.append)
    assert kinds[30, 30, 30] == InfectionLabel.CONSOLIDATION
    assert (kinds == InfectionLabel.EFFUSION).sum() > 0.85 * (hu == WATER).sum()
    assert steps == sorted(steps)
    assert steps[-1] == 1.0
