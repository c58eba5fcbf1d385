"""Revisions of a scan's masks, and the comparison of two scans."""

from typing import Any
from uuid import UUID

from django.http import FileResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.accounts.audit import record, record_view
from portal.accounts.models import AuditAction
from portal.accounts.people import person
from portal.api.pixels import NO_STORE
from portal.api.scans import RevisionSerializer, find_scan
from portal.jobs.models import InferenceJob
from portal.jobs.payload import job_payload
from portal.jobs.services import submit_registration
from portal.jobs.states import OPEN_STATES, JobState
from portal.scans.access import visible_scans
from portal.scans.corrections import save_correction
from portal.scans.current import current_segmentation
from portal.scans.files import MASK_KINDS
from portal.scans.models import Registration, Scan
from portal.scans.registrations import GROWTH_NAME, registration_of
from portal.scans.storage import path_of


class CorrectionSerializer(serializers.Serializer[Any]):
    """A correction: NIfTI label maps on the scan's grid; those left out stay as they are."""

    reason = serializers.CharField(max_length=2000)
    based_on = serializers.IntegerField(help_text="Number of the revision that was corrected.")
    lung = serializers.FileField(required=False, help_text="1 right, 2 left.")
    lobes = serializers.FileField(required=False, help_text="1 RUL, 2 RML, 3 RLL, 4 LUL, 5 LLL.")
    infection = serializers.FileField(
        required=False, help_text="1 ground-glass, 2 consolidation, 3 effusion, 4 infected of unknown kind."
    )


class ScanRevisionsView(APIView):
    """Every revision of a scan's masks."""

    parser_classes = [MultiPartParser]

    @extend_schema(responses=RevisionSerializer(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        """All revisions, oldest first."""
        scan = find_scan(request, pk)
        record_view(request, scan, patient=scan.patient)
        return Response(RevisionSerializer(scan.segmentations.select_related("author"), many=True).data)

    @extend_schema(request={"multipart/form-data": CorrectionSerializer}, responses={201: RevisionSerializer})
    def post(self, request: Request, pk: UUID) -> Response:
        """Save corrected masks as a new revision; volumes, score, timeline and flags follow at once."""
        scan = find_scan(request, pk)
        sent = CorrectionSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        fields = sent.validated_data
        based_on = scan.segmentations.select_related("scan", "measurement").filter(number=fields["based_on"]).first()
        if based_on is None:
            raise NotFound(_("This scan has no revision %(based_on)s.") % {"based_on": fields["based_on"]})
        masks = {kind: fields[kind].chunks() for kind in MASK_KINDS if kind in fields}
        revision = save_correction(by=person(request), based_on=based_on, reason=fields["reason"], masks=masks)
        record(
            AuditAction.CHANGE,
            by=request.user,
            subject=scan,
            patient=scan.patient,
            request=request,
            revision=revision.number,
            based_on=based_on.number,
        )
        return Response(RevisionSerializer(revision).data, status=status.HTTP_201_CREATED)


class TransformSerializer(serializers.Serializer[Any]):
    """Affine part: a point of the scan (LPS, mm) to where it lies in the prior."""

    matrix = serializers.ListField(child=serializers.FloatField(), help_text="3 x 3, row by row.")
    centre_mm = serializers.ListField(child=serializers.FloatField())
    translation_mm = serializers.ListField(child=serializers.FloatField())
    is_deformable = serializers.BooleanField(help_text="Whether a deformation follows, which is not in these numbers.")


class RegistrationSerializer(serializers.Serializer[Any]):
    """A prior laid onto a scan. Millilitres in the scan's space, from resampled masks: no measurement of either."""

    state = serializers.CharField(help_text="succeeded, or the state of the job that works on it.")
    revision = serializers.IntegerField()
    prior_revision = serializers.IntegerField()
    error_mm = serializers.FloatField(help_text="Mean distance of the lungs' surfaces.")
    error95_mm = serializers.FloatField(help_text="95th percentile of that distance.")
    lung_dice = serializers.FloatField()
    is_poor = serializers.BooleanField()
    new_ml = serializers.FloatField()
    persistent_ml = serializers.FloatField()
    resolved_ml = serializers.FloatField()
    transform = TransformSerializer()
    prior_slice_of = serializers.ListField(
        child=serializers.FloatField(), help_text="For each slice of the scan, the slice of the prior that matches."
    )


def _pair(request: Request, pk: UUID, prior_pk: UUID) -> tuple[Scan, Scan]:
    scans = visible_scans(request.user).select_related("patient")
    scan = get_object_or_404(scans, pk=pk)
    return scan, get_object_or_404(scans.filter(patient=scan.patient), pk=prior_pk)


def _ended_without_result(scan: Scan, prior: Scan) -> InferenceJob | None:
    """The last job of a pair if it failed or was cancelled on the revisions that still count: a person may retry it."""
    revisions = [revision for revision in map(current_segmentation, (scan, prior)) if revision]
    jobs = InferenceJob.objects.filter(scan=scan, prior=prior).select_related("scan")
    last = jobs.filter(created_at__gt=max(revision.created_at for revision in revisions)).last() if revisions else None
    return last if last and last.state in {JobState.FAILED, JobState.CANCELLED} else None


def _payload(registration: Registration) -> dict[str, Any]:
    return {
        "state": "succeeded",
        "revision": registration.after.number,
        "prior_revision": registration.before.number,
        **registration.details,
    }


class RegistrationView(APIView):
    """How the infection moved between two scans."""

    @extend_schema(responses={200: RegistrationSerializer, 202: OpenApiTypes.OBJECT})
    def get(self, request: Request, pk: UUID, prior_pk: UUID) -> Response:
        """The registration of a prior onto a scan; the first request starts it and answers 202 with the job."""
        scan, prior = _pair(request, pk, prior_pk)
        record_view(request, scan, patient=scan.patient)
        if (found := registration_of(scan, prior)) is not None:
            return Response(_payload(found))
        job = _ended_without_result(scan, prior) or submit_registration(by=person(request), scan=scan, prior=prior)
        answer = status.HTTP_202_ACCEPTED if job.state in OPEN_STATES else status.HTTP_200_OK
        return Response(job_payload(job), status=answer)


class GrowthMapView(APIView):
    """New, persistent and resolved infection."""

    @extend_schema(responses={(200, "application/gzip"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: UUID, prior_pk: UUID) -> FileResponse | Response:
        """NIfTI label map on the scan's grid: 1 new, 2 persistent, 3 resolved."""
        scan, prior = _pair(request, pk, prior_pk)
        found = registration_of(scan, prior)
        if found is None:
            raise NotFound(_("These two scans have not been laid onto each other yet."))
        file = path_of(f"{found.folder}/{GROWTH_NAME}").open("rb")
        record(
            AuditAction.DOWNLOAD, by=request.user, subject=scan, patient=scan.patient, request=request, mask="growth"
        )
        return FileResponse(
            file, content_type="application/gzip", filename=GROWTH_NAME, as_attachment=True, headers=NO_STORE
        )
