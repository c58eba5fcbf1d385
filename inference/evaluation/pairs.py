"""Slices that two readers marked: COVID-19-CT-Seg's Radiopaedia stacks are slices of MedSeg volumes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

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


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A stack and the whole volume it was cut from, with the numbers (n,) of the slices that are the same."""

    stack: Case
    volume: Case
    of_stack: NDArray[np.intp]
    of_volume: NDArray[np.intp]

    def same_slices(self) -> tuple[Case, Case]:
        """Stack and volume, these slices alone, both on the stack's grid."""
        return slices_of(self.stack, self.of_stack), slices_of(self.volume, self.of_volume)


def paired(cases: Mapping[str, Case]) -> Iterator[Pair]:
    """Each of `PAIRS`.

    Of a stack's slice the likest one of the volume is taken; a slice that resembles none is left out of both.
    """
    for stack, volume in ((cases[stack], cases[volume]) for stack, volume in PAIRS):
        likeness = (_pattern(stack.hu) @ _pattern(volume.hu).T).max(dim=1)
        shown = (likeness.values >= LEAST_CORRELATION).numpy()
        yield Pair(stack, volume, np.flatnonzero(shown), likeness.indices.numpy()[shown])


def _pattern(hu: NDArray[np.int16]) -> Tensor:
    """Coarse slices (n, EDGE * EDGE) whose products are correlations."""
    coarse = functional.adaptive_avg_pool2d(resized_hu(hu).clamp(*WINDOW_HU), EDGE).flatten(1)
    coarse = coarse - coarse.mean(dim=1, keepdim=True)
    return coarse / coarse.norm(dim=1, keepdim=True)


def slices_of(case: Case, numbers: NDArray[np.intp]) -> Case:
    """Some slices of a case on the grid of the stacks, which is that of the networks."""
    return replace(
        case,
        hu=resized_hu(case.hu[numbers])[:, 0].round().numpy().astype(np.int16),
        lung=resized_labels(case.lung[numbers]).numpy(),
        infection=resized_labels(case.marked[numbers]).numpy(),
    )
