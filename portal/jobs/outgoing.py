"""Things for other systems: kept in the database until they have arrived, and tried again while they have not."""

import logging
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TypeVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy

logger = logging.getLogger(__name__)

#: Taken by one worker for this long; if it dies meanwhile, another takes it up after that.
LEASE = timedelta(minutes=15)
#: Waits between tries double from the first to the longest; after the last try it has failed.
FIRST_WAIT, LONGEST_WAIT, TRIES = timedelta(seconds=30), timedelta(hours=6), 14
#: Of one kind, in one sweep.
BATCH = 20


#: Secrets of other systems are in variables of these names alone: no setting may send our own secrets away.
NAMES_BEGIN_WITH = "LUNGTREND_PEER_"


def secret_of(name: str) -> str:
    """The secret in an environment variable; empty where there is none, or where the name is not one for secrets."""
    return os.environ.get(name, "") if name.startswith(NAMES_BEGIN_WITH) else ""


def refuse_other_names(name: str) -> None:
    """Validator of fields that name such a variable.

    Raises:
        ValidationError: it is no name for a secret of another system.
    """
    if not name.startswith(NAMES_BEGIN_WITH):
        raise ValidationError(f"Secrets of other systems are in variables whose names begin with {NAMES_BEGIN_WITH}.")


class OutgoingState(models.TextChoices):
    """Where an outgoing thing stands."""

    WAITING = "waiting", gettext_lazy("Waiting")
    DONE = "done", gettext_lazy("Done")
    FAILED = "failed", gettext_lazy("Failed")


class NotTaken(Exception):
    """The other side did not take it, or was not there; `str(error)` is one sentence. It is tried again."""


class Outgoing(models.Model):
    """One thing to bring to one place."""

    state = models.CharField(max_length=10, choices=OutgoingState.choices, default=OutgoingState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now)
    #: Why the last try was in vain.
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
        ordering = ["-created_at"]


Thing = TypeVar("Thing", bound=Outgoing)


def bring(queue: models.QuerySet[Thing], carry: Callable[[Thing], None]) -> int:
    """Carry what is due; how many arrived. `carry` raises `NotTaken` when it was in vain."""
    return sum(_brought(thing, carry) for thing in _due(queue))


def _due(queue: models.QuerySet[Thing]) -> Iterator[Thing]:
    """Claim one after the other, by a conditional update, so that two workers do not carry the same thing."""
    waiting = queue.filter(state=OutgoingState.WAITING)
    for thing in waiting.filter(next_at__lte=timezone.now()).order_by("next_at")[:BATCH]:
        claimed = waiting.filter(pk=thing.pk, next_at=thing.next_at, attempts=thing.attempts)
        if claimed.update(next_at=timezone.now() + LEASE, attempts=thing.attempts + 1):
            thing.attempts += 1
            yield thing


def _brought(thing: Thing, carry: Callable[[Thing], None]) -> bool:
    row = type(thing)._default_manager.filter(pk=thing.pk, state=OutgoingState.WAITING)
    try:
        carry(thing)
    except NotTaken as trouble:
        logger.warning("%s %s was not taken: %s", thing._meta.label, thing.pk, trouble)
        state = OutgoingState.FAILED if thing.attempts >= TRIES else OutgoingState.WAITING
        wait = min(FIRST_WAIT * 2 ** (thing.attempts - 1), LONGEST_WAIT)
        row.update(state=state, error=str(trouble), next_at=timezone.now() + wait)
        return False
    row.update(state=OutgoingState.DONE, error="", done_at=timezone.now())
    return True


def try_again(queue: models.QuerySet[Thing]) -> int:
    """Put what has failed, or waits, first in line; how many there were."""
    open_ones = queue.exclude(state=OutgoingState.DONE)
    return open_ones.update(state=OutgoingState.WAITING, attempts=0, next_at=timezone.now())
