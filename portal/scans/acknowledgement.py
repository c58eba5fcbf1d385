"""Judging a flag: tied to the revisions that were judged, so that it opens again when they change."""

from django.db import transaction
from django.utils.translation import gettext as _

from portal.accounts.models import User
from portal.patients.models import Patient
from portal.scans.courses import index_course
from portal.scans.errors import IntakeRefused
from portal.scans.models import Acknowledgement
from portal.scans.selectors import timeline_of
from portal.scans.wording import change_sentence


@transaction.atomic
def acknowledge(*, by: User, patient: Patient, scan: str, reason: str) -> list[Acknowledgement]:
    """Acknowledge every open flag of changes that end in `scan`.

    Raises:
        IntakeRefused: no reason was given, or nothing is open there (any more).
    """
    reason = reason.strip()
    if not reason:
        raise IntakeRefused(_("Say in a few words why the flag is acknowledged; it stays in the history."))
    changes = timeline_of(patient).assessment.changes
    flagged = [(change.flag, change) for change in changes if change.is_open and change.after.scan == scan]
    if not flagged:
        raise IntakeRefused(_("This flag is no longer open; reload the page to see the current state."))
    done = Acknowledgement.objects.bulk_create(
        Acknowledgement(
            patient=patient,
            flag=flag,
            before_id=change.before.revision,
            after_id=change.after.revision,
            by=by,
            reason=reason,
            sentence=change_sentence(change),
        )
        for flag, change in flagged
        if flag is not None
    )
    index_course(patient)
    return done
