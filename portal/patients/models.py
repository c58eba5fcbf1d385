"""Patients and the teams that care for them."""

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy


class Sex(models.TextChoices):
    """DICOM PS3.3 C.7.1.1, attribute (0010,0040)."""

    FEMALE = "F", gettext_lazy("Female")
    MALE = "M", gettext_lazy("Male")
    OTHER = "O", gettext_lazy("Other")
    UNKNOWN = "", gettext_lazy("Not stated")


class CareTeam(models.Model):
    """People who may see the same patients, for example a ward."""

    name = models.CharField(max_length=120, unique=True)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="care_teams", blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Patient(models.Model):
    """A person in care, identified by medical record number and its issuer."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    mrn = models.CharField(gettext_lazy("medical record number"), max_length=64)
    issuer = models.CharField(gettext_lazy("issuer of the record number"), max_length=64, blank=True)
    #: As written for people: family name, given names.
    name = models.CharField(max_length=200, blank=True)
    birth_date = models.DateField(null=True, blank=True)
    sex = models.CharField(max_length=1, choices=Sex.choices, blank=True, default=Sex.UNKNOWN)
    care_teams = models.ManyToManyField(CareTeam, related_name="patients", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "mrn"]
        constraints = [
            models.UniqueConstraint(fields=["mrn", "issuer"], name="one_patient_per_record_number"),
            models.CheckConstraint(condition=~models.Q(mrn=""), name="patient_has_a_record_number"),
        ]

    def __str__(self) -> str:
        return f"{self.name or 'Unnamed'} ({self.mrn})"


class TreatmentEvent(models.Model):
    """Something that happened to a patient and belongs beside the course: a drug begun, a transfer, an intubation.

    Events are never changed or deleted; a wrong one is withdrawn and stays on record.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField()
    text = models.CharField(max_length=200)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="events")
    created_at = models.DateTimeField(auto_now_add=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["at"]
        constraints = [models.CheckConstraint(condition=~models.Q(text=""), name="event_has_a_text")]

    def __str__(self) -> str:
        return self.text
