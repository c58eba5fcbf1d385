"""Pipelines put together from parts."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from inference.catalogue import DEFAULT_PIPELINE, card_of, catalogue, pipeline_named
from inference.device import CPU_BATCH, Device, pick_device
from inference.geometry import Geometry
from inference.labels import INFECTED_LABELS, InfectionLabel
from inference.metrics import Confusion
from inference.phantom import Acquisition, PhantomPatient
from inference.pipeline import load_segmenter
from inference.progress import OnProgress, ignore_progress
from inference.segmenters.composed import Composed, Filtered
from inference.segmenters.cubes import CubeFinder
from inference.segmenters.lobes import NetworkLobes
from inference.segmenters.slices import AveragedNetworks, SliceInfection, SliceNetwork, interpolated, step_of
from inference.volume import Mask, Volume


def volume_of(hu: NDArray[np.int16], spacing: tuple[float, float, float] = (5.0, 1.0, 1.0)) -> Volume:
    return Volume(hu, Geometry(hu.shape, spacing))


class MiddleAndNeighbours(nn.Module):
    """2.5D without learning: the sigmoid of each slice's own mean, in the place of that slice."""

    def forward(self, slices: torch.Tensor) -> torch.Tensor:
        means = slices.mean(dim=(2, 3), keepdim=True).clamp(1e-4, 1 - 1e-4)
        return torch.logit(means).expand(-1, -1, *slices.shape[2:])


class Certain(nn.Module):
    """Everything is found, whatever is seen."""

    def forward(self, slices: torch.Tensor) -> torch.Tensor:
        return 0 * slices + 20.0


def test_in_25d_every_slice_gets_its_own_masks_across_batches() -> None:
    levels = np.linspace(-1000, 400, 2 * CPU_BATCH + 3)
    planes = np.repeat(levels, 256 * 256).reshape(-1, 256, 256).astype(np.int16)
    device = pick_device("cpu")
    whole = SliceNetwork(MiddleAndNeighbours(), device, is_exclusive=False, slices=3)
    single = SliceNetwork(MiddleAndNeighbours(), device, is_exclusive=False, slices=1)
    found, wanted = (torch.cat([shares for _, shares in network.batches(planes)]) for network in (whole, single))
    assert found.shape == wanted.shape == (len(levels), 1, 256, 256)
    assert torch.allclose(found, wanted, atol=0.02)


@pytest.mark.parametrize("count", [1, 2, 3 * CPU_BATCH + 2])
def test_between_slices_that_were_looked_at_shares_change_evenly(count: int) -> None:
    seen = []

    class Mean(nn.Module):
        def forward(self, slices: torch.Tensor) -> torch.Tensor:
            seen.extend(slices.mean(dim=(1, 2, 3)).tolist())
            return slices

    planes = np.repeat(np.linspace(-1000, 400, count), 64).reshape(-1, 8, 8).astype(np.int16)
    network = SliceNetwork(Mean(), Device(torch.device("cpu"), has_fast_bf16=False), is_exclusive=False)
    (each,) = torch.cat([shares for _, shares in network.batches(planes)]).mean(dim=(2, 3)).T
    seen.clear()
    parts = list(interpolated(network, planes, 3))
    assert len(seen) == -(-count // 3)
    assert [z for part, _ in parts for z in range(part.start, part.stop)] == list(range(count))
    (found,) = torch.cat([shares for _, shares in parts]).mean(dim=(2, 3)).T
    last = (count - 1) // 3 * 3
    assert torch.allclose(found[:last], each[:last], atol=0.002)
    assert torch.allclose(found[last:], each[last])


@pytest.mark.parametrize(
    ("spacing_mm", "slices", "step"),
    [(5.0, 40, 1), (2.0, 40, 1), (1.25, 40, 1), (1.0, 300, 2), (1.0004, 300, 2), (0.625, 500, 3), (0.5, 2, 2)],
)
def test_slices_to_look_at_are_no_further_apart_than_asked(spacing_mm: float, slices: int, step: int) -> None:
    assert step_of(2.0, Geometry((slices, 4, 4), (spacing_mm, 1.0, 1.0))) == step
    assert step_of(0.0, Geometry((slices, 4, 4), (spacing_mm, 1.0, 1.0))) == 1


def test_the_default_finds_in_thin_slices_what_a_look_at_each_finds() -> None:
    scan = PhantomPatient(3).scan(Acquisition(infected_ml=150.0, size=160, slices=300))
    middle = slice(120, 160)
    geometry = Geometry((40, 160, 160), scan.volume.geometry.spacing_zyx_mm)
    volume = Volume(scan.volume.hu[middle], geometry)
    lung = Mask(scan.truth.lung.labels[middle], geometry)
    quick, each = (load_segmenter(pipeline_named(name), "cpu") for name in (DEFAULT_PIPELINE, "unet25d"))
    assert step_of(card_of(DEFAULT_PIPELINE)["parameters"]["infection"]["every_mm"], geometry) > 1
    kinds = (one.infection_kinds(volume, lung, ignore_progress) for one in (quick, each))
    found, wanted = (np.isin(one, INFECTED_LABELS) & (lung.labels > 0) for one in kinds)
    assert found.sum() == pytest.approx(wanted.sum(), rel=0.05)
    assert (Confusion.of(found, wanted).metrics()["dice"] or 0.0) > 0.92


def test_the_mirror_image_is_heard_too() -> None:
    class LeftHalf(nn.Module):
        def forward(self, slices: torch.Tensor) -> torch.Tensor:
            logits = torch.full_like(slices, -4.0)
            logits[..., : slices.shape[3] // 2] = 4.0
            return logits

    planes = np.zeros((1, 256, 256), np.int16)
    network = SliceNetwork(LeftHalf(), pick_device("cpu"), is_exclusive=False, mirrored=True)
    ((_, shares),) = network.batches(planes)
    assert torch.allclose(shares, torch.full_like(shares, 0.5), atol=0.01)


def test_several_networks_are_averaged_slice_by_slice() -> None:
    levels = np.linspace(-1000, 400, CPU_BATCH + 3)
    planes = np.repeat(levels, 256 * 256).reshape(-1, 256, 256).astype(np.int16)
    cpu = pick_device("cpu")
    networks = [
        SliceNetwork(network, cpu, is_exclusive=False, slices=3) for network in (MiddleAndNeighbours(), Certain())
    ]
    averaged = AveragedNetworks(networks)
    found, alone = (torch.cat([shares for _, shares in asked.batches(planes)]) for asked in (averaged, networks[0]))
    assert torch.allclose(found, (alone + 1) / 2, atol=0.01)
    gradient = averaged.score_gradient(planes[:3], 0)
    assert torch.allclose(gradient, networks[0].score_gradient(planes[:3], 0) / 2)
    assert gradient.max() > 0


def test_a_full_gpu_gets_less_at_a_time_and_last_the_cpu_takes_over() -> None:
    sizes = []

    class Fullness(nn.Module):
        """Holds two slices, then none at all, until it runs elsewhere."""

        limit = 2

        def forward(self, slices: torch.Tensor) -> torch.Tensor:
            sizes.append(len(slices))
            if len(slices) > self.limit:
                raise torch.OutOfMemoryError
            return slices

    planes = np.linspace(-1000, 400, 5 * 256 * 256).reshape(5, 256, 256).astype(np.int16)
    wanted = torch.cat(
        [s for _, s in SliceNetwork(nn.Identity(), pick_device("cpu"), is_exclusive=False).batches(planes)]
    )
    network = SliceNetwork(Fullness(), Undivided(torch.device("cpu"), has_fast_bf16=False), is_exclusive=False)
    assert torch.allclose(torch.cat([shares for _, shares in network.batches(planes)]), wanted, atol=0.02)
    assert sizes == [5, 2, 3, 1, 2]
    Fullness.limit = 0
    with pytest.raises(torch.OutOfMemoryError):
        list(SliceNetwork(Fullness(), pick_device("cpu"), is_exclusive=False).batches(planes))
    gpu = FullGpu(torch.device("meta"), has_fast_bf16=False)
    elsewhere = SliceNetwork(nn.Identity(), gpu, is_exclusive=False)
    assert torch.allclose(torch.cat([shares for _, shares in elsewhere.batches(planes)]), wanted, atol=0.02)


class Undivided(Device):
    """A CPU that computes a whole batch together, as a GPU does."""

    def piece(self, items: int) -> int:
        return items


class FullGpu(Device):
    """Nothing fits into it any more."""

    def laid(self, values: torch.Tensor, layout: torch.memory_format) -> torch.Tensor:
        raise torch.OutOfMemoryError

    def batch(self, item_mib: float) -> int:
        return 16

    def autocast(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()


def test_a_masked_network_sees_nothing_but_lung() -> None:
    seen = []

    class Spy(nn.Module):
        def forward(self, slices: torch.Tensor) -> torch.Tensor:
            seen.append(slices)
            return torch.zeros(len(slices), 4, *slices.shape[2:])

    hu = np.full((2, 64, 64), 300, np.int16)
    lung = np.zeros(hu.shape, np.uint8)
    lung[:, 10:50, 10:50] = 1
    network = SliceNetwork(Spy(), pick_device("cpu"), is_exclusive=True)
    finder = SliceInfection(network, 0.9, kinds=True, is_masked=True)
    volume = volume_of(hu)
    kinds = finder.infection_kinds(volume, Mask(lung, volume.geometry), ignore_progress)
    assert not kinds.any()
    assert float(seen[0][:, :, 0, 0].max()) < 0.2, "the corner lies outside the lung"
    assert float(seen[0].max()) > 0.7


class Everything:
    def infection_kinds(self, volume: Volume, lung: Mask, on_progress: OnProgress) -> NDArray[np.uint8]:
        on_progress(1.0)
        return np.full(volume.hu.shape, InfectionLabel.GROUND_GLASS, np.uint8)

    def infection_saliency(self, volume: Volume, lung: Mask, z: int) -> None:
        return None


@dataclass
class Recorder:
    shares: list[float] = field(default_factory=list)
    seen: int = 0

    def without_healthy(self, volume: Volume, kinds: NDArray[np.uint8], on_progress: OnProgress) -> NDArray[np.uint8]:
        self.seen = int(np.count_nonzero(kinds))
        on_progress(1.0)
        return np.zeros_like(kinds)


def test_the_judge_sees_what_lies_inside_the_lung_alone() -> None:
    volume = volume_of(np.zeros((2, 8, 8), np.int16))
    lung = Mask(np.zeros((2, 8, 8), np.uint8), volume.geometry)
    lung.labels[0, :4] = 1
    judge = Recorder()
    assert not Filtered(Everything(), judge).infection_kinds(volume, lung, judge.shares.append).any()
    assert judge.seen == 32
    assert judge.shares == [0.7, 1.0]


def test_a_3d_network_is_brought_back_to_the_scans_own_grid() -> None:
    class Halves(nn.Module):
        """Infection in the half of a patch that is brighter than the scan's mean."""

        def forward(self, patches: torch.Tensor) -> torch.Tensor:
            logits = torch.zeros(len(patches), 4, *patches.shape[2:])
            logits[:, 3] = patches[:, 0] * 20
            return logits

    hu = np.full((10, 200, 180), -900, np.int16)
    hu[5:] = 0
    volume = volume_of(hu, (8.0, 2.0, 2.0))
    everywhere = Mask(np.ones(hu.shape, np.uint8), volume.geometry)
    kinds = CubeFinder(Halves(), pick_device("cpu")).infection_kinds(volume, everywhere, ignore_progress)
    assert (kinds[6:] == InfectionLabel.INFECTED).all()
    assert not kinds[:4].any()


class UnsureLobes(nn.Module):
    """Upper lobes above, lower lobes below, and never a middle lobe."""

    def overview(self, coarse: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(coarse), 7, *coarse.shape[2:])

    def detail(self, crops: torch.Tensor, context: torch.Tensor, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(len(crops), 7, *crops.shape[2:])
        levels = torch.linspace(float(low[0, 0]), float(high[0, 0]), crops.shape[2])[:, None, None]
        for upper, lower in ((1, 3), (4, 5)):
            logits[:, upper], logits[:, lower] = (levels > 0.5) * 9.0, (levels <= 0.5) * 9.0
        logits[:, 2] = -9.0
        return logits


def test_lobes_stay_within_their_lung_and_doubt_is_said() -> None:
    hu = np.full((40, 60, 80), -800, np.int16)
    lung = np.zeros(hu.shape, np.uint8)
    lung[4:36, 10:50, 8:36], lung[4:36, 10:50, 44:72] = 1, 2
    volume = volume_of(hu, (5.0, 1.0, 1.0))
    lobes, notes = NetworkLobes(UnsureLobes(), pick_device("cpu")).find_lobes(volume, Mask(lung, volume.geometry))  # type: ignore[arg-type]
    assert set(np.unique(lobes.labels[lung == 1])) <= {1, 2, 3}
    assert set(np.unique(lobes.labels[lung == 2])) <= {4, 5}
    assert not lobes.labels[lung == 0].any()
    assert (lobes.labels[30][lung[30] == 1] == 1).mean() > 0.95
    assert {note.code for note in notes} == {"lobes-doubtful", "lobes-thick-slices"}
    assert "RML" in notes[0].text


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.name)
def test_every_pipeline_loads_with_its_own_weights(entry) -> None:
    segmenter = load_segmenter(entry, "cpu")
    assert segmenter.closing_mm >= 0
    if "lung" in card_of(entry.name)["parameters"] and entry.module.endswith("composed"):
        assert isinstance(segmenter, Composed)
