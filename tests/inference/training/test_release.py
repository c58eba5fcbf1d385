"""From checkpoints to shipped weights: the card names what lies beside it."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from inference import catalogue
from inference.cli import main
from inference.training import export


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "weights"
    folder.mkdir()
    for name in ("unet2d", "other"):
        (folder / f"{name}.json").write_text((catalogue.WEIGHTS / "unet2d.json").read_text())
    for module in (catalogue, export):
        monkeypatch.setattr(module, "WEIGHTS", folder)
    return folder


def files_of(weights: Path, name: str) -> dict[str, Any]:
    return json.loads((weights / f"{name}.json").read_text())["files"]


@pytest.mark.parametrize("ending", ["-best", "-last", ""])
def test_shipping_a_checkpoint_renews_its_checksum_wherever_it_is_named(
    weights: Path, tmp_path: Path, ending: str
) -> None:
    before = files_of(weights, "unet2d")
    checkpoint = tmp_path / f"unet2d-lung{ending}.pt"
    torch.save({"state": {"layer": torch.ones(3)}}, checkpoint)
    assert main(["release", "unet2d", f"lung={checkpoint}"]) == 0
    after = files_of(weights, "unet2d")
    assert after["lung"]["name"] == "unet2d-lung.safetensors"
    assert after["lung"]["sha256"] != before["lung"]["sha256"]
    assert after["infection"] == before["infection"]
    assert files_of(weights, "other") == after
    assert load_file(weights / "unet2d-lung.safetensors")["layer"].tolist() == [1, 1, 1]


def test_a_shipped_file_may_serve_another_pipeline(weights: Path, tmp_path: Path) -> None:
    torch.save({"state": {"layer": torch.ones(3)}}, tmp_path / "judge-best.pt")
    main(["release", "unet2d", f"candidates={tmp_path / 'judge-best.pt'}"])
    assert main(["release", "other", f"candidates={weights / 'judge.safetensors'}"]) == 0
    assert files_of(weights, "other")["candidates"] == files_of(weights, "unet2d")["candidates"]
    assert [path.name for path in weights.glob("*.safetensors")] == ["judge.safetensors"]


def test_a_checkpoint_that_is_not_there_is_named(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["release", "unet2d", "lung=nowhere.pt"]) == 2
    assert "nowhere.pt" in capsys.readouterr().err


def test_the_mean_of_two_checkpoints_can_be_shipped(weights: Path, tmp_path: Path) -> None:
    for name, value in (("lung-best.pt", 1.0), ("former.pt", 4.0)):
        state = {"layer": torch.full((2,), value), "batches": torch.tensor(int(value))}
        torch.save({"state": state}, tmp_path / name)
    assert main(["release", "unet2d", f"lung={tmp_path / 'lung-best.pt'}+{tmp_path / 'former.pt'}"]) == 0
    shipped = load_file(weights / "lung.safetensors")
    assert shipped["layer"].tolist() == [2.5, 2.5]
    assert shipped["batches"] == 1
