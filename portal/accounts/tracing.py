"""One number for everything that follows from one request: in its answer, in log lines, and in the jobs it starts."""

import json
import logging
import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse

#: Of the request, or the job, that this code runs for; empty outside of both.
TRACE: ContextVar[str] = ContextVar("trace", default="")
HEADER = "X-Request-ID"
ACCEPTED = re.compile(r"^[A-Za-z0-9-]{8,64}$")


def trace_requests(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Take the number that a proxy has given, or give one, and say it in the answer."""

    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        token = TRACE.set(given if ACCEPTED.match(given) else uuid.uuid4().hex)
        try:
            response = get_response(request)
            response.headers[HEADER] = TRACE.get()
        finally:
            TRACE.reset(token)
        return response

    return middleware


class TraceFilter(logging.Filter):
    """Puts the number into every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything pass."""
        record.trace = TRACE.get() or "-"
        return True


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON, for log stores. Messages of the portal hold keys, never names of patients."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, logger, number of the request, message, and the traceback if there is one."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "trace": getattr(record, "trace", "-"),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)
