"""A scan's result in forms that other programs and people read: DICOM SEG and SR, and a PDF report."""

from collections.abc import Callable
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.accounts.audit import record
from portal.accounts.models import AuditAction
from portal.api.pixels import NO_STORE
from portal.api.scans import REVISION, find_revision, find_scan
from portal.scans.exports import dicom_result
from portal.scans.models import Segmentation
from portal.scans.report import report_pdf
from portal.scans.signing import report_text

WITHOUT_RESULT = {
    404: OpenApiResponse(description="No such scan, or no result yet."),
    409: OpenApiResponse(description="The result cannot be written in this form; the sentence says why."),
}


class AnyRenderer(BaseRenderer):
    """Lets clients ask for the file's own type; the view answers with bytes itself."""

    media_type = "*/*"
    format = "file"

    def render(self, data: object, accepted_media_type: str | None = None, renderer_context: object = None) -> bytes:
        """Refusals only: they are JSON."""
        return JSONRenderer().render(data)


class ExportView(APIView):
    """Base: find the revision, build, put on record."""

    renderer_classes = [JSONRenderer, AnyRenderer]
    content_type = ""
    form = ""
    build: Callable[[Segmentation], bytes]

    def answer(self, request: Request, pk: UUID) -> HttpResponse | Response:
        """The file as a download."""
        scan = find_scan(request, pk)
        revision = find_revision(request, scan)
        if revision is None:
            raise NotFound(_("There is no such result (yet)."))
        content = type(self).build(revision)
        record(
            AuditAction.DOWNLOAD,
            by=request.user,
            subject=scan,
            patient=scan.patient,
            request=request,
            form=self.form,
            revision=revision.number,
        )
        name = f"revision-{revision.number}-{self.form}"
        headers = {**NO_STORE, "Content-Disposition": f'attachment; filename="{name}"'}
        return HttpResponse(content, content_type=self.content_type, headers=headers)


class SegmentationExportView(ExportView):
    """DICOM Segmentation."""

    content_type = "application/dicom"
    form = "seg.dcm"

    @staticmethod
    def build(revision: Segmentation) -> bytes:
        """Lungs, lobes and kinds of infection."""
        return dicom_result(revision).seg.read_bytes()

    @extend_schema(parameters=[REVISION], responses={(200, content_type): OpenApiTypes.BINARY, **WITHOUT_RESULT})
    def get(self, request: Request, pk: UUID) -> HttpResponse | Response:
        """The masks of one revision as DICOM Segmentation, referring to the scan's own series."""
        return self.answer(request, pk)


class StructuredReportExportView(ExportView):
    """DICOM structured report."""

    content_type = "application/dicom"
    form = "sr.dcm"

    @staticmethod
    def build(revision: Segmentation) -> bytes:
        """Volumes, shares, scores and growth."""
        return dicom_result(revision).sr.read_bytes()

    @extend_schema(parameters=[REVISION], responses={(200, content_type): OpenApiTypes.BINARY, **WITHOUT_RESULT})
    def get(self, request: Request, pk: UUID) -> HttpResponse | Response:
        """The measurements of one revision as a TID 1500 report."""
        return self.answer(request, pk)


class ReportView(ExportView):
    """The report for people."""

    content_type = "application/pdf"
    form = "report.pdf"
    build = staticmethod(report_pdf)

    @extend_schema(parameters=[REVISION], responses={(200, content_type): OpenApiTypes.BINARY, **WITHOUT_RESULT})
    def get(self, request: Request, pk: UUID) -> HttpResponse | Response:
        """Flag sentence, figures, course and key slices as PDF."""
        return self.answer(request, pk)


class ReportTextView(ExportView):
    """The report as text, to be pasted into another report."""

    content_type = "text/plain; charset=utf-8"
    form = "report.txt"

    @staticmethod
    def build(revision: Segmentation) -> bytes:
        """The same sentences as in the PDF."""
        return report_text(revision).encode()

    @extend_schema(parameters=[REVISION], responses={(200, "text/plain"): OpenApiTypes.STR, **WITHOUT_RESULT})
    def get(self, request: Request, pk: UUID) -> HttpResponse | Response:
        """Finding, figures, remarks, and what measured them; it names no patient."""
        return self.answer(request, pk)
