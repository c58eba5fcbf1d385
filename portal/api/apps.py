"""Application configuration."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """Registers `portal.api` under the label `api`."""

    name = "portal.api"
    label = "api"
