"""Series sent by DICOM: stored, completed when quiet, held when in doubt, refused to strangers."""

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import MPEG2MPML
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage, Verification

from portal.dicom.receiver import Receiver, new_receiver
from portal.jobs.models import InferenceJob
from portal.scans.models import Scan, Upload, UploadedFile, UploadState
from tests.samples import dicom_folder

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def series(tmp_path: Path) -> list[Path]:
    return dicom_folder(tmp_path / "series", mrn="RX-1")


@pytest.fixture
def receiver(clinician) -> Iterator[Receiver]:
    receiver = Receiver(clinician, ae_title="LUNGTREND", allowed=["SCANNER"], quiet_seconds=0.6)
    receiver.start("127.0.0.1", 0)
    yield receiver
    receiver.stop()


def associate(receiver: Receiver, title: str = "SCANNER"):
    scanner = AE(ae_title=title)
    scanner.add_requested_context(CTImageStorage)
    scanner.add_requested_context(Verification)
    return scanner.associate("127.0.0.1", receiver.port, ae_title="LUNGTREND")


def send(receiver: Receiver, files: list[Path]) -> set[int]:
    association = associate(receiver)
    assert association.is_established
    states = {association.send_c_store(pydicom.dcmread(path)).Status for path in files}
    association.release()
    return states


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.1)


def test_a_series_becomes_a_scan_with_a_job_when_it_is_quiet(receiver, series) -> None:
    assert send(receiver, series) == {0x0000}
    assert Scan.objects.count() == 0
    wait_for(lambda: InferenceJob.objects.count() == 1)
    scan = Scan.objects.get()
    assert scan.patient.mrn == "RX-1"
    assert scan.instances.count() == len(series)


def test_a_broken_and_repeated_send_is_one_scan(receiver, series) -> None:
    association = associate(receiver)
    for path in series[:9]:
        association.send_c_store(pydicom.dcmread(path))
    association.abort()
    send(receiver, series)
    wait_for(lambda: InferenceJob.objects.count() == 1)
    send(receiver, series)
    wait_for(lambda: Upload.objects.filter(state=UploadState.COMPLETE).count() == 2)
    assert Scan.objects.count() == 1
    assert InferenceJob.objects.count() == 1


def test_a_series_without_patient_is_held_for_a_person(receiver, series) -> None:
    for path in series:
        dataset = pydicom.dcmread(path)
        dataset.PatientID = ""
        dataset.save_as(path)
    send(receiver, series)
    wait_for(lambda: Upload.objects.filter(state=UploadState.HELD).count() == 1)
    assert "does not say whose scan" in Upload.objects.get().hold_reason


def test_what_arrived_before_a_restart_is_completed_after_it(clinician, series) -> None:
    first = Receiver(clinician, ae_title="LUNGTREND", allowed=["SCANNER"], quiet_seconds=600)
    first.start("127.0.0.1", 0)
    send(first, series)
    first.stop()
    second = Receiver(clinician, ae_title="LUNGTREND", allowed=["SCANNER"], quiet_seconds=0.2)
    second.start("127.0.0.1", 0)
    wait_for(lambda: Scan.objects.count() == 1)
    second.stop()


def test_of_two_reconstructions_one_is_analysed(receiver, series, tmp_path) -> None:
    copies = []
    for path in series:
        dataset = pydicom.dcmread(path)
        dataset.SeriesInstanceUID += ".1"
        dataset.SOPInstanceUID += ".1"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.SliceThickness = 30
        dataset.SeriesDescription = "thick"
        copies.append(tmp_path / f"copy-{path.name}")
        dataset.save_as(copies[-1])
    assert send(receiver, [*copies, *series]) == {0x0000}
    wait_for(lambda: Scan.objects.count() == 2)
    job = InferenceJob.objects.get()
    assert job.scan.description != "thick"


def test_the_same_identifier_with_other_pixels_is_a_duplicate(receiver, series) -> None:
    dataset = pydicom.dcmread(series[0])
    association = associate(receiver)
    assert association.send_c_store(dataset).Status == 0x0000
    dataset.PatientComments = "another header, the same pixels"
    assert association.send_c_store(dataset).Status == 0x0000
    dataset.PixelData = bytes(len(dataset.PixelData))
    assert association.send_c_store(dataset).Status == 0x0111
    association.release()
    assert Upload.objects.get().files.count() == 2


def test_a_transfer_syntax_that_nobody_reads_is_not_accepted(receiver) -> None:
    scanner = AE(ae_title="SCANNER")
    scanner.add_requested_context(CTImageStorage, MPEG2MPML)
    association = scanner.associate("127.0.0.1", receiver.port, ae_title="LUNGTREND")
    assert not association.accepted_contexts
    association.abort()
    assert not Upload.objects.exists()


def test_an_image_that_is_too_large_is_refused_and_leaves_nothing(receiver, series, settings) -> None:
    settings.UPLOAD_MAX_FILE_BYTES = 1024 * 1024
    dataset = pydicom.dcmread(series[0])
    dataset.add_new((0x0029, 0x0010), "LO", "VENDOR")
    dataset.add_new((0x0029, 0x1010), "OB", bytes(4 * 1024 * 1024))
    association = associate(receiver)
    assert association.send_c_store(dataset).Status == 0xA700
    association.release()
    assert not UploadedFile.objects.exists()
    assert not list((Path(settings.MEDIA_ROOT) / "incoming").iterdir())


def test_what_cannot_be_understood_is_refused(receiver, series) -> None:
    dataset = pydicom.dcmread(series[0])
    broken = Dataset()
    broken.SOPClassUID, broken.SOPInstanceUID = CTImageStorage, "1.2.3"
    broken.file_meta = dataset.file_meta
    association = associate(receiver)
    # No image and no patient: it is stored like everything that a scanner sends, and held for a person.
    assert association.send_c_store(broken).Status == 0x0000
    association.release()
    wait_for(lambda: Upload.objects.exclude(state=UploadState.OPEN).count() == 1)
    assert Scan.objects.count() == 0


def test_a_sender_that_falls_silent_is_hung_up_on(clinician, monkeypatch) -> None:
    monkeypatch.setattr("portal.dicom.receiver.SILENT_SECONDS", 1)
    receiver = Receiver(clinician, ae_title="LUNGTREND", allowed=["SCANNER"], quiet_seconds=5)
    receiver.start("127.0.0.1", 0)
    try:
        with socket.create_connection(("127.0.0.1", receiver.port)) as line:
            line.settimeout(15)
            line.sendall(b"\x01\x00\x00\x00")
            assert line.recv(1024) in (b"", b"\x07\x00\x00\x00\x00\x04\x00\x00\x00\x00")
        echo = associate(receiver)
        assert echo.send_c_echo().Status == 0x0000
        echo.release()
    finally:
        receiver.stop()


def test_with_tls_the_line_is_encrypted_and_plain_speech_is_refused(clinician, series, tmp_path, settings) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run(command, check=True, capture_output=True)
    settings.DICOM_TLS_CERTIFICATE, settings.DICOM_TLS_KEY = str(certificate), str(key)
    settings.DICOM_ALLOWED_AE_TITLES, settings.DICOM_QUIET_SECONDS = ["SCANNER"], 0.5
    receiver = new_receiver(clinician)
    receiver.start("127.0.0.1", 0)
    try:
        context = ssl.create_default_context(cafile=str(certificate))
        scanner = AE(ae_title="SCANNER")
        scanner.add_requested_context(Verification)
        secure = scanner.associate("127.0.0.1", receiver.port, ae_title="LUNGTREND", tls_args=(context, "localhost"))
        assert secure.send_c_echo().Status == 0x0000
        secure.release()
        scanner.acse_timeout = scanner.network_timeout = 3
        assert not scanner.associate("127.0.0.1", receiver.port, ae_title="LUNGTREND").is_established
    finally:
        receiver.stop()


def test_strangers_are_refused(receiver) -> None:
    assert not associate(receiver, "STRANGER").is_established


@pytest.mark.skipif(shutil.which("storescu") is None, reason="storescu (dcmtk) is not installed")
def test_programs_of_others_send(receiver, series) -> None:
    address = ["-aet", "SCANNER", "-aec", "LUNGTREND", "127.0.0.1", str(receiver.port)]
    assert subprocess.run(["echoscu", *address], check=False).returncode == 0
    assert subprocess.run(["storescu", *address, *map(str, series)], check=False).returncode == 0
    wait_for(lambda: InferenceJob.objects.count() == 1)
