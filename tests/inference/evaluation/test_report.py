"""The report and the model cards say what is stored, and nothing else."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.catalogue import DEFAULT_PIPELINE, card_of, catalogue
from inference.evaluation import held_out, report

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    written: dict[str, Any] = {}
    monkeypatch.setattr(report, "write_card", written.__setitem__)
    return written


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the stored results that a test may change."""
    folder = tmp_path / "results"
    shutil.copytree(held_out.RESULTS.parent, folder)
    monkeypatch.setattr(held_out, "RESULTS", folder / "held-out")
    return folder


def test_the_report_in_the_documentation_is_the_stored_result(cards, tmp_path: Path) -> None:
    report.write_report(tmp_path / "evaluation.md")
    assert (tmp_path / "evaluation.md").read_text() == (REPOSITORY / "docs" / "evaluation.md").read_text()
    for name, card in cards.items():
        assert card["figures"] == card_of(name)["figures"], f"the figures of {name} are not those that are stored"


def test_every_picture_of_the_report_is_made_and_kept(cards, tmp_path: Path) -> None:
    report.write_report(tmp_path / "evaluation.md")
    made = {path.name for path in (tmp_path / report.PICTURES).iterdir()}
    kept = {path.name for path in (REPOSITORY / "docs" / report.PICTURES).iterdir()}
    assert {"dice.png", "bland-altman.png"} <= made <= kept
    assert all((tmp_path / report.PICTURES / name).stat().st_size > 8000 for name in made)


def test_the_stored_results_are_those_of_the_shipped_weights() -> None:
    stored = held_out.stored_results()
    shipped = {entry.name: entry.sha256 for entry in catalogue()}
    assert {name: figures["sha256"] for name, figures in stored.items()} == shipped
    effusion, readers = (
        json.loads((held_out.RESULTS.parent / f"{name}.json").read_text()) for name in ("effusion", "readers")
    )
    assert effusion["sha256"] == readers["pipeline"]["sha256"] == shipped[DEFAULT_PIPELINE]


def test_cross_validations_stand_beside_the_paper(cards, results: Path, tmp_path: Path) -> None:
    metrics = dict.fromkeys(("sensitivity", "specificity", "dice", "g_mean", "f2", "accuracy"), 0.8125)
    labels = dict.fromkeys(("any", "ground_glass", "consolidation", "effusion"), metrics)
    tiny = {"name": "tiny", "steps": 5, "pooled": labels, "mean": {"any": 0.75}, "folds": [labels], "dice": {"a": 0.5}}
    (results / "sirm-tiny.json").write_text(json.dumps(tiny))
    shares = {"coronacases_01": (10, 20), "B": (20, 20), "C": (25, 50), "D": (6, 0)}
    stacks = {
        "dice": {"coronacases_01": 0.5, "B": 0.75, "C": 0.75, "D": 0.0},
        "lung_pixels": dict.fromkeys(shares, 100),
        "infected_pixels": {case: {"found": found, "true": true} for case, (found, true) in shares.items()},
    }
    (results / "ma-tiny.json").write_text(json.dumps({**tiny, **stacks}))
    binary = {**tiny, "name": "tiny-binary", "pooled": {"any": metrics}}
    (results / "sirm-tiny-binary.json").write_text(json.dumps(binary))
    report.write_report(tmp_path / "evaluation.md")
    text = (tmp_path / "evaluation.md").read_text()
    assert "| tiny (here) | 0.8125 | 0.75 |" in text
    assert "| tiny-binary (here) | 0.8125 | 0.75 | – | – | – | 5 |" in text
    assert "| SegNet (Saood and Hatem) | 0.703 |" in text
    pearson = np.corrcoef([10, 20, 25, 6], [20, 20, 50, 0])[0, 1]
    assert f"| tiny (here) | 0.75 | 0.5 | 0.8125 | {pearson:.4f} | 33.3 | 5 |" in text
    assert "| Bifurcated (Yazdekhasty et al.) | 0.768 |" in text


def test_lobes_and_candidates_stand_beside_the_paper(cards, results: Path, tmp_path: Path) -> None:
    lobes = dict.fromkeys(("RUL", "RML", "RLL", "LUL", "LLL", "mean"), 0.5)
    method = {"iou": lobes, "hd95_mm": 9.5}
    patient = {"atlas": {"dice": 0.6, "sensitivity": 0.7}}
    found = {"maps": ["04"], **dict.fromkeys(("network", "walked", "atlas"), method), "patient": patient}
    (results / "lobes.json").write_text(json.dumps(found))
    roc = {
        "candidates": 9,
        "infected": 3,
        "auc": 0.9,
        "accuracy": 0.8,
        "threshold": 0.4,
        "roc": [[1, 1], [0, 1], [0, 0]],
    }
    (results / "candidates.json").write_text(json.dumps(roc))
    report.write_report(tmp_path / "evaluation.md")
    text = (tmp_path / "evaluation.md").read_text()
    assert "| RML | 0.5 | 0.5 | 0.5 | 0.877 |" in text
    assert "| HD95 (mm) | 9.5 | 9.5 | 9.5 | 6.4 |" in text
    assert "| atlas | 0.6 | 0.7 |" in text
    assert "| auc | 0.9 | 0.913 |" in text
    assert (tmp_path / report.PICTURES / "roc.png").exists()


def test_summaries_pool_and_average_what_was_counted() -> None:
    def row(dice_counts: list[int], poi: float, true: float) -> dict[str, Any]:
        counts = {"lung": [9, 0, 0, 1], "infection": dice_counts}
        return {"counts": counts, "hd95_mm": {"infection": 4.0}, "poi_percent": poi, "true_poi_percent": true}

    summary = held_out.summary_of(
        [row([10, 0, 0, 0], 10.0, 10.0), row([0, 10, 30, 0], 10.0, 20.0), row([0, 0, 0, 5], 0.0, 0.0)]
    )
    assert summary["infection_dice_pooled"] == pytest.approx(20 / 60, abs=1e-4)
    assert summary["infection_dice_mean"] == pytest.approx(2 / 3, abs=1e-4)
    assert summary["infection_dice_median"] == 1.0
    assert summary["poir_mape_percent"] == 25.0
    assert summary["infection_hd95_mm_mean"] == 4.0
