"""Reading a patient's course: measured scans, growth, acknowledgements; few queries, however many scans."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from portal.patients.models import Patient
from portal.scans.current import choose_current
from portal.scans.growth import Assessment, Change, Judged, TimePoint, assess
from portal.scans.models import Acknowledgement, Measurement, Origin, Scan, Segmentation

#: What `time_point`, `choose_current` and lists of patients read.
SCAN_COLUMNS = ("patient", "acquired_at", "acquisition_key", "slice_thickness_mm", "kernel", "quality")
REVISION_COLUMNS = (
    "scan",
    "number",
    "origin",
    "pipeline",
    "pipeline_version",
    "weights_sha256",
    "author",
    "measurement__segmentation",
    "measurement__lung_ml",
    "measurement__infected_ml",
    "measurement__poi_percent",
    "measurement__floor_ml",
    "measurement__quality",
)


@dataclass(frozen=True, slots=True)
class TimelinePoint:
    """One measured scan with the revision that counts."""

    scan: Scan
    segmentation: Segmentation
    measurement: Measurement


@dataclass(frozen=True, slots=True)
class Timeline:
    """A patient's course.

    `points` stand for one acquisition each, in order of time; `folded` are measured scans that another
    reconstruction stands for; `undated` and `unmeasured` are scans outside the course.
    """

    patient: Patient
    points: tuple[TimelinePoint, ...]
    assessment: Assessment
    folded: tuple[TimelinePoint, ...]
    undated: tuple[Scan, ...]
    unmeasured: tuple[Scan, ...]
    acknowledgements: tuple[Acknowledgement, ...]


def timeline_of(patient: Patient) -> Timeline:
    """Everything that follows from a patient's scans, derived anew."""
    return timelines_of([patient], whole=True)[patient.pk]


def leading_change(revision: Segmentation) -> Change | None:
    """The comparison with an earlier scan to tell beside this revision: flagged first, then the steepest.

    None when the revision is not the one that counts, or there is nothing to compare with.
    """
    changes = [
        change
        for change in timeline_of(revision.scan.patient).assessment.changes
        if change.after.revision == str(revision.pk)
    ]
    return max(changes, key=lambda change: (change.flag is not None, change.growth or 0.0), default=None)


def timelines_of(patients: Iterable[Patient], *, whole: bool = False) -> dict[UUID, Timeline]:
    """The courses of several patients, with as many queries as for one.

    Unless `whole`, only what growth is judged by and lists show is read; the rest of a scan, of its revisions and
    measurements (mostly JSON) stays in the database until somebody asks for it.
    """
    patients = list(patients)
    scans: dict[UUID, list[Scan]] = defaultdict(list)
    stored = Scan.objects.filter(patient__in=patients).order_by("acquired_at", "created_at")
    for scan in stored if whole else stored.only(*SCAN_COLUMNS):
        scans[scan.patient_id].append(scan)
    revisions: dict[UUID, list[Segmentation]] = defaultdict(list)
    found = Segmentation.objects.filter(scan__patient__in=patients).select_related("measurement", "author")
    for revision in found if whole else found.only(*REVISION_COLUMNS):
        revisions[revision.scan_id].append(revision)
    history: dict[UUID, list[Acknowledgement]] = defaultdict(list)
    for acknowledgement in Acknowledgement.objects.filter(patient__in=patients).select_related("by"):
        history[acknowledgement.patient_id].append(acknowledgement)
    return {p.pk: _timeline(p, scans[p.pk], revisions, history[p.pk]) for p in patients}


def _timeline(
    patient: Patient,
    scans: list[Scan],
    revisions: Mapping[UUID, list[Segmentation]],
    history: list[Acknowledgement],
) -> Timeline:
    measured: dict[str, TimelinePoint] = {}
    undated: list[Scan] = []
    unmeasured: list[Scan] = []
    for scan in scans:
        current = choose_current(revisions.get(scan.pk, []))
        if scan.acquired_at is None:
            undated.append(scan)
        if current is None:
            unmeasured.append(scan)
        elif scan.acquired_at is not None:
            current.scan = scan
            measured[str(scan.pk)] = TimelinePoint(scan, current, current.measurement)
    assessment = assess((time_point(point) for point in measured.values()), _judged(history))
    return Timeline(
        patient=patient,
        points=tuple(measured[point.scan] for point in assessment.points),
        assessment=assessment,
        folded=tuple(measured[scan] for scan in assessment.folded),
        undated=tuple(undated),
        unmeasured=tuple(unmeasured),
        acknowledgements=tuple(history),
    )


def _judged(history: Iterable[Acknowledgement]) -> frozenset[Judged]:
    return frozenset((ack.flag, str(ack.before_id), str(ack.after_id)) for ack in history)


def time_point(point: TimelinePoint) -> TimePoint:
    """What growth needs to know of a measured scan.

    Raises:
        ValueError: the scan has no acquisition time.
    """
    scan, revision, measured = point.scan, point.segmentation, point.measurement
    if scan.acquired_at is None:
        raise ValueError("a scan without acquisition time has no place on the timeline")
    return TimePoint(
        scan=str(scan.pk),
        revision=str(revision.pk),
        acquired_at=scan.acquired_at,
        infected_ml=measured.infected_ml,
        lung_ml=measured.lung_ml,
        pipeline=f"{revision.pipeline} {revision.pipeline_version} {revision.weights_sha256}",
        acquisition=scan.acquisition_key,
        floor_ml=measured.floor_ml,
        slice_thickness_mm=scan.slice_thickness_mm,
        kernel=scan.kernel,
        quality=frozenset(note["code"] for note in measured.notes),
        is_reviewed=revision.origin == Origin.READER,
    )
