"""The audit trail: who did what to whose data, when, and from where. Rows are only ever added."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.http import HttpRequest
from django.utils import timezone

from portal.accounts.models import AuditAction, AuditEvent, User

#: Pieces of one thing that are asked for within this time are one look.
PIECES_WITHIN = timedelta(hours=1)


def record(
    action: AuditAction,
    *,
    by: User | AnonymousUser | None = None,
    subject: models.Model | None = None,
    patient: models.Model | None = None,
    request: HttpRequest | None = None,
    actor_name: str = "",
    **detail: Any,
) -> AuditEvent:
    """Add one line to the trail. `detail` holds JSON values and never pixel data or names of patients."""
    actor = by if isinstance(by, User) else None
    return AuditEvent.objects.create(
        action=action,
        actor=actor,
        actor_name=(actor.username if actor else actor_name)[:150],
        subject_type=subject._meta.label_lower if subject is not None else "",
        # Tokens have keys of 128 characters; half of one names it well enough.
        subject_id=str(subject.pk)[:64] if subject is not None else "",
        patient_id=_key(patient),
        detail=detail,
        address=request.META.get("REMOTE_ADDR") or None if request is not None else None,
    )


def record_view(request: HttpRequest, subject: models.Model, patient: models.Model | None = None) -> AuditEvent:
    """One person looked at one thing."""
    by = request.user if isinstance(request.user, User) else None
    return record(AuditAction.VIEW, by=by, subject=subject, patient=patient, request=request)


def record_look(request: HttpRequest, subject: models.Model, patient: models.Model | None = None) -> None:
    """Like `record_view` for what is asked for in many pieces: one line an hour for the same person and thing."""
    by = request.user if isinstance(request.user, User) else None
    recent = AuditEvent.objects.filter(
        actor=by,
        subject_id=str(subject.pk)[:64],
        action__in=(AuditAction.VIEW, AuditAction.DOWNLOAD),
        at__gt=timezone.now() - PIECES_WITHIN,
    )
    if not recent.exists():
        record_view(request, subject, patient=patient)


def _key(patient: models.Model | None) -> UUID | None:
    return patient.pk if patient is not None else None
