"""Training the fissure network on patches of synthetic CT around lobe maps."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.device import Device
from inference.lobe_network import PATCH_ZYX, crop, fissure_shares
from inference.metrics import Confusion
from inference.networks.fissures import fissure_network
from inference.preprocess.lobe_grid import FINE_ZYX
from inference.training.config import TrainingConfig
from inference.training.lobes import LobeMapFit, lobes_in, scaled, split_maps
from inference.training.synthetic_ct import fissures_of

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


class FissureFit(LobeMapFit):
    """A batch are patches of one scan, mirrored at random: where a fissure usually lies does not help."""

    @staticmethod
    def untrained(config: TrainingConfig) -> nn.Module:
        """The network for fissures, of the configured channels."""
        return fissure_network(config.base_channels)

    def batch_loss(self) -> Tensor:
        """Cross-entropy and Dice loss of the fissures within the lungs."""
        is_late = 2 * self.progress.step >= self.config.steps and self._rng.random() < FAINT_SHARE
        scan, lobes = self._scans.draw(fissure_hu=FAINT_HU if is_late else PLAIN_HU)
        truth = torch.from_numpy(fissures_of(lobes[0].numpy().astype(np.uint8), both_sides=True))
        stack = torch.stack([scan[0, 0], truth.float(), (lobes[0] > 0).float()])
        patches = torch.stack([self._patch(stack) for _ in range(self.config.batch_size)]).to(self.place.torch_device)
        with self.place.autocast():
            logits = self.network(patches[:, :1].contiguous(memory_format=self.layout))
        return fissure_loss(logits[:, 0].float(), patches[:, 1], patches[:, 2])

    def validation_dice(self, network: nn.Module) -> float:
        """Mean Dice of the fissures within the lungs of the held-back maps' fixed scans."""
        network.eval()
        dice = []
        for hu, person in self._held_back:
            lobes = lobes_in(person.labels).numpy().astype(np.uint8)
            found = fissure_shares(network, scaled(hu), self.place).numpy() > FOUND_FROM
            agreement = Confusion.of(found & (lobes > 0), fissures_of(lobes, both_sides=True))
            dice.append(agreement.metrics()["dice"] or 0.0)
        return float(np.mean(dice))

    def _patch(self, stack: Tensor) -> Tensor:
        z, y, x = (int(self._rng.integers(size - edge + 1)) for size, edge in zip(FINE_ZYX, PATCH_ZYX, strict=True))
        return crop(stack, (z, y, x)).flip([axis for axis in (1, 2, 3) if self._rng.random() < 0.5])


def fissure_loss(logits: Tensor, truth: Tensor, lung: Tensor) -> Tensor:
    """Loss (scalar) of logits (n, z, y, x) where `lung` is 1; what is found outside the lungs does not matter."""
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, weight=lung, reduction="sum")
    shares = logits.sigmoid() * lung
    overlap = (2 * (shares * truth).sum() + 1) / (shares.sum() + truth.sum() + 1)
    return entropy / lung.sum().clamp(min=1) + 1 - overlap
