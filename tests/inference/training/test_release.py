"""From checkpoints to shipped weights: the card names what lies beside it."""

import json
from pathlib import Path

import pytest
import torch

from inference import catalogue
from inference.cli import main
from inference.training import export


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "unet2d.json").write_text((catalogue.WEIGHTS / "unet2d.json").read_text())
    for module in (catalogue, export):
        monkeypatch.setattr(module, "WEIGHTS", folder)
    return folder


def test_shipping_a_checkpoint_renews_its_checksum_alone(weights: Path, tmp_path: Path) -> None:
    before = json.loads((weights / "unet2d.json").read_text())
    torch.save({"state": {"layer": torch.ones(3)}}, tmp_path / "lung.pt")
    assert main(["release", "unet2d", f"lung={tmp_path / 'lung.pt'}"]) == 0
    after = json.loads((weights / "unet2d.json").read_text())
    assert after["files"]["lung"]["sha256"] != before["files"]["lung"]["sha256"]
    assert after["files"]["infection"] == before["files"]["infection"]
    assert (weights / "unet2d-lung.safetensors").exists()


def test_a_checkpoint_that_is_not_there_is_named(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["release", "unet2d", "lung=nowhere.pt"]) == 2
    assert "nowhere.pt" in capsys.readouterr().err
