"""Addresses of DICOMweb, which end without a slash, and of the pages and REST of delivery and import."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from portal.dicom import pages, rest
from portal.dicom.web import retrieve, search, store
from portal.dicom.web.base import DicomWebView


class UidConverter(StringConverter):
    """A DICOM unique identifier."""

    regex = r"[0-9.]{1,64}"


class TagConverter(StringConverter):
    """An attribute's tag."""

    regex = r"[0-9A-Fa-f]{8}"


class NumbersConverter(StringConverter):
    """Frame numbers."""

    regex = r"[0-9]{1,9}(?:,[0-9]{1,9})*"


register_converter(UidConverter, "uid")
register_converter(TagConverter, "tag")
register_converter(NumbersConverter, "numbers")


class StudiesView(search.StudiesSearchView, store.StoreView):
    """Search and store."""


class StudyView(retrieve.ObjectsView, store.StoreView):
    """Retrieve and store."""


ROOT = "dicomweb/"
STUDY = f"{ROOT}studies/<uid:study_uid>"
SERIES = f"{STUDY}/series/<uid:series_uid>"
INSTANCE = f"{SERIES}/instances/<uid:uid>"


def _at(address: str, view: type[DicomWebView], name: str) -> object:
    return path(address, view.as_view(), name=f"dicomweb_{name}")


urlpatterns = [
    path("scans/<uuid:pk>/deliveries/", pages.deliveries, name="deliveries"),
    path("patients/<uuid:pk>/priors/", pages.priors, name="priors"),
    path("api/v1/scans/<uuid:pk>/deliveries/", rest.DeliveriesView.as_view(), name="scan_deliveries"),
    path("api/v1/patients/<uuid:pk>/priors/", rest.PriorsView.as_view(), name="patient_priors"),
    _at(f"{ROOT}studies", StudiesView, "studies"),
    _at(f"{ROOT}series", search.SeriesSearchView, "series"),
    _at(f"{ROOT}instances", search.InstancesSearchView, "instances"),
    _at(STUDY, StudyView, "study"),
    _at(f"{STUDY}/series", search.SeriesSearchView, "study_series"),
    _at(f"{STUDY}/instances", search.InstancesSearchView, "study_instances"),
    _at(f"{STUDY}/metadata", retrieve.MetadataView, "study_metadata"),
    _at(SERIES, retrieve.ObjectsView, "series_objects"),
    _at(f"{SERIES}/instances", search.InstancesSearchView, "series_instances"),
    _at(f"{SERIES}/metadata", retrieve.MetadataView, "series_metadata"),
    _at(INSTANCE, retrieve.ObjectsView, "instance"),
    _at(f"{INSTANCE}/metadata", retrieve.MetadataView, "instance_metadata"),
    _at(f"{INSTANCE}/rendered", retrieve.RenderedView, "rendered"),
    _at(f"{INSTANCE}/thumbnail", retrieve.RenderedView, "thumbnail"),
    _at(f"{INSTANCE}/frames/<numbers:numbers>", retrieve.FramesView, "frames"),
    _at(f"{INSTANCE}/frames/<numbers:numbers>/rendered", retrieve.RenderedView, "frame_rendered"),
    _at(f"{INSTANCE}/bulk/<tag:tag>", retrieve.BulkDataView, "bulk"),
]
