"""Uploading scans: open, send files in any number of requests, complete."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.accounts.audit import record
from portal.accounts.models import AuditAction
from portal.accounts.people import person
from portal.jobs.intake import complete_upload, decide_upload
from portal.patients.models import Sex
from portal.scans.access import visible_uploads
from portal.scans.claims import PatientClaim
from portal.scans.errors import FileRefused
from portal.scans.intake import open_upload, receive_file
from portal.scans.models import Upload
from portal.scans.said import said


class ReceivedFileSerializer(serializers.Serializer[Any]):
    """What became of one file of a request."""

    name = serializers.CharField()
    sha256 = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(choices=["stored", "duplicate", "refused"])
    reason = serializers.CharField(allow_blank=True)


class ReceivedFilesSerializer(serializers.Serializer[Any]):
    """One answer per file, in the order sent."""

    files = ReceivedFileSerializer(many=True)


class FilesSerializer(serializers.Serializer[Any]):
    """Any number of parts named `file`."""

    file = serializers.ListField(child=serializers.FileField())


class StoredFileSerializer(serializers.Serializer[Any]):
    """A file that this upload holds, as received."""

    name = serializers.CharField()
    sha256 = serializers.CharField()
    size = serializers.IntegerField(help_text="bytes")
    rejection = serializers.CharField(allow_blank=True)


class QualityNoteSerializer(serializers.Serializer[Any]):
    """A remark on the quality of a scan or a measurement."""

    code = serializers.CharField()
    text = serializers.CharField()


class AcceptedScanSerializer(serializers.Serializer[Any]):
    """A scan that an upload became."""

    id = serializers.UUIDField()
    patient = serializers.UUIDField()
    acquired_at = serializers.DateTimeField(allow_null=True)
    quality = QualityNoteSerializer(many=True)


class RejectedFileSerializer(serializers.Serializer[Any]):
    """A file that became part of no scan, and why."""

    file = serializers.CharField()
    reason = serializers.CharField()


class HoldSerializer(serializers.Serializer[Any]):
    """Why an upload waits for a person's decision."""

    reason = serializers.CharField()


class OutcomeSerializer(serializers.Serializer[Any]):
    """What a completed upload became."""

    scans = AcceptedScanSerializer(many=True)
    jobs = serializers.ListField(child=serializers.UUIDField())
    rejected = RejectedFileSerializer(many=True)
    held = HoldSerializer(allow_null=True)


class UploadSerializer(serializers.Serializer[Any]):
    """An upload, its files and, once complete, its outcome."""

    id = serializers.UUIDField()
    state = serializers.CharField()
    files = StoredFileSerializer(many=True)
    outcome = OutcomeSerializer(allow_null=True)


class OpenedUploadSerializer(serializers.Serializer[Any]):
    """A new upload."""

    id = serializers.UUIDField()
    state = serializers.CharField()


class PatientClaimSerializer(serializers.Serializer[Any]):
    """Who the sender says the patient is."""

    mrn = serializers.CharField(max_length=64)
    issuer = serializers.CharField(max_length=64, required=False, allow_blank=True, default="")
    name = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    birth_date = serializers.DateField(required=False, allow_null=True, default=None)
    sex = serializers.ChoiceField(choices=Sex.choices, required=False, allow_blank=True, default=Sex.UNKNOWN)


class CompletionSerializer(serializers.Serializer[Any]):
    """Optional claims: needed for files that carry no patient or no time of their own."""

    patient = PatientClaimSerializer(required=False, allow_null=True, default=None)
    acquired_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class DecisionSerializer(serializers.Serializer[Any]):
    """Whose scan a held upload is."""

    decision = serializers.ChoiceField(choices=["claimed", "files", "refuse"])


def _told(outcome: dict[str, Any]) -> dict[str, Any]:
    """An outcome with its sentences, which are stored in English, in the reader's language."""
    scans = [
        {**scan, "quality": [{**note, "text": said(note["text"])} for note in scan["quality"]]}
        for scan in outcome["scans"]
    ]
    rejected = [{**item, "reason": said(item["reason"])} for item in outcome["rejected"]]
    held = outcome["held"] and {**outcome["held"], "reason": said(outcome["held"]["reason"])}
    return {**outcome, "scans": scans, "rejected": rejected, "held": held}


def _upload(request: Request, pk: UUID) -> Upload:
    return get_object_or_404(visible_uploads(request.user), pk=pk)


class UploadsView(APIView):
    """Open an upload."""

    @extend_schema(request=None, responses={201: OpenedUploadSerializer})
    def post(self, request: Request) -> Response:
        """Open an upload to send files to."""
        upload = open_upload(by=person(request))
        record(AuditAction.CREATE, by=request.user, subject=upload, request=request)
        return Response({"id": upload.pk, "state": upload.state}, status=status.HTTP_201_CREATED)


class UploadView(APIView):
    """Look at an upload."""

    @extend_schema(responses=UploadSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Say which files have arrived, so that a broken upload sends only what is missing."""
        upload = _upload(request, pk)
        record(AuditAction.VIEW, by=request.user, subject=upload, request=request)
        stored = upload.files.values("name", "sha256", "size", "rejection")
        files = [{**file, "rejection": said(file["rejection"])} for file in stored]
        outcome = _told(upload.outcome) if upload.outcome else None
        body = {"id": upload.pk, "state": upload.state, "files": files, "outcome": outcome}
        return Response(UploadSerializer(body).data)


class UploadFilesView(APIView):
    """Send files."""

    parser_classes = [MultiPartParser]

    @extend_schema(
        request={"multipart/form-data": FilesSerializer},
        responses={200: ReceivedFilesSerializer, 400: OpenApiResponse(description="No part named `file`.")},
    )
    def post(self, request: Request, pk: UUID) -> Response:
        """Store every `file` part as received; the same content again is a duplicate, not an error."""
        upload = _upload(request, pk)
        parts = request.FILES.getlist("file")
        if not parts:
            raise ValidationError({"detail": _("The request holds no part named `file`; send each file as one.")})
        answers = []
        for part in parts:
            name = part.name or "unnamed"
            try:
                file, is_new = receive_file(upload=upload, name=name, chunks=part.chunks())
            except FileRefused as refusal:
                answers.append({"name": name, "sha256": "", "status": "refused", "reason": str(refusal)})
            else:
                kept = "stored" if is_new else "duplicate"
                answers.append({"name": name, "sha256": file.sha256, "status": kept, "reason": ""})
        return Response({"files": answers})


class UploadCompleteView(APIView):
    """Turn an upload into scans and jobs."""

    parser_classes = [JSONParser, MultiPartParser]

    @extend_schema(
        request=CompletionSerializer,
        responses={202: OutcomeSerializer, 400: OpenApiResponse(description="A patient or a time is missing.")},
    )
    def post(self, request: Request, pk: UUID) -> Response:
        """Group the files into scans and start a job for each. Asking again gives the same answer."""
        upload = _upload(request, pk)
        claims = CompletionSerializer(data=request.data)
        claims.is_valid(raise_exception=True)
        claimed = claims.validated_data["patient"]
        outcome = complete_upload(
            by=person(request),
            upload=upload,
            claimed_patient=PatientClaim(**claimed) if claimed else None,
            acquired_at=claims.validated_data["acquired_at"],
        )
        record(AuditAction.CHANGE, by=request.user, subject=upload, request=request, scans=len(outcome["scans"]))
        return Response(_told(outcome), status=status.HTTP_202_ACCEPTED)


class UploadDecisionView(APIView):
    """Decide about a held upload."""

    @extend_schema(request=DecisionSerializer, responses={202: OutcomeSerializer})
    def post(self, request: Request, pk: UUID) -> Response:
        """Assign a held upload to the claimed patient or to the one the files name, or refuse it."""
        upload = _upload(request, pk)
        choice = DecisionSerializer(data=request.data)
        choice.is_valid(raise_exception=True)
        decision = choice.validated_data["decision"]
        outcome = decide_upload(by=person(request), upload=upload, decision=decision)
        record(AuditAction.CHANGE, by=request.user, subject=upload, request=request, decision=decision)
        return Response(_told(outcome), status=status.HTTP_202_ACCEPTED)
