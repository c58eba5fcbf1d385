"""Running jobs in child processes: each ends in a result, a reason, or the queue."""

import asyncio
import sys
import zipfile

import pytest
from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async

from portal.jobs import runner, tasks
from portal.jobs.leases import claim
from portal.jobs.models import InferenceJob
from portal.jobs.services import cancel_job, submit_scan
from portal.jobs.states import JobState
from portal.scans.files import has_volume
from portal.scans.storage import path_of
from tests.factories import make_scan

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def job(patient, clinician, settings, monkeypatch) -> InferenceJob:
    settings.INFERENCE_COMMAND = [sys.executable, "-m", "tests.portal.jobs.fake_inference"]
    monkeypatch.setenv("FAKE_MODE", "succeed")
    return submit_scan(by=clinician, scan=make_scan(patient, clinician))


def run_next() -> None:
    claimed = claim("worker")
    assert claimed is not None
    async_to_sync(runner.run)(claimed)


def test_a_result_is_stored_with_masks_and_slices(job) -> None:
    run_next()
    job.refresh_from_db()
    assert (job.state, job.percent) == (JobState.SUCCEEDED, 100)
    assert job.segmentation.measurement.infected_ml == 80.0
    assert path_of(f"{job.segmentation.folder}/lung.nii.gz").exists()
    assert has_volume(job.scan)
    assert list(path_of("work").iterdir()) == []


def test_a_refusal_is_the_jobs_reason_and_is_not_tried_again(job, monkeypatch) -> None:
    monkeypatch.setenv("FAKE_MODE", "refuse")
    run_next()
    job.refresh_from_db()
    assert (job.state, job.error, job.error_code) == (JobState.FAILED, "No lungs were found in this scan.", "no-lungs")
    assert has_volume(job.scan), "the slices can be looked at all the same"


def test_a_killed_child_goes_back_into_the_queue(job, monkeypatch) -> None:
    monkeypatch.setenv("FAKE_MODE", "crash")
    run_next()
    job.refresh_from_db()
    assert (job.state, job.attempts) == (JobState.QUEUED, 1)
    monkeypatch.setenv("FAKE_MODE", "succeed")
    run_next()
    job.refresh_from_db()
    assert (job.state, job.attempts) == (JobState.SUCCEEDED, 2)


def test_a_child_that_takes_too_long_is_stopped_with_a_reason(job, monkeypatch, settings) -> None:
    monkeypatch.setenv("FAKE_MODE", "hang")
    settings.INFERENCE_TIMEOUT_SECONDS = 3
    run_next()
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert "longer than" in job.error


def test_cancelling_kills_the_child(job, clinician, monkeypatch, settings) -> None:
    monkeypatch.setenv("FAKE_MODE", "hang")
    settings.INFERENCE_LEASE_SECONDS = 2

    async def scenario() -> None:
        claimed = await database_sync_to_async(claim)("worker")
        running = asyncio.create_task(runner.run(claimed))
        await asyncio.sleep(1.5)
        await database_sync_to_async(cancel_job)(by=clinician, job=job)
        await asyncio.wait_for(running, 20)

    async_to_sync(scenario)()
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED


def test_stopping_the_worker_hands_the_job_back(job, monkeypatch) -> None:
    monkeypatch.setenv("FAKE_MODE", "hang")

    async def scenario() -> None:
        claimed = await database_sync_to_async(claim)("worker")
        running = asyncio.create_task(runner.run(claimed))
        await asyncio.sleep(1.5)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    async_to_sync(scenario)()
    job.refresh_from_db()
    assert (job.state, job.attempts) == (JobState.QUEUED, 0)


def test_a_damaged_archive_counts_as_an_attempt_and_does_not_stop_the_worker(job, monkeypatch) -> None:
    def materialise(*_: object) -> None:
        raise zipfile.BadZipFile

    monkeypatch.setattr(tasks, "materialise", materialise)
    run_next()
    job.refresh_from_db()
    assert (job.state, job.attempts) == (JobState.QUEUED, 1)
