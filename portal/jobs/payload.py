"""A job as JSON, the same in REST and WebSocket."""

from typing import Any

from portal.jobs.models import InferenceJob
from portal.scans.said import said


def job_payload(job: InferenceJob) -> dict[str, Any]:
    """Plain JSON types, the error in the active language; needs `job.scan`."""
    return {
        "id": str(job.pk),
        "scan": str(job.scan_id),
        "patient": str(job.scan.patient_id),
        "prior": str(job.prior_id) if job.prior_id else None,
        "pipeline": job.pipeline,
        "state": job.state,
        "stage": job.stage,
        "percent": job.percent,
        "attempts": job.attempts,
        "error": said(job.error),
        "created_at": job.created_at.isoformat(),
        "started_at": job.started_at.isoformat() if job.started_at else None,
        "finished_at": job.finished_at.isoformat() if job.finished_at else None,
    }
