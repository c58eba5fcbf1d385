"""Administration of who is told of flags."""

from django.contrib import admin

from portal.fhir.models import Subscriber


@admin.register(Subscriber)
class SubscriberAdmin(admin.ModelAdmin):
    """Webhooks and mailboxes."""

    list_display = ("name", "channel", "care_team", "is_active")
    search_fields = ("name",)
