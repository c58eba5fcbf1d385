"""The pipelines on patients that no network was trained on: Dice, PoIR, and what they measure on phantoms."""

import json
from collections.abc import Callable, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np

from inference.catalogue import PipelineEntry, catalogue, chosen
from inference.io import Reading, SeriesHeader, SeriesKind
from inference.labels import INFECTED_LABELS, InfectionLabel
from inference.metrics import Confusion, hd95_mm, mape_percent, pearson_r
from inference.phantom import SCENARIOS, Acquisition, scans_of
from inference.pipeline import Analysis, analyse, load_segmenter
from inference.progress import Progress
from inference.training.config import TrainingConfig
from inference.training.datasets import Case, real_cases
from inference.volume import Volume
from inference.volumetry import poi_percent

#: One file a pipeline.
RESULTS = Path(__file__).parent / "results" / "held-out"
PHANTOM_SEEDS = range(1, 3)
PHANTOM_ACQUISITION = Acquisition(size=320, slices=90)
#: Lesions smaller than this are not held to the 10 % that larger ones are.
LARGE_ENOUGH_ML = 20.0
MEAN_METRICS = ("dice", "iou", "sensitivity", "specificity", "ppv")
Run = Callable[[Volume], Analysis]


def evaluate_held_out(config: TrainingConfig, pipelines: Sequence[str] = ()) -> dict[str, Any]:
    """Run pipelines (all without names) on a configuration's test patients and on phantoms; stores and returns it all.

    Raises:
        UnknownPipeline: there is none of a given name.
    """
    cases = [case for case in real_cases(Path(config.datasets)) if case.patient in set(config.test)]
    RESULTS.mkdir(parents=True, exist_ok=True)
    results = {}
    for entry in chosen(pipelines):
        result = {"test_patients": config.test, **_measured(entry, cases)}
        (RESULTS / f"{entry.name}.json").write_text(json.dumps(result, indent=1) + "\n")
        results[entry.name] = result
    return results


def stored_results() -> dict[str, dict[str, Any]]:
    """What was stored, by pipeline, in the order of the catalogue."""
    order = {entry.name: number for number, entry in enumerate(catalogue())}
    stored = {path.stem: json.loads(path.read_text()) for path in RESULTS.glob("*.json")}
    return {name: stored[name] for name in sorted(stored, key=lambda name: (order.get(name, len(order)), name))}


def _measured(entry: PipelineEntry, cases: Sequence[Case]) -> dict[str, Any]:
    segmenter = load_segmenter(entry, "auto")

    def run(volume: Volume) -> Analysis:
        return analyse(bare_reading(volume), entry, segmenter, Progress())

    rows = [real_row(case, run) for case in cases]
    return {
        "version": entry.version,
        "sha256": entry.sha256,
        "cases": rows,
        "summary": summary_of(rows),
        "summary_hu": summary_of([row for row in rows if row["is_hu"]]),
        "phantoms": _phantom_rows(run),
    }


def bare_reading(volume: Volume) -> Reading:
    """A volume as if it had been read, without anything said about it."""
    return Reading(volume, SeriesHeader(SeriesKind.NIFTI, volume.geometry, ()), ())


def real_row(case: Case, run: Run) -> dict[str, Any]:
    """Everything about one stack: metrics of lung, infection and each kind its readers told apart, and PoIR."""
    analysis = run(case.volume)
    truth = case.marked
    lung_truth = (case.lung > 0) | (truth > 0)
    kinds = analysis.masks.infection.labels
    pairs = {
        "lung": (analysis.masks.lung.labels > 0, lung_truth),
        "infection": (np.isin(kinds, INFECTED_LABELS), truth > 0),
    }
    if case.knows_kinds:
        shown = (InfectionLabel.GROUND_GLASS, InfectionLabel.CONSOLIDATION)
        pairs |= {kind.name.lower(): (kinds == kind, truth == kind) for kind in shown}
    counts = {name: Confusion.of(*pair) for name, pair in pairs.items()}
    true_poi = poi_percent(float(np.count_nonzero(truth)), float(np.count_nonzero(lung_truth)))
    return {
        "case": case.name,
        "patient": case.patient,
        "is_hu": case.name.startswith("medseg"),
        "slices": len(case.hu),
        "counts": {name: list(astuple(confusion)) for name, confusion in counts.items()},
        "hd95_mm": {name: rounded(hd95_mm(*pairs[name], case.spacing_zyx_mm), 1) for name in ("lung", "infection")},
        "poi_percent": round(analysis.measurements["poi_percent"], 3),
        "true_poi_percent": round(true_poi, 3),
    }


def metrics_of(row: dict[str, Any], name: str) -> dict[str, float | None]:
    """Every overlap metric of one stored case."""
    return Confusion(*row["counts"][name]).metrics()


def pooled_metrics(rows: Sequence[dict[str, Any]], name: str) -> dict[str, float | None] | None:
    """Metrics over the voxels of all cases together that carry counts of `name`; None where none does."""
    counts = [row["counts"][name] for row in rows if name in row["counts"]]
    return Confusion(*(int(total) for total in np.sum(counts, axis=0))).metrics() if counts else None


def mean_metric(rows: Sequence[dict[str, Any]], name: str, metric: str) -> float | None:
    """Mean over the cases in which a metric is defined."""
    known = [value for row in rows if (value := metrics_of(row, name)[metric]) is not None]
    return float(np.mean(known)) if known else None


def summary_of(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figures that papers print, over cases."""
    measured, true = ([row[name] for row in rows] for name in ("poi_percent", "true_poi_percent"))
    pooled = pooled_metrics(rows, "infection")
    distances = [row["hd95_mm"]["infection"] for row in rows if row["hd95_mm"]["infection"] is not None]
    return {
        "cases": len(rows),
        "lung_dice_mean": rounded(mean_metric(rows, "lung", "dice")),
        **{f"infection_{key}_mean": rounded(mean_metric(rows, "infection", key)) for key in MEAN_METRICS},
        "infection_dice_median": rounded(float(np.median([metrics_of(row, "infection")["dice"] for row in rows]))),
        "infection_dice_pooled": rounded(pooled["dice"] if pooled else None),
        "infection_hd95_mm_mean": rounded(float(np.mean(distances)) if distances else None, 1),
        "poir_r": rounded(pearson_r(measured, true)),
        "poir_mape_percent": rounded(mape_percent(measured, true), 1),
    }


def rounded(value: float | None, decimals: int = 4) -> float | None:
    """As results are stored and printed; None stays None."""
    return None if value is None else round(value, decimals)


def _phantom_rows(run: Run) -> list[dict[str, Any]]:
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
