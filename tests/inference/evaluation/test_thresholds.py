"""The threshold sweep finds the threshold that the picture was made with."""

from pathlib import Path

import numpy as np
import pytest

from inference.evaluation import thresholds
from inference.phantom import SyntheticScan
from inference.training.config import TrainingConfig
from inference.training.datasets import Case


def test_the_best_threshold_parts_lung_from_infection(
    chest_scan: SyntheticScan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = chest_scan.truth
    infection = np.isin(truth.infection.labels, (1, 2)).astype(np.uint8)
    lung = (truth.lung.labels > 0).astype(np.uint8)
    spacing = chest_scan.volume.geometry.spacing_zyx_mm
    case = Case("medseg-1", "A", chest_scan.volume.hu, lung, infection, knows_kinds=False, spacing_zyx_mm=spacing)
    others = [
        Case(name, patient, case.hu, lung, infection, False) for name, patient in (("medseg-2", "I"), ("ma", "B"))
    ]
    monkeypatch.setattr(thresholds, "real_cases", lambda _: iter([case, *others]))
    monkeypatch.setattr(thresholds, "RESULT", tmp_path / "thresholds.json")
    monkeypatch.setattr(thresholds, "LEVELS_HU", (-800, -600, -200))
    config = TrainingConfig(name="x", task="infection", datasets="", test=["I"], validation=[], out="")
    result = thresholds.sweep_thresholds(config)
    assert result["cases"] == ["medseg-1"], "test patients and stacks that are not in HU take no part"
    assert result["lung"]["best_hu"] == -200
    assert result["lung"]["best_dice"] > 0.9
    dice = dict(result["infection"]["dice_by_hu"])
    assert result["infection"]["best_hu"] in (-800, -600)
    assert dice[-200] < 0.5 < result["infection"]["best_dice"]
    assert (tmp_path / "thresholds.json").exists()
