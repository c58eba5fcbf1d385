"""A full disk: refused with a sentence, nothing half kept, and everything works again when there is room."""

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from portal.asgi import application
from portal.dicom.web.store import OUT_OF_RESOURCES
from portal.scans.models import UploadedFile
from portal.scans.storage import scratch
from tests.samples import dicom_folder

ROOM_BYTES, PAGE_BYTES = 1024 * 1024, 4096


@pytest.fixture
def small_disk(settings, tmp_path) -> Iterator[Path]:
    """A file system with room for one megabyte, under the storage."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM_BYTES}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small file system here")
    settings.MEDIA_ROOT = folder
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def send(client, *contents: bytes) -> list[dict]:
    upload = client.post("/api/v1/uploads/").json()["id"]
    parts = [SimpleUploadedFile(f"{number}.dcm", content) for number, content in enumerate(contents)]
    return client.post(f"/api/v1/uploads/{upload}/files/", {"file": parts}).json()["files"]


@pytest.mark.django_db
def test_files_that_fit_are_kept_and_others_refused_until_there_is_room(as_clinician, small_disk) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (ROOM_BYTES // 2))
    first, second = send(as_clinician, b"fits", os.urandom(ROOM_BYTES))
    assert first["status"] == "stored"
    assert second["status"] == "refused"
    assert "the disk of the server is full" in second["reason"]
    assert UploadedFile.objects.count() == 1
    assert list(scratch("incoming").iterdir()) == []
    filler.unlink()
    (again,) = send(as_clinician, os.urandom(ROOM_BYTES // 2))
    assert again["status"] == "stored"


@pytest.mark.django_db
def test_dicomweb_says_that_resources_are_out(as_clinician, small_disk, tmp_path) -> None:
    image = dicom_folder(tmp_path / "series", size=32, slices=4)[0].read_bytes()
    # The part of the request fits, the copy that would be kept does not.
    pages = -(-len(image) // PAGE_BYTES)
    (small_disk / "filler").write_bytes(b"x" * (ROOM_BYTES - pages * PAGE_BYTES))
    body = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + image + b"\r\n--b--\r\n"
    kind = 'multipart/related; type="application/dicom"; boundary=b'
    answer = as_clinician.post("/dicomweb/studies", body, content_type=kind)
    assert answer.status_code == 409
    (failed,) = answer.json()["00081198"]["Value"]
    assert failed["00081197"]["Value"] == [OUT_OF_RESOURCES]
    assert not UploadedFile.objects.exists()


@pytest.mark.django_db
def test_readiness_says_that_nothing_can_be_written(client, small_disk) -> None:
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "filler").write_bytes(b"x" * 2 * ROOM_BYTES)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert not answer.json()["checks"]["storage"]["ok"]


def test_a_body_that_the_machine_cannot_hold_gets_a_sentence(small_disk: Path, settings, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 4096
    body = b"x" * 2 * ROOM_BYTES

    async def sent() -> httpx.Response:
        transport = httpx.ASGITransport(application)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as browser:
            return await browser.post("/api/v1/uploads/", content=body)

    # Browser tests before this one may have left a loop running in this thread.
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(lambda: asyncio.run(sent())).result()
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("Database or storage of the portal does not answer.")
