"""The index of courses: where every patient stands, so that a worklist of thousands costs as little as one of ten."""

import logging
from collections.abc import Collection
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from portal.patients.models import Patient
from portal.scans.growth import GROWTH_VERSION
from portal.scans.models import Course, CoursePoint
from portal.scans.selectors import Timeline, timeline_of, timelines_of

logger = logging.getLogger(__name__)

#: Patients that one sweep derives anew: to see whether what is kept still holds, or because it is stale.
CHECKED_AT_ONCE, DERIVED_AT_ONCE = 25, 500
#: What is kept of a course: flag, latest acquisition, and since when each scan is ready, in POSIX seconds.
Kept = tuple[str, float | None, dict[str, float]]


def rules_version() -> str:
    """What a derivation depends on besides the rows: the rules of growth, and which pipeline counts."""
    return f"{GROWTH_VERSION} {settings.INFERENCE_DEFAULT_PIPELINE}"


@transaction.atomic
def index_course(patient: Patient) -> None:
    """Keep where a patient stands. To be called in the transaction of whatever changes it."""
    derive_courses(Patient.objects.filter(pk=patient.pk))


def derive_courses(patients: QuerySet[Patient]) -> int:
    """Derive the courses of some patients anew and keep them; how many there were."""
    keys = list(patients.values_list("pk", flat=True))
    if not keys:
        return 0
    with transaction.atomic():
        # Whoever changes a course holds the same locks: what is derived here is not overtaken.
        locked = list(Patient.objects.select_for_update().filter(pk__in=keys).order_by("pk"))
        _keep(timelines_of(locked).values())
    return len(keys)


def _keep(timelines: Collection[Timeline]) -> None:
    now, version = timezone.now(), rules_version()
    derived = {timeline.patient.pk: _derived(timeline) for timeline in timelines}
    courses = [
        Course(patient_id=key, flag=flag, latest_posix_s=latest, version=version, derived_at=now)
        for key, (flag, latest, _) in derived.items()
    ]
    Course.objects.bulk_create(
        courses,
        update_conflicts=True,
        unique_fields=["patient"],
        update_fields=["flag", "latest_posix_s", "version", "derived_at"],
    )
    points = [
        CoursePoint(scan_id=UUID(scan), key=scan, course_id=key, ready_posix_s=since)
        for key, (_, _, ready) in derived.items()
        for scan, since in ready.items()
    ]
    CoursePoint.objects.filter(course__in=list(derived)).exclude(key__in=[point.key for point in points]).delete()
    CoursePoint.objects.bulk_create(
        points, update_conflicts=True, unique_fields=["scan"], update_fields=["course", "ready_posix_s"]
    )


def _derived(timeline: Timeline) -> Kept:
    latest = timeline.points[-1].scan.acquired_at if timeline.points else None
    ready = {str(point.scan.pk): point.segmentation.created_at.timestamp() for point in timeline.points}
    return timeline.assessment.flag or "", latest.timestamp() if latest else None, ready


def check_courses() -> int:
    """A worker's chore: derive what is missing or was derived by other rules, else look at what was looked at last.

    Returns how many courses were derived or mended. One that is mended is an error, and logged as one.
    """
    stale = Patient.objects.exclude(course__version=rules_version())[:DERIVED_AT_ONCE]
    if derived := derive_courses(stale):
        return derived
    oldest = Patient.objects.order_by("course__derived_at")[:CHECKED_AT_ONCE]
    return sum(map(_mended, oldest))


@transaction.atomic
def _mended(patient: Patient) -> bool:
    Patient.objects.select_for_update().get(pk=patient.pk)
    before, timeline = _kept(patient), timeline_of(patient)
    _keep([timeline])
    if before == _derived(timeline):
        return False
    logger.error("the course of patient %s was not what its scans say; it has been derived anew", patient.pk)
    return True


def _kept(patient: Patient) -> Kept:
    course = Course.objects.get(patient=patient)
    return course.flag, course.latest_posix_s, {point.key: point.ready_posix_s for point in course.points.all()}
