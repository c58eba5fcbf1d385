"""The rows of the worklist: patients, flags, what is unread, what is running."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from portal.accounts.models import AuditAction, AuditEvent, User
from portal.dashboard.ordering import place_of
from portal.dashboard.sparkline import sparkline
from portal.jobs.models import InferenceJob
from portal.jobs.states import OPEN_STATES, JobState
from portal.patients.access import visible_patients
from portal.patients.models import Patient
from portal.scans.growth import Change, Flag
from portal.scans.selectors import Timeline, TimelinePoint, timelines_of


@dataclass(frozen=True, slots=True)
class WorklistRow:
    """One patient as the worklist shows them."""

    patient: Patient
    timeline: Timeline
    unread_since: datetime | None
    job: InferenceJob | None
    spark: str

    @property
    def flag(self) -> Flag | None:
        """The open flag."""
        return self.timeline.assessment.flag

    @property
    def leading(self) -> Change | None:
        """The change behind the flag."""
        return self.timeline.assessment.leading

    @property
    def latest(self) -> TimelinePoint | None:
        """The latest measured scan."""
        return self.timeline.points[-1] if self.timeline.points else None

    @property
    def latest_at(self) -> datetime | None:
        """When it was acquired."""
        return self.latest.scan.acquired_at if self.latest else None

    @property
    def last_change(self) -> Change | None:
        """The latest scan against its nearest partner."""
        changes = self.timeline.assessment.changes
        return changes[-1] if changes else None


def worklist_rows(user: User, search: str = "") -> list[WorklistRow]:
    """Visible patients in the order in which they should be read; a fixed number of queries."""
    patients = _found(visible_patients(user), search)
    timelines = timelines_of(patients)
    seen = _scans_seen_by(user)
    jobs = _latest_jobs(patients)
    rows = [
        WorklistRow(
            patient=timeline.patient,
            timeline=timeline,
            unread_since=_unread_since(timeline, seen),
            job=jobs.get(pk),
            spark=sparkline([point.measurement.infected_ml for point in timeline.points]),
        )
        for pk, timeline in timelines.items()
    ]
    now = timezone.now()
    return sorted(rows, key=lambda row: (place_of(row, now), row.patient.name, row.patient.mrn))


def _found(patients: QuerySet[Patient], search: str) -> QuerySet[Patient]:
    search = search.strip()
    return patients.filter(Q(name__icontains=search) | Q(mrn__icontains=search)) if search else patients


def _scans_seen_by(user: User) -> set[str]:
    """Keys of the scans this reader has opened, from the audit trail: there is no second record to keep in step."""
    looks = AuditEvent.objects.filter(actor=user, action=AuditAction.VIEW, subject_type="scans.scan")
    return set(looks.values_list("subject_id", flat=True))


def _unread_since(timeline: Timeline, seen: set[str]) -> datetime | None:
    unread = [point.segmentation.created_at for point in timeline.points if str(point.scan.pk) not in seen]
    return min(unread, default=None)


def _latest_jobs(patients: Iterable[Patient]) -> dict[UUID, InferenceJob]:
    """For each patient the running job, else the latest failed one that no later result has made good."""
    concerned = InferenceJob.objects.filter(scan__patient__in=patients, prior=None).select_related("scan")
    shown = concerned.filter(state__in=[*OPEN_STATES, JobState.FAILED]).filter(scan__segmentations=None)
    return {job.scan.patient_id: job for job in shown.order_by("created_at")}
