"""Following, repeating and cancelling inference jobs."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.accounts.audit import record
from portal.accounts.models import AuditAction
from portal.accounts.people import person
from portal.jobs.access import visible_jobs
from portal.jobs.models import InferenceJob
from portal.jobs.payload import job_payload
from portal.jobs.services import cancel_job, pipelines, retry_job, submit_scan
from portal.jobs.states import JobState
from portal.scans.access import visible_scans


class JobSerializer(serializers.Serializer[Any]):
    """Where a job stands."""

    id = serializers.UUIDField()
    scan = serializers.UUIDField()
    patient = serializers.UUIDField()
    pipeline = serializers.CharField()
    state = serializers.ChoiceField(choices=[state.value for state in JobState])
    stage = serializers.CharField(allow_blank=True)
    percent = serializers.IntegerField(min_value=0, max_value=100)
    attempts = serializers.IntegerField()
    error = serializers.CharField(allow_blank=True, help_text="One plain sentence; empty unless the job failed.")
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class AnalysisRequestSerializer(serializers.Serializer[Any]):
    """Which pipeline to run; the default one when left out."""

    pipeline = serializers.CharField(required=False, allow_blank=True, default="")


class PipelineSerializer(serializers.Serializer[Any]):
    """A pipeline that jobs may name."""

    name = serializers.CharField()
    version = serializers.CharField()
    sha256 = serializers.CharField(allow_blank=True)
    description = serializers.CharField()
    default = serializers.BooleanField()


def _job(request: Request, pk: UUID) -> InferenceJob:
    return get_object_or_404(visible_jobs(request.user).select_related("scan"), pk=pk)


class JobView(APIView):
    """One job."""

    @extend_schema(responses=JobSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """State, stage, per cent, attempts and, if it failed, the reason."""
        return Response(job_payload(_job(request, pk)))


class JobRetryView(APIView):
    """Try a job again."""

    @extend_schema(request=None, responses={202: JobSerializer})
    def post(self, request: Request, pk: UUID) -> Response:
        """Queue a failed or cancelled job once more."""
        job = retry_job(by=person(request), job=_job(request, pk))
        record(AuditAction.CHANGE, by=request.user, subject=job, patient=job.scan.patient, request=request, to="queued")
        return Response(job_payload(job), status=status.HTTP_202_ACCEPTED)


class JobCancelView(APIView):
    """Stop a job."""

    @extend_schema(request=None, responses={202: JobSerializer})
    def post(self, request: Request, pk: UUID) -> Response:
        """Cancel a queued job at once, a running one as soon as its worker hears of it."""
        job = cancel_job(by=person(request), job=_job(request, pk))
        patient = job.scan.patient
        record(AuditAction.CHANGE, by=request.user, subject=job, patient=patient, request=request, to="cancelled")
        return Response(job_payload(job), status=status.HTTP_202_ACCEPTED)


class ScanAnalyseView(APIView):
    """Run a pipeline on a scan."""

    @extend_schema(request=AnalysisRequestSerializer, responses={202: JobSerializer})
    def post(self, request: Request, pk: UUID) -> Response:
        """Start a job, or answer with the job that already does or did this."""
        scan = get_object_or_404(visible_scans(request.user).select_related("patient"), pk=pk)
        wanted = AnalysisRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        job = submit_scan(by=person(request), scan=scan, pipeline=wanted.validated_data["pipeline"] or None)
        record(AuditAction.CREATE, by=request.user, subject=job, patient=scan.patient, request=request)
        return Response(job_payload(job), status=status.HTTP_202_ACCEPTED)


class PipelinesView(APIView):
    """What can be run."""

    @extend_schema(responses=PipelineSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Every pipeline of this installation."""
        return Response(pipelines())
