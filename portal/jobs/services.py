"""Starting, repeating and cancelling jobs."""

from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.accounts.models import User
from portal.accounts.tracing import TRACE
from portal.jobs.catalogue import pipeline_entries
from portal.jobs.doorbell import announce_now, ring
from portal.jobs.errors import JobRefused, UnknownPipelineName
from portal.jobs.models import InferenceJob
from portal.jobs.states import OPEN_STATES, JobState, states_before
from portal.scans.current import current_segmentation
from portal.scans.models import Scan

#: In the place of a pipeline's name, for jobs that lay one scan onto another.
REGISTRATION = "registration"


def pipelines() -> list[dict[str, Any]]:
    """Every pipeline that a job may name, the default one marked."""
    default = settings.INFERENCE_DEFAULT_PIPELINE
    return [{**entry, "default": entry["name"] == default} for entry in pipeline_entries()]


@transaction.atomic
def submit_scan(*, by: User, scan: Scan, pipeline: str | None = None, is_research: bool = False) -> InferenceJob:
    """Queue a pipeline on a scan; the job that already does or did this, if there is one.

    A research job that somebody asks for at the bedside becomes a clinical one.

    Raises:
        UnknownPipelineName: this installation has no such pipeline.
    """
    entry = _entry(pipeline or settings.INFERENCE_DEFAULT_PIPELINE)
    # Asking twice at once must not make two jobs: the second waits here for the first.
    Scan.objects.select_for_update().get(pk=scan.pk)
    jobs = InferenceJob.objects.select_related("scan").filter(scan=scan, pipeline=entry["name"])
    earlier = jobs.filter(state__in=OPEN_STATES).first() or _finished_with_these_weights(jobs, entry)
    if earlier is not None:
        if not is_research and earlier.is_research:
            jobs.filter(pk=earlier.pk).update(is_research=False)
        return earlier
    job = InferenceJob.objects.create(
        scan=scan, pipeline=entry["name"], requested_by=by, trace=TRACE.get(), is_research=is_research
    )
    transaction.on_commit(lambda: ring(job.pk))
    return job


@transaction.atomic
def submit_registration(*, by: User, scan: Scan, prior: Scan) -> InferenceJob:
    """Queue the laying of an earlier scan onto a later one; the open job of this pair, if there is one.

    Raises:
        JobRefused: the scans are not two measured scans of one patient, the prior before the other.
    """
    if scan.patient_id != prior.patient_id or scan.pk == prior.pk:
        raise JobRefused(_("Only two scans of one patient can be compared."))
    if scan.acquired_at is None or prior.acquired_at is None or prior.acquired_at >= scan.acquired_at:
        raise JobRefused(_("The prior must have been acquired before the scan it is compared with."))
    if current_segmentation(scan) is None or current_segmentation(prior) is None:
        raise JobRefused(_("Both scans need a result before they can be compared; wait for their analyses."))
    Scan.objects.select_for_update().get(pk=scan.pk)
    jobs = InferenceJob.objects.select_related("scan", "prior")
    if earlier := jobs.filter(scan=scan, prior=prior, state__in=OPEN_STATES).first():
        return earlier
    job = InferenceJob.objects.create(scan=scan, prior=prior, pipeline=REGISTRATION, requested_by=by, trace=TRACE.get())
    transaction.on_commit(lambda: ring(job.pk))
    return job


def _entry(name: str) -> dict[str, Any]:
    for entry in pipeline_entries():
        if entry["name"] == name:
            return entry
    known = ", ".join(entry["name"] for entry in pipeline_entries())
    raise UnknownPipelineName(
        _("There is no pipeline %(name)s; choose one of %(known)s.") % {"name": name, "known": known}
    )


def _finished_with_these_weights(jobs: Any, entry: dict[str, Any]) -> InferenceJob | None:
    return jobs.filter(
        state=JobState.SUCCEEDED,
        segmentation__pipeline_version=entry["version"],
        segmentation__weights_sha256=entry["sha256"],
    ).first()


def retry_job(*, by: User, job: InferenceJob) -> InferenceJob:
    """Queue a failed or cancelled job once more, with all its attempts.

    Raises:
        JobRefused: the job is neither failed nor cancelled, or the scan has another open job for this pipeline.
    """
    with transaction.atomic():
        Scan.objects.select_for_update().get(pk=job.scan_id)
        rivals = InferenceJob.objects.filter(
            scan=job.scan_id, prior=job.prior_id, pipeline=job.pipeline, state__in=OPEN_STATES
        )
        if rivals.exclude(pk=job.pk).exists():
            raise JobRefused(_("Another job already runs this pipeline on the scan; wait for its result."))
        moved = InferenceJob.objects.filter(pk=job.pk, state__in={JobState.FAILED, JobState.CANCELLED}).update(
            state=JobState.QUEUED,
            requested_by=by,
            attempts=0,
            stage="",
            percent=0,
            error="",
            error_code="",
            cancel_requested=False,
            finished_at=None,
            owner="",
            lease_until=None,
        )
        if not moved:
            raise JobRefused(_("Only a failed or cancelled job can be tried again."))
        transaction.on_commit(lambda: ring(job.pk))
    return _reloaded(job)


def cancel_job(*, by: User, job: InferenceJob) -> InferenceJob:
    """Cancel a queued job at once; ask the worker of a running one to stop.

    Raises:
        JobRefused: the job has ended.
    """
    now = timezone.now()
    queued = InferenceJob.objects.filter(pk=job.pk, state=JobState.QUEUED)
    if not queued.update(state=JobState.CANCELLED, finished_at=now, error=f"Cancelled by {by.username}."):
        running = InferenceJob.objects.filter(pk=job.pk, state__in=states_before(JobState.CANCELLED))
        if not running.update(cancel_requested=True):
            raise JobRefused(_("The job has already ended."))
    return _reloaded(job)


def _reloaded(job: InferenceJob) -> InferenceJob:
    current = InferenceJob.objects.select_related("scan").get(pk=job.pk)
    announce_now(current)
    return current
