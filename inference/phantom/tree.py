"""Branching tubes: vessels and bronchi that grow from the hilum into a lung."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.phantom.space import Space

Point = NDArray[np.float64]
#: Tubes thinner than this are below what CT shows.
MIN_RADIUS_MM = 0.55
#: Cross-section is kept at a branching within this range of ratios of child to parent.
CHILD_RADIUS = (0.68, 0.86)
BRANCH_DEGREES = (18.0, 48.0)


@dataclass(frozen=True, slots=True)
class Tube:
    """A straight piece from `start` to `end` (x, y, z in mm)."""

    start: Point
    end: Point
    radius_mm: float


def grow(rng: np.random.Generator, root: Point, direction: Point, radius_mm: float, *, limit: int = 700) -> list[Tube]:
    """A tree of tubes that bend and divide until they are too thin or `limit` is reached."""
    tubes: list[Tube] = []
    tips = [(root, direction / np.linalg.norm(direction), radius_mm)]
    while tips and len(tubes) < limit:
        start, heading, radius = tips.pop(0)
        length = radius * rng.uniform(3.2, 5.5) + 3
        end = start + heading * length
        tubes.append(Tube(start, end, radius))
        for _ in range(2):
            child = radius * rng.uniform(*CHILD_RADIUS)
            if child >= MIN_RADIUS_MM:
                tips.append((end, _turned(rng, heading), child))
    return tubes


def _turned(rng: np.random.Generator, heading: Point) -> Point:
    """A direction at a random angle to `heading`."""
    sideways = rng.normal(size=3)
    sideways -= heading * (sideways @ heading)
    sideways /= np.linalg.norm(sideways) + 1e-9
    angle = np.radians(rng.uniform(*BRANCH_DEGREES))
    return heading * np.cos(angle) + sideways * np.sin(angle)


def coverage(space: Space, tubes: list[Tube]) -> NDArray[np.float16]:
    """How much of each voxel the tubes fill, 0..1, with edges as soft as the voxel is large."""
    filled = np.zeros(space.geometry.shape_zyx, np.float16)
    spacing = np.asarray(space.geometry.spacing_zyx_mm)
    shape = np.asarray(space.geometry.shape_zyx)
    soft_mm = float(spacing[1:].mean())
    for tube in tubes:
        ends = np.stack([space.index_of(tube.start), space.index_of(tube.end)])
        reach = (tube.radius_mm + soft_mm) / spacing + 1
        low = np.maximum(np.floor(ends.min(axis=0) - reach), 0).astype(int)
        high = np.minimum(np.ceil(ends.max(axis=0) + reach) + 1, shape).astype(int)
        if (low >= high).any():
            continue
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        distance = _distance_mm(box, ends[0], ends[1], spacing)
        share = np.clip((tube.radius_mm - distance) / soft_mm + 0.5, 0, 1).astype(np.float16)
        np.maximum(filled[box], share, out=filled[box])
    return filled


def _distance_mm(box: tuple[slice, ...], start: Point, end: Point, spacing: Point) -> NDArray[np.float32]:
    """Distance of every voxel of a box from the piece between two voxel indices."""
    grids = np.ogrid[box]
    offsets = [(grid - s) * mm for grid, s, mm in zip(grids, start, spacing, strict=True)]
    along = (end - start) * spacing
    length2 = float(along @ along) + 1e-9
    place = np.clip(sum(o * a for o, a in zip(offsets, along, strict=True)) / length2, 0, 1)
    squares = sum((o - place * a) ** 2 for o, a in zip(offsets, along, strict=True))
    return np.sqrt(squares).astype(np.float32)
