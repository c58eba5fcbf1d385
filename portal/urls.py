"""Every address of the portal, by area."""

from django.contrib import admin
from django.urls import include, path
from django.views.decorators.cache import cache_control
from django.views.i18n import JavaScriptCatalog, set_language

from portal.api.errors import NothingHereView

#: Words for the front end; they change with a release only.
words = cache_control(private=True, max_age=3600)(JavaScriptCatalog.as_view())

urlpatterns = [
    path("", include("portal.dashboard.urls")),
    path("", include("portal.api.urls")),
    path("", include("portal.dicom.urls")),
    path("", include("portal.fhir.urls")),
    path("api/<path:rest>", NothingHereView.as_view(), name="api_nothing"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("language/", set_language, name="set_language"),
    path("words.js", words, name="words"),
]
