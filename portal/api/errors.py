"""How refusals of the services become HTTP answers: one sentence in `detail`, never a traceback."""

from typing import Any

from rest_framework import status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from portal.jobs.errors import JobRefused, UnknownPipelineName
from portal.scans.errors import IntakeError, NotAllowed, NotExportable, Overtaken

#: The most specific class comes first.
STATUS_OF_REFUSAL: tuple[tuple[type[Exception], int], ...] = (
    (NotAllowed, status.HTTP_403_FORBIDDEN),
    (Overtaken, status.HTTP_409_CONFLICT),
    (NotExportable, status.HTTP_409_CONFLICT),
    (IntakeError, status.HTTP_400_BAD_REQUEST),
    (UnknownPipelineName, status.HTTP_400_BAD_REQUEST),
    (JobRefused, status.HTTP_409_CONFLICT),
)


def answer_refusal(refusal: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler, extended by the refusals of our services."""
    for kind, code in STATUS_OF_REFUSAL:
        if isinstance(refusal, kind):
            return Response({"detail": str(refusal)}, status=code)
    return exception_handler(refusal, context)
