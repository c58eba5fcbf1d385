"""DICOMweb as others speak it: dicomweb-client searches, retrieves and stores; strangers get nothing."""

import gzip
from io import BytesIO
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from django.core.files.base import ContentFile
from django.test import Client
from knox.models import AuthToken
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless
from requests.exceptions import HTTPError

from portal.accounts.models import AuditAction, AuditEvent
from portal.dicom.web import search
from portal.jobs.arrivals import complete_quiet
from portal.jobs.models import InferenceJob
from portal.patients.models import Patient
from portal.scans.ingest import create_scan, plan_scans
from portal.scans.intake import open_upload, receive_file
from portal.scans.models import Scan, Upload
from portal.scans.storage import path_of
from tests.portal.results import measured_scan
from tests.samples import dicom_folder

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume:Warning"),
]


@pytest.fixture
def scan(patient, clinician, tmp_path) -> Scan:
    return measured_scan(patient, clinician, tmp_path)


def client_of(user, address: str) -> DICOMwebClient:
    _, token = AuthToken.objects.create(user)
    return DICOMwebClient(f"{address}/dicomweb", headers={"Authorization": f"Token {token}"})


@pytest.fixture
def pacs(clinician, portal_address) -> DICOMwebClient:
    return client_of(clinician, portal_address)


def value(row: dict, keyword: str):
    return getattr(pydicom.Dataset.from_json(row), keyword)


def test_studies_series_and_instances_are_found(pacs, scan, patient) -> None:
    (study,) = pacs.search_for_studies(search_filters={"PatientID": patient.mrn, "ModalitiesInStudy": "CT"})
    assert value(study, "StudyInstanceUID") == scan.study_uid
    assert str(value(study, "PatientName")) == "Doe^Jane"
    assert value(study, "NumberOfStudyRelatedInstances") == 24
    series = pacs.search_for_series(scan.study_uid)
    assert [value(row, "Modality") for row in series] == ["CT", "SEG", "SR", "OT", "DOC"]
    instances = pacs.search_for_instances(scan.study_uid, scan.series_uid, fields=["SliceThickness"])
    assert len(instances) == 24
    assert {value(row, "Rows") for row in instances} == {96}
    assert all(value(row, "SliceThickness") for row in instances)


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"PatientName": "doe*"}, 1),
        ({"PatientName": "Smith*"}, 0),
        ({"StudyDate": "20260301-20260303"}, 1),
        ({"StudyDate": "20260303-"}, 0),
        ({"00080020": "20260302"}, 1),
        ({"ModalitiesInStudy": "MR"}, 0),
        ({"PatientID": "P-?"}, 1),
        ({"PatientID": "P-"}, 0),
    ],
)
def test_matching_follows_the_standard(pacs, scan, filters, count) -> None:
    assert len(pacs.search_for_studies(search_filters=filters)) == count


@pytest.mark.parametrize("at_once", [1, 100])
def test_results_are_paged(pacs, patient, clinician, tmp_path, monkeypatch, at_once) -> None:
    monkeypatch.setattr(search, "BATCH", at_once)
    uids = [measured_scan(patient, clinician, tmp_path, hours=24.0 * day).study_uid for day in range(3)]
    pages = [pacs.search_for_studies(limit=1, offset=place) for place in range(4)]
    assert [len(page) for page in pages] == [1, 1, 1, 0]
    assert [value(page[0], "StudyInstanceUID") for page in pages[:3]] == uids[::-1]
    assert [value(row, "StudyInstanceUID") for row in pacs.search_for_studies()] == uids[::-1]


def test_a_name_that_is_no_attribute_is_refused(as_clinician) -> None:
    answer = as_clinician.get("/dicomweb/studies?Patient=1")
    assert (answer.status_code, answer.json()["detail"]) == (400, "Patient is no DICOM attribute.")


def test_objects_come_back_with_their_pixels(pacs, scan) -> None:
    series = pacs.retrieve_series(scan.study_uid, scan.series_uid)
    assert len(series) == 24
    files = [pydicom.dcmread(_path(instance)) for instance in scan.instances.all()]
    for sent, stored in zip(series, files, strict=True):
        assert sent.SOPInstanceUID == stored.SOPInstanceUID
        assert np.array_equal(sent.pixel_array, stored.pixel_array)
    one = pacs.retrieve_instance(scan.study_uid, scan.series_uid, files[3].SOPInstanceUID)
    assert one.PixelData == files[3].PixelData
    (frame,) = pacs.retrieve_instance_frames(scan.study_uid, scan.series_uid, files[3].SOPInstanceUID, [1])
    assert frame == files[3].PixelData
    assert AuditEvent.objects.filter(action=AuditAction.DOWNLOAD, subject_id=str(scan.pk)).count() == 2


def _path(instance) -> Path:
    return path_of(instance.file.path)


def test_metadata_name_bulk_data_that_can_be_fetched(pacs, scan) -> None:
    rows = pacs.retrieve_series_metadata(scan.study_uid, scan.series_uid)
    assert len(rows) == 24
    again = pacs.retrieve_series_metadata(scan.study_uid, scan.series_uid)
    assert again == rows
    stored = pydicom.dcmread(_path(scan.instances.all()[0]))
    (pixels,) = pacs.retrieve_bulkdata(rows[0]["7FE00010"]["BulkDataURI"])
    assert pixels == stored.PixelData


def test_pictures_are_rendered_in_the_window_asked_for(pacs, scan) -> None:
    uid = scan.instances.all()[10].sop_uid
    picture = pacs.retrieve_instance_rendered(
        scan.study_uid,
        scan.series_uid,
        uid,
        media_types=("image/png",),
        params={"window": "40,400", "viewport": "48,48"},
    )
    shown = np.asarray(Image.open(BytesIO(picture)))
    assert shown.shape == (48, 48)
    assert shown.max() > 200
    assert shown.min() == 0


def test_results_are_series_of_the_study_and_read_back(pacs, scan) -> None:
    by_modality = {
        value(row, "Modality"): value(row, "SeriesInstanceUID") for row in pacs.search_for_series(scan.study_uid)
    }
    (seg,) = pacs.retrieve_series(scan.study_uid, by_modality["SEG"])
    assert len(hd.seg.Segmentation.from_dataset(seg).SegmentSequence) >= 7
    (report,) = pacs.retrieve_series(scan.study_uid, by_modality["SR"])
    assert report.SOPClassUID == hd.sr.ComprehensiveSR.from_dataset(report).SOPClassUID
    assert len(pacs.retrieve_series(scan.study_uid, by_modality["OT"])) > 1
    (document,) = pacs.retrieve_series(scan.study_uid, by_modality["DOC"])
    assert document.EncapsulatedDocument.startswith(b"%PDF")
    frames = pacs.retrieve_instance_frames(scan.study_uid, by_modality["SEG"], seg.SOPInstanceUID, [1, 2])
    expected = np.packbits(seg.pixel_array[1].reshape(-1), bitorder="little").tobytes()
    assert frames[1] == expected


@pytest.fixture
def compressed(patient, clinician, tmp_path) -> Scan:
    upload = open_upload(by=clinician)
    for path in dicom_folder(tmp_path / "rle", mrn=patient.mrn):
        dataset = pydicom.dcmread(path)
        dataset.compress(RLELossless, generate_instance_uid=False)
        dataset.save_as(path)
        receive_file(upload=upload, name=path.name, chunks=ContentFile(path.read_bytes()).chunks())
    (plan,) = plan_scans(upload).scans
    return create_scan(upload=upload, patient=patient, plan=plan, typed_time=None)


def test_compressed_objects_are_given_as_stored_or_plain_but_not_in_what_we_cannot_write(
    as_clinician, compressed, tmp_path
) -> None:
    uid = compressed.instances.all()[0].sop_uid
    address = f"/dicomweb/studies/{compressed.study_uid}/series/{compressed.series_uid}/instances/{uid}"
    answers = {
        syntax: as_clinician.get(address, headers={"accept": f"application/dicom{syntax}"})
        for syntax in ("", "; transfer-syntax=*", f"; transfer-syntax={JPEG2000Lossless}")
    }
    assert [answer.status_code for answer in answers.values()] == [200, 200, 406]
    plain, stored = (pydicom.dcmread(BytesIO(answer.content)) for answer in list(answers.values())[:2])
    assert (plain.file_meta.TransferSyntaxUID, stored.file_meta.TransferSyntaxUID) == (
        ExplicitVRLittleEndian,
        RLELossless,
    )
    assert np.array_equal(plain.pixel_array, stored.pixel_array)
    frame = as_clinician.get(f"{address}/frames/1", headers={"accept": 'multipart/related; type="image/dicom-rle"'})
    assert b"image/dicom-rle; transfer-syntax=1.2.840.10008.1.2.5" in b"".join(frame)
    assert as_clinician.get(f"{address}/frames/2").status_code == 404


def test_stored_instances_become_a_scan_with_a_job(pacs, clinician, tmp_path) -> None:
    files = dicom_folder(tmp_path / "sent", mrn="STOW-1")
    datasets = [pydicom.dcmread(path) for path in files]
    for part in (datasets[:10], datasets[10:], datasets[:3]):
        answer = pacs.store_instances(part)
        assert len(answer.ReferencedSOPSequence) == len(part)
    assert Scan.objects.count() == 0
    complete_quiet(0)
    assert Scan.objects.get().instances.count() == len(files)
    assert InferenceJob.objects.count() == 1
    altered = datasets[0]
    altered.PixelData = bytes(len(altered.PixelData))
    with pytest.raises(HTTPError, match="409"):
        pacs.store_instances([altered])


def test_what_is_not_dicom_is_named_and_leaves_nothing(as_clinician, tmp_path) -> None:
    (good, *_) = dicom_folder(tmp_path / "one", mrn="STOW-2")
    boundary = "----b"
    parts = b"".join(
        f"\r\n--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode() + content
        for content in (b"no image at all", good.read_bytes())
    )
    kind = f'multipart/related; type="application/dicom"; boundary="{boundary}"'
    answer = as_clinician.post("/dicomweb/studies", parts + f"\r\n--{boundary}--".encode(), content_type=kind)
    assert answer.status_code == 202
    outcome = pydicom.Dataset.from_json(answer.json())
    assert [item.FailureReason for item in outcome.FailedSOPSequence] == [0xC000]
    assert len(outcome.ReferencedSOPSequence) == 1
    cut_off = as_clinician.post("/dicomweb/studies", parts, content_type=kind)
    assert (cut_off.status_code, cut_off.json()["detail"]) == (400, "The body ends before its last boundary.")
    assert Upload.objects.get().files.count() == 1


def test_another_ward_finds_and_gets_nothing(scan, stranger, portal_address) -> None:
    pacs = client_of(stranger, portal_address)
    assert pacs.search_for_studies() == []
    for retrieve in (pacs.retrieve_series, pacs.retrieve_series_metadata):
        with pytest.raises(HTTPError, match="404"):
            retrieve(scan.study_uid, scan.series_uid)
    assert Client().get("/dicomweb/studies").status_code == 401


def test_a_scan_that_a_person_gave_to_another_patient_is_given_out_under_that_patient(pacs, scan, team) -> None:
    other = Patient.objects.create(mrn="P-9", name="Roe, Richard", birth_date="1950-01-02", sex="M")
    other.care_teams.add(team)
    pacs.retrieve_series_metadata(scan.study_uid, scan.series_uid)
    Scan.objects.filter(pk=scan.pk).update(patient=other)
    (row, *_) = pacs.retrieve_series_metadata(scan.study_uid, scan.series_uid)
    (sent, *_) = pacs.retrieve_series(scan.study_uid, scan.series_uid)
    for dataset in (pydicom.Dataset.from_json(row, bulk_data_uri_handler=lambda *_: b""), sent):
        assert (dataset.PatientID, str(dataset.PatientName), dataset.PatientBirthDate) == (
            "P-9",
            "Roe^Richard",
            "19500102",
        )


def test_the_kept_metadata_hold_no_pixels(pacs, scan, settings) -> None:
    pacs.retrieve_series_metadata(scan.study_uid, scan.series_uid)
    kept = gzip.decompress((Path(settings.MEDIA_ROOT) / scan.folder / "metadata.json.gz").read_bytes())
    assert len(kept) < 24 * 8000
