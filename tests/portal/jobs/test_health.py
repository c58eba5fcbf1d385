"""Health and readiness tell the truth."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from portal.jobs.doorbell import Bell
from portal.jobs.engine import Engine
from portal.jobs.models import InferenceJob, WorkerBeat
from portal.jobs.services import submit_scan
from portal.jobs.states import JobState
from portal.scans.revisions import add_model_revision
from tests.factories import make_scan
from tests.samples import measurements_of, write_masks


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


def test_run_times_are_told_by_stage(client, patient, clinician, tmp_path) -> None:
    scan, now = make_scan(patient, clinician), timezone.now()
    for seconds in (2.5, 1.5):
        weights = {"name": "unet2d", "version": "1", "sha256": f"{seconds * 2:064.0f}"}
        figures = measurements_of(80.0, timings_s={"reading": 1.0, "infection": seconds}, pipeline=weights)
        revision = add_model_revision(scan=scan, measurements=figures, folder=write_masks(tmp_path / f"{seconds}"))
        InferenceJob.objects.create(
            scan=scan, pipeline="unet2d", requested_by=clinician, state=JobState.SUCCEEDED, segmentation=revision,
            started_at=now, finished_at=now,
        )  # fmt: skip
    told = client.get("/metrics").content.decode()
    assert 'lungtrend_last_hour_stage_seconds{stage="reading"} 2\n' in told
    assert 'lungtrend_last_hour_stage_seconds{stage="infection"} 4\n' in told


def driver(folder: Path, text: str, status: int = 0) -> None:
    """A driver's program that says so."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\nprintf '{text}'\nexit {status}\n")
    program.chmod(0o755)


def test_workers_tell_how_full_their_gpus_are(client, db, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    driver(tmp_path, "0, 1024, 40960\\n1, 3, 40960\\n")
    engine = Engine(Bell())
    engine._beat()
    told = client.get("/metrics").content.decode()
    label = f'{{worker="{engine.worker}",gpu="0"}}'
    assert f"lungtrend_gpu_memory_used_bytes{label} {1024 * 2**20}\n" in told
    assert f"lungtrend_gpu_memory_total_bytes{label} {40960 * 2**20}\n" in told


@pytest.mark.parametrize(("text", "status"), [("no devices were found", 6), ("0, [N/A], [N/A]", 0)])
def test_a_driver_in_trouble_stops_no_worker(db, monkeypatch, tmp_path, text, status) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    driver(tmp_path, text, status)
    engine = Engine(Bell())
    engine._beat()
    assert WorkerBeat.objects.get(worker=engine.worker).gpus == []
