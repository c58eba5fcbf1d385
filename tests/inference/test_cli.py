"""The command line as other programs call it: in a process of its own."""

import gzip
import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from inference.catalogue import DEFAULT_PIPELINE
from inference.io import read_input, read_mask
from inference.labels import LungLabel
from inference.phantom import SyntheticScan

ROOT = Path(__file__).parents[2]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inference", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def analysed(chest_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, object]]]:
    out = tmp_path_factory.mktemp("out") / "deep" / "folder"
    done = run("segment", chest_folder, "--out", out, "--pipeline", "hu-baseline", "--progress", "--save-volume")
    assert done.returncode == 0, done.stderr
    return out, [json.loads(line) for line in done.stdout.splitlines()]


def test_segment_writes_masks_on_the_grid_of_the_scan_and_nothing_half_done(
    analysed: tuple[Path, list[dict[str, object]]], chest_scan: SyntheticScan
) -> None:
    out, _ = analysed
    assert sorted(path.name for path in out.iterdir()) == [
        "infection.nii.gz",
        "lobes.nii.gz",
        "lung.nii.gz",
        "measurements.json",
        "volume.npy",
    ]
    for name in ("lung", "lobes", "infection"):
        geometry = read_mask(out / f"{name}.nii.gz").geometry
        assert geometry.shape_zyx == chest_scan.volume.geometry.shape_zyx
        assert geometry.spacing_zyx_mm == pytest.approx(chest_scan.volume.geometry.spacing_zyx_mm, rel=1e-5)


def test_measurements_agree_with_the_masks_beside_them(analysed: tuple[Path, list[dict[str, object]]]) -> None:
    out, _ = analysed
    figures = json.loads((out / "measurements.json").read_text())
    lung = read_mask(out / "lung.nii.gz")
    assert figures["lung_ml"] == pytest.approx(lung.volume_ml(*LungLabel), rel=1e-5)
    assert set(figures["timings_s"]) == {"reading", "lungs", "lobes", "infection", "measuring"} | {"writing"}
    assert figures["pipeline"]["name"] == "hu-baseline"


def test_the_saved_volume_is_the_scan(analysed: tuple[Path, list[dict[str, object]]], chest_folder: Path) -> None:
    out, _ = analysed
    saved = np.load(out / "volume.npy")
    assert saved.dtype == np.int16
    assert np.array_equal(saved, read_input(chest_folder).volume.hu)


def test_progress_passes_every_stage_and_ends_at_100(analysed: tuple[Path, list[dict[str, object]]]) -> None:
    _, lines = analysed
    assert list(dict.fromkeys(line["stage"] for line in lines)) == [
        "reading",
        "lungs",
        "lobes",
        "infection",
        "measuring",
        "writing",
    ]
    percents = [int(str(line["percent"])) for line in lines]
    assert percents == sorted(percents)
    assert percents[0] == 0
    assert percents[-1] <= 100


@pytest.mark.parametrize("content", ["", "not a scan"])
def test_bad_input_ends_with_2_and_one_line(tmp_path: Path, content: str) -> None:
    bad = tmp_path / "notes.txt"
    bad.write_text(content)
    done = run("segment", bad, "--out", tmp_path / "out", "--progress")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "notes.txt" in done.stderr
    refusal = json.loads(done.stdout.splitlines()[-1])
    assert refusal["error"] == done.stderr.strip()
    assert refusal["files"] == ["notes.txt"]
    assert refusal["code"]


def test_a_missing_path_and_an_unknown_pipeline_are_named(tmp_path: Path, chest_folder: Path) -> None:
    for arguments, word in (
        ((tmp_path / "absent",), "absent"),
        ((chest_folder, "--pipeline", "magic"), "magic"),
    ):
        done = run("segment", *arguments, "--out", tmp_path / "out")
        assert done.returncode == 2
        assert word in done.stderr
        assert "Traceback" not in done.stderr


def test_an_output_folder_that_cannot_be_made_is_named(tmp_path: Path, chest_folder: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("segment", chest_folder, "--out", tmp_path / "file")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_models_are_listed_with_one_default_and_without_loading_a_network() -> None:
    done = run("models")
    entries = {entry["name"]: entry for entry in json.loads(done.stdout)}
    assert {"unet2d", "hu-baseline"} <= set(entries)
    assert [name for name, entry in entries.items() if entry["default"]] == [DEFAULT_PIPELINE]
    assert all(len(entry["sha256"]) == 64 for entry in entries.values())
    probe = "import sys, inference.commands.models as m; m.run(None); sys.exit('torch' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, check=False)
    assert loaded.returncode == 0


def bomb(folder: Path, side: int, slices: int) -> Path:
    """A NIfTI file of a few kilobytes that unpacks to gigabytes of zeros."""
    header = sitk.GetImageFromArray(np.zeros((2, 2, 2), np.int16))
    sitk.WriteImage(header, str(folder / "small.nii"))
    start = bytearray((folder / "small.nii").read_bytes()[:352])
    start[42:48] = struct.pack("<3h", side, side, slices)
    path = folder / "bomb.nii.gz"
    block = bytes(side * side * 2)
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(start)
        for _ in range(slices):
            file.write(block)
    return path


def test_an_input_that_unpacks_beyond_all_bounds_is_refused_with_a_sentence(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("INFERENCE_MEMORY_GIB", "0.5")
    done = run(
        "segment", bomb(tmp_path, 1024, 400), "--out", tmp_path / "out", "--pipeline", "hu-baseline", "--progress"
    )
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1), done.stderr
    assert "more memory than the 0.5 GiB" in done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["code"] == "memory"
