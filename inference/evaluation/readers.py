"""How far two readers agree on the same slices: what no measurement judged by one of them can be asked to surpass."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from inference.catalogue import DEFAULT_PIPELINE, PipelineEntry, pipeline_named
from inference.evaluation.held_out import bare_reading, rounded
from inference.evaluation.pairs import paired, slices_of
from inference.labels import INFECTED_LABELS
from inference.metrics import Confusion, hd95_mm, mape_percent, pearson_r
from inference.pipeline import analyse, load_segmenter
from inference.progress import Progress
from inference.segmenters import Segmenter
from inference.training.config import TrainingConfig
from inference.training.datasets import Case, real_cases
from inference.training.samples import truth_of
from inference.volumetry import poi_percent

RESULT = Path(__file__).parent / "results" / "readers.json"


def evaluate_readers(config: TrainingConfig) -> dict[str, Any]:
    """Store and return the masks of MedSeg's readers judged by those of COVID-19-CT-Seg's, as a pipeline's would be.

    Beside them the masks that the default pipeline finds in the volumes of the configuration's test patients, judged by
    either reader on the same slices.

    Raises:
        BadConfiguration: data are missing.
    """
    cases = {case.name: case for case in real_cases(Path(config.datasets))}
    entry = pipeline_named(DEFAULT_PIPELINE)
    segmenter = load_segmenter(entry, "auto")
    rows, pipeline_rows = [], []
    for pair in paired(cases):
        stack, volume = pair.same_slices()
        rows.append(_compared(stack, volume))
        if pair.volume.patient in config.test:
            found = slices_of(_found(pair.volume, entry, segmenter), pair.of_volume)
            pipeline_rows += [_compared(judge, found) for judge in (stack, volume)]
    judged, judge = ([row[name] for row in rows] for name in ("poi_percent", "true_poi_percent"))
    result = {
        "pairs": rows,
        "summary": {
            **{name: rounded(float(np.mean([row[name] for row in rows]))) for name in ("lung_dice", "infection_dice")},
            "poir_r": rounded(pearson_r(judged, judge)),
            "poir_mape_percent": rounded(mape_percent(judged, judge), 1),
        },
        "pipeline": {"version": entry.version, "sha256": entry.sha256, "pairs": pipeline_rows},
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    return result


def _found(case: Case, entry: PipelineEntry, segmenter: Segmenter) -> Case:
    """A case with a pipeline's masks in place of its reader's."""
    masks = analyse(bare_reading(case.volume), entry, segmenter, Progress()).masks
    lung, infection = masks.lung.labels > 0, np.isin(masks.infection.labels, INFECTED_LABELS)
    return replace(case, name=entry.name, lung=lung.astype(np.uint8), infection=infection.astype(np.uint8))


def _compared(judge: Case, judged: Case) -> dict[str, Any]:
    true_lung, lung = truth_of(judge, "lung") > 0, truth_of(judged, "lung") > 0
    truth, found = truth_of(judge, "infection") > 0, truth_of(judged, "infection") > 0
    return {
        "judged": judged.name,
        "judge": judge.name,
        "slices": len(truth),
        "lung_dice": rounded(Confusion.of(lung, true_lung).metrics()["dice"]),
        "infection_dice": rounded(Confusion.of(found, truth).metrics()["dice"]),
        "infection_hd95_mm": rounded(hd95_mm(found, truth, judge.spacing_zyx_mm), 1),
        "poi_percent": rounded(poi_percent(float(found.sum()), float(lung.sum())), 2),
        "true_poi_percent": rounded(poi_percent(float(truth.sum()), float(true_lung.sum())), 2),
    }
