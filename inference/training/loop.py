"""Training one network: warm-up, cosine, averaged weights, best and last checkpoints, a log and its curves."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from inference.device import Device, pick_device
from inference.errors import BadConfiguration
from inference.preprocess.slices import normalised
from inference.training.augment import augmented
from inference.training.config import Task, TrainingConfig
from inference.training.curves import draw_curves
from inference.training.datasets import Case, cases_of, synthetic_cases
from inference.training.losses import balanced_entropy, loss_of, median_frequency_weights
from inference.training.networks import OUTPUTS, build_network
from inference.training.samples import Samples, samples_of

WARM_UP_STEPS, FINAL_RATE_SHARE = 100, 0.01
AVERAGING = 0.998
VALIDATION_BATCH = 32
LOG_FIELDS = ("step", "loss", "validation_dice", "learning_rate")


@dataclass
class Progress:
    """Where a training stands; kept in the checkpoint."""

    step: int = 0
    best_dice: float = -1.0
    #: Validations since the best one.
    waited: int = 0


def train(config: TrainingConfig, device: str = "auto") -> Path:
    """Train as configured; returns the checkpoint of the last step.

    Raises:
        BadConfiguration: data are missing, or a split leaves nothing to train or validate on.
    """
    cases = [*cases_of(Path(config.datasets), config.task), *synthetic_cases(config.phantoms)]
    held_out = {*config.test, *config.validation}
    training = [case for case in cases if case.patient not in held_out]
    validation = [case for case in cases if case.patient in set(config.validation)]
    return fit(config, training, validation, pick_device(device))


def fit(config: TrainingConfig, training: list[Case], validation: list[Case], place: Device) -> Path:
    """Fit one network to cases; a training that was broken off goes on from its last checkpoint."""
    if not training or not validation:
        raise BadConfiguration("The split leaves no case to train or to validate on; check test and validation.")
    Path(config.out).mkdir(parents=True, exist_ok=True)
    return _Fit(config, training, validation, place).run()


class _Fit:
    """One training. Its state is what the checkpoint holds."""

    def __init__(self, config: TrainingConfig, training: list[Case], validation: list[Case], place: Device) -> None:
        torch.manual_seed(config.seed)
        self._config, self._place = config, place
        self._samples = samples_of(training, config.task, config.phantom_weight)
        self._held_back = samples_of(validation, config.task, config.phantom_weight)
        self._class_weights = median_frequency_weights(self._samples.labels, OUTPUTS[config.task]).to(
            place.torch_device
        )
        network = build_network(config).to(place.torch_device)
        self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=1e-4)
        self._progress = Progress()
        out = Path(config.out)
        self._last, self._best = out / f"{config.name}-last.pt", out / f"{config.name}-best.pt"
        self._log, self._curves = out / f"{config.name}.csv", out / f"{config.name}.png"
        if config.start and not self._last.exists():
            _load_what_fits(self._network, Path(config.start))
        self._averaged = torch.optim.swa_utils.AveragedModel(self._network, avg_fn=averaged, use_buffers=True)
        if self._last.exists():
            self._resume()

    def run(self) -> Path:
        """Step to the end, or until validation has not improved for long; returns the last checkpoint."""
        config, progress = self._config, self._progress
        while progress.step < config.steps:
            rate = config.learning_rate * rate_share(progress.step, config.steps)
            for group in self._optimiser.param_groups:
                group["lr"] = rate
            loss = self._step()
            self._averaged.update_parameters(self._network)
            progress.step += 1
            if progress.step % config.validate_every and progress.step < config.steps:
                continue
            self._validate(loss, rate)
            if config.patience and progress.waited >= config.patience:
                break
        return self._last

    def _step(self) -> float:
        config, samples, device = self._config, self._samples, self._place.torch_device
        self._network.train()
        chosen = torch.multinomial(samples.weights, config.batch_size)
        hu, labels = samples.hu[chosen].float()[:, None], samples.labels[chosen].float()[:, None]
        inputs, truth = augmented(hu, labels, config.task)
        with self._place.autocast():
            logits = self._network(inputs.to(device, memory_format=torch.channels_last))
        truth = truth.to(device)
        loss: Tensor = (
            balanced_entropy(logits, truth, self._class_weights)
            if config.loss == "balanced-entropy"
            else loss_of(logits, truth, samples.knows_kinds[chosen].to(device), config.task)
        )
        self._optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._network.parameters(), 5.0)
        self._optimiser.step()
        return loss.item()

    def _validate(self, loss: float, rate: float) -> None:
        progress, config = self._progress, self._config
        dice = validation_dice(self._averaged.module, self._held_back, config.task, self._place)
        is_better = dice > progress.best_dice
        progress.best_dice, progress.waited = max(dice, progress.best_dice), 0 if is_better else progress.waited + 1
        state = {key: value.float().cpu() for key, value in self._averaged.module.state_dict().items()}
        if is_better:
            torch.save({"state": state, "step": progress.step}, self._best)
        self._save(state)
        with self._log.open("a", newline="") as file:
            writer = csv.writer(file)
            if file.tell() == 0:
                writer.writerow(LOG_FIELDS)
            writer.writerow([progress.step, f"{loss:.4f}", f"{dice:.4f}", f"{rate:.2e}"])
        draw_curves(self._log, self._curves)
        share = progress.step / config.steps
        print(f"{config.name} {share:4.0%} step {progress.step} loss {loss:.3f} validation Dice {dice:.4f}", flush=True)

    def _save(self, state: dict[str, Tensor]) -> None:
        kept: dict[str, Any] = {
            "state": state,
            "raw": self._network.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "count": int(self._averaged.n_averaged),
            **vars(self._progress),
        }
        part = self._last.with_suffix(".part")
        torch.save(kept, part)
        part.replace(self._last)

    def _resume(self) -> None:
        kept = torch.load(self._last, weights_only=True, map_location=self._place.torch_device)
        self._network.load_state_dict(kept["raw"])
        self._averaged.module.load_state_dict(kept["state"])
        self._averaged.n_averaged.fill_(kept["count"])
        self._optimiser.load_state_dict(kept["optimiser"])
        self._progress = Progress(kept["step"], kept["best_dice"], kept["waited"])


def _load_what_fits(network: nn.Module, checkpoint: Path) -> None:
    """Weights of another training, layer by layer; a head with other outputs begins anew."""
    own = network.state_dict()
    given = torch.load(checkpoint, weights_only=True)["state"]
    network.load_state_dict({**own, **{k: v for k, v in given.items() if k in own and v.shape == own[k].shape}})


def averaged(kept: Tensor, new: Tensor, count: Tensor | int) -> Tensor:
    """Exponential average that forgets its random beginning: the horizon grows with the steps up to its length."""
    share = min(AVERAGING, (1 + int(count)) / (10 + int(count)))
    return kept * share + new * (1 - share) if kept.is_floating_point() else new


def rate_share(step: int, steps: int) -> float:
    """Learning rate as a share of the configured one: warm-up, then half a cosine."""
    warm = min(1.0, (step + 1) / WARM_UP_STEPS)
    return warm * (0.5 * (1 + math.cos(math.pi * step / steps)) + FINAL_RATE_SHARE)


def predicted_labels(network: nn.Module, samples: Samples, task: Task, place: Device) -> Tensor:
    """Labels (n, h, w) uint8 that a network gives: lung 0/1, else the likeliest kind where infection is likelier."""
    network.eval()
    found = []
    for start in range(0, len(samples.hu), VALIDATION_BATCH):
        inputs = normalised(samples.hu[start : start + VALIDATION_BATCH].float()[:, None])
        with torch.inference_mode(), place.autocast():
            logits = network(inputs.to(place.torch_device, memory_format=torch.channels_last)).float().cpu()
        if task == "lung":
            found.append((logits[:, 0] > 0).to(torch.uint8))
            continue
        shares = logits.softmax(dim=1)
        kind = shares[:, 1:].argmax(dim=1) + 1
        found.append((kind * (shares[:, 0] < 0.5)).to(torch.uint8))
    return torch.cat(found)


def validation_dice(network: nn.Module, samples: Samples, task: Task, place: Device) -> float:
    """Dice of everything marked, pooled over the slices held back."""
    found, truth = predicted_labels(network, samples, task, place) > 0, samples.labels > 0
    total = int(found.sum() + truth.sum())
    return 2 * int((found & truth).sum()) / total if total else 1.0
