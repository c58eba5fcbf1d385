"""Synthetic CT from lobe maps: no CT with lobe labels is public here, so tissue is drawn at random around real lobes.

Domain-randomised synthesis: the densities, vessels, fissures, opacities, noise and resolution vary more than scanners
and patients do, so that what a network learns from it holds for real CT. Everything is drawn on the grid of
`preprocess.lobe_grid`, whose voxels are taken as `VOXEL_MM`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional

Labels = NDArray[np.uint8]
Field = NDArray[np.float32]
AIRWAYS = 6
RIGHT, LEFT = (1, 2, 3), (4, 5)
VOXEL_MM = 2.1
AIR_HU = -1000.0


@dataclass(frozen=True, slots=True, eq=False)
class LobeMap:
    """One person's lobes on the grid, with the distances that the drawing needs, in mm."""

    name: str
    labels: Labels
    #: From the nearest border between two lobes of one lung.
    fissure_mm: Field
    #: From the lung, for voxels outside it.
    outside_mm: Field
    #: From the lungs' shadow in an axial plane (y, x).
    aside_mm: Field
    #: Below the lungs: there is abdomen, and no rib.
    is_below: NDArray[np.bool_]
    #: From the lung's surface, for voxels inside it.
    inside_mm: Field
    is_fissure: NDArray[np.bool_]

    @classmethod
    def of(cls, name: str, labels: Labels) -> Self:
        """Measure the distances in a map on the grid (labels 1 to 5 lobes, 6 airways)."""
        lobes = np.where(labels <= 5, labels, 0).astype(np.uint8)
        fissure = fissures_of(lobes)
        lung: NDArray[np.bool_] = lobes > 0
        return cls(
            name,
            labels,
            _distance(~fissure),
            _distance(~(labels > 0)),
            _distance(np.logical_not(np.logical_or.reduce(lung, axis=0))),
            ~lung & np.logical_or.accumulate(lung[::-1], axis=0)[::-1],
            _distance(lung),
            fissure,
        )


def fissures_of(lobes: Labels, *, both_sides: bool = False) -> NDArray[np.bool_]:
    """Voxels whose neighbour above, behind or beside belongs to another lobe of the same lung.

    With `both_sides` that neighbour counts as well.
    """
    found = np.zeros(lobes.shape, np.bool_)
    side = np.isin(lobes, LEFT)
    for a, b in _neighbours():
        differs = (lobes[a] != lobes[b]) & (lobes[a] > 0) & (lobes[b] > 0) & (side[a] == side[b])
        found[a] |= differs
        if both_sides:
            found[b] |= differs
    return found


def borders_of(lobes: Labels) -> NDArray[np.bool_]:
    """Voxels at the edge of any lobe: the reference of the border head."""
    found = np.zeros(lobes.shape, np.bool_)
    for a, b in _neighbours():
        differs = lobes[a] != lobes[b]
        found[a] |= differs & (lobes[a] > 0)
        found[b] |= differs & (lobes[b] > 0)
    return found


def _neighbours() -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Along each axis where all voxels but the last are, and where the next ones are."""
    for axis in range(3):
        here, there = ([slice(None)] * 3 for _ in range(2))
        here[axis], there[axis] = slice(None, -1), slice(1, None)
        yield tuple(here), tuple(there)


def synthetic_ct(person: LobeMap, rng: np.random.Generator, fissure_hu: tuple[float, float] = (70.0, 450.0)) -> Field:
    """HU (z, y, x) of one imagined scan of a person; its fissures are denser than lung by some of `fissure_hu`."""
    hu = _surroundings(person, rng)
    lung = (person.labels > 0) & (person.labels != AIRWAYS)
    hu = np.where(lung, _parenchyma(person, rng, fissure_hu), hu)
    hu = _with_opacities(hu, person, lung, rng)
    hu = np.where(person.labels == AIRWAYS, AIR_HU + rng.uniform(0, 60), hu)
    return _scanned(hu.astype(np.float32), rng)


def smooth_field(shape: tuple[int, ...], period_mm: float, rng: np.random.Generator) -> Field:
    """A random field of mean 0 and variance about 1 whose bumps are about `period_mm` wide."""
    nodes = [max(2, round(size * VOXEL_MM / period_mm) + 1) for size in shape]
    values = torch.from_numpy(rng.standard_normal(nodes).astype(np.float32))[None, None]
    large = functional.interpolate(values, size=tuple(shape), mode="trilinear", align_corners=True)[0, 0].numpy()
    result: Field = (large / max(float(large.std()), 1e-3)).astype(np.float32)
    return result


def _distance(mask: NDArray[np.bool_]) -> Field:
    if mask.all():
        return np.full(mask.shape, 1e3, np.float32)
    result: Field = (ndimage.distance_transform_edt(mask) * VOXEL_MM).astype(np.float32)
    return result


def _surroundings(person: LobeMap, rng: np.random.Generator) -> Field:
    """Chest wall, ribs, spine, heart and fat; room air beyond the skin."""
    shape = person.labels.shape
    hu: NDArray[Any] = rng.uniform(10, 70) + rng.uniform(5, 25) * smooth_field(shape, 20, rng)
    hu[smooth_field(shape, rng.uniform(15, 50), rng) > rng.uniform(0.3, 1.6)] = rng.uniform(-120, -70)
    z, y, x = (np.linspace(-1, 1, size, dtype=np.float32) for size in shape)
    lateral = np.abs(x)[None, None, :] + 0 * hu
    heart = (lateral < rng.uniform(0.25, 0.55)) & (z[:, None, None] < rng.uniform(-0.1, 0.7))
    hu[heart & (smooth_field(shape, 60, rng) > rng.uniform(-1.2, 0.6))] = rng.uniform(20, 220)
    stripes = np.sin(
        (z[:, None, None] + rng.uniform(-0.5, 0.5) * y[None, :, None] + rng.uniform(-0.2, 0.2) * lateral)
        * rng.uniform(25, 38)
        + rng.uniform(0, 6)
    )
    start = rng.uniform(1, 6)
    ribs = (person.outside_mm > start) & (person.outside_mm < start + rng.uniform(5, 11))
    hu[ribs & (stripes > rng.uniform(0.1, 0.6)) & (lateral > 0.3) & ~person.is_below] = rng.uniform(120, 700)
    spine_y = rng.uniform(0.55, 0.85)
    spine = (x[None, None, :] ** 2 / 0.02 + (y[None, :, None] - spine_y) ** 2 / 0.06 < rng.uniform(0.6, 1.4)) + 0 * z[
        :, None, None
    ]
    hu[(spine > 0) & (person.outside_mm > 0)] += rng.uniform(80, 400)
    skin_mm = rng.uniform(14, 70) + rng.uniform(0, 8) * smooth_field(shape, 80, rng)
    hu[person.aside_mm[None] > skin_mm] = AIR_HU
    return hu.astype(np.float32)


def _parenchyma(person: LobeMap, rng: np.random.Generator, fissure_hu: tuple[float, float]) -> Field:
    """Lung tissue that is denser where it hangs, with vessels, fissures and airway walls."""
    shape = person.labels.shape
    y = np.linspace(0, 1, shape[1], dtype=np.float32)[None, :, None]
    hang = y if rng.random() < 0.85 else 1 - y
    hu = rng.uniform(-920, -700) + rng.uniform(0, 140) * hang + rng.uniform(5, 30) * smooth_field(shape, 25, rng)
    for lobe in (*RIGHT, *LEFT):
        hu = hu + rng.normal(0, 14) * (person.labels == lobe)
    spare_mm = rng.uniform(2, 14)
    allowed = np.clip(person.fissure_mm / spare_mm, 0, 1) * np.clip(person.inside_mm / 6, 0, 1)
    for period_mm, thickness in ((28, rng.uniform(0.1, 0.2)), (14, rng.uniform(0.1, 0.2)), (8, rng.uniform(0.08, 0.2))):
        first, second = smooth_field(shape, period_mm, rng), smooth_field(shape, period_mm, rng)
        tube = np.exp(-(first**2 + second**2) / (2 * thickness**2))
        hu = hu + tube * allowed * rng.uniform(350, 900)
    gaps = smooth_field(shape, rng.uniform(20, 60), rng) > rng.uniform(0.0, 2.4)
    line = person.is_fissure & ~gaps
    hu = hu + line * rng.uniform(*fissure_hu) * (1 + 0.4 * smooth_field(shape, 15, rng))
    return np.minimum(hu, rng.uniform(20, 180)).astype(np.float32)


def _with_opacities(hu: Field, person: LobeMap, lung: NDArray[np.bool_], rng: np.random.Generator) -> Field:
    """Ground-glass, consolidation, now and then a whole lobe."""
    if rng.random() < 0.3:
        return hu
    shape = hu.shape
    places = np.argwhere(lung)
    for _ in range(rng.integers(1, 9)):
        centre = places[rng.integers(len(places))]
        radii = rng.uniform(4, 40, 3) / VOXEL_MM
        grids = np.ogrid[tuple(slice(0, size) for size in shape)]
        far = sum(((grid - c) / r) ** 2 for grid, c, r in zip(grids, centre, radii, strict=True))
        patch = np.clip(1.4 - far + 0.5 * smooth_field(shape, 18, rng), 0, 1) * lung
        target = rng.uniform(-700, -300) if rng.random() < 0.65 else rng.uniform(-150, 90)
        hu = hu + patch * np.maximum(target - hu, 0)
    if rng.random() < 0.12:
        lobe = person.labels == rng.integers(1, 6)
        hu = np.where(lobe, np.maximum(hu, rng.uniform(-500, 80)), hu)
    return hu


def _scanned(hu: Field, rng: np.random.Generator) -> Field:
    """As a scanner would show it: blurred, in slices of some thickness, with noise, perhaps clipped."""
    sharp = rng.uniform(0, 0.7)
    hu = ndimage.gaussian_filter(hu, (rng.uniform(0, 0.8), sharp, sharp))
    if rng.random() < 0.25:
        step = int(rng.integers(2, 6))
        tops = np.arange(0, len(hu), step)
        thick = np.stack([hu[top:bottom].mean(axis=0) for top, bottom in pairwise([*tops, len(hu)])])
        places = np.clip((np.arange(len(hu)) - (step - 1) / 2) / step, 0, len(thick) - 1)
        lower = np.minimum(places.astype(int), max(0, len(thick) - 2))
        share = (places - lower)[:, None, None]
        hu = thick[lower] * (1 - share) + thick[np.minimum(lower + 1, len(thick) - 1)] * share
    noise = rng.standard_normal(hu.shape, dtype=np.float32) * rng.uniform(3, 45)
    if rng.random() < 0.5:
        noise = ndimage.gaussian_filter(noise, (0.3, 0.7, 0.7)) * 1.8
    hu = hu + noise
    if rng.random() < 0.3:
        hu = np.minimum(hu, 150)
    result: Field = hu.astype(np.float32)
    return result
