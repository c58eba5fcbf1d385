"""A request, its log lines and the jobs it starts carry one number; logs as JSON name no patient."""

import json
import logging

import pytest

from portal.accounts.tracing import TRACE, JsonFormatter, TraceFilter
from portal.jobs.models import InferenceJob
from tests.factories import make_scan

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("given", "is_kept"), [("proxy-0123456789", True), ("<script>", False), ("", False)])
def test_the_answer_carries_the_number(client, given, is_kept) -> None:
    answered = client.get("/healthz", headers={"x-request-id": given}).headers["X-Request-ID"]
    assert (answered == given) is is_kept
    assert len(answered) >= 8
    assert TRACE.get() == "", "nothing stays behind"


def test_a_job_remembers_the_request_that_asked_for_it(as_clinician, patient, clinician) -> None:
    scan = make_scan(patient, clinician)
    answer = as_clinician.post(
        f"/api/v1/scans/{scan.pk}/analyse/",
        {"pipeline": "hu-baseline"},
        content_type="application/json",
        headers={"x-request-id": "proxy-0123456789"},
    )
    assert answer.status_code == 202
    assert InferenceJob.objects.get().trace == "proxy-0123456789"


def test_a_log_line_is_json_with_number_and_traceback() -> None:
    TRACE.set("abc")
    try:
        raise ValueError("broken")
    except ValueError as error:
        record = logging.LogRecord("portal", logging.ERROR, __file__, 1, "job %s", ("7",), (type(error), error, None))
    TraceFilter().filter(record)
    TRACE.set("")
    line = json.loads(JsonFormatter().format(record))
    assert (line["trace"], line["message"], line["level"]) == ("abc", "job 7", "ERROR")
    assert "ValueError: broken" in line["traceback"]
