"""Build the lobe atlas from label maps, and measure it on maps that were left out."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from inference.catalogue import WEIGHTS
from inference.errors import BadConfiguration
from inference.io import read_mask
from inference.labels import LobeLabel, LungLabel
from inference.lobes import ATLAS, LOBES_OF, box_of, interpolation, paint_lung

#: Nodes of the atlas along each axis of a lung's box.
NODES = 32
FOLDS = 5
CARD = WEIGHTS / "lobe-atlas.json"
Frequencies = dict[LungLabel, NDArray[np.float32]]


def build_lobe_atlas(folder: Path) -> dict[str, object]:
    """Write atlas and card from `*_lobes.nii.gz` below `folder`; returns the card.

    Raises:
        BadConfiguration: the folder holds no lobe maps.
    """
    paths = sorted(folder.glob("*_lobes.nii.gz"))
    if len(paths) < FOLDS:
        raise BadConfiguration(f"{folder} holds {len(paths)} files *_lobes.nii.gz; the atlas needs at least {FOLDS}.")
    maps = [lobes_of(path) for path in paths]
    single = [frequencies_in(labels) for labels in maps]
    iou = _left_out_iou(maps, single)
    tensors = {side.name.lower(): np.rint(255 * f).astype(np.uint8) for side, f in mean_frequencies(single).items()}
    save_file(tensors, ATLAS)
    card: dict[str, object] = {
        "name": "lobe-atlas",
        "data": f"{len(paths)} lobe label maps at 1.5 mm (DeepVoxel lobe annotations on LUNA16)",
        "licence": "CC BY-NC-SA 4.0",
        "protocol": f"{FOLDS}-fold over maps; lungs from the maps themselves; mean IoU of left-out maps by lobe",
        "iou": iou,
        "limits": "Knows no fissure: a lobe that has shrunk or swollen is labelled as if it had not.",
    }
    CARD.write_text(json.dumps(card, indent=2) + "\n")
    return card


def lobes_of(path: Path) -> NDArray[np.uint8]:
    """Lobe labels of one map, 0 elsewhere. The maps are axial, feet to head."""
    labels = read_mask(path).labels
    return np.where(labels <= max(LobeLabel), labels, 0).astype(np.uint8)


def sides_of(lobes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lung labels of a lobe map."""
    lung = np.zeros_like(lobes)
    for side, names in LOBES_OF.items():
        lung[np.isin(lobes, names)] = side
    return lung


def frequencies_in(lobes: NDArray[np.uint8]) -> Frequencies:
    """Share of each lobe at the nodes of each lung's box: axes lobe, z, y, x."""
    lung = sides_of(lobes)
    result: Frequencies = {}
    for side, names in LOBES_OF.items():
        box = box_of(lung, side)
        if box is None:
            raise BadConfiguration("A lobe map lacks a lung.")
        weights = [_binning(axis.stop - axis.start) for axis in box]
        crop = lobes[box]
        result[side] = np.stack(
            [
                np.einsum("az,by,cx,zyx->abc", *weights, (crop == name).astype(np.float32), optimize=True)
                for name in names
            ]
        )
    return result


def _binning(count: int) -> NDArray[np.float32]:
    """Weights, shape (NODES, count), that average voxels around each node."""
    weights = interpolation(NODES, count).T
    return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-6)


def mean_frequencies(parts: Sequence[Frequencies]) -> Frequencies:
    """The atlas of several maps."""
    return {side: np.mean([part[side] for part in parts], axis=0) for side in LOBES_OF}


def painted(lung: NDArray[np.uint8], atlas: Frequencies) -> NDArray[np.uint8]:
    """Lobes that an atlas gives to lungs (`LungLabel`, z, y, x)."""
    lobes = np.zeros_like(lung)
    for side, names in LOBES_OF.items():
        paint_lung(lobes, lung, side, names, np.rint(255 * atlas[side]).astype(np.uint8))
    return lobes


def _left_out_iou(maps: Sequence[NDArray[np.uint8]], single: Sequence[Frequencies]) -> dict[str, float]:
    scores: dict[str, list[float]] = {lobe.name: [] for lobe in LobeLabel}
    for fold in range(FOLDS):
        atlas = mean_frequencies([part for i, part in enumerate(single) if i % FOLDS != fold])
        for truth in maps[fold::FOLDS]:
            guess = painted(sides_of(truth), atlas)
            for lobe in LobeLabel:
                both = np.count_nonzero((guess == lobe) & (truth == lobe))
                scores[lobe.name].append(both / np.count_nonzero((guess == lobe) | (truth == lobe)))
    means = {name: round(float(np.mean(values)), 3) for name, values in scores.items()}
    return {**means, "mean": round(float(np.mean(list(means.values()))), 3)}
