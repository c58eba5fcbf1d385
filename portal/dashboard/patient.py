"""The patient page: timeline, flag, acknowledgement."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from portal.accounts.audit import record, record_view
from portal.accounts.models import AuditAction
from portal.accounts.requests import UserRequest
from portal.dashboard.figures import timeline_figures, windows
from portal.dashboard.followup import follow_up
from portal.dashboard.forms import AcquisitionTimeForm, EventForm
from portal.jobs.models import InferenceJob
from portal.patients.access import visible_patients
from portal.patients.events import EventRefused, add_event, events_of, withdraw_event
from portal.scans.access import visible_scans
from portal.scans.acknowledgement import acknowledge
from portal.scans.errors import IntakeError
from portal.scans.growth import Change
from portal.scans.models import Scan
from portal.scans.selectors import Timeline, TimelinePoint, timeline_of
from portal.scans.times import set_acquisition_time

CSV_COLUMNS = (
    *("acquired_at", "infected_ml", "lung_ml", "poi_percent", "ground_glass_ml", "consolidation_ml", "effusion_ml"),
    *("severity_score", "pipeline", "pipeline_version", "revision", "remarks"),
)


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One acquisition in the table: its figures, the step from the one before, and what must be known."""

    point: TimelinePoint
    previous: TimelinePoint | None
    flagged: Change | None
    reconstructions: tuple[TimelinePoint, ...]

    @property
    def hours(self) -> float | None:
        """Hours since the scan before."""
        if self.previous is None or self.point.scan.acquired_at is None or self.previous.scan.acquired_at is None:
            return None
        return (self.point.scan.acquired_at - self.previous.scan.acquired_at).total_seconds() / 3600

    @property
    def difference_ml(self) -> float | None:
        """Change of infected volume since the scan before."""
        if self.previous is None:
            return None
        return self.point.measurement.infected_ml - self.previous.measurement.infected_ml

    @property
    def growth(self) -> float | None:
        """Relative change since the scan before."""
        if self.difference_ml is None or self.previous is None or not self.previous.measurement.infected_ml:
            return None
        return self.difference_ml / self.previous.measurement.infected_ml

    @property
    def notes(self) -> list[dict[str, str]]:
        """Quality notes of ingest and measurement."""
        return self.point.measurement.notes


def timeline_rows(timeline: Timeline) -> Iterator[TimelineRow]:
    """Newest first."""
    flagged = {change.after.scan: change for change in timeline.assessment.changes if change.flag}
    stands_for = timeline.assessment.folded
    pairs = list(zip((None, *timeline.points), timeline.points, strict=False))
    for previous, point in reversed(pairs):
        key = str(point.scan.pk)
        others = tuple(other for other in timeline.folded if stands_for[str(other.scan.pk)] == key)
        yield TimelineRow(point, previous, flagged.get(key), others)


@login_required
@require_GET
def patient_page(request: UserRequest, pk: UUID) -> HttpResponse:
    """A patient's course."""
    patient = get_object_or_404(visible_patients(request.user), pk=pk)
    record_view(request, patient, patient=patient)
    timeline = timeline_of(patient)
    events = list(events_of(patient))
    jobs = InferenceJob.objects.filter(scan__in=timeline.unmeasured).select_related("scan").order_by("created_at")
    latest_job = {job.scan_id: job for job in jobs}
    return render(
        request,
        "dashboard/patient.html",
        {
            "patient": patient,
            "timeline": timeline,
            "leading": timeline.assessment.leading,
            "rows": list(timeline_rows(timeline)),
            "unmeasured": [(scan, latest_job.get(scan.pk)) for scan in timeline.unmeasured],
            "figures": timeline_figures(timeline, events),
            "windows": windows(timeline),
            "events": events,
            "follow_up": follow_up(timeline.points),
            "time_form": AcquisitionTimeForm(),
            "event_form": EventForm(),
        },
    )


@login_required
@require_POST
def acknowledge_flag(request: UserRequest, pk: UUID) -> HttpResponse:
    """Acknowledge the open flags that end in one scan."""
    patient = get_object_or_404(visible_patients(request.user), pk=pk)
    try:
        done = acknowledge(
            by=request.user,
            patient=patient,
            scan=request.POST.get("scan", ""),
            reason=request.POST.get("reason", ""),
        )
    except IntakeError as refusal:
        messages.error(request, str(refusal))
    else:
        for acknowledgement in done:
            record(AuditAction.CHANGE, by=request.user, subject=acknowledgement, patient=patient, request=request)
        messages.success(request, _("The flag is acknowledged; it stays in the history below."))
    return redirect("patient", pk=patient.pk)


@login_required
@require_POST
def treatment_event(request: UserRequest, pk: UUID) -> HttpResponse:
    """Put an event on the course, or withdraw one (`withdraw` names it)."""
    patient = get_object_or_404(visible_patients(request.user), pk=pk)
    if "withdraw" in request.POST:
        event = get_object_or_404(events_of(patient), pk=request.POST["withdraw"])
        withdraw_event(by=request.user, event=event)
        record(AuditAction.CHANGE, by=request.user, subject=event, patient=patient, request=request, what="withdrawn")
        messages.success(request, _("The event is taken off the course; it stays on record."))
        return redirect("patient", pk=patient.pk)
    form = EventForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Enter date, time and a few words."))
        return redirect("patient", pk=patient.pk)
    try:
        event = add_event(by=request.user, patient=patient, **form.cleaned_data)
    except EventRefused as refusal:
        messages.error(request, str(refusal))
    else:
        record(AuditAction.CREATE, by=request.user, subject=event, patient=patient, request=request)
        messages.success(request, _("The event is on the course."))
    return redirect("patient", pk=patient.pk)


@login_required
@require_GET
def timeline_csv(request: UserRequest, pk: UUID) -> HttpResponse:
    """The course as a table for a spreadsheet."""
    patient = get_object_or_404(visible_patients(request.user), pk=pk)
    record(AuditAction.DOWNLOAD, by=request.user, subject=patient, patient=patient, request=request, what="CSV")
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="course.csv"'
    answer["Cache-Control"] = "private, no-store"
    writer = csv.writer(answer)
    writer.writerow(CSV_COLUMNS)
    for point in timeline_of(patient).points:
        measured, revision = point.measurement, point.segmentation
        acquired = timezone.localtime(point.scan.acquired_at).isoformat() if point.scan.acquired_at else ""
        figures = [getattr(measured, name) for name in CSV_COLUMNS[1:8]]
        made_by = [revision.pipeline, revision.pipeline_version, revision.number]
        writer.writerow([acquired, *figures, *made_by, " ".join(note["code"] for note in measured.notes)])
    return answer


@login_required
@require_POST
def set_time(request: UserRequest, pk: UUID) -> HttpResponse:
    """State the acquisition time of a scan that carries none."""
    scan: Scan = get_object_or_404(visible_scans(request.user).select_related("patient"), pk=pk)
    form = AcquisitionTimeForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Enter date and time of the acquisition."))
        return redirect("patient", pk=scan.patient_id)
    try:
        set_acquisition_time(by=request.user, scan=scan, acquired_at=form.cleaned_data["acquired_at"])
    except IntakeError as refusal:
        messages.error(request, str(refusal))
    else:
        record(AuditAction.CHANGE, by=request.user, subject=scan, patient=scan.patient, request=request)
        messages.success(request, _("The acquisition time is set; the timeline has been derived anew."))
    return redirect("patient", pk=scan.patient_id)
