"""Training the fissure network on patches of synthetic CT around lobe maps."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.device import Device
from inference.lobe_network import PATCH_ZYX, fissure_shares
from inference.networks.fissures import fissure_network
from inference.preprocess.lobe_grid import FINE_ZYX
from inference.training.config import TrainingConfig
from inference.training.fit import Fit
from inference.training.lobes import Scans, fixed_scans, lobes_in, scaled, split_maps
from inference.training.synthetic_ct import RIGHT, LobeMap

#: From this share on a voxel is fissure.
FOUND_FROM = 0.5
#: How much denser than lung fissures are. On real CT they are faint, but that teaches nothing to a network which knows
#: none yet: this share of the scans of a training's second half shows faint ones.
PLAIN_HU, FAINT_HU, FAINT_SHARE = (70.0, 450.0), (10.0, 150.0), 0.6


def train_fissures(config: TrainingConfig, place: Device) -> Path:
    """Train on every map that is neither in `test` nor in `validation`; returns the last checkpoint.

    Raises:
        BadConfiguration: data are missing, or a split leaves nothing to train or validate on.
    """
    return FissureFit(config, *split_maps(config), place).run()


class FissureFit(Fit):
    """A batch are patches of one scan, mirrored at random: where a fissure usually lies does not help."""

    def __init__(
        self, config: TrainingConfig, training: Sequence[LobeMap], validation: Sequence[LobeMap], place: Device
    ) -> None:
        torch.manual_seed(config.seed)
        self._rng = np.random.default_rng(config.seed)
        self._scans = Scans(training, self._rng)
        self._held_back = fixed_scans(validation)
        super().__init__(config, fissure_network(config.base_channels), place, torch.channels_last_3d)

    def batch_loss(self) -> Tensor:
        """Cross-entropy and Dice loss of the fissures within the lungs."""
        is_late = 2 * self.progress.step >= self.config.steps and self._rng.random() < FAINT_SHARE
        scan, lobes = self._scans.draw(fissure_hu=FAINT_HU if is_late else PLAIN_HU)
        stack = torch.stack([scan[0, 0], fissures_between(lobes[0]).float(), (lobes[0] > 0).float()])
        patches = torch.stack([self._patch(stack) for _ in range(self.config.batch_size)]).to(self.place.torch_device)
        with self.place.autocast():
            logits = self.network(patches[:, :1].contiguous(memory_format=self.layout))
        return fissure_loss(logits[:, 0].float(), patches[:, 1], patches[:, 2])

    def validation_dice(self, network: nn.Module) -> float:
        """Mean Dice of the fissures within the lungs of the held-back maps' fixed scans."""
        network.eval()
        dice = []
        for hu, person in self._held_back:
            lobes = lobes_in(person.labels)
            found = (fissure_shares(network, scaled(hu), self.place) > FOUND_FROM) & (lobes > 0)
            truth = fissures_between(lobes)
            dice.append(2 * int((found & truth).sum()) / max(1, int(found.sum() + truth.sum())))
        return float(np.mean(dice))

    def _patch(self, stack: Tensor) -> Tensor:
        corner = [int(self._rng.integers(size - edge + 1)) for size, edge in zip(FINE_ZYX, PATCH_ZYX, strict=True)]
        z, y, x = (slice(start, start + edge) for start, edge in zip(corner, PATCH_ZYX, strict=True))
        return stack[:, z, y, x].flip([axis for axis in (1, 2, 3) if self._rng.random() < 0.5])


def fissures_between(lobes: Tensor) -> Tensor:
    """Voxels on either side of a fissure, bool: `lobes` (z, y, x) are labels 1 to 5."""
    found = torch.zeros_like(lobes, dtype=torch.bool)
    for axis, size in enumerate(lobes.shape):
        here, there = lobes.narrow(axis, 0, size - 1), lobes.narrow(axis, 1, size - 1)
        differs = (here != there) & (here > 0) & (there > 0) & ((here <= RIGHT[-1]) == (there <= RIGHT[-1]))
        found.narrow(axis, 0, size - 1).logical_or_(differs)
        found.narrow(axis, 1, size - 1).logical_or_(differs)
    return found


def fissure_loss(logits: Tensor, truth: Tensor, lung: Tensor) -> Tensor:
    """Loss (scalar) of logits (n, z, y, x) where `lung` is 1; what is found outside the lungs does not matter."""
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, weight=lung, reduction="sum")
    shares = logits.sigmoid() * lung
    overlap = (2 * (shares * truth).sum() + 1) / (shares.sum() + truth.sum() + 1)
    return entropy / lung.sum().clamp(min=1) + 1 - overlap
