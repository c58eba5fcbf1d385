"""Slices and masks of a scan, for the viewer and for downloads."""

from uuid import UUID

from django.http import FileResponse, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.accounts.audit import record, record_view
from portal.accounts.models import AuditAction
from portal.api.scans import REVISION, find_revision, find_scan
from portal.scans.access import visible_scans
from portal.scans.files import NotThere, explanation_path, frame_bytes, mask_path

#: Patients' pixels are kept by no cache.
NO_STORE = {"Cache-Control": "private, no-store"}


class FrameView(APIView):
    """One slice."""

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: UUID, index: int) -> HttpResponse | Response:
        """Little-endian int16 HU of one slice, row by row; slices count from 0 in the order of the volume.

        Opening the scan's page or its JSON is the look that goes on record, not each of its slices.
        """
        scan = get_object_or_404(visible_scans(request.user), pk=pk)
        try:
            pixels = frame_bytes(scan, index)
        except NotThere as missing:
            raise NotFound(str(missing)) from missing
        return HttpResponse(pixels, content_type="application/octet-stream", headers=NO_STORE)


class ExplanationView(APIView):
    """What the infection score depends on."""

    @extend_schema(
        parameters=[REVISION],
        responses={
            (200, "image/png"): OpenApiTypes.BINARY,
            404: OpenApiResponse(description="No such scan or result, or its pipeline explains nothing."),
        },
    )
    def get(self, request: Request, pk: UUID) -> FileResponse | Response:
        """Three slices as PNG, with the gradient of the infection score in orange and the infection outlined."""
        scan = find_scan(request, pk)
        revision = find_revision(request, scan)
        path = explanation_path(revision) if revision else None
        if path is None:
            raise NotFound(_("There is no explanation image of this result."))
        record_view(request, scan, patient=scan.patient)
        return FileResponse(path.open("rb"), content_type="image/png", headers=NO_STORE)


class MaskView(APIView):
    """One mask."""

    @extend_schema(
        parameters=[REVISION],
        responses={
            (200, "application/gzip"): OpenApiTypes.BINARY,
            404: OpenApiResponse(description="No such scan, or no result yet."),
        },
    )
    def get(self, request: Request, pk: UUID, kind: str) -> FileResponse | Response:
        """NIfTI label map on the scan's grid."""
        scan = find_scan(request, pk)
        revision = find_revision(request, scan)
        if revision is None:
            raise NotFound(_("There is no such result (yet)."))
        try:
            file = mask_path(revision, kind).open("rb")
        except (NotThere, FileNotFoundError) as missing:
            raise NotFound(_("There is no such mask.")) from missing
        record(
            AuditAction.DOWNLOAD,
            by=request.user,
            subject=scan,
            patient=scan.patient,
            request=request,
            mask=kind,
            revision=revision.number,
        )
        name = f"{kind}.nii.gz"
        return FileResponse(file, content_type="application/gzip", filename=name, as_attachment=True, headers=NO_STORE)
