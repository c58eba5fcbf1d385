"""Damaged files by the thousand, sent as uploads and by STOW-RS: always an answer, always one reason a file.

    python -m tests.soak.fuzz_ingest --files 20000

Sources are small synthetic series, zips, NIfTI and MetaImage; `--folder` adds files of one's own.
"""

import argparse
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings.test")

FILES_EACH = 8
#: One request that takes longer hangs.
PATIENCE_SECONDS = 60
MOST_MEMORY_MIB = 2048
#: Bytes that parsers trip over.
NASTY = (b"\x00", b"\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"<script>", "é".encode())


def sources(folder: Path, own: Path | None) -> list[tuple[str, bytes]]:
    """Whole files to damage, with their names."""
    from inference.io import write_volume  # noqa: PLC0415 - Django comes first in this program
    from inference.phantom import Acquisition, PhantomPatient  # noqa: PLC0415
    from tests.samples import dicom_folder  # noqa: PLC0415

    series = [path.read_bytes() for path in dicom_folder(folder / "series", size=32, slices=6)]
    found = [(f"{number}.dcm", content) for number, content in enumerate(series)]
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(series):
            archive.writestr(f"series/{number}.dcm", content)
    found.append(("series.zip", packed.getvalue()))
    volume = PhantomPatient(1).scan(Acquisition(size=32, slices=6, height_mm=290, infected_ml=50)).volume
    for name in ("scan.nii.gz", "scan.nii", "scan.mha"):
        write_volume(volume, folder / name)
        found.append((name, (folder / name).read_bytes()))
    if own is not None:
        found += [(path.name, path.read_bytes()) for path in sorted(own.rglob("*")) if path.is_file()]
    return found


def damaged(content: bytes, rng: random.Random) -> bytes:
    """One of many ways to break a file."""
    data = bytearray(content)
    if not data:
        return bytes(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        place = rng.randrange(len(data)) if rng.random() < 0.5 else rng.randrange(min(len(data), 2048))
        match rng.randrange(6):
            case 0:
                data[place] ^= 1 << rng.randrange(8)
            case 1:
                nasty = rng.choice(NASTY)
                data[place : place + len(nasty)] = nasty
            case 2:
                del data[place : place + rng.choice((1, 2, 4, 100))]
            case 3:
                data[place:place] = rng.choice(NASTY) * rng.choice((1, 3, 50))
            case 4:
                del data[place:]
            case _:
                other = rng.randrange(len(data))
                data[place : place + 64], data[other : other + 64] = data[other : other + 64], data[place : place + 64]
        if not data:
            break
    return bytes(data)


class Fuzz:
    """Sends and counts."""

    def __init__(self, client: Any, parts: list[tuple[str, bytes]], seed: int) -> None:
        self.client, self.parts, self.rng = client, parts, random.Random(seed)
        self.outcomes: Counter[str] = Counter()
        self.problems: list[str] = []

    def run(self, files: int) -> None:
        """Uploads, and now and then a STOW request."""
        while sum(self.outcomes.values()) < files and len(self.problems) < 20:
            signal.alarm(PATIENCE_SECONDS)
            if self.rng.random() < 0.2:
                self._stow()
            else:
                self._upload()
            signal.alarm(0)

    def _chosen(self) -> Iterator[tuple[str, bytes]]:
        for number in range(FILES_EACH):
            name, content = self.rng.choice(self.parts)
            yield f"{number}-{name}", damaged(content, self.rng) if self.rng.random() < 0.9 else content

    def _upload(self) -> None:
        from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: PLC0415

        key = self.client.post("/api/v1/uploads/").json()["id"]
        chosen = list(self._chosen())
        sent = self.client.post(
            f"/api/v1/uploads/{key}/files/",
            {"file": [SimpleUploadedFile(name, content) for name, content in chosen]},
        )
        self._expect(sent, {200}, "files")
        body = {"patient": {"mrn": f"F-{self.rng.randrange(10**9)}"}, "acquired_at": "2026-01-05T10:00:00Z"}
        text = json.dumps(body)
        if self.rng.random() < 0.1:
            text = damaged(text.encode(), self.rng).decode("utf-8", "replace")
        done = self.client.post(f"/api/v1/uploads/{key}/complete/", text, content_type="application/json")
        self._expect(done, {202, 400}, "complete")
        if done.status_code not in {202, 400}:
            return
        if done.status_code == 400:
            self.outcomes["refused with a sentence"] += FILES_EACH
            if not json.dumps(done.json()):
                self.problems.append("a refusal without a sentence")
            return
        outcome = done.json()
        for row in outcome["rejected"]:
            if not row["reason"] or "Traceback" in row["reason"] or "\n" in row["reason"].strip():
                self.problems.append(f"{row['file']}: reason {row['reason']!r}")
        self.outcomes["rejected with a reason"] += len(outcome["rejected"])
        self.outcomes["part of a scan, or held"] += max(0, FILES_EACH - len(outcome["rejected"]))

    def _stow(self) -> None:
        boundary = "fuzz"
        body = b"".join(
            b"\r\n--fuzz\r\nContent-Type: application/dicom\r\n\r\n" + content for _, content in self._chosen()
        )
        body += b"\r\n--fuzz--"
        if self.rng.random() < 0.3:
            body = damaged(body, self.rng)
        kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
        answer = self.client.post("/dicomweb/studies", body, content_type=kind)
        self._expect(answer, {200, 202, 400, 409}, "STOW")
        self.outcomes["sent by STOW-RS"] += FILES_EACH

    def _expect(self, answer: Any, statuses: set[int], what: str) -> None:
        if answer.status_code not in statuses:
            self.problems.append(f"{what} answered {answer.status_code}: {answer.content[:200]!r}")


def fuzz(client: Any, *, files: int, folder: Path, own: Path | None = None, seed: int = 1) -> dict[str, Any]:
    """Send so many damaged files; what became of them."""

    def hang(*_: object) -> None:
        raise TimeoutError(f"a request took longer than {PATIENCE_SECONDS} seconds")

    signal.signal(signal.SIGALRM, hang)
    # A test client raises what a server would answer with 500.
    client.raise_request_exception = False
    started, before = time.monotonic(), _memory_mib()
    run = Fuzz(client, sources(folder, own), seed)
    run.run(files)
    grown = _memory_mib() - before
    if grown > MOST_MEMORY_MIB:
        run.problems.append(f"memory grew by {grown:.0f} MiB")
    return {
        "files": sum(run.outcomes.values()),
        "seconds": round(time.monotonic() - started, 1),
        "memory_grown_mib": round(grown),
        "outcomes": dict(run.outcomes),
        "problems": run.problems,
    }


def _memory_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    """Fuzz in a database and a storage of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, help="more files to damage")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    django.setup()
    from django.db import connection  # noqa: PLC0415
    from django.test import Client, override_settings  # noqa: PLC0415
    from django.test.utils import setup_test_environment  # noqa: PLC0415

    from portal.accounts.models import Role, User  # noqa: PLC0415
    from portal.patients.models import CareTeam  # noqa: PLC0415

    setup_test_environment()
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0)
    with tempfile.TemporaryDirectory() as folder, override_settings(MEDIA_ROOT=f"{folder}/media"):
        user = User.objects.create_user("fuzz", role=Role.CLINICIAN)
        CareTeam.objects.create(name="Fuzz").members.add(user)
        client = Client()
        client.force_login(user)
        outcome = fuzz(client, files=options.files, folder=Path(folder), own=options.folder, seed=options.seed)
    connection.creation.destroy_test_db(name, verbosity=0)
    print(json.dumps({"seed": options.seed, **outcome}, indent=1))
    return 1 if outcome["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
