"""Training the 3D U-Net on patches: Müller et al.'s preprocessing, augmentation and loss, through MONAI."""

from pathlib import Path

import numpy as np
import torch
from monai.data import set_track_meta
from monai.losses import TverskyLoss
from monai.transforms import (
    Compose,
    Rand3DElasticd,
    RandAdjustContrastd,
    RandAffined,
    RandCropByPosNegLabeld,
    RandFlipd,
    RandGaussianNoised,
    RandScaleIntensityd,
    RandShiftIntensityd,
    SpatialPadd,
)
from torch import Tensor, nn
from torch.nn import functional

from inference.device import Device
from inference.networks.unet3d import unet3d
from inference.preprocess.cubes import PATCH_ZYX, resampled, standardised
from inference.segmenters.cubes import patch_shares
from inference.training.config import TrainingConfig
from inference.training.datasets import Case, synthetic_cases
from inference.training.fit import Fit
from inference.training.layouts import marked_cases, split

#: Every change of a patch is made with this probability (section on data augmentation).
CHANCE = 0.15
RIGHT, LEFT, INFECTED = 1, 2, 3
#: Share of the patches whose centre is infected.
INFECTED_CENTRES = 0.7
#: Of background, right lung, left lung, infection in the cross-entropy.
ENTROPY_WEIGHTS = (0.5, 1.0, 1.0, 3.0)
Patch = dict[str, Tensor]


def train_patches(config: TrainingConfig, place: Device) -> Path:
    """Train on the stacks with marked infection; returns the last checkpoint.

    Raises:
        BadConfiguration: data are missing, or a split leaves nothing to train or validate on.
    """
    training, validation = split(config, marked_cases(config))
    return PatchFit(config, [*training, *synthetic_cases(config.phantoms)], validation, place).run()


def volume_of(case: Case) -> Patch:
    """Image (1, z, y, x) float32 and labels (1, z, y, x) of a case on the network's spacing."""
    image = standardised(resampled(case.hu, case.spacing_zyx_mm))
    labels = torch.from_numpy(_four_labels(case))[None, None].float()
    resized = functional.interpolate(labels, size=tuple(image.shape), mode="nearest-exact")[0]
    return {"image": image[None], "labels": resized.to(torch.uint8), "infected": (resized == INFECTED).to(torch.uint8)}


def _four_labels(case: Case) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Right lung, left lung, infection. The sets tell no sides; the middle of the lungs' box parts them."""
    columns = np.flatnonzero(case.lung.any(axis=(0, 1)))
    middle = (columns[0] + columns[-1]) / 2 if columns.size else 0
    sides = np.where(np.arange(case.lung.shape[2]) < middle, RIGHT, LEFT).astype(np.uint8)
    labels = (case.lung > 0) * sides
    if case.infection is not None:
        labels[case.infection > 0] = INFECTED
    return labels.astype(np.uint8)


class PatchFit(Fit):
    """A 3D network and the volumes it draws patches from."""

    def __init__(self, config: TrainingConfig, training: list[Case], validation: list[Case], place: Device) -> None:
        torch.manual_seed(config.seed)
        self._volumes = [volume_of(case) for case in training]
        self._held_back = [volume_of(case) for case in validation]
        self._rng = np.random.default_rng(config.seed)
        self._changes = _augmentation(config.seed)
        self._tversky = TverskyLoss(to_onehot_y=True, softmax=True)
        super().__init__(config, unet3d(config.base_channels), place, torch.channels_last_3d)

    def batch_loss(self) -> Tensor:
        """Tversky loss plus cross-entropy of a few patches."""
        size = np.asarray([volume["image"].numel() for volume in self._volumes], np.float64)
        chosen = self._rng.choice(len(size), self.config.batch_size, p=np.sqrt(size) / np.sqrt(size).sum())
        patches = [self._changes(self._volumes[number])[0] for number in chosen]
        images, labels = (torch.stack([patch[key] for patch in patches]) for key in ("image", "labels"))
        device = self.place.torch_device
        with self.place.autocast():
            logits = self.network(images.float().to(device).contiguous(memory_format=self.layout)).float()
        truth = labels.to(device)
        weights = torch.tensor(ENTROPY_WEIGHTS, device=device)
        loss: Tensor = self._tversky(logits, truth) + functional.cross_entropy(logits, truth[:, 0].long(), weights)
        return loss

    def validation_dice(self, network: nn.Module) -> float:
        """Dice of the infection, pooled over the volumes held back."""
        network.eval()
        both = either = 0
        for volume in self._held_back:
            found = infection_share(network, volume["image"], self.place) > 0.5
            truth = volume["labels"][0] == INFECTED
            both += int((found & truth).sum())
            either += int(found.sum() + truth.sum())
        return 2 * both / either if either else 1.0


def infection_share(network: nn.Module, image: Tensor, place: Device) -> Tensor:
    """Share of infection (z, y, x)."""
    return patch_shares(network, image, place)[INFECTED]


def _augmentation(seed: int) -> Compose:
    both, modes = ("image", "labels"), ("bilinear", "nearest")
    changes = Compose(
        [
            SpatialPadd((*both, "infected"), PATCH_ZYX),
            # With the steps there are, random patches would show too little infection to learn it from.
            RandCropByPosNegLabeld(both, "infected", PATCH_ZYX, pos=INFECTED_CENTRES, neg=1 - INFECTED_CENTRES),
            RandFlipd(both, prob=CHANCE, spatial_axis=0),
            RandFlipd(both, prob=CHANCE, spatial_axis=1),
            Rand3DElasticd(both, (6, 8), (30, 90), prob=CHANCE / 3, mode=modes, padding_mode="border"),
            RandAffined(both, prob=CHANCE, rotate_range=(0.1, 0.1, 0.3), mode=modes, padding_mode="border"),
            RandAffined(both, prob=CHANCE, scale_range=(0.15, 0.15, 0.15), mode=modes, padding_mode="border"),
            RandScaleIntensityd("image", 0.2, prob=CHANCE),
            RandShiftIntensityd("image", 0.2, prob=CHANCE),
            RandAdjustContrastd("image", prob=CHANCE, gamma=(0.7, 1.5)),
            RandGaussianNoised("image", prob=CHANCE, std=0.1),
        ]
    )
    changes.set_random_state(seed)
    set_track_meta(False)
    return changes
