"""Application configuration."""

from django.apps import AppConfig


class DicomConfig(AppConfig):
    """Registers `portal.dicom` under the label `dicom`."""

    name = "portal.dicom"
    label = "dicom"
