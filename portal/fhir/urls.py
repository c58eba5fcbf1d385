"""Addresses of FHIR; they end without a slash, as the standard writes them."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from portal.fhir import views


class KindConverter(StringConverter):
    """The resources there are."""

    regex = "|".join(views.SEARCHES)


class KeyConverter(StringConverter):
    """A resource's id (FHIR R4, datatypes, id)."""

    regex = r"[A-Za-z0-9.-]{1,64}"


register_converter(KindConverter, "kind")
register_converter(KeyConverter, "key")

urlpatterns = [
    path("fhir/metadata", views.MetadataView.as_view(), name="fhir_metadata"),
    path("fhir/<kind:kind>", views.SearchView.as_view(), name="fhir_search"),
    path("fhir/<kind:kind>/<key:key>", views.ResourceView.as_view(), name="fhir_resource"),
]
