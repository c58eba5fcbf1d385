"""Application configuration."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """Registers `portal.jobs` under the label `jobs`."""

    name = "portal.jobs"
    label = "jobs"
