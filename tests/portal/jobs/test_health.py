"""Health and readiness tell the truth."""

from datetime import timedelta

from django.utils import timezone

from portal.jobs.models import InferenceJob, WorkerBeat
from portal.jobs.services import submit_scan
from portal.jobs.states import JobState
from tests.factories import make_scan


def test_without_a_worker_the_portal_is_not_ready_and_says_why(client, db) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert not checks["worker"]["ok"]
    assert checks["database"]["ok"]
    assert checks["storage"]["ok"]
    assert checks["channel_layer"]["ok"]


def test_with_a_living_worker_it_is_ready_and_a_dead_one_does_not_count(client, db) -> None:
    WorkerBeat.objects.create(worker="w")
    assert client.get("/readyz").status_code == 200
    WorkerBeat.objects.update(seen_at=timezone.now() - timedelta(minutes=5))
    assert client.get("/readyz").status_code == 503


def test_the_process_answers(client, db) -> None:
    assert client.get("/healthz").json() == {"alive": True}


def test_metrics_count_the_queue(client, patient, clinician) -> None:
    submit_scan(by=clinician, scan=make_scan(patient, clinician))
    assert 'lungtrend_jobs{state="queued"} 1' in client.get("/metrics").content.decode()


def test_the_last_hour_is_told_by_pipeline_and_by_reason(client, patient, clinician) -> None:
    scan, now = make_scan(patient, clinician), timezone.now()
    times = {"started_at": now - timedelta(seconds=30), "finished_at": now}
    ended = InferenceJob.objects.create(
        scan=scan, pipeline="unet2d", requested_by=clinician, state=JobState.SUCCEEDED, **times
    )
    InferenceJob.objects.filter(pk=ended.pk).update(created_at=now - timedelta(seconds=40))
    InferenceJob.objects.create(
        scan=scan, pipeline="unet2d", requested_by=clinician, state=JobState.FAILED, error_code="no-lungs", **times
    )
    told = client.get("/metrics").content.decode()
    assert 'lungtrend_last_hour_run_seconds{pipeline="unet2d"} 30\n' in told
    assert 'lungtrend_last_hour_wait_seconds{pipeline="unet2d"} 10\n' in told
    assert 'lungtrend_last_hour_failures{reason="no-lungs"} 1\n' in told
