"""REST: sending results, and fetching earlier scans."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.accounts.people import person
from portal.dicom.delivery import request_delivery
from portal.dicom.models import Delivery, Peer, PriorImport
from portal.dicom.priors import find_priors, request_prior
from portal.jobs.outgoing import NotTaken
from portal.patients.access import visible_patients
from portal.scans.access import visible_scans
from portal.scans.current import current_segmentation
from portal.scans.errors import NotExportable
from portal.scans.models import Scan, ScanKind


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """One kind of result on its way to one system."""

    peer = serializers.CharField(source="peer.name")
    revision = serializers.IntegerField(source="revision.number")

    class Meta:
        model = Delivery
        fields = ["id", "peer", "revision", "role", "state", "attempts", "error", "created_at", "done_at"]


class DeliveryRequestSerializer(serializers.Serializer[Any]):
    """Where to send the current result."""

    peer = serializers.SlugRelatedField(slug_field="name", queryset=Peer.objects.filter(is_active=True))


class PriorSerializer(serializers.Serializer[Any]):
    """A study that another system has."""

    peer = serializers.CharField(source="peer.name")
    study_uid = serializers.CharField(source="study.study_uid")
    date = serializers.CharField(source="study.date", help_text="YYYYMMDD")
    description = serializers.CharField(source="study.description")
    image_count = serializers.IntegerField(source="study.image_count", allow_null=True)
    is_here = serializers.BooleanField()


class PriorSearchSerializer(serializers.Serializer[Any]):
    """What was found, and systems that could not be asked."""

    priors = PriorSerializer(many=True)
    troubles = serializers.ListField(child=serializers.CharField())


class PriorRequestSerializer(serializers.Serializer[Any]):
    """Which study to fetch."""

    peer = serializers.SlugRelatedField(
        slug_field="name", queryset=Peer.objects.filter(is_active=True, answers_queries=True)
    )
    study_uid = serializers.CharField(max_length=64)


class PriorImportSerializer(serializers.ModelSerializer[PriorImport]):
    """A study that is being fetched."""

    peer = serializers.CharField(source="peer.name")

    class Meta:
        model = PriorImport
        fields = ["id", "peer", "study_uid", "state", "attempts", "error", "created_at", "done_at"]


class DeliveriesView(APIView):
    """Results of a scan on their way to other systems."""

    def _scan(self, request: Request, pk: UUID) -> Scan:
        return get_object_or_404(visible_scans(request.user).select_related("patient"), pk=pk)

    @extend_schema(responses=DeliverySerializer(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        """Where the results went, the latest first."""
        scan = self._scan(request, pk)
        sent = Delivery.objects.filter(revision__scan=scan).select_related("peer", "revision")
        return Response(DeliverySerializer(sent, many=True).data)

    @extend_schema(
        request=DeliveryRequestSerializer,
        responses={
            202: DeliverySerializer(many=True),
            409: OpenApiResponse(description="No result yet, or none that can be DICOM."),
        },
    )
    def post(self, request: Request, pk: UUID) -> Response:
        """Send the current result."""
        scan = self._scan(request, pk)
        wanted = DeliveryRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        revision = current_segmentation(scan)
        if revision is None or scan.kind != ScanKind.DICOM:
            raise NotExportable(_("There is no result of this scan that could be sent as DICOM."))
        queued = request_delivery(by=person(request), revision=revision, peer=wanted.validated_data["peer"])
        return Response(DeliverySerializer(queued, many=True).data, status=status.HTTP_202_ACCEPTED)


class PriorsView(APIView):
    """Earlier CT of a patient in other systems."""

    @extend_schema(responses=PriorSearchSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Ask all systems that answer queries."""
        patient = get_object_or_404(visible_patients(request.user), pk=pk)
        return Response(PriorSearchSerializer(find_priors(by=person(request), patient=patient)).data)

    @extend_schema(
        request=PriorRequestSerializer,
        responses={
            202: PriorImportSerializer,
            409: OpenApiResponse(description="The system has no such study of this patient, or does not answer."),
        },
    )
    def post(self, request: Request, pk: UUID) -> Response:
        """Fetch one study; it becomes a scan like any other."""
        patient = get_object_or_404(visible_patients(request.user), pk=pk)
        wanted = PriorRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        try:
            fetched = request_prior(by=person(request), patient=patient, **wanted.validated_data)
        except NotTaken as trouble:
            return Response({"detail": str(trouble)}, status=status.HTTP_409_CONFLICT)
        return Response(PriorImportSerializer(fetched).data, status=status.HTTP_202_ACCEPTED)
