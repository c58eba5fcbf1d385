"""The queue. The database row is the truth; a Channels message is only a doorbell."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from portal.jobs.states import OPEN_STATES, JobState
from portal.scans.models import Scan, Segmentation


class InferenceJob(models.Model):
    """One run of one pipeline on one scan; with a `prior`, the laying of that earlier scan onto this one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    scan = models.ForeignKey(Scan, on_delete=models.PROTECT, related_name="jobs")
    prior = models.ForeignKey(Scan, null=True, blank=True, on_delete=models.PROTECT, related_name="jobs_as_prior")
    pipeline = models.CharField(max_length=60)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="jobs")
    state = models.CharField(max_length=10, choices=[(s.value, s.value) for s in JobState], default=JobState.QUEUED)
    stage = models.CharField(max_length=20, blank=True)
    percent = models.PositiveSmallIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    #: Which worker holds the job, and until when; a lease past its time may be taken over.
    owner = models.CharField(max_length=80, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)
    #: One plain sentence for the clinician; empty unless failed.
    error = models.TextField(blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    #: Runs only while no clinical job waits.
    is_research = models.BooleanField(default=False)
    #: Number of the request that asked for it (`portal.accounts.tracing`).
    trace = models.CharField(max_length=64, blank=True)
    segmentation = models.ForeignKey(Segmentation, null=True, blank=True, on_delete=models.PROTECT, related_name="jobs")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["scan", "pipeline"],
                condition=Q(state__in=sorted(OPEN_STATES), prior__isnull=True),
                name="one_open_job_per_scan_and_pipeline",
            ),
            models.UniqueConstraint(
                fields=["scan", "prior"],
                condition=Q(state__in=sorted(OPEN_STATES), prior__isnull=False),
                name="one_open_registration_per_pair",
            ),
            models.CheckConstraint(condition=Q(percent__lte=100), name="percent_at_most_100"),
        ]
        indexes = [models.Index(fields=["state", "created_at"], name="job_queue")]

    def __str__(self) -> str:
        return f"job {self.id} ({self.state})"


class WorkerBeat(models.Model):
    """Sign of life of one worker, renewed with every sweep of the queue."""

    worker = models.CharField(max_length=80, primary_key=True)
    seen_at = models.DateTimeField(auto_now=True)
    #: `portal.jobs.gpu.gpu_memory` of its machine.
    gpus = models.JSONField(default=list, blank=True)

    def __str__(self) -> str:
        return self.worker
