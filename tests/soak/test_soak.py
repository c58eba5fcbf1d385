"""The short form of the soak tests; `make soak` runs them in full."""

import os
import shutil
import subprocess

import pytest

from tests.soak.fuzz_ingest import fuzz
from tests.soak.growth import grow
from tests.soak.jobs_survive import problems, soak
from tests.soak.uploads_survive import survive


def has_servers() -> bool:
    if not (shutil.which("psql") and shutil.which("redis-server")):
        return False
    command = ["psql", "-h", "127.0.0.1", "-U", "postgres", "-d", "postgres", "-qc", "SELECT 1"]
    return subprocess.run(command, capture_output=True, check=False, env=os.environ).returncode == 0


@pytest.mark.skipif(not has_servers(), reason="PostgreSQL or redis-server is not here")
def test_every_job_ends_once_though_workers_children_and_redis_are_killed() -> None:
    assert problems(soak(jobs=40, workers=2, embedded=False)) == []


def test_every_job_ends_once_on_sqlite_too() -> None:
    assert problems(soak(jobs=15, workers=1, embedded=True)) == []


@pytest.mark.skipif(not has_servers(), reason="PostgreSQL or redis-server is not here")
def test_uploads_survive_cut_connections_and_killed_servers() -> None:
    assert survive(series=7, embedded=False)["problems"] == []


def test_uploads_survive_on_sqlite_too() -> None:
    assert survive(series=5, embedded=True, seed=3)["problems"] == []


@pytest.mark.skipif(not has_servers(), reason="PostgreSQL or redis-server is not here")
def test_two_web_servers_and_more_workers_on_object_storage_do_more_and_tell_every_browser() -> None:
    assert grow(jobs=12, most_workers=2, sockets=40)["problems"] == []


@pytest.mark.django_db
def test_damaged_files_are_answered_with_reasons(as_clinician, tmp_path) -> None:
    outcome = fuzz(as_clinician, files=400, folder=tmp_path)
    assert outcome["problems"] == []
    assert outcome["outcomes"]["rejected with a reason"] > 50
