"""Patches of the 3D network: its grid, its labels, and that it learns and goes on."""

from pathlib import Path

import numpy as np
import pytest
import torch

from inference.device import pick_device
from inference.preprocess.cubes import SPACING_ZYX_MM, grid_shape, resampled, standardised
from inference.training.config import TrainingConfig
from inference.training.datasets import Case
from inference.training.patches import INFECTED, LEFT, RIGHT, PatchFit, volume_of


def chest_case() -> Case:
    """Two boxes of lung in tissue; half of the left one is infected."""
    hu = np.full((12, 120, 160), 40, np.int16)
    lung, infection = np.zeros(hu.shape, np.uint8), np.zeros(hu.shape, np.uint8)
    lung[:, 20:100, 15:65] = lung[:, 20:100, 95:145] = 1
    infection[:, 60:100, 95:145] = 1
    hu[lung > 0] = -850
    hu[infection > 0] = -300
    return Case("box", "box", hu, lung, infection, knows_kinds=False, spacing_zyx_mm=(8.0, 2.2, 2.2))


def test_the_volume_lies_on_the_networks_spacing() -> None:
    assert grid_shape((10, 100, 100), (8.0, 1.1, 1.1)) == (20, 50, 50)
    image = standardised(resampled(chest_case().hu, (8.0, 2.2, 2.2)))
    assert image.shape == (24, 120, 160)
    assert float(image.mean()) == pytest.approx(0, abs=1e-4)
    assert float(image.std()) == pytest.approx(1, abs=1e-3)
    assert SPACING_ZYX_MM[0] == 4.0


def test_labels_tell_right_from_left_and_infection() -> None:
    labels = volume_of(chest_case())["labels"][0]
    assert set(labels.unique().tolist()) == {0, RIGHT, LEFT, INFECTED}
    assert (labels[:, 40, 40] == RIGHT).all(), "the patient's right lies on the image's left"
    assert (labels[:, 80, 120] == INFECTED).all()
    assert (labels[:, 40, 120] == LEFT).all()


def test_it_trains_and_goes_on(tmp_path: Path) -> None:
    config = TrainingConfig(
        name="cubes", task="volume", datasets="", test=[], validation=[], out=str(tmp_path), network="unet3d",
        base_channels=4, batch_size=1, steps=2, validate_every=1,
    )  # fmt: skip
    last = PatchFit(config, [chest_case()], [chest_case()], pick_device("cpu")).run()
    assert torch.load(last, weights_only=True)["step"] == 2
    resumed = PatchFit(config, [chest_case()], [chest_case()], pick_device("cpu"))
    assert resumed.progress.step == 2
