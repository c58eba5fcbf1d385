"""Training CTSU-Net on synthetic CT: end to end, with online hard example mining (Xie et al., sections III-D and E)."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.device import Device
from inference.errors import BadConfiguration
from inference.io import read_mask
from inference.lobe_network import (
    PATCH_ZYX,
    Place,
    crop,
    enlarged,
    fissure_shares,
    lobe_shares,
    place_of,
    shares_of_side,
    tiles,
)
from inference.networks.ctsunet import LOBE_CLASSES, CtsUNet, shares_of
from inference.preprocess.lobe_grid import FINE_ZYX, WINDOW_HU, coarse, grid_box, labels_on_grid
from inference.training.config import TrainingConfig
from inference.training.fit import Fit
from inference.training.synthetic_ct import LEFT, RIGHT, Field, Labels, LobeMap, borders_of, synthetic_ct

#: Share of the patches, hardest first, that the second stage learns from: at the beginning and at the end.
MINED = (1.0, 0.2)
#: Share of the voxels, hardest first, whose cross-entropy counts.
TOP_SHARE = 0.3
PATCHES_A_SCAN = 2
#: Scans kept in memory; every second step one is drawn anew.
KEPT_SCANS = 96
VALIDATION_SEED = 90
ROTATION, SHIFT, ZOOM, BEND = 0.12, 0.06, 0.1, 0.05


def lobe_maps(folder: Path) -> list[LobeMap]:
    """Every map below `folder` on the grid of the lobe network.

    Raises:
        BadConfiguration: the folder holds no lobe maps.
    """
    paths = sorted(folder.glob("*_lobes.nii.gz"))
    if not paths:
        raise BadConfiguration(f"{folder} holds no *_lobes.nii.gz; unpack the lobe maps there.")
    return [LobeMap.of(path.name.removesuffix("_lobes.nii.gz"), _on_grid(read_mask(path).labels)) for path in paths]


def _on_grid(labels: Labels) -> Labels:
    box = grid_box((labels > 0) & (labels < LOBE_CLASSES))
    if box is None:
        raise BadConfiguration("A lobe map is empty.")
    return labels_on_grid(labels[box])


def scaled(hu: Field) -> Tensor:
    """HU as the network's input, 0..1."""
    low, high = WINDOW_HU
    return (torch.from_numpy(hu).clamp(low, high) - low) / (high - low)


def lobes_in(labels: Labels) -> Tensor:
    """Lobe labels without the airways, int64."""
    return torch.from_numpy(np.where(labels < LOBE_CLASSES, labels, 0).astype(np.int64))


def train_lobes(config: TrainingConfig, place: Device) -> Path:
    """Train on every map that is neither in `test` nor in `validation`; returns the last checkpoint.

    Raises:
        BadConfiguration: data are missing, or a split leaves nothing to train or validate on.
    """
    return LobeFit(config, *split_maps(config), place).run()


def split_maps(config: TrainingConfig) -> tuple[list[LobeMap], list[LobeMap]]:
    """Maps to train and to validate on.

    Raises:
        BadConfiguration: data are missing, or one of the two is empty.
    """
    maps = lobe_maps(Path(config.datasets) / "lobe_masks")
    training = [person for person in maps if person.name not in {*config.test, *config.validation}]
    validation = [person for person in maps if person.name in config.validation]
    if not training or not validation:
        raise BadConfiguration("The split leaves no lobe map to train or to validate on; check test and validation.")
    return training, validation


def fixed_scans(people: Sequence[LobeMap]) -> list[tuple[Field, LobeMap]]:
    """One scan (HU) of each person, the same at every validation."""
    rng = np.random.default_rng(VALIDATION_SEED)
    return [(synthetic_ct(person, rng), person) for person in people]


class Scans:
    """Imagined scans of people: some are kept and shown again, turned and bent otherwise."""

    def __init__(self, people: Sequence[LobeMap], rng: np.random.Generator) -> None:
        self._people, self._rng, self._kept = people, rng, list[tuple[Field, LobeMap]]()
        self._drawn = 0

    def draw(self, **look: Any) -> tuple[Tensor, Tensor]:
        """A scan (1, 1, z, y, x), 0..1, and its lobes (1, z, y, x) int64, turned and bent at random.

        `look` is for `synthetic_ct`, where the scan is new.
        """
        if len(self._kept) < KEPT_SCANS or self._drawn % 2:
            person = self._people[int(self._rng.integers(len(self._people)))]
            if len(self._kept) >= KEPT_SCANS:
                self._kept.pop(0)
            self._kept.append((synthetic_ct(person, self._rng, **look).astype(np.float16), person))
        self._drawn += 1
        hu, person = self._kept[self._rng.integers(len(self._kept))]
        scan, lobes = scaled(hu.astype(np.float32))[None, None], lobes_in(person.labels)[None]
        grid = _bent_grid()
        scan = functional.grid_sample(scan, grid, align_corners=False)
        lobes = functional.grid_sample(lobes[:, None].float(), grid, mode="nearest", align_corners=False)[:, 0].long()
        scan = scan.clamp(0, 1) ** torch.exp((torch.rand(1) - 0.5) * 0.4)
        return scan + torch.randn_like(scan) * torch.rand(1) * 0.02, lobes


class LobeMapFit(Fit):
    """A 3D network that learns from imagined scans of people whose lobes are known."""

    def __init__(
        self, config: TrainingConfig, training: Sequence[LobeMap], validation: Sequence[LobeMap], place: Device
    ) -> None:
        torch.manual_seed(config.seed)
        self._rng = np.random.default_rng(config.seed)
        self._scans = Scans(training, self._rng)
        self._held_back = fixed_scans(validation)
        super().__init__(config, self.untrained(config), place, torch.channels_last_3d)

    @staticmethod
    @abstractmethod
    def untrained(config: TrainingConfig) -> nn.Module:
        """The network with random weights."""


class LobeFit(LobeMapFit):
    """Both stages at once; a step is one scan and one patch of it."""

    @staticmethod
    def untrained(config: TrainingConfig) -> CtsUNet:
        """CTSU-Net of the configured width."""
        return CtsUNet(config.width)

    def batch_loss(self) -> Tensor:
        """Generalised Dice of lobes and borders plus top cross-entropy, of both stages."""
        scan, lobes = self._scans.draw()
        network: CtsUNet = self.network
        border = torch.from_numpy(borders_of(lobes[0].numpy().astype(np.uint8)))[None]
        with self.place.autocast():
            overview = network.overview(self._laid(coarse(scan)))
        half = (slice(None), *(slice(None, None, 2),) * 3)
        rough = functional.max_pool3d(border[:, None].float(), 2)[:, 0]
        loss = stage_loss(overview, lobes[half], rough)
        context = enlarged(shares_of(overview.float()))
        for corner in self._mined(context.detach(), lobes):
            low, high = place_of(corner)
            with self.place.autocast():
                detail = network.detail(self._laid(crop(scan, corner)), self._laid(crop(context, corner)), low, high)
            loss = loss + stage_loss(detail, crop(lobes, corner), crop(border.float(), corner)) / PATCHES_A_SCAN
        return loss

    def validation_dice(self, network: nn.Module) -> float:
        """Mean IoU of the lobes of the held-back maps' fixed scans."""
        network.eval()
        return float(
            np.mean(
                [
                    np.mean(list(lobe_iou(network, hu, person, self.place).values()))  # type: ignore[arg-type]
                    for hu, person in self._held_back
                ]
            )
        )

    def _laid(self, volume: Tensor) -> Tensor:
        return volume.to(self.place.torch_device).contiguous(memory_format=self.layout)

    def _mined(self, context: Tensor, lobes: Tensor) -> list[Place]:
        """Patches out of those where the first stage errs most."""
        truth = functional.one_hot(lobes, LOBE_CLASSES).movedim(-1, 1).float()
        error = (context[:, :LOBE_CLASSES].cpu() - truth).square().mean(dim=1, keepdim=True)
        stride = [edge // 2 for edge in PATCH_ZYX]
        scores = functional.avg_pool3d(error, PATCH_ZYX, stride).flatten()
        start, end = MINED
        share = start + (end - start) * self.progress.step / self.config.steps
        hardest = scores.argsort(descending=True)[: max(1, round(share * len(scores)))]
        corners = list(tiles())
        return [corners[int(hardest[n])] for n in self._rng.integers(len(hardest), size=PATCHES_A_SCAN)]


def stage_loss(logits: Tensor, lobes: Tensor, border: Tensor) -> Tensor:
    """Loss of one stage: logits (n, 7, z, y, x), lobes (n, z, y, x) int64, border (n, z, y, x) 0/1."""
    logits, device = logits.float(), logits.device
    lobes, border = lobes.to(device), border.to(device)
    shares = shares_of(logits)
    truth = functional.one_hot(lobes, LOBE_CLASSES).movedim(-1, 1).float()
    entropy = functional.cross_entropy(logits[:, :LOBE_CLASSES], lobes, reduction="none").flatten()
    top = entropy.topk(int(TOP_SHARE * len(entropy))).values.mean()
    edges = torch.stack([border, 1 - border], dim=1)
    found = torch.cat([shares[:, LOBE_CLASSES:], 1 - shares[:, LOBE_CLASSES:]], dim=1)
    return generalised_dice_loss(shares[:, :LOBE_CLASSES], truth) + generalised_dice_loss(found, edges) + top


def generalised_dice_loss(shares: Tensor, truth: Tensor) -> Tensor:
    """Generalised Dice loss (section III-E): classes (n, c, ...) weighted by the inverse square of their volume."""
    axes = (0, *range(2, truth.ndim))
    size = truth.sum(dim=axes)
    weights = torch.where(size > 0, 1 / size.clamp(min=1).square(), torch.zeros_like(size))
    both, either = (shares * truth).sum(dim=axes), (shares + truth).sum(dim=axes)
    return 1 - 2 * (weights * both).sum() / (weights * either).sum()


def lobe_iou(network: CtsUNet, hu: Field, person: LobeMap, place: Device) -> dict[int, float]:
    """IoU by lobe on the fine grid."""
    truth, found = lobes_in(person.labels), found_lobes(network, hu, person, place)
    return {
        lobe: float(((found == lobe) & (truth == lobe)).sum() / ((found == lobe) | (truth == lobe)).sum())
        for lobe in range(1, LOBE_CLASSES)
    }


def found_lobes(
    network: CtsUNet, hu: Field, person: LobeMap, place: Device, fissures: nn.Module | None = None
) -> Tensor:
    """Lobes (z, y, x) int64 within the known lungs: the pipeline has its own lung mask, and sides, too.

    With a network for `fissures`, lobes end where it sees some.
    """
    scan, truth = scaled(hu), lobes_in(person.labels)
    shares = lobe_shares(network, scan, place)
    walls = None if fissures is None else fissure_shares(fissures, scan, place)
    found = torch.zeros_like(truth)
    for lobes in (RIGHT, LEFT):
        inside = (truth >= lobes[0]) & (truth <= lobes[-1])
        own = shares_of_side(shares, lobes, inside, walls)
        found[inside] = own.max(dim=0).indices[inside] + lobes[0]
    return found


def _bent_grid() -> Tensor:
    """Where each voxel of the fine grid looks, (1, z, y, x, 3): turned, moved, zoomed and bent at random."""
    angles, zoom = (torch.rand(3) * 2 - 1) * ROTATION, torch.exp((torch.rand(3) * 2 - 1) * ZOOM)
    turn = torch.linalg.matrix_exp(
        torch.tensor([[0.0, -angles[0], angles[1]], [angles[0], 0.0, -angles[2]], [-angles[1], angles[2], 0.0]])
    )
    theta = torch.cat([turn * zoom, ((torch.rand(3) * 2 - 1) * SHIFT)[:, None]], dim=1)[None]
    grid = functional.affine_grid(theta, [1, 1, *FINE_ZYX], align_corners=False)
    bend = functional.interpolate(
        torch.randn(1, 3, 5, 4, 5) * BEND * torch.rand(1), size=FINE_ZYX, mode="trilinear", align_corners=True
    )
    return grid + bend.movedim(1, -1)
