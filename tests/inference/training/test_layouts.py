"""Data sets as people download them: read upright, with patients that no split tears apart, or refused by name."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from inference.errors import BadConfiguration
from inference.io import write_mask, write_volume
from inference.phantom import SyntheticScan
from inference.training.config import TrainingConfig
from inference.training.datasets import with_lone_kinds_by_density
from inference.training.layouts import LAYOUTS, configured_cases, extra_cases
from inference.training.loop import train


def save(values, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(sitk.GetImageFromArray(np.asarray(values)), str(path))


def small(value: int, where: int = 1) -> np.ndarray:
    array = np.zeros((3, 8, 8), np.int16)
    array[where, 2:5, 2:5] = value
    return array


@pytest.fixture
def ma2020(tmp_path: Path) -> Path:
    for name in ("coronacases_001", "radiopaedia_4_85506_1"):
        grey = np.full((3, 8, 8), 51, np.int16) if name.startswith("radio") else np.full((3, 8, 8), -700, np.int16)
        save(grey, tmp_path / "COVID-19-CT-Seg_20cases" / f"{name}.nii.gz")
        save(small(2), tmp_path / "Lung_Mask" / f"{name}.nii.gz")
        save(small(1), tmp_path / "Infection_Mask" / f"{name}.nii.gz")
    return tmp_path


def test_ma_et_al_as_on_zenodo(ma2020: Path) -> None:
    first, second = extra_cases([f"ma2020:{ma2020}"])
    assert (first.patient, second.patient) == ("coronacases_01", "radiopaedia_4")
    assert first.hu[0, 0, 0] == -700
    assert second.hu[0, 0, 0] == pytest.approx(-950, abs=1), "grey 51 of 255 over the window -1250 to 250"
    assert first.infection is not None
    assert int(first.infection.sum()) == int(first.lung.sum()) == 9
    assert not first.knows_kinds


def test_ma_et_al_with_joint_masks(ma2020: Path) -> None:
    joint = small(3)
    joint[0, 1, 1] = 1
    for image in (ma2020 / "COVID-19-CT-Seg_20cases").iterdir():
        save(joint, ma2020 / "Lung_and_Infection_Mask" / image.name)
    first, _ = extra_cases([f"ma2020:{ma2020}"])
    assert first.infection is not None
    assert (int(first.lung.sum()), int(first.infection.sum())) == (10, 9)


def test_a_missing_piece_is_named(ma2020: Path) -> None:
    (ma2020 / "Infection_Mask" / "coronacases_001.nii.gz").unlink()
    with pytest.raises(BadConfiguration, match=r"Infection_Mask lacks coronacases_001\.nii\.gz"):
        list(extra_cases([f"ma2020:{ma2020}"]))


@pytest.mark.parametrize(
    ("layout", "piece"),
    [
        ("ma2020", "COVID-19-CT-Seg_20cases"),
        ("medseg", "rp_im"),
        ("sirm", "im/256"),
        ("mosmed", "masks"),
        ("covid-19-20", "volume-covid19"),
        ("portal", "cases.json"),
    ],
)
def test_a_wrong_folder_gets_a_sentence(tmp_path: Path, layout: str, piece: str) -> None:
    assert layout in LAYOUTS
    with pytest.raises(BadConfiguration, match=piece):
        list(extra_cases([f"{layout}:{tmp_path}"]))


def test_an_unknown_layout_and_a_folder_that_is_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="LAYOUT:FOLDER"):
        list(extra_cases([str(tmp_path)]))
    with pytest.raises(BadConfiguration, match="does not exist"):
        list(extra_cases([f"mosmed:{tmp_path}/nowhere"]))


def test_medseg_as_downloaded_reads_upright_whatever_the_file_says(tmp_path: Path) -> None:
    for folder, values in (("rp_im", small(-300)), ("rp_msk", small(2)), ("rp_lung_msk", small(1))):
        save(values, tmp_path / folder / "1.nii.gz")
        image = sitk.DICOMOrient(sitk.ReadImage(str(tmp_path / folder / "1.nii.gz")), "RAI")
        flipped = sitk.Flip(image, [False, False, True])
        sitk.WriteImage(flipped, str(tmp_path / folder / "1.nii.gz"))
    (case,) = extra_cases([f"medseg:{tmp_path}"])
    assert case.knows_kinds
    assert case.infection is not None
    assert case.hu[case.infection == 2].tolist() == [-300] * 9


def test_a_kind_alone_in_its_slice_is_told_by_its_density() -> None:
    hu = np.full((4, 2, 3), -900, np.int16)
    labels = np.zeros((4, 2, 3), np.uint8)
    thin, dense, both = 0, 1, 2
    hu[thin, 0], hu[dense, 0], hu[both] = -600, -50, -600
    labels[thin, 0], labels[dense, 0], labels[both] = 2, 2, [[1, 1, 1], [2, 2, 0]]
    mended = with_lone_kinds_by_density(labels, hu)
    assert mended[thin, 0].tolist() == [1, 1, 1], "as thin as ground-glass"
    assert mended[dense, 0].tolist() == [2, 2, 2]
    assert mended[both].tolist() == [[1, 1, 1], [2, 2, 0]], "where readers told two kinds apart they are believed"
    assert labels[thin, 0].tolist() == [2, 2, 2], "what was handed in stays"


def test_sets_without_lungs_get_those_that_the_default_pipeline_finds(
    tmp_path: Path, chest_scan: SyntheticScan
) -> None:
    infected = np.isin(chest_scan.truth.infection.labels, (1, 2)).astype(np.uint8)
    mask = type(chest_scan.truth.infection)(infected, chest_scan.volume.geometry)
    for image, truth in (
        ("mosmed/studies/CT-1/study_0255.nii.gz", "mosmed/masks/study_0255_mask.nii.gz"),
        ("c/Train/volume-covid19-A-0003_ct.nii.gz", "c/Train/volume-covid19-A-0003_seg.nii.gz"),
    ):
        for path in (tmp_path / image, tmp_path / truth):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_volume(chest_scan.volume, tmp_path / image)
        write_mask(mask, tmp_path / truth)
    mosmed, challenge = extra_cases([f"mosmed:{tmp_path / 'mosmed'}", f"covid-19-20:{tmp_path / 'c'}"])
    assert (mosmed.name, challenge.name) == ("mosmed_study_0255", "volume-covid19-A-0003")
    for case in (mosmed, challenge):
        known = chest_scan.truth.lung.labels > 0
        assert 2 * (known & (case.lung > 0)).sum() / (known.sum() + (case.lung > 0).sum()) > 0.95


def test_what_a_portal_exported_trains_a_network(tmp_path: Path, chest_scan: SyntheticScan) -> None:
    for case in ("case-a", "case-b"):
        (tmp_path / "set" / case).mkdir(parents=True)
        write_volume(chest_scan.volume, tmp_path / "set" / case / "image.nii.gz")
        write_mask(chest_scan.truth.lung, tmp_path / "set" / case / "lung.nii.gz")
        write_mask(chest_scan.truth.infection, tmp_path / "set" / case / "infection.nii.gz")
    rows = [{"case": f"case-{name}", "patient": f"patient-{name}"} for name in "ab"]
    (tmp_path / "set" / "cases.json").write_text(json.dumps({"cases": rows}))
    config = TrainingConfig(
        name="own", task="infection", datasets="", test=[], validation=["patient-b"], out=str(tmp_path / "out"),
        extra=[f"portal:{tmp_path / 'set'}"], base_channels=4, batch_size=2, steps=2, validate_every=2,
    )  # fmt: skip
    assert [case.patient for case in configured_cases(config)] == ["patient-a", "patient-b"]
    assert train(config, "cpu").exists()
