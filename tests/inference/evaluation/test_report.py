"""The report and the model cards say what is stored, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from inference.catalogue import card_of, catalogue
from inference.evaluation import report

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    written: dict[str, Any] = {}
    monkeypatch.setattr(report, "write_card", written.__setitem__)
    return written


def test_the_report_in_the_documentation_is_the_stored_result(cards, tmp_path: Path) -> None:
    report.write_report(tmp_path / "evaluation.md")
    assert (tmp_path / "evaluation.md").read_text() == (REPOSITORY / "docs" / "evaluation.md").read_text()
    for name, card in cards.items():
        assert card["figures"] == card_of(name)["figures"], f"the figures of {name} are not those that are stored"


def test_the_stored_result_is_that_of_the_shipped_weights() -> None:
    stored = json.loads(report.RESULTS.read_text())["pipelines"]
    shipped = {entry.name: entry.sha256 for entry in catalogue()}
    assert {name: figures["sha256"] for name, figures in stored.items()} == shipped


def test_cross_validations_stand_beside_the_paper(cards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = dict.fromkeys(("sensitivity", "specificity", "dice", "g_mean", "f2", "accuracy"), 0.8125)
    labels = dict.fromkeys(("any", "ground_glass", "consolidation", "effusion"), metrics)
    result = {"name": "tiny", "steps": 5, "pooled": labels, "mean": {"any": 0.75}}
    (tmp_path / "sirm-tiny.json").write_text(json.dumps(result))
    (tmp_path / "held-out.json").write_text(report.RESULTS.read_text())
    monkeypatch.setattr(report, "RESULTS", tmp_path / "held-out.json")
    report.write_report(tmp_path / "evaluation.md")
    text = (tmp_path / "evaluation.md").read_text()
    assert "| tiny (here) | 0.8125 | 0.75 |" in text
    assert "| SegNet (Saood and Hatem) | 0.703 |" in text
