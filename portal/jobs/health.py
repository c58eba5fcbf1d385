"""Whether this installation can serve, asked by load balancers. Says nothing about patients."""

import uuid
from datetime import timedelta
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import Error, connection
from django.db.models import Count, F, Min, Sum
from django.utils import timezone

from portal.jobs.doorbell import send
from portal.jobs.models import InferenceJob, WorkerBeat
from portal.jobs.states import JobState
from portal.scans.storage import probe

#: A worker that has missed this many sweeps is dead.
MISSED_SWEEPS = 6


def queue_figures() -> dict[str, float]:
    """Jobs by state, the age of the oldest queued one in seconds, and living workers."""
    figures: dict[str, float] = {f'jobs{{state="{state}"}}': 0 for state in JobState}
    for row in InferenceJob.objects.values("state").annotate(count=Count("pk")).order_by():
        figures[f'jobs{{state="{row["state"]}"}}'] = row["count"]
    oldest = InferenceJob.objects.filter(state=JobState.QUEUED).aggregate(at=Min("created_at"))["at"]
    figures["queue_oldest_seconds"] = (timezone.now() - oldest).total_seconds() if oldest else 0
    figures["workers"] = len(living_workers())
    return {**figures, **_gpus(), **_last_hour()}


def _gpus() -> dict[str, float]:
    """Memory of the GPUs of living workers, in bytes."""
    return {
        f'gpu_memory_{kind}_bytes{{worker="{beat.worker}",gpu="{gpu["gpu"]}"}}': gpu[kind]
        for beat in living_workers()
        for gpu in beat.gpus
        for kind in ("used", "total")
    }


def _last_hour() -> dict[str, float]:
    """Of the jobs that ended within the last hour: waits and run times by pipeline, run times by stage, failures."""
    ended = InferenceJob.objects.filter(finished_at__gte=timezone.now() - timedelta(hours=1)).order_by()
    figures: dict[str, float] = {}
    done = ended.filter(state=JobState.SUCCEEDED, started_at__isnull=False)
    by_pipeline = done.values_list("pipeline").annotate(
        Count("pk"), wait=Sum(F("started_at") - F("created_at")), run=Sum(F("finished_at") - F("started_at"))
    )
    for pipeline, count, wait, run in by_pipeline:
        label = f'{{pipeline="{pipeline}"}}'
        figures[f"last_hour_jobs{label}"] = count
        figures[f"last_hour_wait_seconds{label}"] = wait.total_seconds()
        figures[f"last_hour_run_seconds{label}"] = run.total_seconds()
    for stages in done.values_list("segmentation__measurement__details__timings_s", flat=True).iterator():
        for stage, seconds in (stages or {}).items():
            label = f'last_hour_stage_seconds{{stage="{stage}"}}'
            figures[label] = figures.get(label, 0) + seconds
    failed = ended.filter(state=JobState.FAILED).values_list("error_code").annotate(count=Count("pk"))
    figures |= {f'last_hour_failures{{reason="{code or "unknown"}"}}': count for code, count in failed}
    return figures


def liveness() -> dict[str, Any]:
    """The process answers."""
    return {"alive": True}


def readiness() -> dict[str, Any]:
    """Each thing the portal cannot do without, and whether it answers."""
    checks = {
        "database": _database(),
        "channel_layer": _channel_layer(),
        "storage": _storage(),
        "worker": _worker(),
    }
    return {"ready": all(check["ok"] for check in checks.values()), "checks": checks}


def _answer(ok: bool, text: str) -> dict[str, Any]:
    return {"ok": ok, "text": text}


def _database() -> dict[str, Any]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return _answer(False, "The database does not answer.")
    return _answer(True, connection.vendor)


def _channel_layer() -> dict[str, Any]:
    try:
        async_to_sync(send)(f"health.{uuid.uuid4().hex}", {"type": "health"})
    except Exception:  # noqa: BLE001 - each layer raises errors of its own
        return _answer(False, "The channel layer does not answer.")
    return _answer(True, "answers")


def _storage() -> dict[str, Any]:
    try:
        probe()
    except OSError:
        return _answer(False, "The storage cannot be written to.")
    return _answer(True, "writable")


def living_workers() -> list[WorkerBeat]:
    """Workers whose last sign of life is recent."""
    since = timezone.now() - timedelta(seconds=MISSED_SWEEPS * settings.INFERENCE_SWEEP_SECONDS)
    return list(WorkerBeat.objects.filter(seen_at__gte=since))


def _worker() -> dict[str, Any]:
    try:
        living = len(living_workers())
    except Error:
        return _answer(False, "The database does not answer.")
    return _answer(living > 0, f"{living} at work" if living else "No worker has given a sign of life lately.")
