"""Claiming jobs and writing to them only while the claim holds.

Every write of a worker names the owner and the attempt it was given. A worker that was paused past its lease
therefore changes nothing: the row belongs to another attempt by then.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from portal.jobs.models import InferenceJob
from portal.jobs.states import JobState

#: A claim tries this many of the oldest jobs before it leaves the rest to others.
CANDIDATES = 10
GAVE_UP = (
    "The analysis stopped {attempts} times without a result, probably for want of memory. Try again, and tell the "
    "administrator if it happens again."
)


def claim(worker: str) -> InferenceJob | None:
    """Take the oldest queued analysis, else registration, else research; None when nothing is queued.

    A conditional update decides who gets a job, which holds on PostgreSQL and on SQLite alike.
    """
    waiting = InferenceJob.objects.filter(state=JobState.QUEUED)
    queued = waiting.annotate(is_registration=Q(prior__isnull=False)).order_by(
        "is_research", "is_registration", "created_at"
    )
    for pk, attempts in queued.values_list("pk", "attempts")[:CANDIDATES]:
        taken = InferenceJob.objects.filter(pk=pk, state=JobState.QUEUED, attempts=attempts).update(
            state=JobState.RUNNING,
            attempts=attempts + 1,
            owner=worker,
            lease_until=_lease_end(),
            started_at=timezone.now(),
            stage="",
            percent=0,
        )
        if taken:
            return InferenceJob.objects.select_related("scan", "prior").get(pk=pk)
    return None


def held(job: InferenceJob) -> QuerySet[InferenceJob]:
    """The job's row if this very claim still holds, else nothing."""
    return InferenceJob.objects.filter(pk=job.pk, owner=job.owner, attempts=job.attempts, state=JobState.RUNNING)


def renew(job: InferenceJob, *, stage: str, percent: int) -> bool:
    """Keep the lease and show progress; False when the claim is lost or somebody asked to cancel."""
    kept = held(job).filter(cancel_requested=False)
    return bool(kept.update(lease_until=_lease_end(), stage=stage, percent=percent))


def fail(job: InferenceJob, *, sentence: str, code: str) -> None:
    """End a job with its reason."""
    held(job).update(state=JobState.FAILED, error=sentence, error_code=code[:40], finished_at=timezone.now(), owner="")


def hand_back(job: InferenceJob, *, counts: bool) -> None:
    """Put a job back into the queue, or end it when it has used its attempts.

    `counts` is False when the worker stops on purpose: then the attempt was not the job's fault.
    """
    if (
        held(job)
        .filter(cancel_requested=True)
        .update(state=JobState.CANCELLED, error="Cancelled.", finished_at=timezone.now(), owner="", lease_until=None)
    ):
        return
    if counts and job.attempts >= settings.INFERENCE_MAX_ATTEMPTS:
        fail(job, sentence=GAVE_UP.format(attempts=job.attempts), code="crashed")
        return
    attempts = job.attempts if counts else job.attempts - 1
    held(job).update(state=JobState.QUEUED, attempts=attempts, owner="", lease_until=None, stage="", percent=0)


def reclaim_dead() -> int:
    """Free the jobs whose workers have not renewed their leases; how many there were."""
    dead = InferenceJob.objects.filter(state=JobState.RUNNING, lease_until__lt=timezone.now())
    jobs = list(dead)
    for job in jobs:
        hand_back(job, counts=True)
    return len(jobs)


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.INFERENCE_LEASE_SECONDS)
