"""Scans, their figures and their revisions."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.accounts.audit import record, record_view
from portal.accounts.models import AuditAction
from portal.accounts.people import person
from portal.api.uploads import QualityNoteSerializer
from portal.scans.access import visible_scans
from portal.scans.current import current_segmentation
from portal.scans.models import Scan, Segmentation
from portal.scans.times import set_acquisition_time

#: What `find_revision` reads.
REVISION = OpenApiParameter("revision", int, description="Number of a revision; the current one if absent.")


class RevisionSerializer(serializers.ModelSerializer[Segmentation]):
    """One immutable revision of a scan's masks."""

    author = serializers.CharField(source="author.username", default=None, allow_null=True)

    class Meta:
        model = Segmentation
        fields = [
            "id",
            "number",
            "origin",
            "pipeline",
            "pipeline_version",
            "weights_sha256",
            "author",
            "reason",
            "created_at",
        ]


class ScanSerializer(serializers.ModelSerializer[Scan]):
    """Where and how a scan was acquired."""

    quality = QualityNoteSerializer(many=True)
    geometry = serializers.DictField()

    class Meta:
        model = Scan
        fields = [
            "id",
            "patient",
            "kind",
            "study_uid",
            "series_uid",
            "acquired_at",
            "acquired_at_source",
            "geometry",
            "slice_count",
            "slice_thickness_mm",
            "kernel",
            "manufacturer",
            "device_model",
            "description",
            "body_part",
            "quality",
        ]


class ScanDetailSerializer(ScanSerializer):
    """A scan with the figures of its current revision; describes `scan_payload`."""

    revision = serializers.IntegerField(allow_null=True, help_text="Number of the current revision.")
    measurements = serializers.DictField(allow_null=True, help_text="As in measurements.json.")
    revisions = RevisionSerializer(many=True)

    class Meta(ScanSerializer.Meta):
        fields = [*ScanSerializer.Meta.fields, "revision", "measurements", "revisions"]


class AcquisitionTimeSerializer(serializers.Serializer[Any]):
    """The acquisition time a person states for a scan that carries none."""

    acquired_at = serializers.DateTimeField()


def find_scan(request: Request, pk: UUID) -> Scan:
    """The scan, if this user may see it; 404 otherwise."""
    return get_object_or_404(visible_scans(request.user).select_related("patient"), pk=pk)


def find_revision(request: Request, scan: Scan) -> Segmentation | None:
    """The revision that `?revision=` names, else the one that counts; None where there is none."""
    number = request.query_params.get("revision", "")
    if not number:
        return current_segmentation(scan)
    if not number.isdigit():
        raise ValidationError({"detail": _("The revision is a number, for example ?revision=2.")})
    revisions = scan.segmentations.select_related("measurement", "author", "scan__patient")
    return revisions.filter(number=int(number)).first()


def scan_payload(scan: Scan) -> dict[str, Any]:
    """JSON of a scan, with the measurements of its current revision and the list of all revisions."""
    current = current_segmentation(scan)
    return {
        **ScanSerializer(scan).data,
        "revision": current.number if current else None,
        "measurements": current.measurement.details if current else None,
        "revisions": RevisionSerializer(scan.segmentations.select_related("author"), many=True).data,
    }


class ScanView(APIView):
    """One scan."""

    @extend_schema(responses=ScanDetailSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Where and how it was acquired, and what was measured on it."""
        scan = find_scan(request, pk)
        record_view(request, scan, patient=scan.patient)
        return Response(scan_payload(scan))


class ScanTimeView(APIView):
    """State when a scan was acquired."""

    @extend_schema(request=AcquisitionTimeSerializer, responses=ScanDetailSerializer)
    def post(self, request: Request, pk: UUID) -> Response:
        """Set the acquisition time of a scan whose files carry none."""
        scan = find_scan(request, pk)
        stated = AcquisitionTimeSerializer(data=request.data)
        stated.is_valid(raise_exception=True)
        scan = set_acquisition_time(by=person(request), scan=scan, acquired_at=stated.validated_data["acquired_at"])
        record(AuditAction.CHANGE, by=request.user, subject=scan, patient=scan.patient, request=request)
        return Response(scan_payload(scan))
