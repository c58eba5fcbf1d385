"""Administration of teams and of who belongs to them."""

from django.contrib import admin

from portal.patients.models import CareTeam, Patient


@admin.register(CareTeam)
class CareTeamAdmin(admin.ModelAdmin):
    """Teams and their members."""

    filter_horizontal = ("members",)
    search_fields = ("name",)


@admin.register(Patient)
class PatientAdmin(admin.ModelAdmin):
    """Which teams care for a patient. Patients are made by uploads, not here."""

    list_display = ("mrn", "name", "birth_date", "sex")
    search_fields = ("mrn", "name")
    filter_horizontal = ("care_teams",)
    readonly_fields = ("mrn", "issuer")
