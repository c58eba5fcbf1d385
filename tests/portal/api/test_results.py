"""Results through REST: corrections, DICOM objects, report, comparison."""

import io
import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from asgiref.sync import async_to_sync
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from portal.accounts.models import AuditEvent
from portal.jobs import runner
from portal.jobs.leases import claim
from portal.jobs.models import InferenceJob
from portal.scans.current import current_segmentation
from portal.scans.models import Registration, ScanKind
from portal.scans.report import key_slices
from portal.scans.storage import path_of
from tests.portal.results import measured_scan

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scan(patient, clinician, tmp_path):
    return measured_scan(patient, clinician, tmp_path)


@pytest.fixture
def as_radiologist(radiologist) -> Client:
    client = Client()
    client.force_login(radiologist)
    return client


def mask_without_infection(scan, tmp_path: Path) -> SimpleUploadedFile:
    image = sitk.ReadImage(str(path_of(f"{current_segmentation(scan).folder}/infection.nii.gz")))
    labels = sitk.GetArrayFromImage(image)
    labels[: len(labels) // 2] = 0
    corrected = sitk.GetImageFromArray(labels)
    corrected.CopyInformation(image)
    sitk.WriteImage(corrected, str(tmp_path / "c.nii.gz"))
    return SimpleUploadedFile("c.nii.gz", (tmp_path / "c.nii.gz").read_bytes())


def test_a_correction_is_a_revision_and_the_timeline_follows(scan, as_radiologist, tmp_path) -> None:
    address = f"/api/v1/scans/{scan.pk}/revisions/"
    before = current_segmentation(scan).measurement.infected_ml
    fields = {"reason": "Vessels, not infection", "based_on": 1, "infection": mask_without_infection(scan, tmp_path)}
    answer = as_radiologist.post(address, fields)
    assert answer.status_code == 201, answer.content
    assert (answer.json()["number"], answer.json()["origin"]) == (2, "reader")
    timeline = as_radiologist.get(f"/api/v1/patients/{scan.patient_id}/timeline/").json()
    assert timeline["points"][0]["revision"] == 2
    assert timeline["points"][0]["infected_ml"] < before
    assert [revision["number"] for revision in as_radiologist.get(address).json()] == [1, 2]
    assert AuditEvent.objects.filter(action="change", detail__revision=2).exists()
    fields = {"reason": "Again", "based_on": 1, "infection": mask_without_infection(scan, tmp_path)}
    late = as_radiologist.post(address, fields)
    assert late.status_code == 409
    assert "revision 2 counts by now" in late.json()["detail"]


def test_only_radiologists_correct(scan, as_clinician, tmp_path) -> None:
    fields = {"reason": "x", "based_on": 1, "infection": mask_without_infection(scan, tmp_path)}
    assert as_clinician.post(f"/api/v1/scans/{scan.pk}/revisions/", fields).status_code == 403


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"reason": "x", "based_on": 1}, "at least one mask"),
        ({"reason": "x", "based_on": 1, "lung": b"not a mask"}, "cannot be read"),
        ({"reason": "x", "based_on": 1, "infection": "elsewhere"}, "does not lie on the grid"),
    ],
)
def test_a_correction_that_does_not_fit_is_refused(scan, as_radiologist, tmp_path, fields, words) -> None:
    for kind in ("lung", "infection"):
        if fields.get(kind) == "elsewhere":
            image = sitk.GetImageFromArray(np.zeros((3, 4, 5), np.uint8))
            sitk.WriteImage(image, str(tmp_path / "e.nii.gz"))
            fields = {**fields, kind: (tmp_path / "e.nii.gz").read_bytes()}
        if kind in fields:
            fields = {**fields, kind: SimpleUploadedFile("m.nii.gz", fields[kind])}
    answer = as_radiologist.post(f"/api/v1/scans/{scan.pk}/revisions/", fields)
    assert answer.status_code == 400
    assert words in json.dumps(answer.json())
    assert scan.segmentations.count() == 1
    assert list(path_of("work").glob("*")) == []


def test_dicom_results_refer_to_the_scan_and_carry_its_figures(scan, as_clinician) -> None:
    seg = as_clinician.get(f"/api/v1/scans/{scan.pk}/seg.dcm")
    assert seg["Content-Type"] == "application/dicom"
    dataset = pydicom.dcmread(io.BytesIO(seg.content))
    assert dataset.Modality == "SEG"
    assert dataset.ReferencedSeriesSequence[0].SeriesInstanceUID == scan.series_uid
    report = pydicom.dcmread(io.BytesIO(as_clinician.get(f"/api/v1/scans/{scan.pk}/sr.dcm").content))
    assert report.Modality == "SR"
    assert report.PatientID == scan.patient.mrn
    again = as_clinician.get(f"/api/v1/scans/{scan.pk}/seg.dcm?revision=1")
    assert again.content == seg.content
    assert AuditEvent.objects.filter(action="download", detail__form="seg.dcm").count() == 2
    assert as_clinician.get(f"/api/v1/scans/{scan.pk}/seg.dcm?revision=9").status_code == 404
    assert as_clinician.get(f"/api/v1/scans/{scan.pk}/seg.dcm?revision=x").status_code == 400


def test_a_volume_file_has_no_dicom_result(scan, as_clinician) -> None:
    scan.kind = ScanKind.NIFTI
    scan.save()
    answer = as_clinician.get(f"/api/v1/scans/{scan.pk}/seg.dcm")
    assert answer.status_code == 409
    assert "volume file" in answer.json()["detail"]


def test_the_report_is_a_pdf_with_the_flag(scan, patient, clinician, as_clinician, tmp_path) -> None:
    patient.name = "<b>Doe</b> & Sons"
    patient.save()
    after = measured_scan(patient, clinician, tmp_path, hours=40, infected_ml=300)
    answer = as_clinician.get(f"/api/v1/scans/{after.pk}/report.pdf", headers={"Accept": "application/pdf"})
    assert answer["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF")
    assert len(answer.content) > 20_000, "key slices are in it"


def test_key_slices_lie_apart() -> None:
    course = np.array([0, 1, 3, 9, 3, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0], float)
    assert key_slices(course) == [3, 7, 11]
    assert key_slices(np.zeros(5)) == []


def test_two_scans_are_laid_onto_each_other_once(scan, patient, clinician, as_clinician, tmp_path) -> None:
    after = measured_scan(patient, clinician, tmp_path, hours=40, infected_ml=300)
    address = f"/api/v1/scans/{after.pk}/registration/{scan.pk}/"
    first = as_clinician.get(address)
    assert (first.status_code, first.json()["state"]) == (202, "queued")
    assert as_clinician.get(address).json()["id"] == first.json()["id"]
    job = claim("worker")
    assert job is not None
    async_to_sync(runner.run)(job)
    job = InferenceJob.objects.get(pk=job.pk)
    assert (job.state, job.error) == ("succeeded", "")
    found = as_clinician.get(address)
    assert found.status_code == 200
    figures = found.json()
    assert figures["persistent_ml"] + figures["new_ml"] == pytest.approx(
        current_segmentation(after).measurement.infected_ml, abs=0.01
    )
    assert figures["error_mm"] < 2
    assert as_clinician.get(f"{address}growth.nii.gz").status_code == 200
    assert Registration.objects.count() == 1
    backwards = as_clinician.get(f"/api/v1/scans/{scan.pk}/registration/{after.pk}/")
    assert backwards.status_code == 409
    assert "before" in backwards.json()["detail"]


def test_analyses_come_before_registrations(scan, patient, clinician, as_clinician, tmp_path) -> None:
    after = measured_scan(patient, clinician, tmp_path, hours=40, infected_ml=300)
    as_clinician.get(f"/api/v1/scans/{after.pk}/registration/{scan.pk}/")
    as_clinician.post(
        f"/api/v1/scans/{after.pk}/analyse/", {"pipeline": "hu-baseline"}, content_type="application/json"
    )
    claimed = claim("worker")
    assert claimed is not None
    assert claimed.pipeline == "hu-baseline"


def test_the_explanation_image_is_shown_with_its_result_and_put_on_record(scan, as_radiologist, tmp_path: Path) -> None:
    revision = current_segmentation(scan)
    address = f"/api/v1/scans/{scan.pk}/explanation.png"
    assert as_radiologist.get(address).status_code == 404, "this pipeline made none"
    path_of(f"{revision.folder}/explanation.png").write_bytes(b"picture")
    assert "data-open-explanation" in as_radiologist.get(f"/scans/{scan.pk}/").content.decode()
    looks = AuditEvent.objects.filter(action="view").count()
    answer = as_radiologist.get(f"{address}?revision={revision.number}")
    assert b"".join(answer.streaming_content) == b"picture"
    assert answer["Cache-Control"] == "private, no-store"
    assert AuditEvent.objects.filter(action="view").count() == looks + 1


def test_a_correction_shows_the_explanation_of_the_result_it_corrects(scan, as_radiologist, tmp_path: Path) -> None:
    path_of(f"{current_segmentation(scan).folder}/explanation.png").write_bytes(b"picture")
    sent = {"reason": "Vessel.", "based_on": 1, "infection": mask_without_infection(scan, tmp_path)}
    assert as_radiologist.post(f"/api/v1/scans/{scan.pk}/revisions/", sent).status_code == 201
    answer = as_radiologist.get(f"/api/v1/scans/{scan.pk}/explanation.png?revision=2")
    assert b"".join(answer.streaming_content) == b"picture"
