"""Corrected revisions leave the portal as training cases without names, and training reads them."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pydicom
import pytest
from django.core.management import CommandError, call_command

from inference.io import write_mask
from inference.labels import InfectionLabel
from inference.training.layouts import portal_cases
from inference.volume import Mask
from portal.accounts.models import AuditEvent
from portal.scans.current import current_segmentation
from portal.scans.files import mask_path, volume_key
from portal.scans.models import Scan
from portal.scans.revisions import add_reader_revision
from portal.scans.storage import path_of
from tests.factories import make_result, make_scan
from tests.portal.results import measured_scan
from tests.samples import GRID, measurements_of, write_masks

pytestmark = pytest.mark.django_db


@pytest.fixture
def corrected(patient, clinician, radiologist, tmp_path: Path):
    scan = make_scan(patient, clinician)
    path = path_of(volume_key(scan))
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.arange(np.prod(GRID.shape_zyx), dtype=np.int16).reshape(GRID.shape_zyx))
    revision = make_result(scan, tmp_path, 50)
    masks = write_masks(tmp_path / "corrected")
    infection = np.zeros(GRID.shape_zyx, np.uint8)
    infection[1, 2, 3], infection[0, 0, 0] = 2, 3
    write_mask(Mask(infection, GRID), masks / "infection.nii.gz")
    add_reader_revision(
        by=radiologist, based_on=revision, reason="Vessel.", measurements=measurements_of(1.0), folder=masks
    )
    return scan


def test_a_corrected_scan_becomes_a_training_case(corrected, radiologist, patient, tmp_path: Path) -> None:
    call_command("export_training_cases", tmp_path / "set", by=radiologist.username)
    (case,) = portal_cases(tmp_path / "set")
    assert case.hu.tolist() == np.load(path_of(volume_key(corrected))).tolist()
    assert case.infection is not None
    assert np.argwhere(case.infection).tolist() == [[1, 2, 3]], "consolidation; effusion is not lung"
    assert case.knows_kinds
    assert case.spacing_zyx_mm == pytest.approx(GRID.spacing_zyx_mm)
    everything = "".join(str(path) for path in (tmp_path / "set").rglob("*")) + json.dumps(case.patient)
    for told in (patient.mrn, patient.name, str(patient.pk), str(corrected.pk)):
        assert told not in everything
        assert told.encode() not in (tmp_path / "set" / "cases.json").read_bytes()
    event = AuditEvent.objects.get(detail__via="export_training_cases")
    assert event.patient_id == patient.pk
    assert event.actor == radiologist


def test_infection_of_unknown_kind_stays_infection(corrected, radiologist, tmp_path: Path) -> None:
    unknown = np.zeros(GRID.shape_zyx, np.uint8)
    unknown[2, 1, 1] = InfectionLabel.INFECTED
    write_mask(Mask(unknown, GRID), mask_path(current_segmentation(corrected), "infection"))
    call_command("export_training_cases", tmp_path / "set", by=radiologist.username)
    (case,) = portal_cases(tmp_path / "set")
    assert case.infection is not None
    assert np.argwhere(case.infection).tolist() == [[2, 1, 1]]
    assert not case.knows_kinds


def test_exporting_again_writes_nothing_twice_and_keeps_the_pseudonym(corrected, radiologist, tmp_path: Path) -> None:
    for _ in range(2):
        call_command("export_training_cases", tmp_path / "set", by=radiologist.username)
    call_command("export_training_cases", tmp_path / "other", by=radiologist.username)
    assert AuditEvent.objects.filter(detail__via="export_training_cases").count() == 2
    first, second = ((tmp_path / name / "cases.json").read_text() for name in ("set", "other"))
    assert first == second


def test_uncorrected_scans_and_other_wards_stay(corrected, stranger, patient, clinician, tmp_path: Path) -> None:
    make_result(make_scan(patient, clinician, hours=5), tmp_path, 60)
    call_command("export_training_cases", tmp_path / "set", by=stranger.username)
    assert json.loads((tmp_path / "set" / "cases.json").read_text()) == {"cases": []}
    with pytest.raises(CommandError, match="nobody"):
        call_command("export_training_cases", tmp_path / "set", by="nobody")


@pytest.fixture
def course(patient, clinician, tmp_path: Path) -> list[Scan]:
    """Two measured DICOM scans, 44 hours apart."""
    return [measured_scan(patient, clinician, tmp_path, hours=hours) for hours in (0.0, 44.0)]


def test_a_research_set_holds_images_masks_and_hours_and_no_person(course, clinician, patient, tmp_path: Path) -> None:
    call_command("export_research_set", tmp_path / "set", by=clinician.username, patient=[patient.mrn], form="dicom")
    rows = json.loads((tmp_path / "set" / "cases.json").read_text())["cases"]
    assert [row["hours"] for row in rows] == [0.0, 44.0]
    assert len({row["patient"] for row in rows}) == 1
    originals = {instance.sop_uid for scan in course for instance in scan.instances.all()}
    dates = []
    for row, scan in zip(rows, course, strict=True):
        images = [pydicom.dcmread(path) for path in sorted((tmp_path / "set" / row["case"] / "ct").iterdir())]
        seg = pydicom.dcmread(tmp_path / "set" / row["case"] / "seg" / "000001.dcm")
        assert {image.PatientID for image in [*images, seg]} == {row["patient"]}
        referenced = {
            item.ReferencedSOPInstanceUID for item in seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence
        }
        assert referenced == {image.SOPInstanceUID for image in images}
        assert not referenced & originals
        assert seg.StudyInstanceUID == images[0].StudyInstanceUID != scan.study_uid
        dates.append(images[0].AcquisitionDate)
    assert (date.fromisoformat(dates[1]) - date.fromisoformat(dates[0])).days in (1, 2)
    for path in (tmp_path / "set").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for told in (b"Synthetic", patient.name.encode(), patient.mrn.encode() + b" ", str(patient.pk).encode()):
            assert told not in content, path
    assert AuditEvent.objects.filter(detail__via="export_research_set", patient_id=patient.pk).count() == 2


def test_the_same_set_as_nifti_is_read_by_training(course, clinician, tmp_path: Path) -> None:
    call_command("export_research_set", tmp_path / "set", by=clinician.username)
    cases = list(portal_cases(tmp_path / "set"))
    assert len(cases) == 2
    assert cases[0].patient == cases[1].patient
    assert all(case.infection is not None and case.infection.any() for case in cases)


def test_patients_of_other_wards_are_not_exported(course, stranger, patient, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="sees no patient"):
        call_command("export_research_set", tmp_path / "set", by=stranger.username, patient=[patient.mrn])
    assert not (tmp_path / "set").exists()
