"""Reading and searching resources: `GET /fhir/TYPE/ID` and `GET /fhir/TYPE?patient=ID`."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from uuid import UUID

from django.http import Http404, JsonResponse
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.accounts.addresses import public_address
from portal.accounts.audit import record, record_view
from portal.accounts.models import AuditAction, AuditEvent, User
from portal.fhir.audit import audit_event
from portal.fhir.resources import (
    Resource,
    bundle,
    capability_statement,
    diagnostic_report,
    imaging_study,
    observations,
    outcome,
    patient_resource,
)
from portal.patients.access import visible_patients
from portal.patients.models import Patient
from portal.scans.access import visible_scans
from portal.scans.current import current_segmentation
from portal.scans.models import Scan, ScanKind, Segmentation
from portal.scans.selectors import leading_change

FHIR_JSON = "application/fhir+json"
MOST = 200
SEARCHES: dict[str, Sequence[str]] = {
    "Patient": ("_id", "identifier", "name"),
    "ImagingStudy": ("_id", "patient", "identifier"),
    "DiagnosticReport": ("_id", "patient"),
    "Observation": ("_id", "patient", "code"),
    "AuditEvent": ("_id", "patient", "agent", "date"),
}


class BadSearch(Exception):
    """A search that cannot be understood; `str(error)` says why."""


class FhirRenderer(JSONRenderer):
    """For refusals; also lets clients ask for FHIR's own type."""

    media_type = FHIR_JSON
    format = "fhir"


@extend_schema(exclude=True)
class FhirView(APIView):
    """One address of FHIR. Resources are read only."""

    renderer_classes = [JSONRenderer, FhirRenderer]
    content_negotiation_class = DefaultContentNegotiation

    @property
    def address(self) -> str:
        """Of this service, without a slash at its end."""
        return public_address(self.request, reverse("fhir_metadata").removesuffix("/metadata"))

    def answer(self, resource: Resource, status: int = 200) -> JsonResponse:
        """A resource as JSON that no cache keeps."""
        headers = {"Cache-Control": "private, no-store"}
        return JsonResponse(resource, content_type=FHIR_JSON, headers=headers, status=status)

    def handle_exception(self, exc: Exception) -> Response:
        """Refusals as OperationOutcome."""
        if isinstance(exc, BadSearch):
            return Response(outcome(str(exc)), status=400, content_type=FHIR_JSON)
        answer = super().handle_exception(exc)
        detail = answer.data.get("detail", "") if isinstance(answer.data, dict) else ""
        code = {401: "login", 403: "forbidden", 404: "not-found"}.get(answer.status_code, "invalid")
        answer.data = outcome(str(detail), code)
        return answer


class MetadataView(FhirView):
    """What this service does."""

    def get(self, request: Request) -> JsonResponse:
        """CapabilityStatement."""
        return self.answer(capability_statement(self.address, SEARCHES))


class ResourceView(FhirView):
    """One resource."""

    def get(self, request: Request, kind: str, key: str) -> JsonResponse:
        """The resource, if it concerns a patient whom this user may see."""
        found = FINDERS[kind](self, request, {"_id": key})
        if not found:
            raise Http404(f"There is no {kind} {key}, or it is not yours to see.")
        patient, resource = found[0]
        if patient is None:
            record(AuditAction.VIEW, by=request.user, request=request, via="FHIR", kind=kind)
        _record_looks(request, [patient])
        return self.answer(resource)


class SearchView(FhirView):
    """Resources of one kind."""

    def get(self, request: Request, kind: str) -> JsonResponse:
        """A Bundle of what matches."""
        wanted = {name: str(value) for name, value in request.query_params.items() if name not in ("_format", "_count")}
        if unknown := set(wanted) - set(SEARCHES[kind]):
            raise BadSearch(f"{kind} cannot be searched by {', '.join(sorted(unknown))}.")
        count = request.query_params.get("_count", str(MOST))
        if not count.isdecimal():
            raise BadSearch("_count is a number.")
        found = FINDERS[kind](self, request, wanted)
        shown = found[: min(int(count), MOST)]
        record(AuditAction.SEARCH, by=request.user, request=request, via="FHIR", kind=kind, keys=sorted(wanted))
        _record_looks(request, [patient for patient, _ in shown])
        return self.answer(bundle("searchset", [one for _, one in shown], self.address, total=len(found)))


Found = list[tuple[Patient | None, Resource]]
Finder = Callable[[FhirView, Request, dict[str, str]], Found]


#: The key of nothing.
NOBODY = UUID(int=0)


def _uuid(text: str) -> UUID:
    """A key from an id or a reference; that of nothing where it is none."""
    try:
        return UUID(text.split("/")[-1])
    except ValueError:
        return NOBODY


def _patients(view: FhirView, request: Request, wanted: dict[str, str]) -> Found:
    patients = visible_patients(request.user)
    if "_id" in wanted:
        patients = patients.filter(pk=_uuid(wanted["_id"]))
    if "identifier" in wanted:
        patients = patients.filter(mrn=wanted["identifier"].split("|")[-1])
    if "name" in wanted:
        patients = patients.filter(name__icontains=wanted["name"])
    return [(patient, patient_resource(patient)) for patient in patients.order_by("name", "mrn")[: MOST + 1]]


def _scans(request: Request, wanted: dict[str, str]) -> list[Scan]:
    scans = visible_scans(request.user).select_related("patient").order_by("-acquired_at", "-created_at")
    if "patient" in wanted:
        scans = scans.filter(patient=_uuid(wanted["patient"]))
    return list(scans)


def _studies(view: FhirView, request: Request, wanted: dict[str, str]) -> Found:
    uid = wanted.get("_id") or wanted.get("identifier", "").split("|")[-1].removeprefix("urn:oid:")
    _refuse_everything(wanted)
    by_study: dict[str, list[Scan]] = defaultdict(list)
    for scan in _scans(request, wanted):
        if scan.kind == ScanKind.DICOM and (not uid or scan.study_uid == uid):
            by_study[scan.study_uid].append(scan)
    address = view.address.removesuffix("/fhir") + "/dicomweb"
    return [(scans[0].patient, imaging_study(scans, address)) for scans in by_study.values()]


def _refuse_everything(wanted: dict[str, str]) -> None:
    if not any(wanted.values()):
        raise BadSearch("Name a patient, for example ?patient=ID; there is no list of everything.")


def _revisions(request: Request, wanted: dict[str, str], key: UUID) -> list[Segmentation]:
    """The revision that is named, or those that count of a patient's scans."""
    if "_id" in wanted:
        known = Segmentation.objects.filter(pk=key, scan__in=visible_scans(request.user))
        return list(known.select_related("measurement", "author", "scan__patient"))
    _refuse_everything(wanted)
    current = (current_segmentation(scan) for scan in _scans(request, wanted))
    return [revision for revision in current if revision is not None]


def _reports(view: FhirView, request: Request, wanted: dict[str, str]) -> Found:
    revisions = _revisions(request, wanted, _uuid(wanted.get("_id", "")))
    return [(one.scan.patient, diagnostic_report(one, leading_change(one))) for one in revisions]


def _observations(view: FhirView, request: Request, wanted: dict[str, str]) -> Found:
    revisions = _revisions(request, wanted, _uuid(wanted.get("_id", "").partition(".")[0]))
    code = wanted.get("code", "").split("|")[-1]
    return [
        (revision.scan.patient, one)
        for revision in revisions
        for one in observations(revision, leading_change(revision))
        if wanted.get("_id") in (None, one["id"]) and (not code or one["code"]["coding"][0]["code"] == code)
    ]


def _audit_trail(view: FhirView, request: Request, wanted: dict[str, str]) -> Found:
    """Lines of the trail, the latest first, for administrators; `date` is a day, and `agent` a name."""
    if not (isinstance(request.user, User) and request.user.is_administrator):
        raise PermissionDenied("The audit trail is for administrators.")
    events = AuditEvent.objects.order_by("-pk")
    if "_id" in wanted:
        events = events.filter(pk=int(wanted["_id"]) if wanted["_id"].isdecimal() else 0)
    if "patient" in wanted:
        events = events.filter(patient_id=_uuid(wanted["patient"]))
    if "agent" in wanted:
        events = events.filter(actor_name=wanted["agent"])
    if "date" in wanted:
        try:
            events = events.filter(at__date=date.fromisoformat(wanted["date"]))
        except ValueError:
            raise BadSearch("date is a day, for example 2026-01-31.") from None
    return [(None, audit_event(event)) for event in events[:MOST]]


def _record_looks(request: Request, patients: Iterable[Patient | None]) -> None:
    for patient in {patient.pk: patient for patient in patients if patient is not None}.values():
        record_view(request, patient, patient=patient)


FINDERS: dict[str, Finder] = {
    "Patient": _patients,
    "ImagingStudy": _studies,
    "DiagnosticReport": _reports,
    "Observation": _observations,
    "AuditEvent": _audit_trail,
}
