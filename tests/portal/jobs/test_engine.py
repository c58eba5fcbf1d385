"""The loop of a worker: it finds jobs with and without the doorbell, and outlives what it stands on."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from django.db import InterfaceError

from portal.jobs import engine as engine_module
from portal.jobs.doorbell import Bell
from portal.jobs.engine import Engine
from portal.jobs.models import InferenceJob
from portal.jobs.services import submit_scan
from portal.jobs.states import JobState
from portal.scans.storage import path_of
from tests.factories import make_scan

pytestmark = pytest.mark.django_db(transaction=True)

#: Only ends a test that would otherwise hang.
PATIENCE_SECONDS = 30


@pytest.fixture(autouse=True)
def _fake_child(settings, monkeypatch) -> None:
    settings.INFERENCE_COMMAND = [sys.executable, "-m", "tests.portal.jobs.fake_inference"]
    settings.INFERENCE_SWEEP_SECONDS = 0.2
    monkeypatch.setenv("FAKE_MODE", "succeed")


@pytest.fixture
def job(patient, clinician) -> InferenceJob:
    return submit_scan(by=clinician, scan=make_scan(patient, clinician))


async def reaches(job: InferenceJob, state: JobState) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await InferenceJob.objects.aget(pk=job.pk)).state != state:
            await asyncio.sleep(0.05)


def while_serving(story: Callable[[Engine, Bell], Awaitable[None]]) -> None:
    """Run a story while an engine serves, then stop the engine."""

    async def scenario() -> None:
        bell = Bell()
        engine = Engine(bell)
        serving = asyncio.create_task(engine.serve())
        try:
            await story(engine, bell)
        finally:
            engine.stop()
            await asyncio.wait_for(serving, PATIENCE_SECONDS)

    async_to_sync(scenario)()


def test_a_job_whose_doorbell_nobody_heard_is_found_by_the_sweep(job) -> None:
    async def story(engine: Engine, bell: Bell) -> None:
        await reaches(job, JobState.SUCCEEDED)

    while_serving(story)


def test_the_doorbell_wakes_an_engine_that_would_sleep_for_long(patient, clinician, settings) -> None:
    settings.INFERENCE_SWEEP_SECONDS = 10 * PATIENCE_SECONDS
    scan = make_scan(patient, clinician)

    async def story(engine: Engine, bell: Bell) -> None:
        await asyncio.sleep(0.5)
        job = await database_sync_to_async(submit_scan)(by=clinician, scan=scan)
        bell.ring()
        await reaches(job, JobState.SUCCEEDED)

    while_serving(story)


def test_a_scan_that_kills_every_child_fails_and_the_next_one_is_analysed(
    job, patient, clinician, monkeypatch, settings
) -> None:
    monkeypatch.setenv("FAKE_MODE", "crash")

    async def story(engine: Engine, bell: Bell) -> None:
        await reaches(job, JobState.FAILED)
        monkeypatch.setenv("FAKE_MODE", "succeed")
        following = await database_sync_to_async(submit_scan)(by=clinician, scan=next_scan)
        await reaches(following, JobState.SUCCEEDED)

    next_scan = make_scan(patient, clinician)
    while_serving(story)
    job.refresh_from_db()
    assert job.attempts == settings.INFERENCE_MAX_ATTEMPTS
    assert f"{settings.INFERENCE_MAX_ATTEMPTS} times" in job.error


def test_stopping_hands_the_running_job_back_without_charging_an_attempt(job, monkeypatch) -> None:
    monkeypatch.setenv("FAKE_MODE", "hang")

    async def story(engine: Engine, bell: Bell) -> None:
        await reaches(job, JobState.RUNNING)

    while_serving(story)
    job.refresh_from_db()
    assert (job.state, job.attempts, job.owner) == (JobState.QUEUED, 0, "")


def heed_no_cancellation() -> None:
    """A chore like those that tell browsers: what it waits for may end well although it was cancelled."""

    async def story() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(10 * PATIENCE_SECONDS)

    async_to_sync(story)()


def test_a_worker_stops_although_a_chore_loses_its_cancellation(db, settings) -> None:
    settings.WORKER_CHORES = [f"{__name__}.heed_no_cancellation"]
    settings.INFERENCE_SWEEP_SECONDS = 10 * PATIENCE_SECONDS

    async def story(engine: Engine, bell: Bell) -> None:
        await asyncio.sleep(0.5)

    while_serving(story)


def test_a_database_that_goes_away_does_not_end_the_worker(job, monkeypatch) -> None:
    claim = engine_module.claim
    outages = iter([InterfaceError("connection already closed")])

    def claim_after_an_outage(worker: str) -> InferenceJob | None:
        for outage in outages:
            raise outage
        return claim(worker)

    monkeypatch.setattr(engine_module, "claim", claim_after_an_outage)

    async def story(engine: Engine, bell: Bell) -> None:
        await reaches(job, JobState.SUCCEEDED)

    while_serving(story)


def test_folders_of_killed_workers_are_removed_and_those_in_use_are_not(db, settings) -> None:
    abandoned, in_use = path_of("work/abandoned"), path_of("work/in-use")
    for folder in (abandoned, in_use):
        (folder / "scan").mkdir(parents=True)
    long_ago = time.time() - 3 * settings.INFERENCE_TIMEOUT_SECONDS
    os.utime(abandoned, (long_ago, long_ago))

    async def story(engine: Engine, bell: Bell) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await asyncio.to_thread(abandoned.exists):
                await asyncio.sleep(0.05)

    while_serving(story)
    assert in_use.exists()
