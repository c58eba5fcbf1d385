"""Pleural effusion as the default pipeline finds it: in CT of held-out patients with fluid laid into it and without."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import numpy as np

from inference.catalogue import DEFAULT_PIPELINE, pipeline_named
from inference.evaluation.held_out import bare_reading
from inference.io import Reading, read_input
from inference.labels import INFECTED_LABELS, InfectionLabel
from inference.metrics import Confusion
from inference.phantom import Acquisition, PhantomPatient
from inference.pipeline import analyse, load_segmenter
from inference.progress import Progress
from inference.training.config import TrainingConfig
from inference.training.datasets import Case, real_cases
from inference.training.effusions import with_effusion
from inference.volume import Mask

RESULT = Path(__file__).parent / "results" / "effusion.json"
#: Of the fluid and of the phantoms; training uses others.
SEED, PHANTOM_SEEDS = 71, (1, 2)
PHANTOM_ML = (0.0, 40.0, 150.0)


def evaluate_effusion(config: TrainingConfig, dry_scans: Sequence[Path]) -> dict[str, Any]:
    """Measure the default pipeline on the test patients of `config`; writes and returns every row.

    A row has the true and the found volume, their overlap where fluid was laid, and the infection that was found: fluid
    should not add to it. Lungs are found, not known.
    `dry_scans` are scans of people without effusion.

    Raises:
        InferenceError: a scan cannot be read.
    """
    entry = pipeline_named(DEFAULT_PIPELINE)
    segmenter = load_segmenter(entry, "auto")
    rows = []
    for name, reading, truth in _scans(config, dry_scans):
        found = analyse(reading, entry, segmenter, Progress()).masks.infection
        pair = (mask.labels == InfectionLabel.EFFUSION for mask in (found, truth))
        row = {
            "scan": name,
            "true_ml": round(truth.volume_ml(InfectionLabel.EFFUSION), 1),
            "found_ml": round(found.volume_ml(InfectionLabel.EFFUSION), 1),
            "infected_ml": round(found.volume_ml(*INFECTED_LABELS), 1),
            "counts": list(astuple(Confusion.of(*pair))),
        }
        rows.append(row)
        print(json.dumps(row), flush=True)
    result = {"version": entry.version, "sha256": entry.sha256, "scans": rows}
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    return result


def dice_of(row: dict[str, Any]) -> float | None:
    """Dice of a row with fluid; None where there is none."""
    return Confusion(*row["counts"]).metrics()["dice"] if row["true_ml"] else None


def _scans(config: TrainingConfig, dry_scans: Iterable[Path]) -> Iterator[tuple[str, Reading, Mask]]:
    rng = np.random.default_rng(SEED)
    for case in real_cases(Path(config.datasets)):
        # Single slices of many people are no scan.
        if case.patient not in config.test or not case.is_stack:
            continue
        dry = replace(case, infection=np.zeros_like(case.lung))
        for one in (dry, with_effusion(dry, rng)):
            yield one.name, *_as_scan(one)
    for seed in PHANTOM_SEEDS:
        for effusion_ml in PHANTOM_ML:
            acquisition = Acquisition(infected_ml=60.0, effusion_ml=effusion_ml, size=320, slices=90, noise_seed=seed)
            scan = PhantomPatient(seed).scan(acquisition)
            yield f"phantom-{seed}", bare_reading(scan.volume), scan.truth.infection
    for path in dry_scans:
        reading = read_input(path)
        yield path.name, reading, Mask(np.zeros(reading.volume.hu.shape, np.uint8), reading.volume.geometry)


def _as_scan(case: Case) -> tuple[Reading, Mask]:
    volume = case.volume
    return bare_reading(volume), Mask(case.marked, volume.geometry)
