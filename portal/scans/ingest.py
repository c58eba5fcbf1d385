"""From the files of an upload to scans: inspect headers, then create rows."""

import hashlib
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from inference.io import InstanceHeader, NamedFile, Rejection, SeriesHeader, SeriesKind, expand, inspect, volume_suffix
from portal.patients.models import Patient
from portal.scans.models import Instance, Scan, Upload, UploadedFile
from portal.scans.storage import paths_of
from portal.scans.times import TIME_AMBIGUOUS, TIME_MISSING, TYPED, in_site_zone
from portal.scans.toolbox import workplace

COPY_CHUNK_BYTES = 1024 * 1024
#: For each unpacked path: the received file, and the member's name if that file is a zip.
Origins = dict[Path, tuple[UploadedFile, str]]


@dataclass(frozen=True, slots=True)
class Source:
    """The received file that an image came from; `member` is its name inside a zip, `sha256` its own content's."""

    file: UploadedFile
    member: str
    sha256: str


@dataclass(frozen=True, slots=True)
class PlannedScan:
    """A series that can become a scan, and where each of its images came from."""

    header: SeriesHeader
    sources: dict[Path, Source]

    def source_of(self, instance: InstanceHeader) -> Source:
        """The received file of one image."""
        return self.sources[instance.file.path]

    @property
    def content_digest(self) -> str:
        """SHA-256 over the contents, whatever their names, order and packing."""
        digests = sorted(self.sources[file.path].sha256 for file in self.header.files)
        return hashlib.sha256("\n".join(digests).encode()).hexdigest()

    @property
    def name(self) -> str:
        """How to call the series in a sentence."""
        return self.header.description or self.header.files[0].name


@dataclass(frozen=True, slots=True)
class IngestPlan:
    """What an upload holds: series, and the files that belong to none with the reason."""

    scans: tuple[PlannedScan, ...]
    rejected: tuple[dict[str, str], ...]
    #: Received files that were looked at.
    file_count: int


def plan_scans(upload: Upload) -> IngestPlan:
    """Inspect the headers of everything that was received; decodes no pixel."""
    received = list(upload.files.all())
    with _opened(received) as (files, sources, refused):
        inspection = inspect(files)
        scans = tuple(
            PlannedScan(header, {file.path: _source(file, sources) for file in header.files})
            for header in inspection.series
        )
    rejected = [{"file": r.file, "reason": r.reason} for r in (*refused, *inspection.rejected)]
    return IngestPlan(scans, tuple(rejected), len(received))


@contextmanager
def _opened(
    everything: Sequence[UploadedFile],
) -> Iterator[tuple[list[NamedFile], Origins, list[Rejection]]]:
    """Every received file, zips unpacked for the time of the inspection."""
    files: list[NamedFile] = []
    origins: Origins = {}
    refused: list[Rejection] = []
    with workplace() as folder:
        paths = paths_of([received.path for received in everything])
        for received in everything:
            named = NamedFile(received.name, paths[received.path])
            members, refusals = expand([named], folder / str(received.pk))
            refused += refusals
            files += members
            for member in members:
                inside = "" if member is named else member.name.removeprefix(f"{received.name}/")
                origins[member.path] = (received, inside)
        yield files, origins, refused


def _source(file: NamedFile, origins: Origins) -> Source:
    received, member = origins[file.path]
    return Source(received, member, _sha256(file.path) if member else received.sha256)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def create_scan(*, upload: Upload, patient: Patient, plan: PlannedScan, typed_time: datetime | None) -> Scan:
    """The scan of a series; the one that is there already when the same content came before."""
    header = plan.header
    notes = [note.as_dict() for note in header.quality]
    acquired_at, source = typed_time, TYPED if typed_time else ""
    if header.acquired is not None:
        acquired_at, is_ambiguous = in_site_zone(header.acquired)
        source = header.acquired.attribute
        notes += [TIME_AMBIGUOUS.as_dict()] if is_ambiguous else []
    elif typed_time is None:
        notes.append(TIME_MISSING.as_dict())
    scan, is_new = Scan.objects.get_or_create(
        patient=patient,
        content_digest=plan.content_digest,
        defaults={
            "upload": upload,
            "kind": header.kind.value,
            "study_uid": header.study_uid,
            "series_uid": header.series_uid,
            "frame_of_reference_uid": header.frame_of_reference_uid,
            "series_number": header.study.series_number,
            "study_id": header.study.study_id[:64],
            "study_date": _date(header.study.date),
            "study_time": header.study.time[:20],
            "study_description": header.study.description[:200],
            "accession_number": header.study.accession_number[:64],
            "referring_physician": header.study.referring_physician[:200],
            "original_identifiers": header.original_identifiers,
            "acquisition_key": header.acquisition_key[:200],
            "acquired_at": acquired_at,
            "acquired_at_source": source,
            "geometry": header.geometry.as_dict(),
            "slice_thickness_mm": header.slice_thickness_mm,
            "kernel": header.kernel[:64],
            "manufacturer": header.manufacturer[:64],
            "device_model": header.device_model[:64],
            "description": header.description[:200],
            "body_part": header.body_part[:64],
            "quality": notes,
        },
    )
    if is_new:
        Instance.objects.bulk_create(_instances(scan, plan))
    return scan


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _instances(scan: Scan, plan: PlannedScan) -> Iterator[Instance]:
    """One row a file, at the place of its first image along the slice normal."""
    uids = plan.header.sop_uids
    first_of_file = {instance.file: (i, instance) for i, instance in reversed(list(enumerate(plan.header.instances)))}
    frames = Counter(instance.file for instance in plan.header.instances)
    for index, instance in sorted(first_of_file.values(), key=lambda pair: pair[0]):
        source = plan.source_of(instance)
        yield Instance(
            scan=scan,
            index=index,
            file=source.file,
            member=source.member,
            sop_uid=uids[instance.file] if plan.header.kind is SeriesKind.DICOM else "",
            sop_class_uid=instance.sop_class_uid[:64],
            frames=frames[instance.file],
        )


def materialise(scan: Scan, into: Path) -> None:
    """Lay out exactly the files of one scan in a folder, for a job to read.

    Received files are linked, members of zips unpacked under names of our own.
    """
    into.mkdir(parents=True, exist_ok=True)
    instances = list(scan.instances.select_related("file"))
    paths = paths_of({instance.file.path for instance in instances})
    for instance in instances:
        target = into / f"{instance.index:06d}{volume_suffix(instance.member or instance.file.name)}"
        stored = paths[instance.file.path]
        if not instance.member:
            target.symlink_to(stored)
            continue
        with zipfile.ZipFile(stored) as archive, archive.open(instance.member) as packed, target.open("wb") as file:
            while chunk := packed.read(COPY_CHUNK_BYTES):
                file.write(chunk)
