"""The rows of the worklist: patients, flags, what is unread, what is running."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from portal.dashboard.sparkline import sparkline
from portal.jobs.models import InferenceJob
from portal.jobs.states import OPEN_STATES, JobState
from portal.patients.models import Patient
from portal.scans.growth import Change, Flag
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


def worklist_rows(unread: Mapping[UUID, bool]) -> list[WorklistRow]:
    """The rows of some patients, all of it derived anew; a fixed number of queries."""
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


def _latest_jobs(patients: Iterable[UUID]) -> dict[UUID, InferenceJob]:
    """For each patient the running job, else the latest failed one that no later result has made good."""
    concerned = InferenceJob.objects.filter(scan__patient__in=patients, prior=None).select_related("scan")
    shown = concerned.filter(state__in=[*OPEN_STATES, JobState.FAILED]).filter(scan__segmentations=None)
    return {job.scan.patient_id: job for job in shown.order_by("created_at")}
