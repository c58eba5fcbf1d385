"""Masks against reference masks: one pair, or folders of cases with the same names."""

from pathlib import Path
from typing import Any

import numpy as np

from inference.errors import BadConfiguration, GeometryError
from inference.io import read_mask
from inference.metrics import Confusion, hd95_mm

MASK_SUFFIXES = (".nii.gz", ".nii", ".mha")
#: Metrics by label.
Metrics = dict[str, dict[str, float | None]]


def compare(predicted: Path, truth: Path) -> dict[str, Any]:
    """Metrics of each label and of all labels together; for folders by case, their mean, and pooled.

    Raises:
        BadConfiguration: a file of the reference has no counterpart.
        UnreadableFile: a file is no mask.
        GeometryError: two masks differ in shape.
    """
    if truth.is_file():
        return {"labels": _rounded(_case(predicted, truth)[0])}
    names = sorted(path.name for path in truth.iterdir() if path.name.endswith(MASK_SUFFIXES)) if truth.is_dir() else []
    if not names:
        raise BadConfiguration(f"{truth} holds no reference masks; name a mask or a folder of masks.")
    if missing := [name for name in names if not (predicted / name).is_file()]:
        raise BadConfiguration(f"{predicted} lacks {missing[0]}, which the reference has.")
    cases: dict[str, Metrics] = {}
    pooled: dict[str, Confusion] = {}
    for name in names:
        metrics, counts = _case(predicted / name, truth / name)
        cases[name] = metrics
        for label, confusion in counts.items():
            pooled[label] = pooled[label] + confusion if label in pooled else confusion
    return {
        "cases": {name: _rounded(metrics) for name, metrics in cases.items()},
        "mean": _rounded({label: _mean([case[label] for case in cases.values() if label in case]) for label in pooled}),
        "pooled": _rounded({label: confusion.metrics() for label, confusion in pooled.items()}),
    }


def _case(predicted: Path, truth: Path) -> tuple[Metrics, dict[str, Confusion]]:
    if not predicted.is_file():
        raise BadConfiguration(f"{predicted} does not exist; name a mask.")
    guess, reference = read_mask(predicted), read_mask(truth)
    if guess.labels.shape != reference.labels.shape:
        raise GeometryError(f"{predicted.name} and its reference differ in shape and cannot be compared.")
    labels = sorted(set(np.unique(guess.labels)) | set(np.unique(reference.labels)) - {0})
    pairs = {"any": (guess.labels > 0, reference.labels > 0)}
    pairs |= {str(label): (guess.labels == label, reference.labels == label) for label in labels if label}
    counts = {label: Confusion.of(*pair) for label, pair in pairs.items()}
    spacing = reference.geometry.spacing_zyx_mm
    metrics = {label: {**counts[label].metrics(), "hd95_mm": hd95_mm(*pairs[label], spacing)} for label in pairs}
    return metrics, counts


def _mean(cases: list[dict[str, float | None]]) -> dict[str, float | None]:
    means: dict[str, float | None] = {}
    for metric in cases[0]:
        known = [value for case in cases if (value := case[metric]) is not None]
        means[metric] = float(np.mean(known)) if known else None
    return means


def _rounded(metrics: Metrics) -> Metrics:
    return {
        label: {name: None if value is None else round(value, 4) for name, value in values.items()}
        for label, values in metrics.items()
    }
