"""Lines of the audit trail as FHIR R4 AuditEvent, for the hospital's own audit repository."""

from typing import Any

from portal.accounts.models import AuditAction, AuditEvent

EVENT_TYPES = "http://terminology.hl7.org/CodeSystem/audit-event-type"
DICOM_CODES = "http://dicom.nema.org/resources/ontology/DCM"
#: Type (system, code, text) and action (create, read, update, delete, execute) of what can happen.
KINDS: dict[str, tuple[tuple[str, str, str], str]] = {
    AuditAction.LOGIN: ((DICOM_CODES, "110114", "User Authentication"), "E"),
    AuditAction.LOGIN_FAILED: ((DICOM_CODES, "110114", "User Authentication"), "E"),
    AuditAction.LOGOUT: ((DICOM_CODES, "110114", "User Authentication"), "E"),
    AuditAction.VIEW: ((DICOM_CODES, "110110", "Patient Record"), "R"),
    AuditAction.SEARCH: ((DICOM_CODES, "110112", "Query"), "E"),
    AuditAction.CREATE: ((DICOM_CODES, "110110", "Patient Record"), "C"),
    AuditAction.CHANGE: ((DICOM_CODES, "110110", "Patient Record"), "U"),
    AuditAction.DOWNLOAD: ((DICOM_CODES, "110106", "Export"), "R"),
    AuditAction.REFUSED: ((DICOM_CODES, "110113", "Security Alert"), "E"),
}
#: Outcome codes: success, and serious failure.
SUCCESS, FAILURE = "0", "8"
FAILED = frozenset({AuditAction.LOGIN_FAILED, AuditAction.REFUSED})


def audit_event(event: AuditEvent) -> dict[str, Any]:
    """One line; `AuditEvent` of FHIR names who did what to whose data, when, and from where."""
    (system, code, display), action = KINDS[event.action]
    agent: dict[str, Any] = {"who": {"display": event.actor_name or "unknown"}, "requestor": True}
    if event.address:
        agent["network"] = {"address": event.address, "type": "2"}
    resource: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": str(event.pk),
        "type": {"system": system, "code": code, "display": display},
        "subtype": [{"system": "urn:99lungtrend:action", "code": event.action}],
        "action": action,
        "recorded": event.at.isoformat(),
        "outcome": FAILURE if event.action in FAILED else SUCCESS,
        "agent": [agent],
        "source": {"observer": {"display": "LungTrend"}},
    }
    entities: list[dict[str, Any]] = []
    if event.patient_id:
        entities.append({"what": {"reference": f"Patient/{event.patient_id}"}})
    if event.subject_id:
        entities.append({"what": {"identifier": {"value": event.subject_id}}, "name": event.subject_type})
    if entities:
        resource["entity"] = entities
    return resource
