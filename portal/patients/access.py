"""The one visibility rule, from both sides: a patient is visible to the members of the patient's care teams."""

from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from portal.accounts.models import User
from portal.patients.models import Patient


def visible_patients(user: User | AnonymousUser) -> QuerySet[Patient]:
    """Patients this user may see; none for a user who is not logged in or is inactive."""
    if not (user.is_authenticated and user.is_active):
        return Patient.objects.none()
    return Patient.objects.filter(
        pk__in=Patient.care_teams.through.objects.filter(careteam__members=user).values("patient")
    )


def people_who_see(patient: Patient | UUID) -> QuerySet[User]:
    """Users to whom this patient is visible: those for whom `visible_patients` holds it."""
    return User.objects.filter(is_active=True, care_teams__patients=patient).distinct()
