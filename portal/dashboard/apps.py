"""Application configuration."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """Registers `portal.dashboard` under the label `dashboard`."""

    name = "portal.dashboard"
    label = "dashboard"
