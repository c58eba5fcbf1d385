"""What happened to a patient between the scans: added, and withdrawn when it was wrong."""

from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.accounts.models import User
from portal.patients.models import Patient, TreatmentEvent


class EventRefused(Exception):
    """`str(error)` is one sentence for the person who asked."""


def events_of(patient: Patient) -> QuerySet[TreatmentEvent]:
    """The events that hold, in order of time."""
    return patient.events.filter(withdrawn_at=None).select_related("by").order_by("at")


def add_event(*, by: User, patient: Patient, at: datetime, text: str) -> TreatmentEvent:
    """Put an event on the course.

    Raises:
        EventRefused: no text, one that is too long, or a time that has not come yet.
    """
    text = " ".join(text.split())
    longest = TreatmentEvent._meta.get_field("text").max_length or 0
    if not text:
        raise EventRefused(_("Say in a few words what happened."))
    if len(text) > longest:
        raise EventRefused(
            _("An event has at most %(longest)s characters; the rest belongs into the patient's record.")
            % {"longest": longest}
        )
    if at > timezone.now():
        raise EventRefused(_("The time of the event lies in the future; correct it."))
    return TreatmentEvent.objects.create(by=by, patient=patient, at=at, text=text)


def withdraw_event(*, by: User, event: TreatmentEvent) -> None:
    """Take an event off the course; it stays on record."""
    TreatmentEvent.objects.filter(pk=event.pk, withdrawn_at=None).update(withdrawn_by=by, withdrawn_at=timezone.now())
