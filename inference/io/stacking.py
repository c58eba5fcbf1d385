"""From the positions of slices to a regular stack: order, gaps, uneven steps, gantry tilt. Pure geometry.

Readers that trust file names, InstanceNumber or SliceLocation go wrong in silence; here only
ImagePositionPatient and ImageOrientationPatient count (PS3.3 C.7.6.2.1.1).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.errors import GantryTilt, GeometryError, NotAVolume, SliceGap
from inference.geometry import Geometry, Vector3
from inference.quality import QualityNote

MIN_SLICES = 3
#: Steps that differ from the usual one by less than this share count as equal.
STEP_TOLERANCE = 0.1
#: Missing slices that can be filled: this many in a row, this many millimetres, this share of the stack.
MAX_MISSING_RUN = 3
MAX_MISSING_MM = 15.0
MAX_MISSING_SHARE = 0.2
#: Smaller tilts are rounding of the header; larger ones are no gantry's.
MIN_TILT_DEGREES = 0.5
MAX_TILT_DEGREES = 31.0
#: How far a slice may lie beside the straight line through all of them.
MAX_WANDER_MM = 1.0


@dataclass(frozen=True, slots=True)
class StackPlan:
    """How ordered slices become a regular grid.

    For each output slice: indices of the slice below and above and the weight of the one above. `shear_mm`
    is the in-plane shift (down the rows, along the columns) of every input slice against the first, 0 without tilt.
    """

    lower: tuple[int, ...]
    upper: tuple[int, ...]
    weight: tuple[float, ...]
    shear_mm: tuple[tuple[float, float], ...]
    tilt_degrees: float = 0.0

    @property
    def is_tilted(self) -> bool:
        """Whether slices must be shifted in their planes."""
        return self.tilt_degrees > 0


@dataclass(frozen=True, slots=True)
class Stack:
    """A regular grid, the plan to fill it, and what is to be said about it."""

    geometry: Geometry
    plan: StackPlan
    notes: tuple[QualityNote, ...]


def order_along_normal(
    positions_lps_mm: Sequence[Vector3], row_axis: Vector3, column_axis: Vector3
) -> tuple[list[int], list[float]]:
    """Indices of the slices in ascending order along the normal (row x column), and their places on it in mm."""
    normal = np.cross(row_axis, column_axis)
    places = np.asarray(positions_lps_mm, float) @ normal
    order = np.argsort(places, kind="stable")
    return order.tolist(), places[order].tolist()


def plan_stack(
    positions_lps_mm: Sequence[Vector3],
    *,
    row_axis: Vector3,
    column_axis: Vector3,
    shape_yx: tuple[int, int],
    spacing_yx_mm: tuple[float, float],
) -> Stack:
    """Regular grid for slices that are already in order and at different places.

    `row_axis` is the direction along a row (x of the image), `column_axis` down a column.

    Raises:
        NotAVolume: fewer than `MIN_SLICES`.
        SliceGap: too much is missing to measure.
        GantryTilt: a shear that no gantry makes.
        GeometryError: slices that do not lie on one line.
    """
    if len(positions_lps_mm) < MIN_SLICES:
        count = len(positions_lps_mm)
        if count == 1:
            raise NotAVolume(f"The series holds 1 slice; a volume needs at least {MIN_SLICES}. Send the whole series.")
        raise NotAVolume(
            f"The series holds {count} slices; a volume needs at least {MIN_SLICES}. Send the whole series."
        )
    positions = np.asarray(positions_lps_mm, float)
    normal = np.cross(row_axis, column_axis)
    normal /= np.linalg.norm(normal)
    places = positions @ normal
    step_mm = float(np.median(np.diff(places)))
    notes: list[QualityNote] = []
    shear_mm, tilt = _shear(positions, places, np.asarray(row_axis, float), np.asarray(column_axis, float))
    if tilt:
        notes.append(
            QualityNote("gantry-tilt", f"The gantry was tilted by {tilt:.1f} degrees; the slices were straightened.")
        )
    count = round((places[-1] - places[0]) / step_mm) + 1
    notes += _notes_on_steps(places, step_mm)
    targets = places[0] + step_mm * np.arange(count)
    upper = np.clip(np.searchsorted(places, targets - STEP_TOLERANCE * step_mm), 0, len(places) - 1)
    lower = np.maximum(upper - 1, 0)
    reach = np.where(upper > lower, places[upper] - places[lower], 1.0)
    weight = np.clip((targets - places[lower]) / reach, 0.0, 1.0)
    on_slice = np.abs(places[upper] - targets) <= STEP_TOLERANCE * step_mm
    weight = np.where(on_slice, 1.0, weight)
    origin, rows, columns = _padded_origin(positions[0], shear_mm, row_axis, column_axis, shape_yx, spacing_yx_mm)
    geometry = Geometry(
        shape_zyx=(count, rows, columns),
        spacing_zyx_mm=(step_mm, *spacing_yx_mm),
        origin_lps_mm=origin,
        axes_zyx_lps=(_vector(normal), column_axis, row_axis),
    )
    plan = StackPlan(
        lower=tuple(lower.tolist()),
        upper=tuple(upper.tolist()),
        weight=tuple(weight.tolist()),
        shear_mm=tuple((float(down), float(along)) for down, along in shear_mm),
        tilt_degrees=tilt,
    )
    return Stack(geometry, plan, tuple(notes))


def _vector(values: NDArray[np.float64]) -> Vector3:
    x, y, z = (float(value) for value in values)
    return (x, y, z)


def _shear(
    positions: NDArray[np.float64],
    places: NDArray[np.float64],
    row_axis: NDArray[np.float64],
    column_axis: NDArray[np.float64],
) -> tuple[NDArray[np.float64], float]:
    """In-plane shift of each slice against the first as (down, along) in mm, and the tilt in degrees."""
    offsets = positions - positions[0]
    drift = np.stack([offsets @ column_axis, offsets @ row_axis], axis=1)
    depth = places - places[0]
    slope = drift.T @ depth / (depth @ depth)
    if np.abs(drift - depth[:, None] * slope).max() > MAX_WANDER_MM:
        raise GeometryError(
            "The slices do not lie on one straight line, so they are not one volume; send each series by itself."
        )
    tilt = math.degrees(math.atan(float(np.hypot(*slope))))
    if tilt > MAX_TILT_DEGREES:
        raise GantryTilt(
            f"The slices are sheared by {tilt:.1f} degrees, more than a tilted gantry can make; "
            "send the original reconstruction."
        )
    if tilt < MIN_TILT_DEGREES:
        return np.zeros_like(drift), 0.0
    return drift, tilt


def _notes_on_steps(places: NDArray[np.float64], step_mm: float) -> list[QualityNote]:
    steps = np.diff(places) / step_mm
    missing = np.rint(steps).astype(int) - 1
    gaps = np.flatnonzero(missing > 0)
    uneven = np.abs(steps - np.rint(steps)) > STEP_TOLERANCE
    notes = []
    if gaps.size:
        total = int(missing[gaps].sum())
        worst = int(gaps[np.argmax(missing[gaps])])
        run = int(missing[worst])
        where = (
            f"between {places[worst] - places[0]:.0f} and {places[worst + 1] - places[0]:.0f} mm from its first slice"
        )
        share = total / (len(places) + total)
        if run > MAX_MISSING_RUN or run * step_mm > MAX_MISSING_MM or share > MAX_MISSING_SHARE:
            raise SliceGap(
                f"{total} slices are missing from the series, {run} of them in a row {where}; that is too much to "
                "measure across. Send the complete series."
            )
        notes.append(
            QualityNote(
                "slice-gap",
                f"1 slice is missing ({where}) and was filled in from the neighbours."
                if total == 1
                else f"{total} slices are missing ({where}) and were filled in from the neighbours.",
            )
        )
    if uneven.any():
        notes.append(
            QualityNote(
                "uneven-spacing",
                f"The slices are {np.diff(places).min():.2f} to {np.diff(places).max():.2f} mm apart; "
                f"the scan was resampled to {step_mm:.2f} mm.",
            )
        )
    return notes


def _padded_origin(
    first: NDArray[np.float64],
    shear_mm: NDArray[np.float64],
    row_axis: Vector3,
    column_axis: Vector3,
    shape_yx: tuple[int, int],
    spacing_yx_mm: tuple[float, float],
) -> tuple[Vector3, int, int]:
    """Origin and size of the plane that holds every shifted slice whole."""
    low = np.floor(shear_mm.min(axis=0) / spacing_yx_mm).astype(int)
    high = np.ceil(shear_mm.max(axis=0) / spacing_yx_mm).astype(int)
    corner = first + low[0] * spacing_yx_mm[0] * np.asarray(column_axis)
    corner = corner + low[1] * spacing_yx_mm[1] * np.asarray(row_axis)
    return _vector(corner), int(shape_yx[0] + high[0] - low[0]), int(shape_yx[1] + high[1] - low[1])
