"""k-fold over patients: every patient is tested once by a network that never saw that patient."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inference.device import Device, pick_device
from inference.labels import InfectionLabel
from inference.metrics import Confusion
from inference.preprocess.slices import lung_box
from inference.training.config import WITHIN_LUNGS, Task, TrainingConfig
from inference.training.datasets import Case, beside_cases, cases_of, equalised_cases, synthetic_cases
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


@dataclass(frozen=True, slots=True)
class Study:
    """What the folds have in common. The first of the views has the grid that the metrics are counted on."""

    config: TrainingConfig
    views: list[list[Case]]
    #: In the order in which they fall into folds.
    patients: list[str]
    place: Device
    guests: Samples | None


def cross_validate(config: TrainingConfig, device: str = "auto") -> dict[str, Any]:
    """Train and test every fold; writes and returns every metric. `test` and `validation` are not used."""
    own = cases_of(Path(config.datasets), config.task) if config.datasets else iter(())
    cases = [*own, *extra_cases(config.extra)]
    patients = sorted({case.patient for case in cases if config.task == "lung" or case.infection is not None})
    np.random.default_rng(config.seed).shuffle(patients)
    study = Study(config, _views(config, cases), patients, pick_device(device), _beside(config))
    folds = [_tested(study, fold) for fold in range(config.folds)]
    counts = {case: own for fold in folds for case, own in fold.counts.items()}
    result = {
        "name": config.name,
        "network": config.network,
        "loss": config.loss,
        "steps": config.steps,
        "members": config.members,
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


def _views(config: TrainingConfig, cases: list[Case]) -> list[list[Case]]:
    """The cases as they are, and if so configured once more as equalised pictures (where a case has none, as it is)."""
    if not config.equalised_view:
        return [cases]
    pictures = {case.name: case for case in equalised_cases(Path(config.datasets))}
    return [cases, [pictures.get(case.name, case) for case in cases]]


def _tested(study: Study, fold: int) -> Fold:
    """Train and test one fold."""
    config, views, place = study.config, study.views, study.place
    tested, next_fold = (study.patients[number % config.folds :: config.folds] for number in (fold, fold + 1))
    # Half of the next fold chooses the checkpoint: about 70, 10 and 20 % of the patients with five folds.
    parts = [next_fold[member :: max(2, config.members)] for member in range(config.members)]
    networks = [_trained(study, fold, member, {*tested}, {*part}) for member, part in enumerate(parts)]

    def shares_in(wanted: Callable[[Case], bool], some: Sequence[nn.Module]) -> tuple[Tensor, Samples]:
        seen = [samples_of(filter(wanted, cases), config.task, 1.0) for cases in views]
        shares = [
            predicted_shares(network, view, config, place, mirrored=config.mirrored_test)
            for view in seen
            for network in some
        ]
        return torch.stack(shares).mean(dim=0), seen[0]

    result = Fold()
    if config.chooses_threshold:
        # No network is asked about patients that it learnt from.
        held_back = [
            shares_in(lambda case, part=part: case.patient in part, [network])  # type: ignore[misc]
            for network, part in zip(networks, parts, strict=True)
        ]
        shares, labels = (torch.cat(tensors) for tensors in zip(*((s, x.labels) for s, x in held_back), strict=True))
        result.threshold = best_threshold(shares, labels, config.task)
    for case in views[0]:
        if case.patient not in tested or (config.task != "lung" and case.infection is None):
            continue
        shares, samples = shares_in(lambda other, name=case.name: other.name == name, networks)  # type: ignore[misc]
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


def _trained(study: Study, fold: int, member: int, tested: set[str], validated: set[str]) -> nn.Module:
    """The network of a fold's member that was best on the patients held back from it."""
    config = study.config
    name = f"{config.name}-fold{fold}" + (f"-{member}" if member else "")
    training = [case for cases in study.views for case in cases if case.patient not in tested | validated]
    validation = [case for cases in study.views for case in cases if case.patient in validated]
    part = replace(config, name=name, seed=config.seed + member)
    fit(part, [*training, *synthetic_cases(config.phantoms)], validation, study.place, study.guests)
    return best_network(part, study.place)


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
