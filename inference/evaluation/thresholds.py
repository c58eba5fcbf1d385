"""The threshold sweep of Wu et al.: which HU pair of the baseline agrees best with the readers."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import NoLungs
from inference.metrics import Confusion
from inference.preprocess.chest import Chest
from inference.preprocess.lungs import clean_lungs
from inference.progress import ignore_progress
from inference.segmenters.hu_baseline import HuBaseline
from inference.training.config import TrainingConfig
from inference.training.datasets import Case, real_cases
from inference.volume import Mask

RESULT = Path(__file__).parent / "results" / "thresholds.json"
LEVELS_HU = tuple(range(-800, 1, 50))
#: Stacks of more slices than this are left out: thin copies of others, and they take long.
MOST_SLICES = 120


def sweep_thresholds(config: TrainingConfig) -> dict[str, Any]:
    """Sweep over the CT in HU that is not in `config.test`; writes and returns mean Dice by threshold.

    The infection's sweep takes the readers' lung, so that it does not depend on the lung's threshold.
    """
    cases = [
        case
        for case in real_cases(Path(config.datasets))
        if case.name.startswith("medseg") and case.patient not in config.test and len(case.hu) <= MOST_SLICES
    ]
    result = {
        "cases": [case.name for case in cases],
        "lung": _best(cases, _lung_dice),
        "infection": _best(cases, _infection_dice),
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    return result


def _best(cases: Sequence[Case], dice: Callable[[Case, float], float]) -> dict[str, Any]:
    curve = [[level, round(float(np.mean([dice(case, level) for case in cases])), 4)] for level in LEVELS_HU]
    best = max(curve, key=lambda point: point[1])
    return {"dice_by_hu": curve, "best_hu": best[0], "best_dice": best[1]}


def _lung_dice(case: Case, level: float) -> float:
    volume = case.volume
    baseline = HuBaseline(level, level)
    probability = baseline.lung_probability(volume, ignore_progress)
    try:
        lung = clean_lungs(volume, probability, Chest.survey(volume), baseline.closing_mm, ignore_progress)
    except NoLungs:
        return 0.0
    return _dice(lung.labels > 0, _lung_of(case))


def _infection_dice(case: Case, level: float) -> float:
    volume = case.volume
    lung = Mask(_lung_of(case).astype(np.uint8), volume.geometry)
    kinds = HuBaseline(0.0, level).infection_kinds(volume, lung, ignore_progress)
    return _dice(kinds > 0, case.marked > 0)


def _lung_of(case: Case) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (case.lung > 0) | (case.marked > 0)
    return inside


def _dice(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return Confusion.of(found, truth).metrics()["dice"] or 0.0
