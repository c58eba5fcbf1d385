"""How near restored stacks come to the HU they had: two stacks of COVID-19-CT-Seg are slices of MedSeg volumes."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from inference.preprocess.slices import WINDOW_HU, resized_hu
from inference.training.config import TrainingConfig
from inference.training.datasets import Case, real_cases

RESULT = Path(__file__).parent / "results" / "restoration.json"
#: Stack, the MedSeg volume it was cut from, and its first slice there.
PAIRS = (("radiopaedia_A_thick", "medseg-2", 8), ("radiopaedia_H", "medseg-4", 8))


def evaluate_restoration(config: TrainingConfig) -> dict[str, Any]:
    """Store and return mean absolute error and bias (HU) and Pearson's r, over the pixels of lung and of infection.

    Raises:
        BadConfiguration: data are missing.
    """
    cases = {case.name: case for case in real_cases(Path(config.datasets))}
    result = {stack: _compared(cases[stack], cases[volume], first) for stack, volume, first in PAIRS}
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    return result


def _compared(stack: Case, volume: Case, first: int) -> dict[str, dict[str, float]]:
    planes = volume.hu[first : first + len(stack.hu)]
    known = np.clip(resized_hu(planes)[:, 0].numpy(), *WINDOW_HU)
    infected = np.zeros_like(stack.lung) if stack.infection is None else stack.infection
    regions = {"lung": (stack.lung > 0) | (infected > 0), "infection": infected > 0}
    return {name: _errors(stack.hu[where], known[where]) for name, where in regions.items()}


def _errors(found: np.ndarray, known: np.ndarray) -> dict[str, float]:
    error = found - known
    return {
        "mean_absolute_error_hu": round(float(np.abs(error).mean()), 1),
        "bias_hu": round(float(error.mean()), 1),
        "pearson_r": round(float(np.corrcoef(found, known)[0, 1]), 3),
    }
