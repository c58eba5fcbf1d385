"""Measurements, masks and files that tests need. Knows no Django, so that child processes can use it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from inference.geometry import Geometry
from inference.io import write_mask
from inference.phantom import Acquisition, PhantomPatient, SyntheticIdentity, write_series
from inference.volume import Mask

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
GRID = Geometry((4, 6, 5), (3.0, 1.0, 1.0))
SMALL = Acquisition(size=96, slices=24, height_mm=290)


def measurements_of(infected_ml: float, lung_ml: float = 5000.0, **changes: Any) -> dict[str, Any]:
    """Content of a `measurements.json`."""
    region = {"ml": lung_ml / 5, "infected_ml": infected_ml / 5, "poi_percent": 100 * infected_ml / lung_ml}
    return {
        "lung_ml": lung_ml,
        "infected_ml": infected_ml,
        "poi_percent": 100 * infected_ml / lung_ml,
        "lungs": dict.fromkeys(("right", "left"), region),
        "lobes": {lobe: {**region, "score": 1} for lobe in ("RUL", "RML", "RLL", "LUL", "LLL")},
        "composition": {
            "ground_glass_ml": infected_ml * 0.75,
            "consolidation_ml": infected_ml * 0.25,
            "effusion_ml": 0.0,
            "unknown_ml": 0.0,
        },
        "high_opacity_percent": 12.0,
        "severity_score": 5,
        "infected_by_slice_ml": [0.0, infected_ml, 0.0, 0.0],
        "measurement_floor_ml": 5.0,
        "pipeline": {"name": "unet2d", "version": "1.0", "sha256": "a" * 64},
        "quality": [],
        "timings_s": {},
        **changes,
    }


def write_masks(folder: Path) -> Path:
    """Empty masks on GRID."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("lung", "lobes", "infection"):
        write_mask(Mask(np.zeros(GRID.shape_zyx, np.uint8), GRID), folder / f"{name}.nii.gz")
    return folder


def dicom_folder(
    folder: Path,
    *,
    seed: int = 1,
    mrn: str = "SYN-1",
    name: str = "Synthetic^Ada",
    hours: float = 0.0,
    infected_ml: float = 100.0,
    size: int = SMALL.size,
    slices: int = SMALL.slices,
) -> list[Path]:
    """A small synthetic series on disk."""
    scan = PhantomPatient(seed).scan(
        Acquisition(size=size, slices=slices, height_mm=SMALL.height_mm, infected_ml=infected_ml)
    )
    identity = SyntheticIdentity(mrn, name)
    return write_series(scan.volume, folder, identity=identity, acquired_at=START + timedelta(hours=hours))
