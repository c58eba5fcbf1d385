"""Administration of people, and the audit trail to read."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest

from portal.accounts.models import AuditEvent, User


@admin.register(User)
class PersonAdmin(UserAdmin):
    """Django's user administration, and the role."""

    list_display = ("username", "first_name", "last_name", "role", "is_active", "last_login")
    list_filter = ("role", "is_active")
    fieldsets = (*(UserAdmin.fieldsets or ()), ("LungTrend", {"fields": ("role",)}))
    add_fieldsets = (*UserAdmin.add_fieldsets, ("LungTrend", {"fields": ("role",)}))


@admin.register(AuditEvent)
class AuditEventAdmin(admin.ModelAdmin):
    """Read only: the database refuses changes anyway."""

    list_display = ("at", "actor_name", "action", "subject_type", "subject_id", "patient_id", "address")
    list_filter = ("action",)
    search_fields = ("actor_name", "subject_id", "=patient_id")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes."""
        return False
