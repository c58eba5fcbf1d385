"""Slices that two readers marked: COVID-19-CT-Seg's Radiopaedia stacks are slices of MedSeg volumes."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from inference.preprocess.slices import WINDOW_HU, resized_hu
from inference.training.datasets import Case
from inference.training.samples import resized_labels

#: Stack and the volume it was cut from; radiopaedia_D1 and D2 are left out, they hold a single slice each.
PAIRS = (
    ("radiopaedia_A_thick", "medseg-2"),
    ("radiopaedia_A_thin", "medseg-3"),
    ("radiopaedia_E", "medseg-7"),
    ("radiopaedia_G", "medseg-9"),
    ("radiopaedia_H", "medseg-4"),
    ("radiopaedia_I", "medseg-1"),
)
#: Slices are compared on a grid of so many pixels an edge; the same ones correlate at least so well.
EDGE, LEAST_CORRELATION = 48, 0.95


def paired_cases(cases: Mapping[str, Case]) -> Iterator[tuple[Case, Case]]:
    """Each of `PAIRS` whose cases are there as two cases of the same slices, both on the stack's grid.

    Of a stack's slice the likest one of the volume is taken; a slice that resembles none is left out of both.
    """
    for stack, volume in PAIRS:
        if stack in cases and volume in cases:
            yield _same_slices(cases[stack], cases[volume])


def _same_slices(stack: Case, volume: Case) -> tuple[Case, Case]:
    likeness = (_pattern(stack.hu) @ _pattern(volume.hu).T).max(dim=1)
    shown = (likeness.values >= LEAST_CORRELATION).numpy()
    return _slices_of(stack, np.flatnonzero(shown)), _slices_of(volume, likeness.indices.numpy()[shown])


def _pattern(hu: NDArray[np.int16]) -> Tensor:
    """Coarse slices (n, EDGE * EDGE) whose products are correlations."""
    coarse = functional.adaptive_avg_pool2d(resized_hu(hu).clamp(*WINDOW_HU), EDGE).flatten(1)
    coarse = coarse - coarse.mean(dim=1, keepdim=True)
    return coarse / coarse.norm(dim=1, keepdim=True)


def _slices_of(case: Case, numbers: NDArray[np.intp]) -> Case:
    infection = np.zeros_like(case.lung) if case.infection is None else case.infection
    return replace(
        case,
        hu=resized_hu(case.hu[numbers])[:, 0].round().numpy().astype(np.int16),
        lung=resized_labels(case.lung[numbers]).numpy(),
        infection=resized_labels(infection[numbers]).numpy(),
    )
