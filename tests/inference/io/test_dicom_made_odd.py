"""Synthetic series, spoilt in ways that real ones are."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from inference.errors import GantryTilt, NotAVolume, NotComputedTomography, NotHounsfield, SliceGap, UnreadableFile
from inference.io import read_input, to_axial
from tests.samples import dicom_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    dicom_folder(tmp_path / "series")
    return tmp_path / "series"


@pytest.fixture
def truth(folder: Path) -> np.ndarray:
    return read_input(folder).volume.hu.copy()


def edit(folder: Path, change: Callable[[Dataset, int], None]) -> None:
    """Rewrite every slice, feet first."""
    for number, path in enumerate(sorted(folder.iterdir(), reverse=True)):
        dataset = pydicom.dcmread(path)
        change(dataset, number)
        dataset.save_as(path)


def test_names_and_numbers_may_lie(folder: Path, truth: np.ndarray) -> None:
    edit(folder, lambda ds, n: setattr(ds, "InstanceNumber", str((n * 7) % 24)))
    for number, path in enumerate(sorted(folder.iterdir())):
        path.rename(folder / f"{(number * 11) % 24:02d}-x")
    assert np.array_equal(read_input(folder).volume.hu, truth)


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, RLELossless]
)
def test_every_packing_gives_the_same_volume(folder: Path, truth: np.ndarray, syntax: str) -> None:
    for path in folder.iterdir():
        dataset = pydicom.dcmread(path)
        if syntax == RLELossless:
            dataset.compress(RLELossless)
        else:
            dataset.file_meta.TransferSyntaxUID = syntax
        dataset.save_as(path)
    assert np.array_equal(read_input(folder).volume.hu, truth)


def test_any_rescale_gives_the_same_hu(folder: Path, truth: np.ndarray) -> None:
    def change(ds: Dataset, _: int) -> None:
        ds.PixelRepresentation = 1
        ds.PixelData = ((ds.pixel_array.astype(np.int32) - 1024) * 2).astype("<i2").tobytes()
        ds.RescaleSlope, ds.RescaleIntercept = "0.5", "0"

    edit(folder, change)
    assert np.array_equal(read_input(folder).volume.hu, truth)


def test_inverted_monochrome1_reads_as_air_outside(folder: Path, truth: np.ndarray) -> None:
    def change(ds: Dataset, _: int) -> None:
        ds.PhotometricInterpretation = "MONOCHROME1"
        ds.PixelData = (int(truth.max()) + 1024 - ds.pixel_array.astype(np.int32)).astype("<u2").tobytes()

    edit(folder, change)
    assert np.array_equal(read_input(folder).volume.hu, truth)


def test_missing_and_invalid_identifiers_are_replaced_and_named(folder: Path) -> None:
    def change(ds: Dataset, _: int) -> None:
        ds.SeriesInstanceUID = "7b1c4d1e-90b9-4a8c-8f0a-3d9f1f6f7a11"
        ds.StudyInstanceUID = ""
        del ds.PatientName
        ds.AcquisitionDate = ds.SeriesDate = ds.ContentDate = ds.StudyDate = ""

    edit(folder, change)
    reading = read_input(folder)
    assert reading.header.series_uid.startswith("2.25.")
    assert reading.header.original_identifiers["SeriesInstanceUID"].startswith("7b1c4d1e")
    assert "identifiers-replaced" in [note.code for note in reading.quality]
    assert reading.header.acquired is None


def test_scouts_and_copies_are_left_aside(folder: Path, truth: np.ndarray) -> None:
    first = sorted(folder.iterdir())[0]
    scout = pydicom.dcmread(first)
    scout.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    scout.SOPInstanceUID = "2.25.1"
    scout.save_as(folder / "scout")
    copy = pydicom.dcmread(first)
    copy.SOPInstanceUID = "2.25.2"
    copy.save_as(folder / "copy")
    reading = read_input(folder)
    assert np.array_equal(reading.volume.hu, truth)
    assert any("scout" in note.text for note in reading.quality if note.code == "files-left-aside")


def test_two_acquisitions_in_one_series_are_two_volumes(folder: Path) -> None:
    for path in list(folder.iterdir()):
        dataset = pydicom.dcmread(path)
        dataset.AcquisitionNumber = "2"
        dataset.SOPInstanceUID = dataset.SOPInstanceUID[:-2] + "77"
        dataset.PixelData = np.clip(dataset.pixel_array.astype(int) + 3, 0, 4000).astype("<u2").tobytes()
        dataset.save_as(folder / f"second-{path.name}")
    reading = read_input(folder)
    assert reading.volume.hu.shape[0] == 24
    assert "other-series" in [note.code for note in reading.quality]


@pytest.mark.parametrize(("lost", "refused"), [(1, False), (3, True), (9, True)])
def test_a_gap_is_filled_when_small_and_refused_when_large(folder: Path, lost: int, refused: bool) -> None:
    for path in sorted(folder.iterdir())[8 : 8 + lost]:
        path.unlink()
    if refused:
        with pytest.raises(SliceGap, match="missing"):
            read_input(folder)
    else:
        reading = read_input(folder)
        assert reading.volume.hu.shape[0] == 24
        assert "slice-gap" in [note.code for note in reading.quality]


def test_uneven_slices_are_resampled_and_named(folder: Path) -> None:
    def change(ds: Dataset, n: int) -> None:
        ds.ImagePositionPatient[2] = float(ds.ImagePositionPatient[2]) + (4.0 if n % 2 else 0.0)

    edit(folder, change)
    assert "uneven-spacing" in [note.code for note in read_input(folder).quality]


def test_a_tilt_no_gantry_makes_is_refused_with_its_angle(folder: Path) -> None:
    def change(ds: Dataset, n: int) -> None:
        ds.ImagePositionPatient[1] = float(ds.ImagePositionPatient[1]) + 12.1 * n

    edit(folder, change)
    with pytest.raises(GantryTilt, match=r"45\.0 degrees"):
        read_input(folder)


def mass(hu: np.ndarray) -> float:
    """Of everything denser than air; shifting a slice by parts of a voxel keeps it."""
    return float((hu.astype(np.int64) + 1000).clip(0).sum())


def test_a_tilted_stack_keeps_its_tissue(folder: Path, truth: np.ndarray) -> None:
    step_mm = 290 / 24

    def change(ds: Dataset, n: int) -> None:
        ds.ImagePositionPatient[1] = float(ds.ImagePositionPatient[1]) + step_mm * np.tan(np.radians(15)) * n

    edit(folder, change)
    reading = read_input(folder)
    assert reading.volume.hu.shape[1] > truth.shape[1]
    assert mass(reading.volume.hu) == pytest.approx(mass(truth), rel=0.02)


def test_prone_patients_turn_into_the_same_axial_volume(folder: Path, truth: np.ndarray) -> None:
    def change(ds: Dataset, _: int) -> None:
        half = float(ds.PixelSpacing[0]) * (ds.Rows - 1)
        x, y, z = (float(v) for v in ds.ImagePositionPatient)
        ds.ImagePositionPatient = [f"{x + half:.6g}", f"{y + half:.6g}", f"{z:.6g}"]
        ds.ImageOrientationPatient = ["-1", "0", "0", "0", "-1", "0"]
        ds.PixelData = ds.pixel_array[::-1, ::-1].tobytes()

    edit(folder, change)
    reading = read_input(folder)
    view = to_axial(reading.volume)
    assert np.array_equal(view.volume.hu, truth)
    marked = (view.volume.hu > 0).astype(np.uint8)
    assert np.array_equal(view.undo(marked).labels, (reading.volume.hu > 0).astype(np.uint8))


def test_enhanced_multi_frame_ct_reads(folder: Path, truth: np.ndarray, tmp_path: Path) -> None:
    slices = [pydicom.dcmread(path) for path in sorted(folder.iterdir(), reverse=True)]
    enhanced = slices[0]
    planes, groups = [], []
    for dataset in slices[::-1]:
        planes.append(dataset.pixel_array)
        group, position, orientation, measures, transform = (Dataset() for _ in range(5))
        position.ImagePositionPatient = dataset.ImagePositionPatient
        orientation.ImageOrientationPatient = dataset.ImageOrientationPatient
        measures.PixelSpacing, measures.SliceThickness = dataset.PixelSpacing, dataset.SliceThickness
        transform.RescaleSlope, transform.RescaleIntercept, transform.RescaleType = "1", "-1024", "HU"
        group.PlanePositionSequence = Sequence([position])
        group.PlaneOrientationSequence = Sequence([orientation])
        group.PixelMeasuresSequence = Sequence([measures])
        group.PixelValueTransformationSequence = Sequence([transform])
        groups.append(group)
    for keyword in (
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
        "RescaleSlope",
        "RescaleIntercept",
    ):
        delattr(enhanced, keyword)
    enhanced.SOPClassUID = enhanced.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    enhanced.NumberOfFrames = len(planes)
    enhanced.PerFrameFunctionalGroupsSequence = Sequence(groups)
    enhanced.PixelData = np.stack(planes).astype("<u2").tobytes()
    enhanced.save_as(tmp_path / "enhanced.dcm")
    assert np.array_equal(read_input(tmp_path / "enhanced.dcm").volume.hu, truth)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda ds, n: setattr(ds, "Modality", "MR"), NotComputedTomography, "modality MR"),
        (lambda ds, n: setattr(ds, "RescaleType", "Z_EFF"), NotHounsfield, "Z_EFF"),
        (lambda ds, n: setattr(ds, "RescaleIntercept", "0"), NotHounsfield, "not Hounsfield"),
        (lambda ds, n: delattr(ds, "ImagePositionPatient"), UnreadableFile, "position"),
        (lambda ds, n: setattr(ds, "PixelData", ds.PixelData[:-2000]), UnreadableFile, "cut off"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_its_reason(folder: Path, change, error, words: str) -> None:
    edit(folder, change)
    with pytest.raises(error, match=words):
        read_input(folder)


def test_two_slices_are_no_volume(folder: Path) -> None:
    for path in sorted(folder.iterdir())[2:]:
        path.unlink()
    with pytest.raises(NotAVolume, match="2 slices"):
        read_input(folder)
