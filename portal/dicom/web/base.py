"""What all DICOMweb views share: login, refusals in one sentence, DICOM JSON, and finding what a user may see."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.http import Http404, HttpResponse, JsonResponse
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.accounts.addresses import public_address
from portal.accounts.audit import record
from portal.accounts.models import AuditAction
from portal.dicom.archive import Series, dicom_scans, series_of
from portal.dicom.datasets import Json
from portal.dicom.web.matching import BadQuery
from portal.dicom.web.media import NotAcceptable
from portal.dicom.web.multipart import BadMultipart
from portal.scans.access import visible_scans
from portal.scans.errors import NotExportable
from portal.scans.models import Scan

DICOM_JSON = "application/dicom+json"
NO_STORE = {"Cache-Control": "private, no-store"}
STATUS_OF_REFUSAL = {BadQuery: 400, BadMultipart: 400, NotAcceptable: 406, NotExportable: 409}


class AnyBody(BaseParser):
    """Bodies are read by the views themselves."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Leave the stream alone."""
        return stream


class OwnNegotiation(BaseContentNegotiation):
    """DICOMweb has rules of its own for Accept, which the views follow."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        """The only one."""
        return next(iter(parsers))

    def select_renderer(self, request: Request, renderers: Iterable[Any], format_suffix: Any = None) -> Any:
        """For refusals."""
        first = next(iter(renderers))
        return first, first.media_type


@extend_schema(exclude=True)
class DicomWebView(APIView):
    """One resource of DICOMweb."""

    parser_classes = [AnyBody]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = OwnNegotiation

    def handle_exception(self, exc: Exception) -> Response:
        """Refusals as `{"detail": sentence}`."""
        for kind, status in STATUS_OF_REFUSAL.items():
            if isinstance(exc, kind):
                return Response({"detail": str(exc)}, status=status)
        return super().handle_exception(exc)

    @property
    def root(self) -> str:
        """Address of the service, without a slash at its end."""
        return public_address(self.request, reverse("dicomweb_studies").removesuffix("/studies"))


def found_series(request: Request, study_uid: str, series_uid: str | None = None) -> list[Series]:
    """The series of a study, or the one named.

    Raises:
        Http404: there is none that this user may see.
    """
    scans = dicom_scans(visible_scans(request.user)).filter(study_uid=study_uid).order_by("created_at")
    series = [one for one in series_of(scans) if series_uid in (None, one.uid)]
    if not series:
        raise Http404("No such study or series, or not yours to see.")
    return series


def record_looks(request: Request, action: AuditAction, series: Sequence[Series], what: str) -> None:
    """One line in the audit trail for each scan concerned."""
    scans: dict[Any, Scan] = {one.scan.pk: one.scan for one in series}
    for scan in scans.values():
        record(action, by=request.user, subject=scan, patient=scan.patient, request=request, via="DICOMweb", what=what)


def dicom_json(content: list[Json] | Json, warning: str = "", status: int = 200) -> HttpResponse:
    """An answer in DICOM JSON; the warning is for the client's log."""
    headers = dict(NO_STORE)
    if warning:
        headers["Warning"] = f'299 {settings.DICOM_AE_TITLE}: "{warning}"'
    return JsonResponse(content, safe=False, content_type=DICOM_JSON, headers=headers, status=status)
