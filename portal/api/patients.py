"""Patients and their timelines."""

from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.accounts.audit import record, record_view
from portal.accounts.models import AuditAction
from portal.api.timeline import TimelineSerializer, timeline_payload
from portal.patients.access import visible_patients
from portal.patients.models import Patient
from portal.scans.selectors import timeline_of


class PatientSerializer(serializers.ModelSerializer[Patient]):
    """A patient, and how many scans there are."""

    scan_count = serializers.IntegerField(read_only=True)

    class Meta:
        model = Patient
        fields = ["id", "mrn", "issuer", "name", "birth_date", "sex", "scan_count"]


class PatientScanSerializer(serializers.Serializer[Any]):
    """A scan in the list of a patient."""

    id = serializers.UUIDField()
    acquired_at = serializers.DateTimeField(allow_null=True)
    description = serializers.CharField(allow_blank=True)


class PatientDetailSerializer(PatientSerializer):
    """A patient with the scans in order of time."""

    scans = PatientScanSerializer(many=True, read_only=True)

    class Meta(PatientSerializer.Meta):
        fields = [*PatientSerializer.Meta.fields, "scans"]


class PatientPagination(LimitOffsetPagination):
    """Fifty a page unless asked otherwise."""

    default_limit = 50
    max_limit = 500


def _with_scan_count(patients: QuerySet[Patient]) -> QuerySet[Patient]:
    return patients.annotate(scan_count=Count("scans"))


class PatientsView(ListAPIView[Patient]):
    """The patients one may see."""

    serializer_class = PatientSerializer
    pagination_class = PatientPagination

    @extend_schema(parameters=[OpenApiParameter("search", str, description="Part of the name or record number.")])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List or search patients by name or medical record number."""
        record(AuditAction.SEARCH, by=request.user, request=request, search=request.query_params.get("search", ""))
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Patient]:
        """Visible patients whose name or record number contains the search text."""
        patients = _with_scan_count(visible_patients(self.request.user))
        if text := self.request.query_params.get("search", "").strip():
            patients = patients.filter(Q(name__icontains=text) | Q(mrn__icontains=text))
        return patients.order_by("name", "mrn", "id")


class PatientView(APIView):
    """One patient."""

    @extend_schema(responses=PatientDetailSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Who the patient is, and the scans in order of time."""
        patient = get_object_or_404(_with_scan_count(visible_patients(request.user)), pk=pk)
        record_view(request, patient, patient=patient)
        return Response(PatientDetailSerializer(patient).data)


class PatientTimelineView(APIView):
    """The heart of the product."""

    @extend_schema(responses=TimelineSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Points, changes and flag of one patient, derived anew at every call."""
        patient = get_object_or_404(visible_patients(request.user), pk=pk)
        record_view(request, patient, patient=patient)
        return Response(timeline_payload(timeline_of(patient)))
