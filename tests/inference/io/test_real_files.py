"""Real DICOM, ordinary and odd."""

from pathlib import Path

import numpy as np
import pytest

from inference.errors import InferenceError, NotAVolume, NotHounsfield
from inference.io import NamedFile, inspect, read_input
from inference.io.decoding import decode_hu
from inference.io.dicom_file import read_frames


def series_below(folder: Path):
    files = [NamedFile(path.name, path) for path in sorted(folder.rglob("*")) if path.is_file()]
    return inspect(files)


@pytest.mark.parametrize(("name", "slices"), [("P001", 148), ("normal001", 154)])
def test_a_complete_series_reads_in_order_and_in_hu(datasets: Path, name: str, slices: int) -> None:
    reading = read_input(datasets / "dicom" / name)
    assert reading.volume.hu.shape == (slices, 512, 512)
    assert reading.volume.geometry.spacing_zyx_mm[0] == pytest.approx(2.0)
    assert reading.volume.geometry.axes_zyx_lps[0] == pytest.approx((0, 0, 1))
    assert reading.header.acquired is not None
    assert reading.quality == ()
    assert reading.volume.hu.min() == -1024


def test_every_transfer_syntax_gives_the_same_pixels(datasets: Path) -> None:
    folder = datasets / "dicom" / "odd" / "transfer-syntaxes"
    planes = {
        path.name: decode_hu(read_frames(NamedFile(path.name, path))[0].instance) for path in sorted(folder.iterdir())
    }
    reference = planes["CT1_J2KR"]
    for name in ("CT1_JLSL", "CT1_JPLL", "CT1_RLE"):
        assert np.array_equal(planes[name], reference), name
    for name in ("CT1_J2KI", "CT1_JLSN"):
        assert np.abs(planes[name].astype(int) - reference).mean() < 40, name


def test_one_slice_is_no_volume(datasets: Path) -> None:
    with pytest.raises(NotAVolume, match="1 slice"):
        read_input(datasets / "dicom" / "odd" / "transfer-syntaxes" / "CT1_RLE")


def test_a_tilted_gantry_is_straightened_and_named(datasets: Path) -> None:
    (series,) = series_below(datasets / "dicom" / "odd" / "gantry-tilt").series
    (note,) = [note for note in series.quality if note.code == "gantry-tilt"]
    assert "14.0 degrees" in note.text


def test_a_missing_slice_is_filled_and_named(datasets: Path) -> None:
    (series,) = series_below(datasets / "dicom" / "odd" / "missing-slices" / "001").series
    assert series.geometry.shape_zyx[0] == 5
    (note,) = [note for note in series.quality if note.code == "slice-gap"]
    assert "1 slice is missing (between 10 and 20 mm" in note.text


def test_slices_at_one_place_are_no_volume(datasets: Path) -> None:
    with pytest.raises(NotAVolume, match="same place"):
        read_input(datasets / "dicom" / "odd" / "not-a-volume")


def test_a_perfusion_map_is_not_hounsfield(datasets: Path) -> None:
    with pytest.raises(NotHounsfield, match="RCBF"):
        read_input(datasets / "dicom" / "odd" / "multiframe")


@pytest.mark.parametrize("name", ["README.md", "sirm100/im", "ma20/coronacases_01_image.nii.gz", "nowhere"])
def test_what_is_no_scan_is_refused_in_one_line(datasets: Path, name: str) -> None:
    with pytest.raises(InferenceError) as refusal:
        read_input(datasets / name)
    assert "\n" not in refusal.value.sentence


def test_a_nifti_keeps_its_grid(datasets: Path) -> None:
    reading = read_input(datasets / "medseg" / "rp_im" / "1.nii.gz")
    assert reading.volume.geometry.shape_zyx == (45, 315, 315)
    assert reading.volume.geometry.spacing_zyx_mm == pytest.approx((6.0, 1.3672, 1.3672), abs=1e-3)
