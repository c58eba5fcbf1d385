"""How refusals of the services become HTTP answers: one sentence in `detail`, never a traceback."""

import logging
from typing import Any

from django.db import OperationalError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, exception_handler

from portal.jobs.errors import JobRefused, UnknownPipelineName
from portal.scans.errors import IntakeError, NotAllowed, NotExportable, Overtaken
from portal.scans.said import said

logger = logging.getLogger(__name__)

#: The most specific class comes first.
STATUS_OF_REFUSAL: tuple[tuple[type[Exception], int], ...] = (
    (NotAllowed, status.HTTP_403_FORBIDDEN),
    (Overtaken, status.HTTP_409_CONFLICT),
    (NotExportable, status.HTTP_409_CONFLICT),
    (IntakeError, status.HTTP_400_BAD_REQUEST),
    (UnknownPipelineName, status.HTTP_400_BAD_REQUEST),
    (JobRefused, status.HTTP_409_CONFLICT),
)


NOT_NOW = gettext_lazy(
    "Database or storage of the portal does not answer. What was accepted before is safe; try again in a moment."
)


def answer_refusal(refusal: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler, extended by the refusals of our services."""
    for kind, code in STATUS_OF_REFUSAL:
        if isinstance(refusal, kind):
            return Response({"detail": said(str(refusal))}, status=code)
    if isinstance(refusal, OSError | OperationalError):
        logger.error("database or storage does not answer", exc_info=refusal)
        return Response({"detail": NOT_NOW}, status=status.HTTP_503_SERVICE_UNAVAILABLE)
    return exception_handler(refusal, context)


@extend_schema(exclude=True)
class NothingHereView(APIView):
    """Addresses of the API that lead nowhere: programs are answered in JSON, not with a page."""

    def get(self, request: Request, rest: str) -> Response:
        """Always 404."""
        raise NotFound(_("There is nothing at %(path)s; see /api/schema/.") % {"path": request.path})

    post = put = patch = delete = get
