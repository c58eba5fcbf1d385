"""SEG and SR: without errors for a strict checker, and the same voxels and figures when others read them back."""

import json
import shutil
import subprocess
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from inference.cli import main
from inference.dicom.revision import Revision
from inference.io import read_input, read_mask, write_mask
from inference.phantom import Acquisition, PhantomPatient
from inference.volume import Mask
from inference.volumetry import Masks, measure
from tests.inference.io.test_dicom_made_odd import edit
from tests.samples import SMALL, dicom_folder

INFECTED_ML = 150.0
PDF = b"%PDF-1.4 not really, but nobody looks inside."


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    dicom_folder(tmp_path / "scan", infected_ml=INFECTED_ML)
    return tmp_path / "scan"


@pytest.fixture
def result(scan: Path, tmp_path: Path) -> Path:
    """What `segment` would write, from the phantom's own truth."""
    truth = (
        PhantomPatient(1)
        .scan(Acquisition(size=SMALL.size, slices=SMALL.slices, height_mm=SMALL.height_mm, infected_ml=INFECTED_ML))
        .truth
    )
    volume = read_input(scan).volume
    masks = {n: Mask(getattr(truth, n).labels, volume.geometry) for n in ("lung", "lobes", "infection")}
    folder = tmp_path / "result"
    folder.mkdir()
    for name, mask in masks.items():
        write_mask(mask, folder / f"{name}.nii.gz")
    figures = measure(volume, Masks(**masks))
    pipeline = {"name": "unet2d", "version": "1.0", "sha256": "a" * 64}
    (folder / "measurements.json").write_text(json.dumps({**figures, "pipeline": pipeline}))
    return folder


def export(scan: Path, result: Path, out: Path, **context: object) -> tuple[Dataset, Dataset]:
    (out.parent / "context.json").write_text(json.dumps({"revision": "r1", **context}))
    arguments = ["export", str(scan), str(result), "--out", str(out), "--context", str(out.parent / "context.json")]
    (out.parent / "report.pdf").write_bytes(PDF)
    assert main([*arguments, "--captures"]) == 0
    assert main([*arguments, "--pdf", str(out.parent / "report.pdf")]) == 0
    return pydicom.dcmread(out / "seg.dcm"), pydicom.dcmread(out / "sr.dcm")


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
def test_a_strict_checker_finds_no_error(scan, result, tmp_path) -> None:
    export(scan, result, tmp_path / "out", growth={"percent": 94.0, "hours": 44.0, "prior_revision": "r0"})
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert {"seg.dcm", "sr.dcm", "sc-001.dcm", "sc-002.dcm", "pdf.dcm"} <= set(names)
    for name in names:
        report = subprocess.run(["dciodvfy", str(tmp_path / "out" / name)], capture_output=True, text=True, check=False)
        assert "Error" not in report.stdout + report.stderr, name


def test_the_same_voxels_come_back_on_the_slices_they_belong_to(scan, result, tmp_path) -> None:
    export(scan, result, tmp_path / "out")
    seg = hd.seg.segread(tmp_path / "out" / "seg.dcm")
    source = read_input(scan)
    instances = [instance.sop_uid for instance in source.header.instances]
    truth = (
        PhantomPatient(1)
        .scan(Acquisition(size=SMALL.size, slices=SMALL.slices, height_mm=SMALL.height_mm, infected_ml=INFECTED_ML))
        .truth
    )
    numbers = {str(item.SegmentLabel): int(item.SegmentNumber) for item in seg.SegmentSequence}
    for label, mask, value in (
        ("Right lung", truth.lung, 1),
        ("Lower lobe of left lung", truth.lobes, 5),
        ("Ground glass opacity", truth.infection, 1),
    ):
        pixels = seg.get_pixels_by_source_instance(
            instances, segment_numbers=[numbers[label]], assert_missing_frames_are_empty=True
        )
        assert np.array_equal(pixels[..., 0], mask.labels == value), label


def test_the_report_repeats_the_figures(scan, result, tmp_path) -> None:
    growth = {"percent": 94.0, "hours": 44.0, "prior_revision": "r0"}
    _, report = export(scan, result, tmp_path / "out", growth=growth)
    figures = json.loads((result / "measurements.json").read_text())
    values = {float(item.MeasuredValueSequence[0].NumericValue) for item in every(report, "NUM")}
    for expected in (figures["lung_ml"], figures["infected_ml"], figures["poi_percent"], 94.0, 44.0):
        assert any(value == pytest.approx(expected, rel=1e-6) for value in values), expected
    assert float(figures["severity_score"]) in values


def every(item: Dataset, kind: str) -> list[Dataset]:
    found = [item] if item.get("ValueType") == kind else []
    return found + [child for part in item.get("ContentSequence", []) for child in every(part, kind)]


def test_identifiers_belong_to_the_revision(scan, result, tmp_path) -> None:
    first, report = export(scan, result, tmp_path / "a")
    again, _ = export(scan, result, tmp_path / "b")
    other, _ = export(scan, result, tmp_path / "c", revision="r2")
    _, compared = export(scan, result, tmp_path / "d", growth={"percent": 1.0, "hours": 2.0, "prior_revision": "r0"})
    assert first.SOPInstanceUID == again.SOPInstanceUID
    assert first.SOPInstanceUID != other.SOPInstanceUID
    assert report.SOPInstanceUID != compared.SOPInstanceUID
    assert len(Revision("x", "p", "1").uid("seg")) <= 64


def test_a_carelessly_written_series_is_still_referred_to(scan, result, tmp_path) -> None:
    def change(ds: Dataset, _: int) -> None:
        ds.StudyInstanceUID = "7b1c4d1e-90b9-4a8c-8f0a-3d9f1f6f7a11"
        for keyword in ("FrameOfReferenceUID", "StudyTime", "PatientSex", "AccessionNumber"):
            if keyword in ds:
                delattr(ds, keyword)

    edit(scan, change)
    seg, _ = export(scan, result, tmp_path / "out")
    assert seg.StudyInstanceUID.startswith("2.25.")


def test_a_volume_file_has_nothing_to_refer_to(result, tmp_path, capsys) -> None:
    (tmp_path / "nifti").mkdir()
    shutil.copy(result / "lung.nii.gz", tmp_path / "nifti" / "lung.nii.gz")
    assert main(["export", str(tmp_path / "nifti"), str(result), "--out", str(tmp_path / "out")]) == 2
    assert "did not come as DICOM" in capsys.readouterr().err


def test_captures_show_figures_first_and_then_the_infected_slices(scan, result, tmp_path) -> None:
    export(scan, result, tmp_path / "out", summary=["The infected volume grew by 94 % within 44 hours."])
    figures = json.loads((result / "measurements.json").read_text())
    infected = [z for z, ml in enumerate(figures["infected_by_slice_ml"]) if ml > 0]
    captures = [pydicom.dcmread(path) for path in sorted((tmp_path / "out").glob("sc-*.dcm"))]
    assert len(captures) == 1 + min(31, len(infected))
    assert len({capture.SOPInstanceUID for capture in captures}) == len(captures)
    assert {capture.SeriesInstanceUID for capture in captures} == {Revision("r1", "unet2d", "1.0").uid("sc-series")}
    source = read_input(scan)
    assert captures[0].StudyInstanceUID == source.header.study_uid
    shown = captures[1].pixel_array
    assert shown.shape == (*source.volume.hu.shape[1:], 3)
    is_tinted = np.ptp(shown.astype(int), axis=2) > 20
    marked = np.asarray(read_mask(result / "infection.nii.gz").labels[infected[0]] > 0)
    assert is_tinted[marked].mean() > 0.9
    assert is_tinted[~marked].mean() < 0.05


def test_the_report_comes_back_byte_for_byte(scan, result, tmp_path) -> None:
    export(scan, result, tmp_path / "out")
    report = pydicom.dcmread(tmp_path / "out" / "pdf.dcm")
    assert report.EncapsulatedDocument[: report.EncapsulatedDocumentLength] == PDF
    assert len(report.SourceInstanceSequence) == SMALL.slices
