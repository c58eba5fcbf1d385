"""Whose scan is it? Matching what files and sender say with the patients there are."""

from dataclasses import dataclass

from portal.accounts.models import User
from portal.patients.access import visible_patients
from portal.patients.models import Patient
from portal.scans.claims import PatientClaim
from portal.scans.errors import IntakeRefused


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why a person must decide."""

    reason: str


def conflict_between(claimed: PatientClaim | None, in_files: PatientClaim | None) -> Conflict | None:
    """Sender and files name different patients."""
    if claimed is None or in_files is None or claimed.mrn == in_files.mrn:
        return None
    return Conflict(
        f"The files belong to patient {in_files.mrn}, but the upload was made for patient {claimed.mrn}. "
        "A radiologist or administrator decides whose scan it is."
    )


def known_patient(claim: PatientClaim) -> Patient | None:
    """The patient with this record number and issuer; a claim without issuer matches the only one with the number."""
    exact = Patient.objects.filter(mrn=claim.mrn, issuer=claim.issuer).first()
    if exact is not None or claim.issuer:
        return exact
    candidates = list(Patient.objects.filter(mrn=claim.mrn)[:2])
    return candidates[0] if len(candidates) == 1 else None


def conflict_with(patient: Patient, claim: PatientClaim, *, sender: User) -> Conflict | None:
    """The patient is another team's, or another person under the same number."""
    if not visible_patients(sender).filter(pk=patient.pk).exists():
        return Conflict(
            f"Record number {claim.mrn} belongs to a patient of another care team. An administrator decides."
        )
    if patient.birth_date and claim.birth_date and patient.birth_date != claim.birth_date:
        return Conflict(
            f"The birth date stated for patient {claim.mrn} differs from the one on record. "
            "A radiologist or administrator decides whose scan it is."
        )
    if _words(patient.name) and _words(claim.name) and not _words(patient.name) & _words(claim.name):
        return Conflict(
            f"The name stated for patient {claim.mrn} differs from the one on record. "
            "A radiologist or administrator decides whose scan it is."
        )
    return None


def _words(name: str) -> set[str]:
    return set(name.casefold().replace(",", " ").replace("^", " ").split())


def new_patient(claim: PatientClaim, *, sender: User) -> Patient:
    """A patient in the care of the sender's teams.

    Raises:
        IntakeRefused: the sender belongs to no team, so nobody could see the patient.
    """
    teams = list(sender.care_teams.all())
    if not teams:
        raise IntakeRefused("You belong to no care team yet; ask an administrator to add you to one, then send again.")
    patient, _ = Patient.objects.get_or_create(
        mrn=claim.mrn,
        issuer=claim.issuer,
        defaults={"name": claim.name, "birth_date": claim.birth_date, "sex": claim.sex},
    )
    patient.care_teams.add(*teams)
    return patient
