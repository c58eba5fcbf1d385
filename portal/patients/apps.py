"""Application configuration."""

from django.apps import AppConfig


class PatientsConfig(AppConfig):
    """Registers `portal.patients` under the label `patients`."""

    name = "portal.patients"
    label = "patients"
