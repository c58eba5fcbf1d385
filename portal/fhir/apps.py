"""Application configuration."""

from django.apps import AppConfig


class FhirConfig(AppConfig):
    """Registers `portal.fhir` under the label `fhir`."""

    name = "portal.fhir"
    label = "fhir"
