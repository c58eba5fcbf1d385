"""k-fold over patients: every patient is tested once by a network that never saw that patient."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inference.device import pick_device
from inference.networks.unet import UNet
from inference.training.config import TrainingConfig
from inference.training.datasets import real_cases, synthetic_cases
from inference.training.loop import OUTPUTS, fit, validation_dice
from inference.training.samples import samples_of


def cross_validate(config: TrainingConfig, device: str = "auto") -> dict[str, Any]:
    """Train and test every fold; writes and returns Dice by patient. `test` and `validation` are not used."""
    cases = list(real_cases(Path(config.datasets)))
    patients = sorted({case.patient for case in cases if config.task == "lung" or case.infection is not None})
    np.random.default_rng(config.seed).shuffle(patients)
    place = pick_device(device)
    dice: dict[str, float] = {}
    for fold in range(config.folds):
        tested = patients[fold :: config.folds]
        validated = patients[(fold + 1) % len(patients) :: config.folds]
        training = [case for case in cases if case.patient not in {*tested, *validated}]
        validation = [case for case in cases if case.patient in validated]
        part = replace(config, name=f"{config.name}-fold{fold}")
        checkpoint = fit(part, [*training, *synthetic_cases(config.phantoms)], validation, place)
        network = UNet(OUTPUTS[config.task], config.base_channels)
        network.load_state_dict(torch.load(checkpoint, weights_only=True)["state"])
        for patient in tested:
            own = samples_of([case for case in cases if case.patient == patient], config.task, 1.0)
            dice[patient] = round(validation_dice(network, own, config, place), 4)
    result = {
        "name": config.name,
        "folds": config.folds,
        "dice": dice,
        "mean": round(float(np.mean(list(dice.values()))), 4),
    }
    (Path(config.out) / f"{config.name}-crossval.json").write_text(json.dumps(result, indent=1) + "\n")
    return result
