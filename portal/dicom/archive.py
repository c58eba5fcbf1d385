"""What the portal holds, as DICOM sees it: series of scans, series of their results, and the objects in them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pydicom
from django.db.models import Count, QuerySet
from django.utils.translation import gettext_lazy
from pydicom.uid import CTImageStorage

from inference.dicom.revision import SERIES_NUMBERS, Revision
from portal.scans.current import choose_current
from portal.scans.exports import dicom_result, encapsulated_report
from portal.scans.models import Instance, Scan, ScanKind, Segmentation


class Role(StrEnum):
    """What a series holds."""

    SCAN = "scan"
    SEGMENTATION = "seg"
    REPORT = "sr"
    CAPTURES = "sc"
    DOCUMENT = "pdf"


RESULT_ROLES = (Role.SEGMENTATION, Role.REPORT, Role.CAPTURES, Role.DOCUMENT)
MODALITY = {
    Role.SCAN: "CT",
    Role.SEGMENTATION: "SEG",
    Role.REPORT: "SR",
    Role.CAPTURES: "OT",
    Role.DOCUMENT: "DOC",
}
#: For people.
RESULT_NAMES = {
    Role.SEGMENTATION: gettext_lazy("Segmentation"),
    Role.REPORT: gettext_lazy("Measurements"),
    Role.CAPTURES: gettext_lazy("Pictures"),
    Role.DOCUMENT: gettext_lazy("Report"),
}
DESCRIPTION = {
    Role.SEGMENTATION: "LungTrend segmentation (research use only)",
    Role.REPORT: "LungTrend measurements (research use only)",
    Role.CAPTURES: "LungTrend masks and figures (research use only)",
    Role.DOCUMENT: "LungTrend report (research use only)",
}


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a study. Results belong to the revision that counts."""

    scan: Scan
    role: Role
    uid: str
    revision: Segmentation | None = None
    #: Known for scans only: results are built when somebody asks for them.
    instance_count: int | None = None

    @property
    def modality(self) -> str:
        """DICOM modality."""
        return MODALITY[self.role]

    @property
    def number(self) -> int | None:
        """Series number."""
        return self.scan.series_number if self.role is Role.SCAN else SERIES_NUMBERS[self.role]

    @property
    def description(self) -> str:
        """Series description."""
        return self.scan.description if self.role is Role.SCAN else DESCRIPTION[self.role]


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One DICOM object. `member` is its name in the archive `path`, when it came in one."""

    series: Series
    sop_uid: str
    sop_class_uid: str
    #: Counted from 0 within the series.
    index: int
    path: Path
    member: str = ""


def dicom_scans(scans: QuerySet[Scan]) -> QuerySet[Scan]:
    """Those that came as DICOM, with what the archive needs."""
    return scans.filter(kind=ScanKind.DICOM).select_related("patient").annotate(instance_count=Count("instances"))


def series_of(scans: Iterable[Scan]) -> list[Series]:
    """The series of the scans and of their results, scans in the order given; needs `dicom_scans`."""
    scans = list(scans)
    revisions: dict[object, list[Segmentation]] = defaultdict(list)
    for revision in Segmentation.objects.filter(scan__in=scans).select_related("measurement", "author"):
        revisions[revision.scan_id].append(revision)
    found = []
    for scan in scans:
        found.append(Series(scan, Role.SCAN, scan.series_uid, None, scan.instance_count))  # type: ignore[attr-defined]
        current = choose_current(revisions[scan.pk])
        if current is not None:
            current.scan = scan
            found += [Series(scan, role, result_series_uid(current, role), current) for role in RESULT_ROLES]
    return found


def result_series_uid(revision: Segmentation, role: Role) -> str:
    """Series instance UID of one kind of result; the same for ever."""
    return Revision(str(revision.pk), revision.pipeline, revision.pipeline_version).uid(f"{role}-series")


def objects_of(series: Series) -> list[StoredObject]:
    """The objects of a series, in order; results are built when they are not there yet.

    Raises:
        NotExportable: the result cannot be written as DICOM.
    """
    if series.revision is None:
        return _instances(series)
    if series.role is Role.DOCUMENT:
        paths: tuple[Path, ...] = (encapsulated_report(series.revision),)
    else:
        result = dicom_result(series.revision)
        chosen = {Role.SEGMENTATION: (result.seg,), Role.REPORT: (result.sr,), Role.CAPTURES: result.captures}
        paths = chosen[series.role]
    return [_result(series, index, path) for index, path in enumerate(paths)]


def _instances(series: Series) -> list[StoredObject]:
    rows = Instance.objects.filter(scan=series.scan).select_related("file").order_by("index")
    return [
        StoredObject(
            series,
            row.sop_uid,
            row.sop_class_uid or CTImageStorage,
            index,
            Path(row.file.path),
            row.member,
        )
        for index, row in enumerate(rows)
    ]


def _result(series: Series, index: int, path: Path) -> StoredObject:
    meta = pydicom.filereader.read_file_meta_info(path)
    return StoredObject(series, str(meta.MediaStorageSOPInstanceUID), str(meta.MediaStorageSOPClassUID), index, path)
