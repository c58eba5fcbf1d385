"""Application configuration."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Registers `portal.accounts` under the label `accounts`."""

    name = "portal.accounts"
    label = "accounts"
