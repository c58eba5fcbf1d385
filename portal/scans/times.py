"""Acquisition times: from a header without zone, and from a person."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from inference.io import AcquisitionTime
from inference.quality import QualityNote
from portal.accounts.models import User
from portal.scans.courses import index_course
from portal.scans.errors import IntakeRefused
from portal.scans.models import Scan

TYPED = "typed"
TIME_MISSING = QualityNote(
    "time-missing", "The files state no acquisition time; until one is entered, the scan is outside the timeline."
)
TIME_AMBIGUOUS = QualityNote(
    "time-uncertain", "The acquisition time falls into the hour that occurs twice when summer time ends."
)


def in_site_zone(acquired: AcquisitionTime) -> tuple[datetime, bool]:
    """Aware time of a header, in the site's zone where it names none; and whether it is ambiguous there."""
    if acquired.when.utcoffset() is not None:
        return acquired.when, False
    local = acquired.when.replace(tzinfo=ZoneInfo(settings.TIME_ZONE))
    return local, local.utcoffset() != local.replace(fold=1).utcoffset()


def refuse_future(acquired_at: datetime) -> None:
    """A typed time must have passed.

    Raises:
        IntakeRefused: it lies in the future.
    """
    if acquired_at > timezone.now():
        raise IntakeRefused(
            _("The acquisition time %(acquired_at)s lies in the future; correct it.")
            % {"acquired_at": f"{acquired_at:%Y-%m-%d %H:%M %Z}"}
        )


@transaction.atomic
def set_acquisition_time(*, by: User, scan: Scan, acquired_at: datetime) -> Scan:
    """State when a scan was acquired whose files do not say so.

    Raises:
        IntakeRefused: the files state a time themselves, or the given one lies in the future.
    """
    scan = Scan.objects.select_for_update().get(pk=scan.pk)
    if scan.acquired_at is not None and scan.acquired_at_source != TYPED:
        raise IntakeRefused(_("The acquisition time of this scan comes from its files and is not changed by hand."))
    refuse_future(acquired_at)
    scan.acquired_at = acquired_at
    scan.acquired_at_source = TYPED
    scan.quality = [note for note in scan.quality if note["code"] != TIME_MISSING.code]
    scan.save(update_fields=["acquired_at", "acquired_at_source", "quality"])
    index_course(scan.patient)
    return scan
