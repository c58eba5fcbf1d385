"""Effusion is measured on scans with fluid and without, and the report says both."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.evaluation import effusions
from inference.phantom import SyntheticScan
from inference.progress import OnProgress
from inference.segmenters.composed import Composed, WithEffusion
from inference.training.config import TrainingConfig
from inference.training.datasets import Case
from inference.volume import Mask, Volume

WATER_HU = (-30, 32)


class Water:
    """Whatever is as dense as water at the back of the body."""

    def find_effusion(self, volume: Volume, lung: Mask, on_progress: OnProgress) -> NDArray[np.bool_]:
        found = (volume.hu > WATER_HU[0]) & (volume.hu < WATER_HU[1]) & (lung.labels == 0)
        found[:, : volume.hu.shape[1] // 2] = False
        on_progress(1.0)
        return found


def test_wet_and_dry_scans_are_measured(
    chest_scan: SyntheticScan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = effusions.load_segmenter

    def with_water(entry, device: str) -> Composed:
        pipeline = load(effusions.pipeline_named("hu-baseline"), device)
        return Composed(pipeline, WithEffusion(pipeline, Water()), pipeline)

    lung = (chest_scan.truth.lung.labels > 0).astype(np.uint8)
    spacing = chest_scan.volume.geometry.spacing_zyx_mm
    tested = Case("medseg-1", "I", chest_scan.volume.hu, lung, None, knows_kinds=False, spacing_zyx_mm=spacing)
    single = Case("slices", "I", tested.hu, lung, None, knows_kinds=False, is_stack=False)
    other = Case("medseg-2", "A", tested.hu, lung, None, knows_kinds=False)
    monkeypatch.setattr(effusions, "load_segmenter", with_water)
    monkeypatch.setattr(effusions, "real_cases", lambda _: iter([tested, single, other]))
    monkeypatch.setattr(effusions, "RESULT", tmp_path / "effusion.json")
    monkeypatch.setattr(effusions, "PHANTOM_SEEDS", ())
    config = TrainingConfig(name="x", task="effusion", datasets="", test=["I"], validation=[], out="")
    effusions.evaluate_effusion(config, [])
    dry, wet = json.loads((tmp_path / "effusion.json").read_text())["scans"]
    assert (dry["scan"], wet["scan"]) == ("medseg-1", "medseg-1-effusion")
    assert dry["true_ml"] == 0.0
    assert effusions.dice_of(dry) is None
    assert wet["true_ml"] > 5
    assert wet["found_ml"] > dry["found_ml"]
    assert 0 < (effusions.dice_of(wet) or 0) <= 1
    assert wet["infected_ml"] <= dry["infected_ml"], "fluid is no infection, and hides some"
