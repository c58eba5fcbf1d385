"""How far two readers agree on the same slices: what no measurement judged by one of them can be asked to surpass."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from inference.evaluation.held_out import rounded
from inference.evaluation.pairs import paired_cases
from inference.metrics import Confusion, hd95_mm, mape_percent, pearson_r
from inference.training.config import TrainingConfig
from inference.training.datasets import Case, real_cases
from inference.training.samples import truth_of
from inference.volumetry import poi_percent

RESULT = Path(__file__).parent / "results" / "readers.json"


def evaluate_readers(config: TrainingConfig) -> dict[str, Any]:
    """Store and return the masks of MedSeg's readers judged by those of COVID-19-CT-Seg's, as a pipeline's would be.

    Raises:
        BadConfiguration: data are missing.
    """
    cases = {case.name: case for case in real_cases(Path(config.datasets))}
    rows = [_compared(judge, judged) for judge, judged in paired_cases(cases)]
    judged, judge = ([row[name] for row in rows] for name in ("poi_percent", "true_poi_percent"))
    result = {
        "pairs": rows,
        "summary": {
            **{name: rounded(float(np.mean([row[name] for row in rows]))) for name in ("lung_dice", "infection_dice")},
            "poir_r": rounded(pearson_r(judged, judge)),
            "poir_mape_percent": rounded(mape_percent(judged, judge), 1),
        },
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    return result


def _compared(judge: Case, judged: Case) -> dict[str, Any]:
    true_lung, lung = truth_of(judge, "lung") > 0, truth_of(judged, "lung") > 0
    truth, found = truth_of(judge, "infection") > 0, truth_of(judged, "infection") > 0
    return {
        "stack": judge.name,
        "volume": judged.name,
        "slices": len(truth),
        "lung_dice": rounded(Confusion.of(lung, true_lung).metrics()["dice"]),
        "infection_dice": rounded(Confusion.of(found, truth).metrics()["dice"]),
        "infection_hd95_mm": rounded(hd95_mm(found, truth, judge.spacing_zyx_mm), 1),
        "poi_percent": rounded(poi_percent(float(found.sum()), float(lung.sum())), 2),
        "true_poi_percent": rounded(poi_percent(float(truth.sum()), float(true_lung.sum())), 2),
    }
