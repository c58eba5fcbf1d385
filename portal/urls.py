"""Every address of the portal, by area."""

from django.contrib import admin
from django.urls import include, path

from portal.api.errors import NothingHereView

urlpatterns = [
    path("", include("portal.dashboard.urls")),
    path("", include("portal.api.urls")),
    path("", include("portal.dicom.urls")),
    path("", include("portal.fhir.urls")),
    path("api/<path:rest>", NothingHereView.as_view(), name="api_nothing"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]
