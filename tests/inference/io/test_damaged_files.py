"""Files that were cut off, tampered with or written carelessly: one sentence each, and never a silent zero."""

import gzip
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset

from inference.errors import NotAVolume, NotComputedTomography, UnreadableFile
from inference.io import NamedFile, inspect, read_input
from inference.io.decoding import decode_hu
from inference.io.times import parse_date_time
from tests.inference.io.test_dicom_made_odd import edit
from tests.samples import dicom_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    dicom_folder(tmp_path / "series")
    return tmp_path / "series"


def volume_file(path: Path, *, pixel_type: type = np.int16, compress: bool = False) -> Path:
    values = np.random.default_rng(3).integers(-1000, -900, (8, 16, 16)).astype(pixel_type)
    sitk.WriteImage(sitk.GetImageFromArray(values), str(path), useCompression=compress)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mha", "packed.mha"])
def test_a_volume_that_was_cut_off_is_refused(tmp_path: Path, name: str) -> None:
    path = volume_file(tmp_path / name, compress=name.startswith("packed"))
    assert read_input(path).volume.hu.max() == -901
    whole = path.read_bytes()
    for keep in (len(whole) - 10, len(whole) // 2, 200, 3, 0):
        path.write_bytes(whole[:keep])
        with pytest.raises(UnreadableFile):
            read_input(path)


def test_an_intact_gzip_around_a_nifti_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    whole = volume_file(tmp_path / "a.nii").read_bytes()
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(whole[:-64]))
    with pytest.raises(UnreadableFile, match="cut off"):
        read_input(tmp_path / "b.nii.gz")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".mha"])
def test_voxels_that_are_no_numbers_are_refused(tmp_path: Path, suffix: str) -> None:
    values = np.full((8, 16, 16), -900, np.float32)
    values[4, 5, 6] = np.nan
    sitk.WriteImage(sitk.GetImageFromArray(values), str(tmp_path / f"a{suffix}"))
    with pytest.raises(UnreadableFile, match="no numbers"):
        read_input(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("trick", ["ElementDataFile = {}", "ElementDataFile={}", "ElementDataFile = LIST\n{}"])
def test_a_metaimage_cannot_point_at_another_file(tmp_path: Path, trick: str) -> None:
    secret = tmp_path / "secret.raw"
    secret.write_bytes(b"\0" * 8 * 16 * 16 * 2)
    header = volume_file(tmp_path / "a.mha").read_bytes().split(b"ElementDataFile")[0].decode()
    (tmp_path / "a.mha").write_text(header + trick.format(secret) + "\n")
    with pytest.raises(NotAVolume, match="another file"):
        read_input(tmp_path / "a.mha")


def test_directions_that_jitter_are_one_series(folder: Path) -> None:
    def change(ds: Dataset, n: int) -> None:
        wobble = 0.00049 if n % 2 else 0.00051
        ds.ImageOrientationPatient = ["1", f"{wobble:.5f}", "0", f"{-wobble:.5f}", "1", "0"]

    edit(folder, change)
    assert read_input(folder).volume.hu.shape[0] == 24


def test_a_series_whose_slices_share_one_instance_uid_is_whole(folder: Path) -> None:
    edit(folder, lambda ds, n: setattr(ds, "SOPInstanceUID", "2.25.5"))
    assert read_input(folder).volume.hu.shape[0] == 24


def test_a_projection_is_no_slice(folder: Path) -> None:
    edit(folder, lambda ds, n: setattr(ds, "ImageType", ["DERIVED", "SECONDARY", "AXIAL", "MIP"]))
    with pytest.raises(NotComputedTomography, match="projection"):
        read_input(folder)


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
def test_a_place_that_is_no_number_is_refused(folder: Path, keyword: str) -> None:
    def change(ds: Dataset, _: int) -> None:
        raw = ds.data_element(keyword)
        ds[keyword].value = ["nan"] * raw.VM

    edit(folder, change)
    with pytest.raises(UnreadableFile, match="position, orientation or pixel spacing"):
        read_input(folder)


@pytest.mark.parametrize(("offset", "hours"), [("+0230", 2.5), ("-1100", -11), ("+9900", None), ("nonsense", None)])
def test_a_zone_that_nobody_lives_in_counts_as_none(offset: str, hours: float | None) -> None:
    when = parse_date_time("20260302081500", offset)
    assert when is not None
    zone = when.utcoffset()
    assert (zone.total_seconds() / 3600 if zone else None) == hours


def test_a_file_with_many_frames_is_parsed_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [NamedFile(path.name, path) for path in sorted(folder.iterdir())]
    instance = inspect(files).series[0].instances[-1]
    opened = []
    read = pydicom.dcmread
    monkeypatch.setattr(pydicom, "dcmread", lambda path, **options: opened.append(path) or read(path, **options))
    for _ in range(5):
        decode_hu(instance)
    assert opened == [instance.file.path]


def test_no_damage_to_a_header_escapes_as_an_exception(folder: Path) -> None:
    rng = np.random.default_rng(11)
    paths = sorted(folder.iterdir())
    originals = [path.read_bytes() for path in paths]
    for _ in range(40):
        for path, whole in zip(paths, originals, strict=True):
            spoilt = bytearray(whole)
            for place in rng.integers(132, 1800, rng.integers(1, 12)):
                spoilt[place] = rng.integers(256)
            path.write_bytes(spoilt)
        found = inspect([NamedFile(path.name, path) for path in paths])
        accounted = {file.name for series in found.series for file in series.files} | {r.file for r in found.rejected}
        assert accounted <= {path.name for path in paths}
        assert all(rejection.reason and "\n" not in rejection.reason for rejection in found.rejected)
