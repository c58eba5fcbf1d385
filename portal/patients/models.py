"""Patients and the teams that care for them."""

import uuid

from django.conf import settings
from django.db import models


class Sex(models.TextChoices):
    """DICOM PS3.3 C.7.1.1, attribute (0010,0040)."""

    FEMALE = "F", "Female"
    MALE = "M", "Male"
    OTHER = "O", "Other"
    UNKNOWN = "", "Not stated"


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
    mrn = models.CharField("medical record number", max_length=64)
    issuer = models.CharField("issuer of the record number", max_length=64, blank=True)
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
