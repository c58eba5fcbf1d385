"""k-fold over patients: every patient is tested once by a network that never saw that patient."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from inference.device import Device, pick_device
from inference.labels import InfectionLabel
from inference.metrics import Confusion
from inference.preprocess.slices import lung_box
from inference.training.config import WITHIN_LUNGS, Task, TrainingConfig
from inference.training.datasets import Case, beside_cases, cases_of, synthetic_cases
from inference.training.layouts import extra_cases
from inference.training.loop import THRESHOLD, best_network, dice_by_threshold, fit, labels_of, predicted_shares
from inference.training.networks import OUTPUTS
from inference.training.samples import Samples, samples_of, truth_of

#: Confusion of each label of a case; "any" is everything marked.
Counts = dict[str, Confusion]
DECIMALS = 4


@dataclass(slots=True)
class Fold:
    """What one fold's networks did for the cases they had not seen."""

    counts: dict[str, Counts] = field(default_factory=dict)
    threshold: float = THRESHOLD
    #: Dice of everything marked, by case and threshold, on the networks' own grid.
    dice_by_threshold: dict[str, dict[str, float]] = field(default_factory=dict)


def cross_validate(config: TrainingConfig, device: str = "auto") -> dict[str, Any]:
    """Train and test every fold; writes and returns every metric. `test` and `validation` are not used."""
    own = cases_of(Path(config.datasets), config.task) if config.datasets else iter(())
    cases = [*own, *extra_cases(config.extra)]
    patients = sorted({case.patient for case in cases if config.task == "lung" or case.infection is not None})
    np.random.default_rng(config.seed).shuffle(patients)
    place = pick_device(device)
    guests = _beside(config)
    folds: list[Fold] = []
    for fold in range(config.folds):
        tested = patients[fold :: config.folds]
        # Half of the next fold chooses the checkpoint: about 70, 10 and 20 % of the patients with five folds.
        validated = patients[(fold + 1) % config.folds :: config.folds][::2]
        folds.append(_tested(config, fold, cases, tested, validated, place, guests))
    counts = {case: own for fold in folds for case, own in fold.counts.items()}
    result = {
        "name": config.name,
        "network": config.network,
        "loss": config.loss,
        "steps": config.steps,
        "folds": [_pooled(list(fold.counts.values())) for fold in folds],
        "thresholds": [fold.threshold for fold in folds],
        "pooled": _pooled(list(counts.values())),
        "mean": _mean(list(counts.values())),
        "dice": {case: round(_dice(c["any"]), DECIMALS) for case, c in sorted(counts.items())},
        "dice_by_threshold": {case: own for fold in folds for case, own in sorted(fold.dice_by_threshold.items())},
        "lung_pixels": {case.name: int(truth_of(case, "lung").sum()) for case in cases if case.name in counts},
        "infected_pixels": {
            case: {"found": c["any"].tp + c["any"].fp, "true": c["any"].tp + c["any"].fn}
            for case, c in sorted(counts.items())
        },
    }
    (Path(config.out) / f"{config.name}-crossval.json").write_text(json.dumps(result, indent=1) + "\n")
    return result


def _tested(
    config: TrainingConfig,
    fold: int,
    cases: list[Case],
    tested: Sequence[str],
    validated: Sequence[str],
    place: Device,
    guests: Samples | None,
) -> Fold:
    """Train and test one fold."""
    training = [case for case in cases if case.patient not in {*tested, *validated}]
    validation = [case for case in cases if case.patient in validated]
    part = replace(config, name=f"{config.name}-fold{fold}")
    fit(part, [*training, *synthetic_cases(config.phantoms)], validation, place, guests)
    network = best_network(part, place)

    def shares_in(some: list[Case]) -> tuple[Tensor, Samples]:
        samples = samples_of(some, config.task, 1.0)
        return predicted_shares(network, samples, config, place, mirrored=config.mirrored_test), samples

    result = Fold()
    if config.chooses_threshold:
        shares, samples = shares_in(validation)
        result.threshold = best_threshold(shares, samples.labels, config.task)
    for case in cases:
        if case.patient not in tested or (config.task != "lung" and case.infection is None):
            continue
        shares, samples = shares_in([case])
        dice = dice_by_threshold(shares, samples.labels, config.task)
        result.dice_by_threshold[case.name] = {str(key): round(value, DECIMALS) for key, value in dice.items()}
        found = _on_grid(labels_of(shares, config.task, result.threshold), case, config.task)
        truth = truth_of(case, config.task)
        counts = {"any": Confusion.of(found > 0, truth > 0)}
        if case.knows_kinds and OUTPUTS[config.task] > 2:
            for label in range(1, OUTPUTS[config.task]):
                counts[InfectionLabel(label).name.lower()] = Confusion.of(found == label, truth == label)
        result.counts[case.name] = counts
    return result


def best_threshold(shares: Tensor, truth: Tensor, task: Task) -> float:
    """Of `THRESHOLDS` the one with the best pooled Dice: shares (n, outputs, h, w), labels (n, h, w)."""
    dice = dice_by_threshold(shares, truth, task)
    return max(dice, key=lambda threshold: dice[threshold])


def _beside(config: TrainingConfig) -> Samples | None:
    """Slices of the other sets that train in every fold; the patients that the configuration keeps back do not."""
    if not config.beside_share:
        return None
    others = beside_cases(Path(config.datasets), {*config.test, *config.validation})
    return samples_of(others, config.task, config.phantom_weight)


def _on_grid(labels: Tensor, case: Case, task: Task) -> NDArray[np.uint8]:
    """Labels of a network's own grid on the grid of their case, where the metrics are counted."""
    rows, columns = lung_box(case.lung > 0) if task in WITHIN_LUNGS else (slice(None), slice(None))
    result = np.zeros(case.hu.shape, np.uint8)
    place = result[:, rows, columns]
    place[:] = functional.interpolate(labels[:, None].float(), size=place.shape[1:], mode="nearest-exact")[:, 0].numpy()
    return result


def _pooled(counts: list[Counts]) -> dict[str, Any]:
    """Metrics over the pixels of all cases together."""
    names = sorted({name for case in counts for name in case})
    totals = {name: _sum([case[name] for case in counts if name in case]) for name in names}
    return {name: _rounded(total.metrics()) for name, total in totals.items()}


def _mean(counts: list[Counts]) -> dict[str, float]:
    """Mean Dice of cases; a kind counts in the cases that show it or were said to."""
    names = sorted({name for case in counts for name in case})
    shown = {
        name: [_dice(case[name]) for case in counts if name in case and case[name].tp + case[name].fp + case[name].fn]
        for name in names
    }
    return {name: round(float(np.mean(dice)), DECIMALS) for name, dice in shown.items() if dice}


def _sum(parts: list[Confusion]) -> Confusion:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _dice(confusion: Confusion) -> float:
    return confusion.metrics()["dice"] or 0.0


def _rounded(metrics: dict[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, DECIMALS) for name, value in metrics.items()}
