"""Who works here, and what each of them did."""

import uuid

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy


class Role(models.TextChoices):
    """What a person may do, on top of which patients the person may see."""

    CLINICIAN = "clinician", gettext_lazy("Clinician")
    RADIOLOGIST = "radiologist", gettext_lazy("Radiologist")
    ADMINISTRATOR = "administrator", gettext_lazy("Administrator")


class User(AbstractUser):
    """A person who logs in. Which patients are visible depends on care teams, never on the role."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    role = models.CharField(max_length=20, choices=Role.choices, default=Role.CLINICIAN)

    @property
    def is_radiologist(self) -> bool:
        """May correct masks, decide about held uploads and sign."""
        return self.role == Role.RADIOLOGIST

    @property
    def is_administrator(self) -> bool:
        """May manage people and teams, read the audit trail, decide about held uploads."""
        return self.role == Role.ADMINISTRATOR


class AuditAction(models.TextChoices):
    """What can happen that must be on record."""

    LOGIN = "login", gettext_lazy("Logged in")
    LOGIN_FAILED = "login-failed", gettext_lazy("Failed to log in")
    LOGOUT = "logout", gettext_lazy("Logged out")
    VIEW = "view", gettext_lazy("Looked at")
    SEARCH = "search", gettext_lazy("Searched")
    CREATE = "create", gettext_lazy("Created")
    CHANGE = "change", gettext_lazy("Changed")
    DOWNLOAD = "download", gettext_lazy("Downloaded")
    REFUSED = "refused", gettext_lazy("Was refused")


class AuditEvent(models.Model):
    """One line of the audit trail. The database itself refuses to change or delete it."""

    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT)
    #: As typed or as known at the time: a failed login has no account, and accounts are renamed.
    actor_name = models.CharField(max_length=150, blank=True)
    action = models.CharField(max_length=20, choices=AuditAction.choices)
    #: The model's label and key, for example `scans.scan` and its UUID.
    subject_type = models.CharField(max_length=60, blank=True)
    subject_id = models.CharField(max_length=64, blank=True)
    #: Key of the patient concerned, so that one query answers who looked at this patient.
    patient_id = models.UUIDField(null=True, blank=True)
    detail = models.JSONField(default=dict, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["patient_id", "-id"], name="audit_by_patient"),
            models.Index(fields=["actor", "-id"], name="audit_by_actor"),
            models.Index(fields=["actor", "subject_id", "action"], name="audit_by_actor_and_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor_name} {self.action} {self.subject_type} {self.subject_id}"


class AuditLink(models.Model):
    """One link of the chain over the audit trail (`portal.accounts.chain`). The database refuses to change it too."""

    number = models.PositiveBigIntegerField(primary_key=True)
    event = models.OneToOneField(AuditEvent, on_delete=models.PROTECT, related_name="link")
    digest = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"link {self.number}"
