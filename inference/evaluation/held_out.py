"""The pipelines on patients that no network was trained on: Dice, PoIR, and what they measure on phantoms."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from inference.catalogue import catalogue
from inference.geometry import Geometry
from inference.io import Reading, SeriesHeader, SeriesKind
from inference.labels import INFECTED_LABELS
from inference.metrics import Confusion, mape_percent, pearson_r
from inference.phantom import SCENARIOS, Acquisition, scans_of
from inference.pipeline import analyse, load_segmenter
from inference.progress import Progress
from inference.training.config import TrainingConfig
from inference.training.datasets import Case, real_cases
from inference.volume import Volume
from inference.volumetry import poi_percent

RESULTS = Path(__file__).parent / "results" / "held-out.json"
PHANTOM_SEEDS = range(1, 5)
PHANTOM_ACQUISITION = Acquisition(size=320, slices=90)
#: Lesions smaller than this are not held to the 10 % that larger ones are.
LARGE_ENOUGH_ML = 20.0


def evaluate_held_out(config: TrainingConfig) -> dict[str, Any]:
    """Run every pipeline on the test patients of a configuration and on phantoms; writes and returns the result."""
    cases = [case for case in real_cases(Path(config.datasets)) if case.patient in set(config.test)]
    result: dict[str, Any] = {"test_patients": config.test, "pipelines": {}}
    for entry in catalogue():
        segmenter = load_segmenter(entry, "auto")

        def run(volume: Volume, entry: Any = entry, segmenter: Any = segmenter) -> Any:
            header = SeriesHeader(SeriesKind.NIFTI, volume.geometry, ())
            return analyse(Reading(volume, header, ()), entry, segmenter, Progress())

        rows = [_real_row(case, run) for case in cases]
        phantoms = _phantom_rows(run)
        result["pipelines"][entry.name] = {
            "version": entry.version,
            "sha256": entry.sha256,
            "cases": rows,
            "summary": _summary(rows),
            "summary_hu": _summary([row for row in rows if row["is_hu"]]),
            "phantoms": phantoms,
        }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    return result


def _real_row(case: Case, run: Any) -> dict[str, Any]:
    geometry = Geometry(case.hu.shape, case.spacing_zyx_mm)
    analysis = run(Volume(case.hu, geometry))
    truth = case.infection if case.infection is not None else np.zeros_like(case.lung)
    lung_truth = (case.lung > 0) | (truth > 0)
    infected = np.isin(analysis.masks.infection.labels, INFECTED_LABELS)
    lung = Confusion.of(analysis.masks.lung.labels > 0, lung_truth)
    infection = Confusion.of(infected, truth > 0)
    return {
        "case": case.name,
        "patient": case.patient,
        "is_hu": case.name.startswith("medseg"),
        "slices": len(case.hu),
        "lung_dice": round(lung.metrics()["dice"] or 0.0, 4),
        "infection_dice": round(infection.metrics()["dice"] or 0.0, 4),
        "infection_counts": [infection.tp, infection.fp, infection.fn],
        "poi_percent": round(analysis.measurements["poi_percent"], 3),
        "true_poi_percent": round(poi_percent(float(np.count_nonzero(truth)), float(np.count_nonzero(lung_truth))), 3),
    }


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    tp, fp, fn = (sum(row["infection_counts"][i] for row in rows) for i in range(3))
    measured, true = ([row[name] for row in rows] for name in ("poi_percent", "true_poi_percent"))
    r, error = pearson_r(measured, true), mape_percent(measured, true)
    return {
        "cases": len(rows),
        "lung_dice_mean": round(float(np.mean([row["lung_dice"] for row in rows])), 4),
        "infection_dice_mean": round(float(np.mean([row["infection_dice"] for row in rows])), 4),
        "infection_dice_pooled": round(2 * tp / (2 * tp + fp + fn), 4),
        "poir_r": None if r is None else round(r, 4),
        "poir_mape_percent": None if error is None else round(error, 1),
    }


def _phantom_rows(run: Any) -> list[dict[str, Any]]:
    rows = []
    for seed in PHANTOM_SEEDS:
        for visit, scan in scans_of(SCENARIOS["growing"], seed=seed, acquisition=PHANTOM_ACQUISITION):
            figures = run(scan.volume).measurements
            lung_ml, infected_ml = scan.truth.lung_ml, scan.truth.infected_ml
            rows.append(
                {
                    "seed": seed,
                    "hours": visit.hours,
                    "true_ml": round(infected_ml, 1),
                    "infected_ml": round(figures["infected_ml"], 1),
                    "error_percent": round(100 * (figures["infected_ml"] / infected_ml - 1), 1),
                    "lung_error_percent": round(100 * (figures["lung_ml"] / lung_ml - 1), 1),
                }
            )
    return rows
