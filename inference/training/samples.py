"""Slices ready for a network, in memory."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from inference.labels import InfectionLabel
from inference.preprocess.slices import INPUT_SIZE, lung_box, resized_hu
from inference.training.config import WITHIN_LUNGS, Task
from inference.training.datasets import Case

#: How often slices are drawn: those without the target less, those with kinds more.
WITHOUT_TARGET, WITH_KINDS = 0.5, 1.4


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """HU (n, size, size) float16, labels (n, size, size) uint8, whether labels tell kinds (n,), weights (n,).

    `first` and `last` (n,) bound the stack that a slice belongs to.
    """

    hu: Tensor
    labels: Tensor
    knows_kinds: Tensor
    weights: Tensor
    first: Tensor
    last: Tensor

    def neighbours(self, chosen: Tensor, count: int) -> Tensor:
        """Numbers (n, count) of the slices around the chosen ones; at a stack's end the last one is repeated."""
        around = chosen[:, None] + torch.arange(count) - count // 2
        return around.maximum(self.first[chosen, None]).minimum(self.last[chosen, None])

    def beside(self, other: "Samples", share: float) -> "Samples":
        """Both together, the other ones drawn for `share` of a batch on average."""
        own = self.weights / self.weights.sum() * (1 - share)
        guests = other.weights / other.weights.sum() * share
        return Samples(
            torch.cat([self.hu, other.hu]),
            torch.cat([self.labels, other.labels]),
            torch.cat([self.knows_kinds, other.knows_kinds]),
            torch.cat([own, guests]),
            torch.cat([self.first, other.first + len(self.hu)]),
            torch.cat([self.last, other.last + len(self.hu)]),
        )


def samples_of(cases: Iterable[Case], task: Task, phantom_weight: float, effusion_weight: float = 1.0) -> Samples:
    """Every slice of the cases that serves the task: the box around the lungs where infection alone is sought."""
    hu, labels, kinds, weights, first, last = [], [], [], [], [], []
    count = 0
    for case in cases:
        if task != "lung" and case.infection is None:
            continue
        if task in WITHIN_LUNGS:
            rows, columns = lung_box(case.lung > 0)
            planes, target = case.hu[:, rows, columns], truth_of(case, task)[:, rows, columns]
        else:
            planes, target = case.hu, truth_of(case, task)
        resized = resized_labels(target)
        present = (resized > 0).flatten(1).any(dim=1)
        weight = torch.where(present, 1.0, WITHOUT_TARGET)
        weight *= phantom_weight if case.is_synthetic else 1.0
        weight *= WITH_KINDS if case.knows_kinds and task != "lung" else 1.0
        if task == "kinds":
            weight *= torch.where((resized == InfectionLabel.EFFUSION).flatten(1).any(dim=1), effusion_weight, 1.0)
        hu.append(resized_hu(planes)[:, 0].half())
        labels.append(resized)
        kinds.append(torch.full((len(planes),), case.knows_kinds))
        weights.append(weight)
        numbers = torch.arange(count, count + len(planes))
        first.append(torch.full_like(numbers, count) if case.is_stack else numbers)
        count += len(planes)
        last.append(torch.full_like(numbers, count - 1) if case.is_stack else numbers)
    parts = (hu, labels, kinds, weights, first, last)
    return Samples(*(torch.cat(part) for part in parts))


def truth_of(case: Case, task: Task) -> NDArray[np.uint8]:
    """What a network should find in a case, on the case's own grid: lung with its infection, or infection by label.

    Effusion is no infection; only for `kinds` it is a label beside them, for `binary` one with them, and for
    `effusion` the one there is. For `lung-infection`: 1 lung, 2 infected.
    """
    infection = case.marked
    if task == "lung":
        return ((case.lung > 0) | (infection > 0)).astype(np.uint8)
    if task == "effusion":
        return (infection == InfectionLabel.EFFUSION).astype(np.uint8)
    if task == "lung-infection":
        return np.where(infection > 0, 2, case.lung > 0).astype(np.uint8)
    if task == "binary":
        return (infection > 0).astype(np.uint8)
    if task == "infection":
        return np.where(infection == InfectionLabel.EFFUSION, 0, infection).astype(np.uint8)
    return infection


def resized_labels(labels: NDArray[np.uint8]) -> Tensor:
    """Label planes (n, y, x) on the networks' grid: uint8 (n, INPUT_SIZE, INPUT_SIZE)."""
    values = torch.from_numpy(np.ascontiguousarray(labels)).float()[:, None]
    return functional.interpolate(values, size=(INPUT_SIZE, INPUT_SIZE), mode="nearest")[:, 0].to(torch.uint8)
