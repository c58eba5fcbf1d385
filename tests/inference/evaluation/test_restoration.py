"""Restored stacks beside the HU they had."""

import json
from pathlib import Path

import numpy as np
import pytest

from inference.evaluation import pairs, restoration
from inference.training.config import TrainingConfig
from inference.training.datasets import Case


def case_of(name: str, hu: np.ndarray) -> Case:
    lung = np.ones(hu.shape, np.uint8)
    infection = np.zeros_like(lung)
    infection[:, :100] = 1
    return Case(name, name, hu, lung, infection, knows_kinds=False)


def test_errors_are_those_of_the_slices_that_belong_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    volume = rng.integers(-950, -200, (5, 32, 32)).repeat(8, axis=1).repeat(8, axis=2).astype(np.int16)
    stack = volume[2:4].copy()
    stack[:, :100] += 30
    cases = [case_of("stack", stack), case_of("volume", volume)]
    monkeypatch.setattr(restoration, "real_cases", lambda _: iter(cases))
    monkeypatch.setattr(pairs, "PAIRS", (("stack", "volume"),))
    monkeypatch.setattr(restoration, "RESULT", tmp_path / "restoration.json")
    config = TrainingConfig("x", "infection", datasets="", test=[], validation=[], out=str(tmp_path))
    found = restoration.evaluate_restoration(config)["stack"]
    assert found["infection"] == {"mean_absolute_error_hu": 30.0, "bias_hu": 30.0, "pearson_r": 1.0}
    assert found["lung"]["bias_hu"] == pytest.approx(30 * 100 / 256, abs=0.1)
    assert json.loads(restoration.RESULT.read_text()) == {"stack": found}
