"""Uploading through REST: what is sent is stored, sorted into scans, held or refused with a sentence."""

import io
import zipfile
from pathlib import Path

import pytest
import SimpleITK as sitk
from django.core.files.uploadedfile import SimpleUploadedFile

from inference.phantom import Acquisition, PhantomPatient
from portal.jobs.models import InferenceJob
from portal.patients.models import Patient
from portal.scans.models import Scan, Upload, UploadedFile
from portal.scans.storage import path_of
from tests.samples import START, dicom_folder

JSON = "application/json"


@pytest.fixture(scope="session")
def series(tmp_path_factory) -> list[Path]:
    return dicom_folder(tmp_path_factory.mktemp("series"))


@pytest.fixture(scope="session")
def nifti(tmp_path_factory) -> Path:
    scan = PhantomPatient(2).scan(Acquisition(size=64, slices=12, infected_ml=50))
    image = sitk.GetImageFromArray(scan.volume.hu)
    image.SetSpacing(scan.volume.geometry.spacing_zyx_mm[::-1])
    path = tmp_path_factory.mktemp("nifti") / "chest.nii.gz"
    sitk.WriteImage(image, str(path))
    return path


class Sender:
    """A client that uploads."""

    def __init__(self, client) -> None:
        self.client = client
        self.upload = client.post("/api/v1/uploads/").json()["id"]

    def send(self, *files: Path | tuple[str, bytes]) -> list[dict]:
        parts = [
            SimpleUploadedFile(file.name, file.read_bytes()) if isinstance(file, Path) else SimpleUploadedFile(*file)
            for file in files
        ]
        return self.client.post(f"/api/v1/uploads/{self.upload}/files/", {"file": parts}).json()["files"]

    def complete(self, **claims):
        return self.client.post(f"/api/v1/uploads/{self.upload}/complete/", claims, content_type=JSON)


@pytest.fixture
def sender(as_clinician) -> Sender:
    return Sender(as_clinician)


def test_a_dicom_series_becomes_a_scan_with_a_job(sender, series) -> None:
    assert {answer["status"] for answer in sender.send(*series)} == {"stored"}
    answer = sender.complete()
    assert answer.status_code == 202
    body = answer.json()
    scan = Scan.objects.get()
    assert [row["id"] for row in body["scans"]] == [str(scan.pk)]
    assert body["jobs"] == [str(InferenceJob.objects.get().pk)]
    assert (scan.patient.mrn, scan.patient.name, scan.acquired_at) == ("SYN-1", "Synthetic, Ada", START)
    assert scan.slice_count == len(series)


def test_completing_twice_answers_the_same(sender, series) -> None:
    sender.send(*series)
    first = sender.complete().json()
    assert sender.complete().json() == first
    assert InferenceJob.objects.count() == 1


def test_files_are_kept_as_received_and_once(sender, series) -> None:
    sender.send(series[0])
    assert sender.send(series[0])[0]["status"] == "duplicate"
    stored = UploadedFile.objects.get()
    assert path_of(stored.path).read_bytes() == series[0].read_bytes()


def test_the_upload_says_what_has_arrived(sender, series) -> None:
    (answer,) = sender.send(series[0])
    held = sender.client.get(f"/api/v1/uploads/{sender.upload}/").json()
    assert [file["sha256"] for file in held["files"]] == [answer["sha256"]]


def test_the_same_series_again_is_the_same_scan(as_clinician, series) -> None:
    outcomes = []
    for _ in range(2):
        sender = Sender(as_clinician)
        sender.send(*series)
        outcomes.append(sender.complete().json())
    assert outcomes[0]["scans"] == outcomes[1]["scans"]
    assert outcomes[0]["jobs"] == outcomes[1]["jobs"]


def test_a_zip_is_the_same_scan_as_its_files(as_clinician, series) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in series:
            archive.write(path, f"folder/{path.name}")
        archive.writestr("__MACOSX/._x", b"clutter")
    zipped, plain = Sender(as_clinician), Sender(as_clinician)
    zipped.send(("scan.zip", buffer.getvalue()))
    plain.send(*series)
    first, second = zipped.complete().json(), plain.complete().json()
    assert first["rejected"] == []
    assert [s["id"] for s in first["scans"]] == [s["id"] for s in second["scans"]]


def test_a_nifti_needs_patient_and_time_and_loses_nothing_meanwhile(sender, nifti) -> None:
    sender.send(nifti)
    refused = sender.complete()
    assert refused.status_code == 400
    assert "whose scan" in refused.json()["detail"]
    refused = sender.complete(patient={"mrn": "N-1"})
    assert "acquisition time" in refused.json()["detail"]
    accepted = sender.complete(patient={"mrn": "N-1", "name": "Roe, Max"}, acquired_at="2026-03-01T08:00:00+01:00")
    assert accepted.status_code == 202
    assert Scan.objects.get().acquired_at.isoformat() == "2026-03-01T07:00:00+00:00"


def test_a_time_in_the_future_is_refused(sender, nifti) -> None:
    sender.send(nifti)
    answer = sender.complete(patient={"mrn": "N-1"}, acquired_at="2999-01-01T00:00:00Z")
    assert answer.status_code == 400
    assert "future" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("photo.jpg", b"\xff\xd8\xff\xe0 picture", "JPEG picture"),
        ("notes.txt", b"dear colleague\n", "text file"),
        ("empty.dcm", b"", "empty"),
        ("cut.nii.gz", b"\x1f\x8b\x08\x00broken", "cut off"),
    ],
)
def test_a_file_that_is_no_scan_gets_one_sentence_with_its_name(sender, name, content, words) -> None:
    sender.send((name, content))
    (rejected,) = sender.complete().json()["rejected"]
    assert rejected["file"] == name
    assert words in rejected["reason"]
    assert name in rejected["reason"]


def test_a_truncated_slice_is_named_and_its_neighbours_are_used(sender, series) -> None:
    broken = series[10].read_bytes()[:-400]
    sender.send(*series[:10], *series[11:], ("broken.dcm", broken))
    body = sender.complete().json()
    assert [row["file"] for row in body["rejected"]] == ["broken.dcm"]
    assert "cut off" in body["rejected"][0]["reason"]
    assert "slice-gap" in [note["code"] for note in body["scans"][0]["quality"]]


def test_a_request_without_files_is_refused(sender) -> None:
    answer = sender.client.post(f"/api/v1/uploads/{sender.upload}/files/", {})
    assert answer.status_code == 400


def test_another_patient_in_the_files_holds_the_upload_until_somebody_decides(
    sender, series, radiologist, client
) -> None:
    sender.send(*series)
    held = sender.complete(patient={"mrn": "OTHER"}).json()
    assert "SYN-1" in held["held"]["reason"]
    assert Scan.objects.count() == 0
    decide = f"/api/v1/uploads/{sender.upload}/decide/"
    assert sender.client.post(decide, {"decision": "files"}, content_type=JSON).status_code == 403
    client.force_login(radiologist)
    decided = client.post(decide, {"decision": "claimed"}, content_type=JSON)
    assert decided.status_code == 202
    assert Scan.objects.get().patient.mrn == "OTHER"


def test_a_held_upload_can_be_refused_and_its_files_stay(sender, series, radiologist, client) -> None:
    sender.send(*series)
    sender.complete(patient={"mrn": "OTHER"})
    client.force_login(radiologist)
    client.post(f"/api/v1/uploads/{sender.upload}/decide/", {"decision": "refuse"}, content_type=JSON)
    assert Upload.objects.get().state == "refused"
    assert all(path_of(file.path).exists() for file in UploadedFile.objects.all())


def test_another_wards_patient_is_not_touched(sender, series) -> None:
    Patient.objects.create(mrn="SYN-1", name="Somebody else")
    sender.send(*series)
    assert "another care team" in sender.complete().json()["held"]["reason"]


def test_another_name_under_the_same_number_is_held(sender, series, team) -> None:
    known = Patient.objects.create(mrn="SYN-1", name="Miller, Eve")
    known.care_teams.add(team)
    sender.send(*series)
    assert "name" in sender.complete().json()["held"]["reason"]


def test_somebody_without_a_team_is_told_what_to_do(sender, series, clinician, team) -> None:
    team.members.remove(clinician)
    sender.send(*series)
    answer = sender.complete()
    assert answer.status_code == 400
    assert "care team" in answer.json()["detail"]


def test_the_schema_is_served(as_clinician) -> None:
    assert b"/api/v1/uploads/{id}/complete/" in as_clinician.get("/api/schema/").content
