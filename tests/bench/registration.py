"""How well and how fast an earlier scan is laid onto a later one. Prints JSON.

    python -m tests.bench.registration [--medseg FOLDER]

Synthetic pairs: a phantom and itself, moved, turned, scaled and bent by a known smooth field. The error is the distance
between where the registration and the truth put points of the lungs. `--medseg` (the layout `rp_im`, `rp_lung_msk`,
`rp_msk`) adds scans 2 and 3, the same acquisition in thick and thin slices, between which nothing is bent.
"""

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from inference.geometry import Geometry
from inference.io import read_mask
from inference.phantom import Acquisition, PhantomPatient
from inference.registration import Registration, Snapshot, register
from inference.volume import Mask, Volume

SEEDS = (1, 2, 3)
#: Greatest displacement by the bending, mm.
BENDINGS_MM = (0.0, 8.0, 16.0)
#: Half a period of the bending, mm.
WAVE_MM = 120.0
TURN_DEGREES, SCALE, SHIFT_MM = 4.0, 0.96, (6.0, -8.0, 10.0)
POINTS = 4000


def truth(image: sitk.Image, bending_mm: float, seed: int) -> sitk.Transform:
    """Where each point of the bent scan lies in the original."""
    rng = np.random.default_rng(seed)
    frame = sitk.Image([int(n / 3) + 1 for n in image.GetSize()], sitk.sitkFloat64)
    frame.SetOrigin(image.GetOrigin())
    frame.SetSpacing([3 * mm for mm in image.GetSpacing()])
    frame.SetDirection(image.GetDirection())
    places = np.stack(np.meshgrid(*(np.arange(n) for n in frame.GetSize()[::-1]), indexing="ij"), -1)[..., ::-1]
    points = places * np.array(frame.GetSpacing())
    phases = rng.uniform(0, 2 * math.pi, (3, 3))
    waves = [np.sin(math.pi * points / WAVE_MM + phase).prod(-1) for phase in phases]
    field = sitk.GetImageFromArray(bending_mm / math.sqrt(3) * np.stack(waves, -1), isVector=True)
    field.CopyInformation(frame)
    rigid = sitk.Similarity3DTransform()
    rigid.SetCenter(image.TransformContinuousIndexToPhysicalPoint([n / 2 for n in image.GetSize()]))
    rigid.SetRotation([0, 0, 1], math.radians(TURN_DEGREES))
    rigid.SetScale(SCALE)
    rigid.SetTranslation(SHIFT_MM)
    both = sitk.CompositeTransform(3)
    both.AddTransform(rigid)
    both.AddTransform(sitk.DisplacementFieldTransform(sitk.Cast(field, sitk.sitkVectorFloat64)))
    return both


def as_image(values: NDArray[Any], grid: Geometry) -> sitk.Image:
    """On the grid, as SimpleITK has it."""
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(grid.spacing_zyx_mm[::-1])
    image.SetOrigin(grid.origin_lps_mm)
    image.SetDirection(np.array(grid.axes_zyx_lps)[::-1].T.ravel().tolist())
    return image


def bent(scan: Snapshot, transform: sitk.Transform) -> Snapshot:
    """The scan as it would look had the patient been bent."""
    grid = scan.volume.geometry

    def warp(values: NDArray[Any], how: int, outside: float) -> NDArray[Any]:
        image = as_image(values, grid)
        return sitk.GetArrayFromImage(sitk.Resample(image, image, transform, how, outside))

    return Snapshot(
        Volume(warp(scan.volume.hu, sitk.sitkLinear, -1024), grid),
        Mask(warp(scan.lung.labels, sitk.sitkNearestNeighbor, 0), grid),
        Mask(warp(scan.infection.labels, sitk.sitkNearestNeighbor, 0), grid),
    )


def errors_mm(found: sitk.Transform, true: sitk.Transform, lung: Mask) -> NDArray[np.float64]:
    """Distances at random points of the lung."""
    points = lung_points(lung)
    return np.array([math.dist(found.TransformPoint(point), true.TransformPoint(point)) for point in points])


def lung_points(lung: Mask) -> list[tuple[float, ...]]:
    """Random points of the lung in the patient, LPS in mm."""
    image = as_image(lung.labels, lung.geometry)
    rng = np.random.default_rng(0)
    places = np.argwhere(lung.labels > 0)
    chosen = places[rng.choice(len(places), min(POINTS, len(places)), replace=False)]
    return [image.TransformIndexToPhysicalPoint([int(n) for n in place[::-1]]) for place in chosen]


def row(found: Registration, distances: NDArray[np.float64], seconds: float) -> dict[str, float]:
    """Figures of one pair."""
    return {
        "seconds": round(seconds, 1),
        "error_mean_mm": round(float(distances.mean()), 2),
        "error_p95_mm": round(float(np.percentile(distances, 95)), 2),
        "surface_mm": round(found.surface_mm, 2),
        "lung_dice": round(float(found.dice), 4),
    }


def synthetic(size: int, slices: int) -> dict[str, Any]:
    """All seeds and bendings, and what no registration at all would give."""
    table: dict[str, Any] = {}
    for bending in BENDINGS_MM:
        rows, before = [], []
        for seed in SEEDS:
            scan = PhantomPatient(seed).scan(Acquisition(size=size, slices=slices, infected_ml=150))
            prior = Snapshot(scan.volume, scan.truth.lung, scan.truth.infection)
            true = truth(as_image(prior.lung.labels, prior.lung.geometry), bending, seed)
            current = bent(prior, true)
            start = time.perf_counter()
            found = register(current, prior)
            seconds = time.perf_counter() - start
            rows.append(row(found, errors_mm(found.transform, true, current.lung), seconds))
            before.append(float(errors_mm(sitk.Transform(3, sitk.sitkIdentity), true, current.lung).mean()))
        means = {key: round(float(np.mean([one[key] for one in rows])), 3) for key in rows[0]}
        table[f"bent by {bending:g} mm"] = {"unregistered_mean_mm": round(float(np.mean(before)), 2), **means}
    return table


def thick_and_thin(folder: Path) -> dict[str, float]:
    """The same acquisition twice, at different origins: the truth is some straight mapping.

    The error is what is left of the transform when the straight mapping nearest to it is taken away.
    """

    def snapshot(name: str) -> Snapshot:
        image = sitk.ReadImage(str(folder / "rp_im" / f"{name}.nii.gz"))
        lung = read_mask(folder / "rp_lung_msk" / f"{name}.nii.gz")
        hu = np.clip(sitk.GetArrayFromImage(image), -1024, 3071).astype(np.int16)
        return Snapshot(Volume(hu, lung.geometry), lung, read_mask(folder / "rp_msk" / f"{name}.nii.gz"))

    thick, thin = snapshot("2"), snapshot("3")
    start = time.perf_counter()
    found = register(thick, thin)
    seconds = time.perf_counter() - start
    points = lung_points(thick.lung)
    mapped = np.array([found.transform.TransformPoint(point) for point in points])
    straight = np.c_[np.array(points), np.ones(len(points))]
    nearest = straight @ np.linalg.lstsq(straight, mapped, rcond=None)[0]
    return row(found, np.linalg.norm(mapped - nearest, axis=1), seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--medseg", type=Path)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--slices", type=int, default=110)
    options = parser.parse_args()
    table: dict[str, Any] = {"size": options.size, "slices": options.slices, **synthetic(options.size, options.slices)}
    if options.medseg is not None:
        table["medseg 2 and 3, thick and thin"] = thick_and_thin(options.medseg)
    print(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
