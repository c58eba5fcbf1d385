"""Training one network: warm-up, cosine, averaged weights, best and last checkpoints, a log one can plot."""

import json
import math
from pathlib import Path

import torch
from torch import Tensor, nn

from inference.device import Device, pick_device
from inference.errors import BadConfiguration
from inference.networks.unet import UNet
from inference.preprocess.slices import normalised
from inference.training.augment import augmented
from inference.training.config import TrainingConfig
from inference.training.datasets import Case, real_cases, synthetic_cases
from inference.training.losses import loss_of
from inference.training.samples import Samples, samples_of

WARM_UP_STEPS, FINAL_RATE_SHARE = 100, 0.01
AVERAGING = 0.998
OUTPUTS = {"lung": 1, "infection": 3}
VALIDATION_BATCH = 32


def train(config: TrainingConfig, device: str = "auto") -> Path:
    """Train as configured; returns the checkpoint of the last step.

    Raises:
        BadConfiguration: data are missing, or a split leaves nothing to train or validate on.
    """
    cases = [*real_cases(Path(config.datasets)), *synthetic_cases(config.phantoms)]
    held_out = {*config.test, *config.validation}
    training = [case for case in cases if case.patient not in held_out]
    validation = [case for case in cases if case.patient in set(config.validation)]
    return fit(config, training, validation, pick_device(device))


def fit(config: TrainingConfig, training: list[Case], validation: list[Case], place: Device) -> Path:
    """Fit one network to cases."""
    torch.manual_seed(config.seed)
    if not training or not validation:
        raise BadConfiguration("The split leaves no case to train or to validate on; check test and validation.")
    samples = samples_of(training, config.task, config.phantom_weight)
    held_back = samples_of(validation, config.task, config.phantom_weight)
    network = UNet(OUTPUTS[config.task], config.base_channels)
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    last, best = out / f"{config.name}-last.pt", out / f"{config.name}-best.pt"
    step, best_dice = 0, -1.0
    if last.exists():
        kept = torch.load(last, weights_only=True)
        network.load_state_dict(kept["state"])
        step, best_dice = kept["step"], kept["best"]
    elif config.start:
        network.load_state_dict(torch.load(config.start, weights_only=True)["state"])
    network.to(place.torch_device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged = torch.optim.swa_utils.AveragedModel(network, avg_fn=_averaged, use_buffers=True)
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=1e-4)
    while step < config.steps:
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate * _rate(step, config.steps)
        loss = _one_step(network, optimiser, samples, config, place)
        averaged.update_parameters(network)
        step += 1
        if step % config.validate_every and step < config.steps:
            continue
        dice = validation_dice(averaged.module, held_back, config, place)
        state = {key: value.float().cpu() for key, value in averaged.module.state_dict().items()}
        torch.save({"state": state, "step": step, "best": max(best_dice, dice)}, last)
        if dice > best_dice:
            best_dice = dice
            torch.save({"state": state, "step": step, "best": dice}, best)
        with (out / f"{config.name}.jsonl").open("a") as log:
            log.write(json.dumps({"step": step, "loss": round(loss, 4), "validation_dice": round(dice, 4)}) + "\n")
        print(f"{config.name} step {step}/{config.steps} loss {loss:.3f} validation Dice {dice:.4f}", flush=True)
    return last


def _averaged(kept: Tensor, new: Tensor, count: Tensor | int) -> Tensor:
    """Exponential average that forgets its random beginning: the horizon grows with the steps up to its length."""
    share = min(AVERAGING, (1 + int(count)) / (10 + int(count)))
    return kept * share + new * (1 - share) if kept.is_floating_point() else new


def _rate(step: int, steps: int) -> float:
    warm = min(1.0, (step + 1) / WARM_UP_STEPS)
    return warm * (0.5 * (1 + math.cos(math.pi * step / steps)) + FINAL_RATE_SHARE)


def _one_step(
    network: nn.Module, optimiser: torch.optim.Optimizer, samples: Samples, config: TrainingConfig, place: Device
) -> float:
    network.train()
    chosen = torch.multinomial(samples.weights, config.batch_size)
    hu, labels = samples.hu[chosen].float()[:, None], samples.labels[chosen].float()[:, None]
    inputs, truth = augmented(hu, labels, config.task)
    inputs = inputs.to(place.torch_device, memory_format=torch.channels_last)
    with place.autocast():
        logits = network(inputs)
    loss: Tensor = loss_of(logits, truth.to(logits.device), samples.knows_kinds[chosen].to(logits.device), config.task)
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimiser.step()
    return loss.item()


def validation_dice(network: nn.Module, samples: Samples, config: TrainingConfig, place: Device) -> float:
    """Dice pooled over the slices held back."""
    network.eval()
    overlap = total = 0
    for start in range(0, len(samples.hu), VALIDATION_BATCH):
        part = slice(start, start + VALIDATION_BATCH)
        inputs = normalised(samples.hu[part].float()[:, None])
        with torch.inference_mode(), place.autocast():
            logits = network(inputs.to(place.torch_device, memory_format=torch.channels_last)).float().cpu()
        found = logits[:, 0] > 0 if config.task == "lung" else logits.softmax(dim=1)[:, 0] < 0.5
        truth = samples.labels[part] > 0
        overlap += int((found & truth).sum())
        total += int(found.sum() + truth.sum())
    return 2 * overlap / total if total else 1.0
