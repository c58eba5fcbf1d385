"""The rows of the worklist: patients, flags, what is unread, what is running."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import CharField, Exists, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Cast

from portal.accounts.models import AuditAction, AuditEvent, User
from portal.dashboard.ordering import place_of
from portal.dashboard.sparkline import sparkline
from portal.jobs.models import InferenceJob
from portal.jobs.states import OPEN_STATES, JobState
from portal.patients.access import visible_patients
from portal.patients.models import Patient
from portal.scans.courses import DERIVED_AT_ONCE, derive_courses, rules_version
from portal.scans.growth import Change, Flag
from portal.scans.models import CoursePoint
from portal.scans.selectors import Timeline, TimelinePoint, timelines_of


@dataclass(frozen=True, slots=True)
class WorklistRow:
    """One patient as the worklist shows them."""

    patient: Patient
    timeline: Timeline
    is_unread: bool
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


class Standing(NamedTuple):
    """Where a patient stands in the list: what `place_of` asks for, and the name to break ties."""

    key: str
    name: str
    mrn: str
    flag: Flag | None
    latest_posix_s: float | None
    unread_posix_s: float | None


class Filter(StrEnum):
    """What part of the worklist is shown."""

    ALL = ""
    FLAGGED = "flagged"
    RAPID = "rapid-growth"
    UNREAD = "unread"


#: For people; the team's name comes from the address.
FILTER_NAMES = {
    Filter.ALL: "All",
    Filter.FLAGGED: "Flagged",
    Filter.RAPID: "Rapid growth",
    Filter.UNREAD: "Unread",
}


def parts_of(everybody: Sequence[Standing]) -> dict[Filter, list[Standing]]:
    """The parts of the worklist, each in the same order."""
    flagged = [one for one in everybody if one.flag is not None]
    return {
        Filter.ALL: list(everybody),
        Filter.FLAGGED: flagged,
        Filter.RAPID: [one for one in flagged if one.flag is Flag.RAPID_GROWTH],
        Filter.UNREAD: [one for one in everybody if one.unread_posix_s is not None],
    }


def worklist_order(user: User, search: str = "", team: str = "") -> list[Standing]:
    """All visible patients in the order in which they should be read, from the index of courses.

    `team` is the key of one of the user's care teams; only its patients then.
    """
    patients = _found(visible_patients(user), search)
    if team.isdecimal():
        patients = patients.filter(care_teams=int(team), care_teams__members=user)
    columns = list(_columns(patients))
    current = rules_version()
    if stale := [key for key, *_, version in columns if version != current]:
        # More than this at once only after the rules have changed; workers derive those within minutes.
        derive_courses(Patient.objects.filter(pk__in=stale[:DERIVED_AT_ONCE]))
        columns = list(_columns(patients))
    unread = _unread_since(user)
    standings = [
        Standing(key, name, mrn, Flag(flag) if flag else None, latest, unread.get(key))
        for key, name, mrn, flag, latest, _ in columns
    ]
    now = time.time()
    return sorted(standings, key=lambda one: (place_of(one, now), one.name, one.mrn))


def _columns(patients: QuerySet[Patient]) -> QuerySet[Patient, tuple[Any, ...]]:
    """Keys as text: thousands of UUID objects would take longer than all the rest."""
    kept = ("course__flag", "course__latest_posix_s", "course__version")
    return patients.order_by().annotate(key=Cast("pk", CharField())).values_list("key", "name", "mrn", *kept)


def worklist_rows(standings: Sequence[Standing]) -> list[WorklistRow]:
    """The rows of some patients, all of it derived anew; a fixed number of queries."""
    unread = {UUID(standing.key): standing.unread_posix_s is not None for standing in standings}
    timelines = timelines_of(Patient.objects.filter(pk__in=list(unread)))
    jobs = _latest_jobs(timelines)
    return [
        WorklistRow(
            patient=timelines[key].patient,
            timeline=timelines[key],
            is_unread=is_unread,
            job=jobs.get(key),
            spark=sparkline([point.measurement.infected_ml for point in timelines[key].points]),
        )
        for key, is_unread in unread.items()
    ]


def _found(patients: QuerySet[Patient], search: str) -> QuerySet[Patient]:
    search = search.strip()
    return patients.filter(Q(name__icontains=search) | Q(mrn__icontains=search)) if search else patients


def _unread_since(user: User) -> dict[str, float]:
    """By patient's key, since when (POSIX seconds) a result waits that this reader has not opened.

    Looks are those of the audit trail: there is no second record to keep in step (docs/decisions/0004).
    """
    looks = AuditEvent.objects.filter(
        actor=user, action=AuditAction.VIEW, subject_type="scans.scan", subject_id=OuterRef("key")
    )
    unread = CoursePoint.objects.filter(~Exists(looks), course__patient__in=visible_patients(user))
    by_patient = unread.annotate(patient_key=Cast("course", CharField())).values_list("patient_key")
    return dict(by_patient.annotate(since=Min("ready_posix_s")))


def _latest_jobs(patients: Iterable[UUID]) -> dict[UUID, InferenceJob]:
    """For each patient the running job, else the latest failed one that no later result has made good."""
    concerned = InferenceJob.objects.filter(scan__patient__in=patients, prior=None).select_related("scan")
    shown = concerned.filter(state__in=[*OPEN_STATES, JobState.FAILED]).filter(scan__segmentations=None)
    return {job.scan.patient_id: job for job in shown.order_by("created_at")}
