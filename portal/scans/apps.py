"""Application configuration."""

from django.apps import AppConfig


class ScansConfig(AppConfig):
    """Registers `portal.scans` under the label `scans`."""

    name = "portal.scans"
    label = "scans"
