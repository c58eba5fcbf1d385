"""Addresses of REST version 1, its schema, and health."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter
from drf_spectacular.views import SpectacularAPIView

from portal.api import exports, health, jobs, patients, pixels, revisions, scans, uploads

API = "api/v1/"


class MaskConverter(StringConverter):
    """The masks there are."""

    regex = "lung|lobes|infection"


register_converter(MaskConverter, "mask")

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path(f"{API}uploads/", uploads.UploadsView.as_view(), name="uploads"),
    path(f"{API}uploads/<uuid:pk>/", uploads.UploadView.as_view(), name="upload"),
    path(f"{API}uploads/<uuid:pk>/files/", uploads.UploadFilesView.as_view(), name="upload_files"),
    path(f"{API}uploads/<uuid:pk>/complete/", uploads.UploadCompleteView.as_view(), name="upload_complete"),
    path(f"{API}uploads/<uuid:pk>/decide/", uploads.UploadDecisionView.as_view(), name="upload_decide"),
    path(f"{API}jobs/<uuid:pk>/", jobs.JobView.as_view(), name="job"),
    path(f"{API}jobs/<uuid:pk>/retry/", jobs.JobRetryView.as_view(), name="job_retry"),
    path(f"{API}jobs/<uuid:pk>/cancel/", jobs.JobCancelView.as_view(), name="job_cancel"),
    path(f"{API}pipelines/", jobs.PipelinesView.as_view(), name="pipelines"),
    path(f"{API}patients/", patients.PatientsView.as_view(), name="patients"),
    path(f"{API}patients/<uuid:pk>/", patients.PatientView.as_view(), name="patient_detail"),
    path(f"{API}patients/<uuid:pk>/timeline/", patients.PatientTimelineView.as_view(), name="patient_timeline"),
    path(f"{API}scans/<uuid:pk>/", scans.ScanView.as_view(), name="scan_detail"),
    path(f"{API}scans/<uuid:pk>/time/", scans.ScanTimeView.as_view(), name="scan_time"),
    path(f"{API}scans/<uuid:pk>/analyse/", jobs.ScanAnalyseView.as_view(), name="scan_analyse"),
    path(f"{API}scans/<uuid:pk>/revisions/", revisions.ScanRevisionsView.as_view(), name="scan_revisions"),
    path(
        f"{API}scans/<uuid:pk>/registration/<uuid:prior_pk>/",
        revisions.RegistrationView.as_view(),
        name="scan_registration",
    ),
    path(
        f"{API}scans/<uuid:pk>/registration/<uuid:prior_pk>/growth.nii.gz",
        revisions.GrowthMapView.as_view(),
        name="scan_growth_map",
    ),
    path(f"{API}scans/<uuid:pk>/seg.dcm", exports.SegmentationExportView.as_view(), name="scan_seg"),
    path(f"{API}scans/<uuid:pk>/sr.dcm", exports.StructuredReportExportView.as_view(), name="scan_sr"),
    path(f"{API}scans/<uuid:pk>/report.pdf", exports.ReportView.as_view(), name="scan_report"),
    path(f"{API}scans/<uuid:pk>/report.txt", exports.ReportTextView.as_view(), name="scan_report_text"),
    path(f"{API}scans/<uuid:pk>/explanation.png", pixels.ExplanationView.as_view(), name="scan_explanation"),
    path(f"{API}scans/<uuid:pk>/frames/<int:index>/", pixels.FrameView.as_view(), name="scan_frame"),
    path(f"{API}scans/<uuid:pk>/<mask:kind>.nii.gz", pixels.MaskView.as_view(), name="scan_mask"),
]
