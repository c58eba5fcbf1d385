"""With S3-compatible storage, everything works as on one disk, from every machine; the server is a real one (moto)."""

import logging
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from moto.server import ThreadedMotoServer

from portal.scans import storage
from portal.scans.backup import restore_backup, write_backup
from portal.scans.exports import dicom_result
from portal.scans.files import frame_bytes, volume_key
from portal.scans.inventory import remove_orphans, take_inventory
from portal.scans.models import Segmentation, UploadedFile
from tests.portal.results import measured_scan


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def bucket(server, settings, tmp_path):
    """A bucket of its own, and this machine's empty folder of copies."""
    name = f"scans-{uuid.uuid4().hex}"
    access = {"access_key": "key", "secret_key": "secret", "region_name": "eu-central-1", "endpoint_url": server}
    settings.S3_BUCKET = name
    settings.MEDIA_ROOT = tmp_path / "one-machine"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {**access, "bucket_name": name, "addressing_style": "path", "file_overwrite": True},
        },
    }
    resource = boto3.resource(
        "s3", endpoint_url=server, region_name="eu-central-1", aws_access_key_id="key", aws_secret_access_key="secret"
    )
    bucket = resource.Bucket(name)
    bucket.create(CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return bucket


def move_to_another_machine(settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / f"machine-{uuid.uuid4().hex}"


@pytest.fixture
def scan(bucket, patient, clinician, tmp_path):
    return measured_scan(patient, clinician, tmp_path)


@pytest.mark.django_db
def test_what_one_machine_stored_another_reads(scan, settings, tmp_path) -> None:
    frame = frame_bytes(scan, 3)
    move_to_another_machine(settings, tmp_path)
    assert frame_bytes(scan, 3) == frame
    assert storage.path_of(volume_key(scan)).is_relative_to(settings.MEDIA_ROOT)
    assert [path.name for path in storage.scratch("incoming").iterdir()] == []


@pytest.mark.django_db
def test_dicom_results_are_built_where_nothing_is_and_found_where_they_were_not_built(scan, settings, tmp_path) -> None:
    move_to_another_machine(settings, tmp_path)
    built = dicom_result(Segmentation.objects.get())
    contents = [built.seg.read_bytes(), built.sr.read_bytes(), *(path.read_bytes() for path in built.captures)]
    move_to_another_machine(settings, tmp_path)
    found = dicom_result(Segmentation.objects.get())
    assert [found.seg.read_bytes(), found.sr.read_bytes(), *(p.read_bytes() for p in found.captures)] == contents
    assert found.captures


@pytest.mark.django_db
def test_an_upload_is_answered_when_the_object_is_stored(as_clinician, bucket) -> None:
    upload = as_clinician.post("/api/v1/uploads/").json()["id"]
    part = SimpleUploadedFile("one.dcm", b"content")
    answer = as_clinician.post(f"/api/v1/uploads/{upload}/files/", {"file": [part]}).json()["files"][0]
    assert answer["status"] == "stored"
    (stored,) = bucket.objects.all()
    assert stored.get()["Body"].read() == b"content"
    assert stored.key == UploadedFile.objects.get().path


@pytest.mark.django_db
def test_an_upload_is_refused_with_a_sentence_while_the_storage_does_not_answer(as_clinician, bucket, settings) -> None:
    options = {**settings.STORAGES["default"]["OPTIONS"], "endpoint_url": "http://127.0.0.1:9"}
    settings.STORAGES = {**settings.STORAGES, "default": {**settings.STORAGES["default"], "OPTIONS": options}}
    upload = as_clinician.post("/api/v1/uploads/").json()["id"]
    part = SimpleUploadedFile("one.dcm", b"content")
    (answer,) = as_clinician.post(f"/api/v1/uploads/{upload}/files/", {"file": [part]}).json()["files"]
    assert answer["status"] == "refused"
    assert "the storage of the server does not answer" in answer["reason"]
    assert not UploadedFile.objects.exists()
    assert not any(storage.scratch("incoming").iterdir())
    ready = as_clinician.get("/readyz")
    assert ready.status_code == 503
    assert not ready.json()["checks"]["storage"]["ok"]


@pytest.mark.django_db
def test_the_inventory_looks_into_the_bucket(scan, bucket, monkeypatch) -> None:
    monkeypatch.setattr("portal.scans.inventory.YOUNG_SECONDS", -60)
    assert take_inventory().is_sound
    bucket.put_object(Key="uploads/nobody/x.dcm", Body=b"left behind")
    bucket.put_object(Key=f"scans/{scan.pk}/revisions/unknown/lung.nii.gz", Body=b"left behind")
    assert remove_orphans(take_inventory()) == 2
    assert take_inventory().is_sound
    revision = Segmentation.objects.get()
    bucket.Object(f"{revision.folder}/lung.nii.gz").delete()
    assert take_inventory().missing == (f"{revision.folder}/lung.nii.gz",)


@pytest.mark.django_db(transaction=True)
def test_a_backup_of_a_bucket_is_whole(scan, bucket, settings, tmp_path, monkeypatch) -> None:
    keys = {entry.key: entry.size for entry in bucket.objects.all()}
    move_to_another_machine(settings, tmp_path)
    report = write_backup(tmp_path / "backup")
    assert report.files == len(keys)
    assert report.size_bytes == sum(keys.values())
    bucket.objects.all().delete()
    # The database of this test goes on being used.
    monkeypatch.setattr("portal.scans.backup._load", lambda source: None)
    restore_backup(tmp_path / "backup")
    assert {entry.key: entry.size for entry in bucket.objects.all()} == keys


@pytest.mark.django_db
def test_copies_nobody_asked_for_make_room_and_come_back(scan, bucket, settings) -> None:
    path = storage.path_of(volume_key(scan))
    content = path.read_bytes()
    assert storage.trim_copies(0) == 0, "what was asked for just now stays"
    for copy in settings.MEDIA_ROOT.rglob("*"):
        os.utime(copy, (time.time() - storage.GRACE_SECONDS - 60,) * 2)
    assert storage.path_of(volume_key(scan)) == path
    assert storage.trim_copies(0) > 24
    assert path.exists(), "asked for again, it is young again"
    os.utime(path, (time.time() - storage.GRACE_SECONDS - 60,) * 2)
    assert storage.trim_copies(0) == 1
    assert not path.exists()
    assert storage.path_of(volume_key(scan)).read_bytes() == content


@pytest.mark.django_db
def test_without_a_bucket_nothing_is_ever_trimmed(patient, clinician, tmp_path) -> None:
    scan = measured_scan(patient, clinician, tmp_path)
    os.utime(storage.path_of(volume_key(scan)), (0, 0))
    assert storage.trim_copies(0) == 0
    assert storage.path_of(volume_key(scan)).exists()
