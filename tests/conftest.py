"""Fixtures for every test."""

import importlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client, TransactionTestCase

from portal.accounts.models import Role, User
from portal.patients.models import CareTeam, Patient

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def datasets() -> Path:
    """Folder of the real CT data; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("LUNGTREND_DATASETS", REPOSITORY / ".." / "shared" / "data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"the real CT data are not at {folder}; set LUNGTREND_DATASETS")
    return folder


@pytest.fixture(autouse=True)
def _storage_of_its_own(settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture(scope="session", autouse=True)
def _flushing_may_empty_the_audit_trail() -> Iterator[None]:
    """Tests that commit are cleaned up by emptying every table, which the audit trail's triggers refuse."""
    names = ("0005_chain_is_append_only", "0002_audit_trail_is_append_only")
    migrations = [importlib.import_module(f"portal.accounts.migrations.{name}") for name in names]
    original = TransactionTestCase._fixture_teardown

    def teardown(self: TransactionTestCase) -> None:
        with connection.schema_editor() as editor:
            for migration in migrations:
                migration.allow(apps, editor)
        original(self)
        with connection.schema_editor() as editor:
            for migration in reversed(migrations):
                migration.forbid(apps, editor)

    TransactionTestCase._fixture_teardown = teardown
    yield
    TransactionTestCase._fixture_teardown = original


@pytest.fixture
def team(db) -> CareTeam:
    return CareTeam.objects.create(name="Ward 4")


def _member(team: CareTeam, name: str, role: Role) -> User:
    user = User.objects.create_user(name, password=f"{name}-has-a-long-password", role=role)
    team.members.add(user)
    return user


@pytest.fixture
def clinician(team: CareTeam) -> User:
    return _member(team, "clinician", Role.CLINICIAN)


@pytest.fixture
def radiologist(team: CareTeam) -> User:
    return _member(team, "radiologist", Role.RADIOLOGIST)


@pytest.fixture
def administrator(team: CareTeam) -> User:
    return _member(team, "administrator", Role.ADMINISTRATOR)


@pytest.fixture
def stranger(db) -> User:
    """A clinician of another ward."""
    return _member(CareTeam.objects.create(name="Ward 9"), "stranger", Role.CLINICIAN)


@pytest.fixture
def patient(team: CareTeam) -> Patient:
    patient = Patient.objects.create(mrn="P-1", name="Doe, Jane")
    patient.care_teams.add(team)
    return patient


@pytest.fixture
def as_clinician(clinician: User) -> Client:
    client = Client()
    client.force_login(clinician)
    return client


@pytest.fixture
def as_stranger(stranger: User) -> Client:
    client = Client()
    client.force_login(stranger)
    return client
