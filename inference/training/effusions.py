"""Real CT with pleural effusions that never were: no public set marks them in slices whose surroundings are shown.

Fluid is laid where it gathers in a lying patient: at the back, thickest at the base, as a crescent along the chest wall
or up to a level that rises towards the wall. What it covers is lung no more; lung beside it may be compressed.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.labels import InfectionLabel
from inference.training.datasets import Case, real_cases, synthetic_cases

SEED = 11
#: Water to blood-stained fluid; on the sets' own scales soft tissue lies at 20 to 60 HU.
FLUID_HU, SOFT_TISSUE_HU = (-10.0, 28.0), (-60, 120)
#: Noise of the fluid by that of the slice's soft tissue, which has texture of its own; HU where there is none.
NOISE_SHARE, USUAL_NOISE_HU = (0.5, 1.2), 15.0
CRESCENT_SHARE, ONE_SIDED_SHARE, COMPRESSED_SHARE = 0.6, 0.6, 0.5
COMPRESSED_HU, COMPRESSED_PIXELS = (-150.0, 60.0), (1.0, 6.0)
#: Blur of the border between fluid and lung, in pixels.
BORDER_PIXELS = 0.6
SMALLEST_LUNG_PIXELS = 150
Plane = NDArray[np.bool_]


def effusion_cases(root: Path, phantoms: int) -> Iterator[Case]:
    """Every real case as it is and with fluid laid into it, and phantoms; `infection` says where effusion is.

    Raises:
        BadConfiguration: a piece is missing; the sentence names it.
    """
    rng = np.random.default_rng(SEED)
    for case in real_cases(root):
        bare = replace(case, infection=np.zeros_like(case.lung))
        yield bare
        yield with_effusion(bare, rng)
    yield from synthetic_cases(phantoms, with_effusion=True)


def with_effusion(case: Case, rng: np.random.Generator) -> Case:
    """A copy of a case with fluid in one pleural cavity or both."""
    hu, lung = case.hu.copy(), case.lung.copy()
    infection = np.zeros_like(lung) if case.infection is None else case.infection.copy()
    shown = np.flatnonzero(lung.any(axis=(1, 2)))
    if not shown.size:
        return replace(case, infection=infection)
    middle = _middle(lung)
    sides = [0, 1] if rng.random() > ONE_SIDED_SHARE else [int(rng.integers(2))]
    for side in sides:
        pool = _Pool(rng)
        for z in shown:
            one = lung[z] > 0
            one[:, middle:] &= side == 1
            one[:, :middle] &= side == 0
            if one.sum() < SMALLEST_LUNG_PIXELS:
                continue
            # Slices of different people each have a pool of their own, at a height of its own.
            if not case.is_stack:
                pool = _Pool(rng)
            height = (z - shown[0]) / max(1, shown[-1] - shown[0]) if case.is_stack else rng.random() * 0.7
            fluid = pool.fluid(one, height)
            hu[z] = pool.poured(hu[z], one, fluid, rng)
            lung[z][fluid] = 0
            infection[z][fluid] = InfectionLabel.EFFUSION
    return replace(case, name=f"{case.name}-effusion", hu=hu, lung=lung, infection=infection)


class _Pool:
    """Fluid in one pleural cavity: its form, how far up it reaches, and how dense it is."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._is_crescent = rng.random() < CRESCENT_SHARE
        self._top = rng.uniform(0.3, 1.1)
        self._depth = rng.uniform(0.04, 0.3) if self._is_crescent else rng.uniform(0.06, 0.55)
        self._rise, self._tilt = rng.uniform(0.0, 0.5), rng.uniform(-0.15, 0.15)
        self._hu, self._noise_share = rng.uniform(*FLUID_HU), rng.uniform(*NOISE_SHARE)
        self._is_compressed = rng.random() < COMPRESSED_SHARE
        self._compressed_pixels = rng.uniform(*COMPRESSED_PIXELS)

    def fluid(self, lung: Plane, height: float) -> Plane:
        """Where fluid is in a slice's lung at a height of 0 (base) to 1 (apex)."""
        amount = self._depth * np.clip(1 - height / self._top, 0, 1) ** 0.7
        rows, columns = np.nonzero(lung)
        top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
        back = (np.arange(lung.shape[0])[:, None] - top) / (bottom - top)
        aside = 2 * (np.arange(lung.shape[1])[None, :] - left) / (right - left) - 1
        if self._is_crescent:
            depth = ndimage.distance_transform_edt(lung) / (bottom - top)
            found = depth < amount * np.clip(2.2 * (back + self._tilt * aside) - 0.9, 0, 1)
        else:
            found = back + self._tilt * aside + self._rise * amount * aside**2 > 1 - amount
        return np.asarray(found & lung)

    def poured(self, hu: NDArray[np.int16], lung: Plane, fluid: Plane, rng: np.random.Generator) -> NDArray[np.int16]:
        """The slice with the fluid, and with compressed lung along it."""
        if not fluid.any():
            return hu
        result = hu.astype(np.float32)
        noise = self._noise_share * _tissue_noise(result)
        if self._is_compressed:
            near = ndimage.distance_transform_edt(~fluid) <= self._compressed_pixels
            band = near & lung & ~fluid
            result[band] = rng.uniform(*COMPRESSED_HU) + _grain(hu.shape, noise, rng)[band]
        share = ndimage.gaussian_filter(fluid.astype(np.float32), BORDER_PIXELS)
        # Towards the chest wall there is no border to blur: both are soft.
        share = np.where(lung & ~fluid, share, fluid)
        water = self._hu + _grain(hu.shape, noise, rng)
        return np.round(result * (1 - share) + water * share).astype(np.int16)


def _tissue_noise(hu: NDArray[np.float32]) -> float:
    """What is finer than a pixel in soft tissue, as a standard deviation; edges do not count."""
    tissue = (hu > SOFT_TISSUE_HU[0]) & (hu < SOFT_TISSUE_HU[1])
    fine = np.abs((hu - ndimage.gaussian_filter(hu, 1.0))[tissue])
    return 1.48 * float(np.median(fine)) if fine.size > SMALLEST_LUNG_PIXELS else USUAL_NOISE_HU


def _grain(shape: tuple[int, ...], size_hu: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise as grainy as that of a scanner."""
    grain = ndimage.gaussian_filter(rng.standard_normal(shape).astype(np.float32), rng.uniform(0.4, 1.0))
    return np.asarray(grain * (size_hu / max(float(grain.std()), 1e-6)), np.float32)


def _middle(lung: NDArray[np.uint8]) -> int:
    """The column between the lungs: the middle of all that is lung."""
    columns = np.flatnonzero(lung.any(axis=(0, 1)))
    return int(columns[0] + columns[-1] + 1) // 2
