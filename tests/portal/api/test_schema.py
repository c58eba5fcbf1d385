"""The API keeps to its own description, whatever it is asked: schemathesis asks."""

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from knox.models import AuthToken
from schemathesis.core.failures import FailureGroup

from portal.jobs.models import InferenceJob
from tests.portal.results import measured_scan

pytestmark = pytest.mark.django_db

#: Requests of each operation.
EXAMPLES = 12


@pytest.fixture
def _connection_stays_open():
    """The test's transaction outlives each request, as it does with Django's own client."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def api_schema(_connection_stays_open, clinician, patient, tmp_path):
    """The portal's own description, asked for by somebody who is logged in and has a patient."""
    scan = measured_scan(patient, clinician, tmp_path)
    InferenceJob.objects.create(scan=scan, pipeline="unet2d", requested_by=clinician)
    _, token = AuthToken.objects.create(clinician)
    headers = {"Authorization": f"Token {token}"}
    found = schemathesis.openapi.from_wsgi("/api/schema/?format=json", WSGIHandler(), headers=headers)
    found.config.headers = headers
    return found


def failures_of(operation) -> list[str]:
    """What schemathesis found wrong with one operation."""

    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
    )
    def ask(case) -> None:
        case.call_and_validate()

    try:
        ask()
    except (FailureGroup, BaseExceptionGroup) as group:
        return [f"{operation.label}: {failure}" for failure in group.exceptions]
    return []


def test_every_operation_answers_as_described(api_schema) -> None:
    operations = [found.ok() for found in api_schema.get_all_operations()]
    assert len(operations) > 25
    failures = [failure for operation in operations for failure in failures_of(operation)]
    assert failures == [], "\n\n".join(failures)
