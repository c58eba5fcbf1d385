"""Contrast-limited equalisation, and the network that undoes it."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from inference.device import pick_device
from inference.errors import BadConfiguration
from inference.preprocess.slices import resized_hu
from inference.training.config import TrainingConfig
from inference.training.equalised import CLIP_LIMIT, TILES, equalised, restored_hu
from inference.training.loop import train
from inference.training.restoration import RestorationFit, imagined, shown


def curve_of(tile: np.ndarray) -> list[int]:
    """What equalisation makes of each grey in one tile, counted by hand."""
    limit = int(CLIP_LIMIT * tile.size / 256)
    bins = [int((tile == grey).sum()) for grey in range(256)]
    excess = sum(max(count - limit, 0) for count in bins)
    bins = [min(count, limit) + excess // 256 for count in bins]
    rest = excess % 256
    for number in range(rest):
        bins[number * max(256 // rest, 1)] += 1
    return [round(sum(bins[: grey + 1]) * 255 / tile.size) for grey in range(256)]


def test_each_pixel_lies_between_the_curves_of_the_tiles_around_it() -> None:
    rng = np.random.default_rng(4)
    plane = np.clip(rng.normal(90, 25, (128, 160)) + np.arange(160) / 3, 0, 255).astype(np.uint8)
    height, width = 128 // TILES, 160 // TILES
    found = equalised(plane)
    for y, x in rng.integers((0, 0), plane.shape, (60, 2)):
        value = 0.0
        for row, column, share in around((y / height - 0.5, x / width - 0.5)):
            tile = plane[row * height : (row + 1) * height, column * width : (column + 1) * width]
            value += share * curve_of(tile)[plane[y, x]]
        assert found[y, x] == pytest.approx(value, abs=0.51)


def around(place: tuple[float, float]) -> list[tuple[int, int, float]]:
    """Tiles around a place, in tiles, and the share of each; beyond the edge its tile counts."""
    (y, x), last = place, TILES - 1
    first, left = int(np.floor(y)), int(np.floor(x))
    return [
        (
            min(max(first + down, 0), last),
            min(max(left + right, 0), last),
            abs(1 - down - y + first) * abs(1 - right - x + left),
        )
        for down in (0, 1)
        for right in (0, 1)
    ]


def disk(centre: int) -> np.ndarray:
    """A body with a lung in it, in HU."""
    y, x = np.mgrid[:256, :256]
    hu = np.full((256, 256), -1000, np.int16)
    hu[(y - 128) ** 2 + (x - 128) ** 2 < 110**2] = 40
    hu[(y - 128) ** 2 + (x - centre) ** 2 < 60**2] = -850
    return hu


@pytest.fixture
def config(config: TrainingConfig) -> TrainingConfig:
    return replace(
        config, task="restoration", validation=[], batch_size=2, steps=30, validate_every=15, learning_rate=0.01
    )


def test_it_learns_and_goes_on_where_it_was_broken_off(config: TrainingConfig) -> None:
    planes, held_back, place = [disk(120), disk(135)], [disk(128), disk(130)], pick_device("cpu")
    first = RestorationFit(replace(config, steps=1, validate_every=1), planes, held_back, place)
    first.run()
    again = RestorationFit(config, planes, held_back, place)
    assert again.progress.step == 1
    again.run()
    assert again.progress.step == 30
    losses = [float(row["loss"]) for row in csv.DictReader((Path(config.out) / "tiny.csv").open())]
    assert losses[-1] < losses[0] - 0.1


def test_a_picture_is_grey_and_rises_with_its_hu() -> None:
    draw = torch.Generator().manual_seed(1)
    for _ in range(6):
        grey, hu = shown(imagined([disk(128), disk(120)], draw), draw)
        assert grey.shape == hu.shape == (2, 1, 256, 256)
        assert 0 <= grey.min() < grey.max() <= 1
        assert np.corrcoef(grey.flatten(), hu.flatten())[0, 1] > 0.5


def test_a_missing_scan_is_named(config: TrainingConfig, tmp_path: Path) -> None:
    folder = tmp_path / "lung_slices"
    folder.mkdir()
    for part in ("train", "val"):
        for kind in ("image", "lung"):
            image = sitk.GetImageFromArray(np.zeros((2, 8, 8), np.int16))
            sitk.WriteImage(image, str(folder / f"{part}_{kind}.nii.gz"))
    with pytest.raises(BadConfiguration, match="P001"):
        train(replace(config, datasets=str(tmp_path)), "cpu")


@pytest.mark.parametrize(
    ("stack", "volume", "first"), [("radiopaedia_A_thick", "medseg-2", 8), ("radiopaedia_H", "medseg-4", 8)]
)
def test_stacks_whose_hu_are_known_come_back_near_them(datasets: Path, stack: str, volume: str, first: int) -> None:
    grey, lung = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(datasets / "ma20" / f"{stack}_{kind}.nii.gz")))
        for kind in ("image", "lung")
    )
    number = volume.removeprefix("medseg-")
    hu = sitk.GetArrayFromImage(sitk.ReadImage(str(datasets / "medseg" / "rp_im" / f"{number}.nii.gz")))
    true = resized_hu(hu[first : first + len(grey)].astype(np.int16))[:, 0].numpy()[lung > 0]
    found = restored_hu(grey)[lung > 0]
    assert np.abs(found - true).mean() < 100
    assert np.corrcoef(found, true)[0, 1] > 0.8
