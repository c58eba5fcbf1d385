"""The chest without its vessels: outlines of body, bones, mediastinum, lungs and lobes, as functions of place.

Proportions are those of an adult of 170 cm; nothing is copied from a patient.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.labels import LobeLabel, LungLabel
from inference.phantom.space import Plane

AIR_HU, FAT_HU, MUSCLE_HU, BLOOD_HU, LIVER_HU = -1000.0, -100.0, 50.0, 40.0, 60.0
CORTEX_HU, MARROW_HU, TABLE_HU = 700.0, 220.0, -150.0
LUNG_BASE_MM, LUNG_HEIGHT_MM = 25.0, 235.0
CARINA_MM = LUNG_BASE_MM + 0.62 * LUNG_HEIGHT_MM
RIBS = 11
BoolPlane = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Build:
    """What differs from person to person: factors around 1 on width, depth and breathing."""

    width: float = 1.0
    depth: float = 1.0
    inspiration: float = 1.0


def ellipse(x: Plane, y: Plane, centre: tuple[float, float], radii: tuple[float, float]) -> Plane:
    """Normalised distance from the centre: 1 on the outline."""
    return np.sqrt(((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2)


def _sides(side: LungLabel) -> float:
    return -1.0 if side is LungLabel.RIGHT else 1.0


def lung_plane(side: LungLabel, x: Plane, y: Plane, z: float, build: Build) -> BoolPlane:
    """One lung in one slice, vessels and bronchi included."""
    t = (z - LUNG_BASE_MM) / LUNG_HEIGHT_MM
    if t > 1:
        return np.zeros((y.shape[0], x.shape[1]), bool)
    sign = _sides(side)
    # The apex is narrow and lies near the spine, the base is wide.
    taper = np.sqrt(max(0.0, 1 - (max(t, 0.42) - 0.42) ** 2 / 0.58**2))
    centre = (sign * (42 + 36 * taper) * build.width, 6.0 + 14 * (1 - taper))
    radii = (max(1.0, (8 + 54 * taper) * build.width), max(1.0, (10 + 82 * taper) * build.depth))
    outline = ellipse(x, y, centre, radii) ** 1.0
    flat = np.abs((x - centre[0]) / radii[0]) ** 2.6 + np.abs((y - centre[1]) / radii[1]) ** 2.6 <= 1
    return flat & (outline < 1.4) & (z > dome_mm(side, x, y, build)) & ~mediastinum_plane(x, y, z, build)


def dome_mm(side: LungLabel, x: Plane, y: Plane, build: Build) -> Plane:
    """Height of the diaphragm; deeper breath pushes it down, and the angles reach lower than the dome."""
    sign = _sides(side)
    top = LUNG_BASE_MM + (58.0 if side is LungLabel.RIGHT else 46.0) - 60.0 * (build.inspiration - 1)
    distance = ellipse(x, y, (sign * 70 * build.width, -8.0), (78 * build.width, 92 * build.depth))
    return (top - 62 * distance**2).astype(np.float32)


def mediastinum_plane(x: Plane, y: Plane, z: float, build: Build) -> BoolPlane:
    """Heart, great vessels and the tissue between the lungs."""
    heart_z = (z - (LUNG_BASE_MM + 62)) / 68
    inside = (np.abs(x) < 17 + 6 * np.cos(z / 40)) & (y > -75) & (y < 75)
    if abs(heart_z) < 1:
        shrink = np.sqrt(1 - heart_z**2)
        inside |= ellipse(x, y, (20 * build.width, -28), (62 * shrink * build.width + 1, 46 * shrink + 1)) < 1
    hilum = np.exp(-(((z - CARINA_MM + 18) / 22) ** 2))
    inside |= ellipse(x, y, (0, 12), (30 + 12 * hilum, 32)) < 1
    inside |= ellipse(x, y, (0, 78), (27, 34)) < 1
    return inside | (ellipse(x, y, (24, 48), (14, 14)) < 1)


def lobe_plane(side: LungLabel, lung: BoolPlane, y: Plane, z: float, build: Build) -> NDArray[np.uint8]:
    """Lobes of one lung in one slice, divided by its fissures."""
    t = (z - LUNG_BASE_MM) / LUNG_HEIGHT_MM
    back = np.clip((y / build.depth + 76) / 152, 0, 1)
    oblique = 0.06 + 0.62 * back + 0.03 * np.sin(3 * back)
    lower = np.broadcast_to(t < oblique, lung.shape)
    if side is LungLabel.LEFT:
        lobes = np.where(lower, LobeLabel.LLL, LobeLabel.LUL)
    else:
        upper_or_middle = LobeLabel.RML if t < 0.46 else LobeLabel.RUL
        lobes = np.where(lower, LobeLabel.RLL, upper_or_middle)
    return np.where(lung, lobes, 0).astype(np.uint8)


def fissure_plane(side: LungLabel, y: Plane, z: float, build: Build) -> Plane:
    """Distance to the oblique fissure in mm, for the faint line it draws."""
    t = (z - LUNG_BASE_MM) / LUNG_HEIGHT_MM
    back = np.clip((y / build.depth + 76) / 152, 0, 1)
    oblique = 0.06 + 0.62 * back + 0.03 * np.sin(3 * back)
    return (np.abs(t - oblique) * LUNG_HEIGHT_MM).astype(np.float32)


def body_plane(x: Plane, y: Plane, z: float, build: Build) -> Plane:
    """HU of one slice without lungs and vessels: air, table, fat, muscle, bones, heart, upper abdomen."""
    rise = np.clip((z - LUNG_BASE_MM) / LUNG_HEIGHT_MM, 0, 1.15)
    half_width = (172 - 22 * rise**3) * build.width
    half_depth = (118 - 18 * rise**2) * build.depth
    outline = (np.abs(x) / half_width) ** 2.5 + (np.abs(y - 4) / half_depth) ** 2.5
    hu = np.where(outline < 1, FAT_HU, AIR_HU).astype(np.float32)
    hu = np.where((np.abs(y - half_depth - 14) < 5) & (np.abs(x) < 210), TABLE_HU, hu)
    wall = (np.abs(x) / (half_width - 16)) ** 2.5 + (np.abs(y - 4) / (half_depth - 13)) ** 2.5
    hu = np.where(wall < 1, MUSCLE_HU, hu)
    hu = np.where(mediastinum_plane(x, y, z, build) & (wall < 1), BLOOD_HU, hu)
    hu = np.where((ellipse(x, y, (0, -62), (12, 14)) < 1) & (z > LUNG_BASE_MM + 100), FAT_HU, hu)
    hu = _abdomen(hu, x, y, z, build)
    return _bones(hu, x, y, z, wall, build)


def _abdomen(hu: Plane, x: Plane, y: Plane, z: float, build: Build) -> Plane:
    liver = (z < dome_mm(LungLabel.RIGHT, x, y, build) - 4) & (x < 30)
    liver &= ellipse(x, y, (-60, -5), (88 * build.width, 92 * build.depth)) < 1
    hu = np.where(liver, LIVER_HU, hu)
    under = (z < dome_mm(LungLabel.LEFT, x, y, build) - 8) & (ellipse(x, y, (65, -12), (52, 62)) < 1)
    hu = np.where(under, 35.0, hu)
    return np.where(under & (y < -40) & (z < LUNG_BASE_MM + 22), AIR_HU, hu).astype(np.float32)


def _bones(hu: Plane, x: Plane, y: Plane, z: float, wall: Plane, build: Build) -> Plane:
    shell = (wall > 0.83) & (wall < 0.97)
    angle = np.arctan2(np.abs(x), -(y - 4))
    for rib in range(RIBS):
        # A rib leaves the spine high and comes to the front lower down.
        height = LUNG_BASE_MM + 8 + rib * 24 - 46 * (1 + np.cos(angle)) / 2 + 30
        near = np.abs(z - height)
        in_rib = shell & (near < 6.5) & (angle > 0.5)
        hu = np.where(in_rib, np.where((near < 4) & (wall > 0.86) & (wall < 0.94), MARROW_HU, CORTEX_HU), hu)
    vertebra = ellipse(x, y, (0, 78), (21, 17))
    has_disc = (z % 26) < 4
    hu = np.where(vertebra < 1, 80.0 if has_disc else np.where(vertebra > 0.86, CORTEX_HU * 0.8, MARROW_HU), hu)
    arch = ellipse(x, y, (0, 103), (17, 13))
    hu = np.where((arch < 1) & (arch > 0.62), CORTEX_HU * 0.7, np.where(arch <= 0.62, 25.0, hu))
    sternum = ellipse(x, y, (0, -96 * build.depth + 4), (19, 6.5))
    if z > LUNG_BASE_MM + 70:
        hu = np.where(sternum < 1, np.where(sternum > 0.75, CORTEX_HU * 0.6, 150.0), hu)
    if z > LUNG_BASE_MM + 130:
        blade = ellipse(np.abs(x), y, (112 * build.width, 74 * build.depth), (30, 4.5))
        hu = np.where(blade < 1, np.where(blade > 0.6, CORTEX_HU * 0.7, MARROW_HU), hu)
    return hu
