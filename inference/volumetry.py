"""Millilitres, shares and scores from masks. Pure: the definitions that the portal's help page shows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.labels import INFECTED_LABELS, InfectionLabel, LobeLabel, LungLabel
from inference.volume import Mask, Volume

#: Infected voxels at least this dense count as high opacity.
HIGH_OPACITY_HU = -200
#: Upper bounds in per cent of the scores 1 to 4; from the last one on the score is 5.
SCORE_BOUNDS_PERCENT = (5.0, 25.0, 50.0, 75.0)
ML_DECIMALS = 3


@dataclass(frozen=True, slots=True)
class Masks:
    """The three label maps of one scan, on one grid."""

    lung: Mask
    lobes: Mask
    infection: Mask


def poi_percent(infected_ml: float, lung_ml: float) -> float:
    """Share of the lung that is infected, in per cent (Wu et al., PoIR); 0 where there is no lung."""
    return 100 * infected_ml / lung_ml if lung_ml else 0.0


def lobe_score(percent: float) -> int:
    """Severity of one lobe, 0 to 5, by its infected share (Xie et al., section on the CT severity score)."""
    if percent <= 0:
        return 0
    return 1 + sum(percent >= bound for bound in SCORE_BOUNDS_PERCENT)


def measure(volume: Volume, masks: Masks) -> dict[str, Any]:
    """Every figure of one scan, as `measurements.json` holds them. Works slice by slice on the full grid."""
    ml = volume.geometry.voxel_mm3 / 1000
    slices = len(volume.hu)
    lung_infection = np.zeros((3, 5), np.int64)
    lobe_infection = np.zeros((6, 5), np.int64)
    by_slice = np.zeros(slices, np.int64)
    dense = 0
    for z in range(slices):
        lung, lobe, kind = (m.labels[z] for m in (masks.lung, masks.lobes, masks.infection))
        lung_infection += _joint_counts(lung, kind, 3)
        lobe_infection += _joint_counts(lobe, kind, 6)
        infected = np.isin(kind, INFECTED_LABELS)
        by_slice[z] = np.count_nonzero(infected)
        dense += int(np.count_nonzero(volume.hu[z][infected] >= HIGH_OPACITY_HU))
    infected_voxels = int(by_slice.sum())
    lobes = {lobe.name: _region(lobe_infection[lobe], ml) for lobe in LobeLabel}
    for figures in lobes.values():
        figures["score"] = lobe_score(figures["poi_percent"])
    kinds = lung_infection.sum(axis=0) * ml
    lung_ml = float(lung_infection[1:].sum() * ml)
    infected_ml = infected_voxels * ml
    return {
        "lung_ml": round(lung_ml, ML_DECIMALS),
        "infected_ml": round(infected_ml, ML_DECIMALS),
        "poi_percent": round(poi_percent(infected_ml, lung_ml), ML_DECIMALS),
        "lungs": {side.name.lower(): _region(lung_infection[side], ml) for side in LungLabel},
        "lobes": lobes,
        "composition": {
            "ground_glass_ml": round(float(kinds[InfectionLabel.GROUND_GLASS]), ML_DECIMALS),
            "consolidation_ml": round(float(kinds[InfectionLabel.CONSOLIDATION]), ML_DECIMALS),
            "effusion_ml": round(float(kinds[InfectionLabel.EFFUSION]), ML_DECIMALS),
            "unknown_ml": round(float(kinds[InfectionLabel.INFECTED]), ML_DECIMALS),
        },
        "high_opacity_percent": round(100 * dense / infected_voxels, ML_DECIMALS) if infected_voxels else 0.0,
        "severity_score": sum(figures["score"] for figures in lobes.values()),
        "infected_by_slice_ml": [round(float(count * ml), ML_DECIMALS) for count in by_slice],
    }


def _joint_counts(region: NDArray[np.uint8], kind: NDArray[np.uint8], regions: int) -> NDArray[np.int64]:
    """Voxels for each pair of region and infection label."""
    joint = region.astype(np.intp) * 5 + kind
    return np.bincount(joint.ravel(), minlength=regions * 5)[: regions * 5].reshape(regions, 5)


def _region(counts: NDArray[np.int64], ml: float) -> dict[str, Any]:
    """Volume and infection of one lung or lobe from its counts by infection label."""
    region_ml = float(counts.sum() * ml)
    infected_ml = float(sum(counts[label] for label in INFECTED_LABELS) * ml)
    return {
        "ml": round(region_ml, ML_DECIMALS),
        "infected_ml": round(infected_ml, ML_DECIMALS),
        "poi_percent": round(poi_percent(infected_ml, region_ml), ML_DECIMALS),
    }
