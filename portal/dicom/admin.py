"""Administration of the systems that results go to and earlier scans come from."""

from django.contrib import admin

from portal.dicom.models import Peer


@admin.register(Peer)
class PeerAdmin(admin.ModelAdmin):
    """Other systems."""

    list_display = ("name", "protocol", "is_active", "is_automatic", "answers_queries")
    search_fields = ("name",)
