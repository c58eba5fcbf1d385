"""Lobes from an atlas: where, within the box of a lung, each lobe usually lies.

A first method without learning from images: it knows no fissure, and says so in a quality note.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from inference.catalogue import WEIGHTS
from inference.labels import LEFT_LOBES, RIGHT_LOBES, LobeLabel, LungLabel
from inference.quality import QualityNote
from inference.volume import Mask

ATLAS = WEIGHTS / "lobe-atlas.safetensors"
LOBES_OF = {LungLabel.RIGHT: RIGHT_LOBES, LungLabel.LEFT: LEFT_LOBES}
APPROXIMATE = QualityNote(
    "lobes-approximate",
    "Lobes come from an atlas of 45 other people, not from this patient's fissures; figures by lobe are approximate.",
)


@cache
def _atlas() -> dict[str, NDArray[np.uint8]]:
    return load_file(ATLAS)


def label_lobes(lung: Mask) -> tuple[Mask, tuple[QualityNote, ...]]:
    """Give every lung voxel the lobe that is most frequent at its place in the lung's box.

    `lung` is axial and carries `LungLabel`; the result carries `LobeLabel`.
    """
    labels = np.zeros_like(lung.labels)
    for side, lobes in LOBES_OF.items():
        paint_lung(labels, lung.labels, side, lobes, _atlas()[side.name.lower()])
    return Mask(labels, lung.geometry), (APPROXIMATE,)


def paint_lung(
    labels: NDArray[np.uint8],
    lung: NDArray[np.uint8],
    side: LungLabel,
    lobes: tuple[LobeLabel, ...],
    frequencies: NDArray[np.uint8],
) -> None:
    """Write one lung's lobes into `labels`; `frequencies` has axes lobe, z, y, x over the lung's box."""
    box = box_of(lung, side)
    if box is None:
        return
    z_weights, y_weights, x_weights = (
        interpolation(n, axis.stop - axis.start) for n, axis in zip(frequencies.shape[1:], box, strict=True)
    )
    names = np.asarray(lobes, np.uint8)
    spread = frequencies.astype(np.float32)
    for step, z in enumerate(range(box[0].start, box[0].stop)):
        plane = np.tensordot(z_weights[step], spread, axes=(0, 1))
        likely = names[(y_weights @ plane @ x_weights.T).argmax(axis=0)]
        inside = lung[z, box[1], box[2]] == side
        labels[z, box[1], box[2]][inside] = likely[inside]


def box_of(lung: NDArray[np.uint8], side: LungLabel) -> tuple[slice, slice, slice] | None:
    """The smallest box around one lung; None where there is none."""
    present = lung == side
    spans = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        found = np.flatnonzero(present.any(axis=others))
        if not found.size:
            return None
        spans.append(slice(int(found[0]), int(found[-1]) + 1))
    return (spans[0], spans[1], spans[2])


def interpolation(nodes: int, count: int) -> NDArray[np.float32]:
    """Weights, shape (count, nodes), of linear interpolation from cell centres to cell centres of one interval."""
    places = np.clip((np.arange(count) + 0.5) / count * nodes - 0.5, 0, nodes - 1)
    lower = np.minimum(places.astype(int), nodes - 2)
    weights = np.zeros((count, nodes), np.float32)
    rows = np.arange(count)
    weights[rows, lower] = 1 - (places - lower)
    weights[rows, lower + 1] += places - lower
    return weights
