"""Addresses of the pages."""

from django.urls import path

from portal.dashboard import pages, patient, report, viewer

urlpatterns = [
    path("", pages.worklist, name="worklist"),
    path("ward/", pages.ward, name="ward"),
    path("patients/<uuid:pk>/", patient.patient_page, name="patient"),
    path("patients/<uuid:pk>/acknowledge/", patient.acknowledge_flag, name="acknowledge"),
    path("patients/<uuid:pk>/events/", patient.treatment_event, name="treatment_event"),
    path("patients/<uuid:pk>/course.csv", patient.timeline_csv, name="timeline_csv"),
    path("scans/<uuid:pk>/", viewer.scan_page, name="scan"),
    path("scans/<uuid:pk>/time/", patient.set_time, name="set_time"),
    path("scans/<uuid:pk>/report/", report.report_page, name="report_page"),
    path("upload/", pages.upload, name="upload_page"),
    path("uploads/<uuid:pk>/", pages.upload_detail, name="upload_detail"),
    path("help/", pages.help_page, name="help"),
    path("models/", pages.models, name="models"),
    path("audit/", pages.audit, name="audit"),
]
