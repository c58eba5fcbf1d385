"""Slices and masks of a scan, for the viewer and for downloads."""

from uuid import UUID

from django.http import FileResponse, HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.accounts.audit import record
from portal.accounts.models import AuditAction
from portal.api.scans import find_scan
from portal.scans.access import visible_scans
from portal.scans.files import NotThere, frame_bytes, mask_path
from portal.scans.revisions import current_segmentation

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


class MaskView(APIView):
    """One mask."""

    @extend_schema(
        parameters=[OpenApiParameter("revision", int, description="Number of a revision; the current one if absent.")],
        responses={
            (200, "application/gzip"): OpenApiTypes.BINARY,
            404: OpenApiResponse(description="No such scan, or no result yet."),
        },
    )
    def get(self, request: Request, pk: UUID, kind: str) -> FileResponse | Response:
        """NIfTI label map on the scan's grid."""
        scan = find_scan(request, pk)
        number = request.query_params.get("revision", "")
        if number:
            revision = scan.segmentations.filter(number=int(number)).first() if number.isdigit() else None
        else:
            revision = current_segmentation(scan)
        if revision is None:
            raise NotFound("There is no such result (yet).")
        try:
            file = mask_path(revision, kind).open("rb")
        except (NotThere, FileNotFoundError) as missing:
            raise NotFound("There is no such mask.") from missing
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
