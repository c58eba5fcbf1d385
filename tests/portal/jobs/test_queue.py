"""Claiming, leases and legal moves: a job belongs to one attempt at a time and always ends."""

import threading
from datetime import timedelta
from itertools import product

import pytest
from django.db import connection
from django.utils import timezone

from inference.catalogue import DEFAULT_PIPELINE
from portal.jobs.errors import JobRefused, UnknownPipelineName
from portal.jobs.leases import claim, fail, hand_back, held, reclaim_dead, renew
from portal.jobs.models import InferenceJob
from portal.jobs.services import cancel_job, retry_job, submit_scan
from portal.jobs.states import MOVES, JobState, may_move, states_before
from tests.factories import make_scan


@pytest.fixture
def scan(patient, clinician):
    return make_scan(patient, clinician)


@pytest.fixture
def job(scan, clinician) -> InferenceJob:
    return submit_scan(by=clinician, scan=scan)


def state(job: InferenceJob) -> str:
    return InferenceJob.objects.get(pk=job.pk).state


def expire_lease(job: InferenceJob) -> None:
    InferenceJob.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_the_table_of_moves_is_closed_and_a_result_is_final() -> None:
    assert set(MOVES) == set(JobState)
    assert not any(may_move(JobState.SUCCEEDED, after) for after in JobState)
    for before, after in product(JobState, JobState):
        assert may_move(before, after) == (before in states_before(after))


def test_asking_twice_makes_one_job(scan, clinician, job) -> None:
    assert submit_scan(by=clinician, scan=scan) == job


def test_an_unknown_pipeline_is_refused_by_name(scan, clinician) -> None:
    with pytest.raises(UnknownPipelineName, match=f"choose one of {DEFAULT_PIPELINE}"):
        submit_scan(by=clinician, scan=scan, pipeline="magic")


def test_the_oldest_job_is_claimed_first(patient, clinician, job) -> None:
    submit_scan(by=clinician, scan=make_scan(patient, clinician))
    claimed = claim("worker")
    assert claimed is not None
    assert (claimed.pk, claimed.state, claimed.attempts) == (job.pk, JobState.RUNNING, 1)


def test_a_worker_paused_past_its_lease_changes_nothing(job) -> None:
    slow = claim("slow")
    assert slow is not None
    expire_lease(job)
    assert reclaim_dead() == 1
    quick = claim("quick")
    assert quick is not None
    assert not renew(slow, stage="lungs", percent=90)
    fail(slow, sentence="late", code="late")
    assert held(quick).exists()
    assert InferenceJob.objects.get(pk=job.pk).error == ""


def test_a_job_that_keeps_dying_ends_with_a_reason_and_does_not_block_others(patient, clinician, job, settings) -> None:
    other = submit_scan(by=clinician, scan=make_scan(patient, clinician))
    for _ in range(settings.INFERENCE_MAX_ATTEMPTS):
        claimed = claim("worker")
        assert claimed is not None
        assert claimed.pk == job.pk
        expire_lease(job)
        reclaim_dead()
    poison = InferenceJob.objects.get(pk=job.pk)
    assert poison.state == JobState.FAILED
    assert "3 times" in poison.error
    following = claim("worker")
    assert following is not None
    assert following.pk == other.pk


def test_stopping_a_worker_costs_no_attempt(job) -> None:
    claimed = claim("worker")
    assert claimed is not None
    hand_back(claimed, counts=False)
    again = InferenceJob.objects.get(pk=job.pk)
    assert (again.state, again.attempts) == (JobState.QUEUED, 0)


def test_a_queued_job_is_cancelled_at_once(job, clinician) -> None:
    assert cancel_job(by=clinician, job=job).state == JobState.CANCELLED
    with pytest.raises(JobRefused, match="ended"):
        cancel_job(by=clinician, job=job)


def test_a_running_job_is_cancelled_when_its_worker_hears_of_it(job, clinician) -> None:
    claimed = claim("worker")
    assert claimed is not None
    cancel_job(by=clinician, job=job)
    assert not renew(claimed, stage="lungs", percent=10)
    hand_back(claimed, counts=True)
    assert state(job) == JobState.CANCELLED


def test_a_failed_job_can_be_tried_again_with_all_its_attempts(job, clinician) -> None:
    claimed = claim("worker")
    assert claimed is not None
    fail(claimed, sentence="No lungs.", code="no-lungs")
    again = retry_job(by=clinician, job=job)
    assert (again.state, again.attempts, again.error) == (JobState.QUEUED, 0, "")


def test_a_running_job_cannot_be_tried_again(job, clinician) -> None:
    claim("worker")
    with pytest.raises(JobRefused, match="failed or cancelled"):
        retry_job(by=clinician, job=job)


@pytest.mark.django_db(transaction=True)
def test_no_job_is_claimed_twice_by_workers_that_race(patient, clinician) -> None:
    for _ in range(12):
        submit_scan(by=clinician, scan=make_scan(patient, clinician))
    claimed: list[object] = []

    def work(name: str) -> None:
        while job := claim(name):
            claimed.append(job.pk)
        connection.close()

    workers = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(claimed) == len(set(claimed)) == 12
