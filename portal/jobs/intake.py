"""Completing an upload: one transaction from files to scans and queued jobs, or a hold, or a sentence."""

from datetime import datetime
from typing import Any, Literal

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from inference.io import SeriesKind
from portal.accounts.audit import record
from portal.accounts.models import AuditAction, User
from portal.jobs.routing import RoutingRules, configured_rules, route
from portal.jobs.services import submit_scan
from portal.patients.access import visible_patients
from portal.patients.models import Patient
from portal.scans.access import may_decide
from portal.scans.claims import PatientClaim
from portal.scans.errors import IntakeRefused, NotAllowed, StillArriving
from portal.scans.ingest import IngestPlan, PlannedScan, create_scan, plan_scans
from portal.scans.matching import Conflict, conflict_between, conflict_with, known_patient, new_patient
from portal.scans.models import Upload, UploadState
from portal.scans.times import refuse_future

Decision = Literal["claimed", "files", "refuse"]


def complete_upload(
    *,
    by: User,
    upload: Upload,
    claimed_patient: PatientClaim | None = None,
    acquired_at: datetime | None = None,
    rules: RoutingRules | None = None,
) -> dict[str, Any]:
    """Turn the files of an upload into scans with a job each; asked again, the answer is the same.

    With routing rules, only the reconstructions that they choose are analysed.

    Raises:
        IntakeRefused: a patient or a time is missing or impossible, or files came meanwhile; the upload stays open.
    """
    plan = plan_scans(upload)
    with transaction.atomic():
        upload = Upload.objects.select_for_update().get(pk=upload.pk)
        if upload.state != UploadState.OPEN:
            return upload.outcome
        if upload.files.count() != plan.file_count:
            raise StillArriving(_("More files came while the upload was being completed; complete it again."))
        upload.claimed_patient = claimed_patient.as_json() if claimed_patient else {}
        upload.claimed_acquired_at = acquired_at
        if plan.scans:
            _refuse_incomplete(plan, claimed_patient, acquired_at)
        conflict = next((c for scan in plan.scans if (c := _conflict(scan, claimed_patient, by))), None)
        if conflict is not None:
            return _hold(upload, plan, conflict)
        return _accept(upload, plan, by=by, sender=by, decision="claimed" if claimed_patient else "files", rules=rules)


@transaction.atomic
def hold_upload(*, upload: Upload, reason: str) -> None:
    """Hold an upload that nobody waits for and that cannot be completed, for a person to decide."""
    upload = Upload.objects.select_for_update().get(pk=upload.pk)
    if upload.state == UploadState.OPEN:
        upload.hold_reason = reason
        _close(upload, UploadState.HELD, _outcome([], [], [], held={"reason": reason}))


def decide_upload(*, by: User, upload: Upload, decision: Decision) -> dict[str, Any]:
    """Give a held upload to the patient its sender named, or to the one its files name, or refuse it.

    Raises:
        NotAllowed: the person's role does not decide, or the patient is another team's.
        IntakeRefused: the upload is not held, or names no such patient.
    """
    if not may_decide(by):
        raise NotAllowed(_("Only a radiologist or an administrator decides about a held upload."))
    plan = plan_scans(upload)
    with transaction.atomic():
        upload = Upload.objects.select_for_update().select_related("by").get(pk=upload.pk)
        if upload.state != UploadState.HELD:
            raise IntakeRefused(_("This upload is not held (any more); reload the page to see its state."))
        upload.decided_by, upload.decided_at = by, timezone.now()
        if decision == "refuse":
            reason = f"The upload was refused by {by.username}: {upload.hold_reason.removesuffix('.')}."
            rejected = [{"file": file.name, "reason": reason} for file in upload.files.all()]
            return _close(upload, UploadState.REFUSED, _outcome([], [], rejected))
        rules = configured_rules() if upload.origin else None
        return _accept(upload, plan, by=by, sender=upload.by, decision=decision, rules=rules)


def _refuse_incomplete(plan: IngestPlan, claimed: PatientClaim | None, acquired_at: datetime | None) -> None:
    if acquired_at is not None:
        refuse_future(acquired_at)
    for scan in plan.scans:
        if claimed is None and PatientClaim.of_header(scan.header.patient) is None:
            raise IntakeRefused(
                _("%(name)s does not say whose scan it is; enter the patient's record number.") % {"name": scan.name}
            )
        if scan.header.kind is not SeriesKind.DICOM and acquired_at is None:
            raise IntakeRefused(
                _("%(name)s carries no acquisition time; enter when the scan was acquired.") % {"name": scan.name}
            )


def _conflict(scan: PlannedScan, claimed: PatientClaim | None, sender: User) -> Conflict | None:
    in_files = PatientClaim.of_header(scan.header.patient)
    claim = _claim(scan, "claimed", claimed)
    patient = known_patient(claim)
    return conflict_between(claimed, in_files) or (conflict_with(patient, claim, sender=sender) if patient else None)


def _claim(scan: PlannedScan, decision: Decision, claimed: PatientClaim | None) -> PatientClaim:
    in_files = PatientClaim.of_header(scan.header.patient)
    preferred, other = (claimed, in_files) if decision == "claimed" else (in_files, claimed)
    claim = preferred or other
    if claim is None:
        raise IntakeRefused(
            _("%(name)s does not say whose scan it is; enter the patient's record number.") % {"name": scan.name}
        )
    return claim


def _hold(upload: Upload, plan: IngestPlan, conflict: Conflict) -> dict[str, Any]:
    upload.hold_reason = conflict.reason
    return _close(upload, UploadState.HELD, _outcome([], [], list(plan.rejected), held={"reason": conflict.reason}))


def _accept(
    upload: Upload,
    plan: IngestPlan,
    *,
    by: User,
    sender: User,
    decision: Decision,
    rules: RoutingRules | None = None,
) -> dict[str, Any]:
    claimed = PatientClaim.from_json(upload.claimed_patient)
    scans = []
    for planned in plan.scans:
        patient = _patient(_claim(planned, decision, claimed), by=by, sender=sender)
        scan = create_scan(upload=upload, patient=patient, plan=planned, typed_time=upload.claimed_acquired_at)
        record(AuditAction.CREATE, by=by, subject=scan, patient=patient, upload=str(upload.pk))
        scans.append(scan)
    jobs = [submit_scan(by=sender, scan=scan) for scan in route(scans, rules)]
    for rejection in plan.rejected:
        upload.files.filter(name=rejection["file"]).update(rejection=rejection["reason"])
    accepted = [
        {
            "id": str(scan.pk),
            "patient": str(scan.patient_id),
            "acquired_at": scan.acquired_at.isoformat() if scan.acquired_at else None,
            "quality": scan.quality,
        }
        for scan in scans
    ]
    outcome = _outcome(accepted, [str(job.pk) for job in jobs], list(plan.rejected))
    return _close(upload, UploadState.COMPLETE, outcome)


def _patient(claim: PatientClaim, *, by: User, sender: User) -> Patient:
    patient = known_patient(claim)
    if patient is None:
        return new_patient(claim, sender=sender)
    if not by.is_administrator and not visible_patients(by).filter(pk=patient.pk).exists():
        raise NotAllowed("This patient is in the care of another team; an administrator decides.")
    return patient


def _outcome(
    scans: list[dict[str, Any]],
    jobs: list[str],
    rejected: list[dict[str, str]],
    held: dict[str, str] | None = None,
) -> dict[str, Any]:
    return {"scans": scans, "jobs": jobs, "rejected": rejected, "held": held}


def _close(upload: Upload, state: UploadState, outcome: dict[str, Any]) -> dict[str, Any]:
    upload.state, upload.outcome, upload.completed_at = state, outcome, timezone.now()
    upload.save()
    return outcome
