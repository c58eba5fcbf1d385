"""A channel layer that is away holds up nobody: messages may be lost, requests and leases may not."""

import asyncio
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from portal.jobs import doorbell
from portal.jobs.doorbell import announce
from portal.jobs.health import readiness
from portal.jobs.models import InferenceJob
from portal.jobs.services import cancel_job, submit_scan
from portal.jobs.states import JobState
from tests.factories import make_scan

pytestmark = pytest.mark.django_db(transaction=True)


class SilentLayer:
    """As Redis while it is away: every message waits, for ever."""

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        await asyncio.Event().wait()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def _layer_is_away(monkeypatch) -> None:
    monkeypatch.setattr(doorbell, "get_channel_layer", SilentLayer)
    monkeypatch.setattr(doorbell, "LAYER_SECONDS", 0.05)


def test_a_job_is_queued_and_cancelled_all_the_same(patient, clinician) -> None:
    job = submit_scan(by=clinician, scan=make_scan(patient, clinician))
    assert InferenceJob.objects.get(pk=job.pk).state == JobState.QUEUED
    assert cancel_job(by=clinician, job=job).state == JobState.CANCELLED


def test_a_worker_that_announces_progress_goes_on(patient, clinician) -> None:
    job = submit_scan(by=clinician, scan=make_scan(patient, clinician))
    async_to_sync(announce)(job)


def test_readiness_names_the_layer(db) -> None:
    assert not readiness()["checks"]["channel_layer"]["ok"]
