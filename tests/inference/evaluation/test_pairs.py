"""Slices that two readers marked, and how far they agree."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from inference.catalogue import DEFAULT_PIPELINE
from inference.evaluation import pairs, readers
from inference.labels import InfectionLabel
from inference.training.config import TrainingConfig
from inference.training.datasets import Case

SIZE, INFECTED_ROWS = 256, 64


def noisy_case(name: str, seed: int, slices: int) -> Case:
    """Slices that resemble no other one, lung all over, infected in the first rows."""
    coarse = np.random.default_rng(seed).integers(-950, -200, (slices, 32, 32))
    hu = coarse.repeat(SIZE // 32, axis=1).repeat(SIZE // 32, axis=2).astype(np.int16)
    lung = np.ones(hu.shape, np.uint8)
    infection = np.zeros_like(lung)
    infection[:, :INFECTED_ROWS] = 1
    return Case(name, name, hu, lung, infection, knows_kinds=False)


@pytest.fixture
def cases(monkeypatch: pytest.MonkeyPatch) -> dict[str, Case]:
    """A volume, and a stack of two of its slices, upside down, with one of somebody else between them."""
    volume, other = noisy_case("volume", 3, 5), noisy_case("other", 4, 1)
    stack = replace(
        volume,
        name="stack",
        hu=np.stack([volume.hu[3], other.hu[0], volume.hu[1]]),
        lung=volume.lung[:3],
        infection=np.roll(volume.infection[:3], INFECTED_ROWS // 2, axis=1),
    )
    monkeypatch.setattr(pairs, "PAIRS", (("stack", "volume"),))
    return {case.name: case for case in (volume, stack)}


def test_slices_are_matched_by_their_likeness_and_strangers_left_out(cases: dict[str, Case]) -> None:
    (pair,) = pairs.paired(cases)
    stack, volume = pair.same_slices()
    assert len(stack.hu) == len(volume.hu) == 2
    np.testing.assert_array_equal(stack.hu, volume.hu)
    np.testing.assert_array_equal(volume.hu, cases["volume"].hu[[3, 1]])


def test_the_default_pipeline_is_judged_by_either_reader_of_a_test_patient(
    cases: dict[str, Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume, stack = cases["volume"], replace(cases["stack"], infection=np.roll(cases["stack"].infection, 32, axis=1))
    found = np.where(volume.infection, InfectionLabel.CONSOLIDATION, InfectionLabel.EFFUSION)
    masks = SimpleNamespace(lung=SimpleNamespace(labels=volume.lung), infection=SimpleNamespace(labels=found))
    monkeypatch.setattr(readers, "real_cases", lambda _: iter([volume, stack]))
    monkeypatch.setattr(readers, "RESULT", tmp_path / "readers.json")
    monkeypatch.setattr(readers, "load_segmenter", lambda *_: None)
    monkeypatch.setattr(readers, "analyse", lambda *_: SimpleNamespace(masks=masks))
    config = TrainingConfig("x", "infection", datasets="", test=["volume"], validation=[], out=str(tmp_path))
    by_stack, by_volume = readers.evaluate_readers(config)["pipeline"]["pairs"]
    assert (by_stack["judged"], by_stack["judge"], by_volume["judge"]) == (DEFAULT_PIPELINE, "stack", "volume")
    assert by_volume["infection_dice"] == by_volume["lung_dice"] == 1
    assert by_stack["infection_dice"] == 0, "its readers marked the rows below"
    assert by_stack["poi_percent"] == by_stack["true_poi_percent"] == 25


def test_one_reader_is_judged_by_the_other(
    cases: dict[str, Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = replace(cases["volume"], infection=cases["volume"].infection.copy())
    volume.infection[:, : INFECTED_ROWS // 2] = 0
    monkeypatch.setattr(readers, "real_cases", lambda _: iter([volume, cases["stack"]]))
    monkeypatch.setattr(readers, "RESULT", tmp_path / "readers.json")
    config = TrainingConfig("x", "infection", datasets="", test=[], validation=[], out=str(tmp_path))
    found = readers.evaluate_readers(config)
    assert found["pipeline"]["pairs"] == [], "the configuration names no test patient"
    (pair,) = found["pairs"]
    assert pair["slices"] == 2
    assert pair["lung_dice"] == 1
    assert pair["infection_dice"] == pytest.approx(2 * 32 / (32 + 64), abs=1e-4)
    assert (pair["poi_percent"], pair["true_poi_percent"]) == (12.5, 25.0)
    assert found["summary"]["poir_mape_percent"] == 50
    assert json.loads(readers.RESULT.read_text()) == found
