"""Slices ready for a network, in memory."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from inference.preprocess.slices import INPUT_SIZE, lung_box, resized_hu
from inference.training.config import Task
from inference.training.datasets import Case

#: How often slices are drawn: those without the target less, those with kinds more.
WITHOUT_TARGET, WITH_KINDS = 0.5, 1.4


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """HU (n, size, size) float16, labels (n, size, size) uint8, whether labels tell kinds (n,), weights (n,)."""

    hu: Tensor
    labels: Tensor
    knows_kinds: Tensor
    weights: Tensor


def samples_of(cases: Iterable[Case], task: Task, phantom_weight: float) -> Samples:
    """Every slice of the cases that serves the task: whole for lung, the box around the lungs for infection."""
    hu, labels, kinds, weights = [], [], [], []
    for case in cases:
        if task != "lung":
            if case.infection is None:
                continue
            rows, columns = lung_box(case.lung > 0)
            planes, target = case.hu[:, rows, columns], truth_of(case, task)[:, rows, columns]
        else:
            planes, target = case.hu, truth_of(case, task)
        resized = _resized_labels(target)
        present = (resized > 0).flatten(1).any(dim=1)
        weight = torch.where(present, 1.0, WITHOUT_TARGET)
        weight *= phantom_weight if case.is_synthetic else 1.0
        weight *= WITH_KINDS if case.knows_kinds and task != "lung" else 1.0
        hu.append(resized_hu(planes)[:, 0].half())
        labels.append(resized)
        kinds.append(torch.full((len(planes),), case.knows_kinds))
        weights.append(weight)
    return Samples(torch.cat(hu), torch.cat(labels), torch.cat(kinds), torch.cat(weights))


def truth_of(case: Case, task: Task) -> NDArray[np.uint8]:
    """What a network should find in a case, on the case's own grid: lung with its infection, or infection by label."""
    infection = np.zeros_like(case.lung) if case.infection is None else case.infection
    if task == "lung":
        return ((case.lung > 0) | (infection > 0)).astype(np.uint8)
    return infection


def _resized_labels(labels: NDArray[np.uint8]) -> Tensor:
    values = torch.from_numpy(np.ascontiguousarray(labels)).float()[:, None]
    return functional.interpolate(values, size=(INPUT_SIZE, INPUT_SIZE), mode="nearest")[:, 0].to(torch.uint8)
