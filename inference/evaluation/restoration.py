"""How near restored stacks come to the HU they had, where MedSeg holds the same slices."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from inference.evaluation.pairs import paired
from inference.preprocess.slices import WINDOW_HU
from inference.training.config import TrainingConfig
from inference.training.datasets import Case, real_cases
from inference.training.samples import truth_of

RESULT = Path(__file__).parent / "results" / "restoration.json"


def evaluate_restoration(config: TrainingConfig) -> dict[str, Any]:
    """Store and return mean absolute error and bias (HU) and Pearson's r, over the pixels of lung and of infection.

    Raises:
        BadConfiguration: data are missing.
    """
    cases = {case.name: case for case in real_cases(Path(config.datasets))}
    result = {pair.stack.name: _compared(*pair.same_slices()) for pair in paired(cases)}
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    return result


def _compared(stack: Case, volume: Case) -> dict[str, dict[str, float]]:
    known = np.clip(volume.hu, *WINDOW_HU)
    regions = {"lung": truth_of(stack, "lung") > 0, "infection": truth_of(stack, "infection") > 0}
    return {name: _errors(stack.hu[where], known[where]) for name, where in regions.items()}


def _errors(found: np.ndarray, known: np.ndarray) -> dict[str, float]:
    error = found.astype(np.int32) - known
    return {
        "mean_absolute_error_hu": round(float(np.abs(error).mean()), 1),
        "bias_hu": round(float(error.mean()), 1),
        "pearson_r": round(float(np.corrcoef(found, known)[0, 1]), 3),
    }
