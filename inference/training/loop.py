"""Training on single slices: one network, lung or infection."""

import json
from pathlib import Path

import torch
from torch import Tensor, nn

from inference.device import Device, pick_device
from inference.errors import BadConfiguration
from inference.preprocess.slices import normalised
from inference.training.augment import augmented
from inference.training.candidates import train_candidates
from inference.training.config import WITHIN_LUNGS, Task, TrainingConfig
from inference.training.datasets import Case
from inference.training.fissures import train_fissures
from inference.training.fit import Fit, state_of
from inference.training.layouts import configured_cases, split
from inference.training.lobes import train_lobes
from inference.training.losses import balanced_entropy, loss_of, median_frequency_weights
from inference.training.networks import OUTPUTS, build_network
from inference.training.patches import train_patches
from inference.training.restoration import train_restoration
from inference.training.samples import Samples, samples_of

VALIDATION_BATCH = 32
THRESHOLD = 0.5
#: Tried on validation slices where the paper chooses the threshold there.
THRESHOLDS = tuple(round(0.1 + 0.05 * step, 2) for step in range(17))
#: Label of infection of the task `lung-infection`.
INFECTED = 2


def train(config: TrainingConfig, device: str = "auto") -> Path:
    """Train as configured; returns the checkpoint of the last step.

    Raises:
        BadConfiguration: data are missing, or a split leaves nothing to train or validate on.
    """
    if config.task == "lobes":
        return train_lobes(config, pick_device(device))
    if config.task == "fissures":
        return train_fissures(config, pick_device(device))
    if config.task == "candidates":
        return train_candidates(config, pick_device(device))
    if config.task == "restoration":
        return train_restoration(config, pick_device(device))
    if config.task == "volume":
        return train_patches(config, pick_device(device))
    training, validation = split(config, list(configured_cases(config)))
    place = pick_device(device)
    last = fit(config, training, validation, place)
    if config.task == "lung-infection":
        _store_threshold(config, validation, place)
    return last


def _store_threshold(config: TrainingConfig, validation: list[Case], place: Device) -> None:
    """Choose the probability from which on a pixel is infected, on validation slices (Yazdekhasty et al.)."""
    network = best_network(config, place)
    samples = samples_of(validation, config.task, config.phantom_weight)
    dice = dice_by_threshold(predicted_shares(network, samples, config, place), samples.labels, config.task)
    best = max(dice, key=lambda threshold: dice[threshold])
    content = {"threshold": best, "dice": {str(threshold): round(value, 4) for threshold, value in dice.items()}}
    (Path(config.out) / f"{config.name}-threshold.json").write_text(json.dumps(content, indent=1) + "\n")


def best_network(config: TrainingConfig, place: Device) -> nn.Module:
    """The network of a training's best checkpoint, on the device."""
    network = build_network(config)
    network.load_state_dict(state_of(Path(config.out) / f"{config.name}-best.pt"))
    ready: nn.Module = network.to(place.torch_device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return ready


def fit(
    config: TrainingConfig,
    training: list[Case],
    validation: list[Case],
    place: Device,
    beside: Samples | None = None,
) -> Path:
    """Fit one network to cases; a training that was broken off goes on from its last checkpoint.

    `beside` are drawn as well, for `config.beside_share` of each batch on average.
    """
    if not training or not validation:
        raise BadConfiguration("The split leaves no case to train or to validate on; check test and validation.")
    return SliceFit(config, training, validation, place, beside).run()


class SliceFit(Fit):
    """A 2D network and the slices it learns from."""

    def __init__(
        self,
        config: TrainingConfig,
        training: list[Case],
        validation: list[Case],
        place: Device,
        beside: Samples | None,
    ) -> None:
        torch.manual_seed(config.seed)
        self._samples = samples_of(training, config.task, config.phantom_weight, config.effusion_weight)
        if beside is not None:
            self._samples = self._samples.beside(beside, config.beside_share)
        self._held_back = samples_of(validation, config.task, config.phantom_weight)
        self._class_weights = median_frequency_weights(self._samples.labels, OUTPUTS[config.task]).to(
            place.torch_device
        )
        super().__init__(config, build_network(config), place, torch.channels_last)

    def batch_loss(self) -> Tensor:
        """Loss of slices drawn by their weights."""
        config, samples, device = self.config, self._samples, self.place.torch_device
        chosen = torch.multinomial(samples.weights, config.batch_size)
        around = samples.neighbours(chosen, config.slices)
        hu, labels = samples.hu[around].float(), samples.labels[around].float()
        inputs, truth = augmented(hu, labels, config.task, config.contrast)
        with self.place.autocast():
            logits = self.network(inputs.to(device, memory_format=self.layout))
        # In 2.5D the masks of the neighbours count like so many slices.
        logits, truth = logits.reshape(-1, OUTPUTS[config.task], *logits.shape[2:]), truth.flatten(0, 1).to(device)
        kinds = samples.knows_kinds[chosen].repeat_interleave(config.slices).to(device)
        if config.loss == "balanced-entropy":
            return balanced_entropy(logits, truth, self._class_weights)
        return loss_of(logits, truth, kinds, config.task)

    def validation_dice(self, network: nn.Module) -> float:
        """Dice of everything marked, pooled over the slices held back."""
        return validation_dice(network, self._held_back, self.config, self.place)


def labels_of(shares: Tensor, task: Task, threshold: float = THRESHOLD) -> Tensor:
    """Labels (n, h, w) uint8 of shares (n, outputs, h, w).

    Lung and effusion 0/1; for `lung-infection` lung 1 and infection 2; else the likeliest kind where infection is.
    """
    if task in ("lung", "effusion"):
        return (shares[:, 0] > threshold).to(torch.uint8)
    if task == "lung-infection":
        lung = (shares[:, 0] > threshold).to(torch.uint8)
        return torch.where(shares[:, -1] > threshold, torch.full_like(lung, 2), lung)
    kind = shares[:, 1:].max(dim=1).indices + 1
    return (kind * (shares[:, 0] < 1 - threshold)).to(torch.uint8)


def predicted_shares(
    network: nn.Module, samples: Samples, config: TrainingConfig, place: Device, *, mirrored: bool = False
) -> Tensor:
    """Shares (n, outputs, h, w) float16 of each pixel; in 2.5D the mean of the masks that overlap on a slice.

    With `mirrored` a slice and its mirror image are averaged.
    """
    network.eval()
    outputs = OUTPUTS[config.task]
    sums = torch.zeros(len(samples.hu), outputs, *samples.hu.shape[1:], dtype=torch.float16)
    seen = torch.zeros(len(samples.hu))
    for numbers in torch.arange(len(samples.hu)).split(VALIDATION_BATCH):
        around = samples.neighbours(numbers, config.slices)
        inputs = normalised(samples.hu[around].float())
        with torch.inference_mode(), place.autocast():
            logits = _logits(network, inputs, place)
            if mirrored:
                logits = (logits + _logits(network, inputs.flip(3), place).flip(3)) / 2
        shares = activated(logits.reshape(len(numbers), config.slices, outputs, *logits.shape[2:]), config.task)
        for which in range(config.slices):
            sums.index_add_(0, around[:, which], shares[:, which].half())
            seen.index_add_(0, around[:, which], torch.ones(len(numbers)))
    return sums / seen[:, None, None, None]


def activated(logits: Tensor, task: Task) -> Tensor:
    """Logits (n, slices, outputs, h, w) as shares: softmax where kinds exclude each other, else sigmoid."""
    return logits.softmax(dim=2) if task in WITHIN_LUNGS else logits.sigmoid()


def _logits(network: nn.Module, inputs: Tensor, place: Device) -> Tensor:
    logits: Tensor = network(inputs.to(place.torch_device, memory_format=torch.channels_last))
    return logits.float().cpu()


def validation_dice(network: nn.Module, samples: Samples, config: TrainingConfig, place: Device) -> float:
    """Dice of everything marked (for `lung-infection`: of the infection), pooled over the slices held back."""
    labels = labels_of(predicted_shares(network, samples, config, place), config.task)
    lowest = _lowest_marked(config.task)
    return dice_of(labels >= lowest, samples.labels >= lowest)


def dice_by_threshold(shares: Tensor, truth: Tensor, task: Task) -> dict[float, float]:
    """Pooled Dice of everything marked at each of `THRESHOLDS`: shares (n, outputs, h, w), labels (n, h, w)."""
    lowest = _lowest_marked(task)
    marked = truth >= lowest
    return {threshold: dice_of(labels_of(shares, task, threshold) >= lowest, marked) for threshold in THRESHOLDS}


def _lowest_marked(task: Task) -> int:
    return INFECTED if task == "lung-infection" else 1


def dice_of(found: Tensor, truth: Tensor) -> float:
    """Dice of two masks; 1 where both are empty."""
    total = int(found.sum() + truth.sum())
    return 2 * int((found & truth).sum()) / total if total else 1.0
