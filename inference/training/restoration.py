"""Training the network that puts contrast-equalised grey slices back on Hounsfield units, on slices whose HU are known.

Of each slice (turned, zoomed, grainier, with opacities) a window is shown and equalised; the network, which sees that
picture alone, says what the HU were. The grain is part of them: without it, faint opacities go too.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inference.device import Device
from inference.errors import BadConfiguration
from inference.io import read_input
from inference.networks.unet import UNet
from inference.preprocess.slices import INPUT_SIZE, WINDOW_HU, normalised
from inference.training.config import TrainingConfig
from inference.training.datasets import AIR_HU, single_slices, synthetic_cases
from inference.training.equalised import GREYS, equalised
from inference.training.fit import Fit

#: Complete scans that train beside the single slices.
SCANS = ("P001", "normal001")
#: HU of black and of white in the windows that are shown; whether white is wide is uniform on a logarithmic scale.
BLACK_HU, WHITE_HU = (-1500.0, -1000.0), (150.0, 3000.0)
#: Share of the batches that are equalised at twice the networks' resolution and then shrunk; and of those the share
#: that is not averaged: every second pixel is taken, and the slice looks grainier.
LARGE_SHARE, SKIPPED_SHARE = 0.7, 0.5
ROTATION, SHIFT, ZOOM = 0.15, 0.1, 0.25
GRAINY_SHARE, GRAIN_HU = 0.7, 150.0
#: Opacities: how many slices have some, how dense they are, how many blobs an edge has room for.
OPAQUE_SHARE, OPACITY_HU, BLOBS = 0.6, (-700.0, 60.0), (4, 24)
#: Above this there is more than the air around the patient.
TISSUE_HU, TISSUE_RISE_HU = -980.0, 60.0
#: Lung and what is in it: here an error counts more.
LUNG_HU, LUNG_WEIGHT = (-960.0, -250.0), 4.0
VALIDATION_SEED, VALIDATION_BATCHES = 3, 6


def train_restoration(config: TrainingConfig, place: Device) -> Path:
    """Train on the single lung slices, complete scans and phantoms; returns the last checkpoint.

    Raises:
        BadConfiguration: a piece is missing; the sentence names it.
    """
    root = Path(config.datasets)
    held_back = list(single_slices(root, "val").hu)
    training = list(single_slices(root, "train").hu)
    for name in SCANS:
        folder = root / "dicom" / name
        if not folder.is_dir():
            raise BadConfiguration(f"{folder} is missing; unpack the DICOM series there.")
        training.extend(read_input(folder).volume.hu)
    training += [plane for case in synthetic_cases(config.phantoms) for plane in case.hu]
    return RestorationFit(config, training, held_back, place).run()


class RestorationFit(Fit):
    """A batch are slices (y, x) int16 of any size, each changed at random and shown as an equalised picture."""

    def __init__(
        self,
        config: TrainingConfig,
        training: Sequence[NDArray[np.int16]],
        validation: Sequence[NDArray[np.int16]],
        place: Device,
    ) -> None:
        torch.manual_seed(config.seed)
        self._planes = training
        draw = torch.Generator().manual_seed(VALIDATION_SEED)
        self._held_back = [
            shown(imagined([validation[n] for n in some], draw), draw)
            for some in torch.randperm(len(validation), generator=draw).split(config.batch_size)[:VALIDATION_BATCHES]
        ]
        self._draw = torch.Generator().manual_seed(config.seed)
        super().__init__(config, UNet(1, config.base_channels), place, torch.channels_last)

    def batch_loss(self) -> Tensor:
        """Mean absolute error, as a share of the HU window, weighted towards the lung."""
        chosen = torch.randint(len(self._planes), (self.config.batch_size,), generator=self._draw)
        grey, hu = shown(imagined([self._planes[n] for n in chosen], self._draw), self._draw)
        return self._error(self.network, grey, hu)

    def validation_dice(self, network: nn.Module) -> float:
        """1 less the weighted error on pictures of slices held back, always the same."""
        network.eval()
        with torch.inference_mode():
            errors = [self._error(network, grey, hu).item() for grey, hu in self._held_back]
        return 1 - float(np.mean(errors))

    def _error(self, network: nn.Module, grey: Tensor, hu: Tensor) -> Tensor:
        device = self.place.torch_device
        with self.place.autocast():
            found = network(grey.to(device, memory_format=self.layout))
        hu = hu.to(device)
        weight = torch.where((hu > LUNG_HU[0]) & (hu < LUNG_HU[1]), LUNG_WEIGHT, 1.0)
        return ((found.float() - normalised(hu)).abs() * weight).sum() / weight.sum()


def imagined(planes: Sequence[NDArray[np.int16]], draw: torch.Generator) -> Tensor:
    """Planes as HU (n, 1, size, size), turned, moved, zoomed, mirrored, with opacities: each by chance."""
    size = INPUT_SIZE * (2 if _one(draw) < LARGE_SHARE else 1)
    moved = [_moved(torch.from_numpy(np.asarray(plane, np.float32))[None, None], size, draw) for plane in planes]
    return torch.cat([_opaque(hu, draw) if _one(draw) < OPAQUE_SHARE else hu for hu in moved])


def _moved(hu: Tensor, size: int, draw: torch.Generator) -> Tensor:
    """A plane (1, 1, y, x) on a grid of `size`; what comes into view is air."""
    angle, zoom = ROTATION * _signed(draw), np.exp(ZOOM * _signed(draw))
    mirror = 1 if _one(draw) < 0.5 else -1
    cos, sin = np.cos(angle) * zoom, np.sin(angle) * zoom
    turned = torch.tensor(
        [[[cos * mirror, -sin, SHIFT * _signed(draw)], [sin * mirror, cos, SHIFT * _signed(draw)]]],
        dtype=torch.float32,
    )
    grid = functional.affine_grid(turned, [1, 1, size, size], align_corners=False)
    return functional.grid_sample(hu - AIR_HU, grid, align_corners=False) + AIR_HU


def _opaque(hu: Tensor, draw: torch.Generator) -> Tensor:
    """The lung denser in places, up to a density; what is denser already stays."""
    blobs = int(torch.randint(BLOBS[0], BLOBS[1] + 1, (1,), generator=draw))
    field = torch.randn(1, 1, blobs, blobs, generator=draw)
    field = functional.interpolate(field, size=hu.shape[2:], mode="bicubic", align_corners=False)
    share = ((field - 1.5 * _one(draw)) * (1 + 4 * _one(draw))).clamp(0, 1)
    within = ((hu - TISSUE_HU) / TISSUE_RISE_HU).clamp(0, 1)
    low, high = OPACITY_HU
    density = low + (high - low) * _one(draw)
    return hu + share * within * (density - hu).clamp(min=0)


def shown(hu: Tensor, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Pictures (n, 1, INPUT_SIZE, INPUT_SIZE), 0..1, of slices through equalised windows, and their HU at that size."""
    hu = _grainy(hu, draw)
    pictures = []
    for plane in hu[:, 0]:
        black = BLACK_HU[0] + (BLACK_HU[1] - BLACK_HU[0]) * _one(draw)
        white = float(np.exp(np.log(WHITE_HU[0]) + np.log(WHITE_HU[1] / WHITE_HU[0]) * _one(draw)))
        grey = ((plane - black) / (white - black)).clamp(0, 1) * (GREYS - 1)
        pictures.append(torch.from_numpy(equalised(grey.round().to(torch.uint8).numpy())))
    grey, hu = torch.stack(pictures)[:, None].float(), hu.clamp(*WINDOW_HU)
    if grey.shape[2] > INPUT_SIZE and _one(draw) < SKIPPED_SHARE:
        grey, hu = grey[:, :, ::2, ::2], hu[:, :, ::2, ::2]
    grey = functional.adaptive_avg_pool2d(grey, INPUT_SIZE).round() / (GREYS - 1)
    return grey, functional.adaptive_avg_pool2d(hu, INPUT_SIZE)


def _grainy(hu: Tensor, draw: torch.Generator) -> Tensor:
    """Slices (n, 1, y, x) with the noise that a scanner adds, finer or coarser, in some of them."""
    grain = torch.randn(hu.shape, generator=draw)
    if _one(draw) < 0.5:
        grain = functional.avg_pool2d(grain, 3, 1, 1) * 3
    share = torch.rand(len(hu), 1, 1, 1, generator=draw)
    is_grainy = torch.rand(len(hu), 1, 1, 1, generator=draw) < GRAINY_SHARE
    return (hu + grain * GRAIN_HU * share**2 * is_grainy).clamp(min=AIR_HU)


def _one(draw: torch.Generator) -> float:
    return float(torch.rand(1, generator=draw))


def _signed(draw: torch.Generator) -> float:
    return 2 * _one(draw) - 1
