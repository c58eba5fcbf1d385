"""How django-allauth behaves here."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from portal.accounts.audit import record
from portal.accounts.models import AuditAction


class ClosedAdapter(DefaultAccountAdapter):
    """Accounts are made by administrators; nobody signs up. Every login and failure is on record."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> Any:
        """Record a completed login, second factor included."""
        record(AuditAction.LOGIN, by=user, request=request)
        return super().post_login(request, user, **kwargs)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Record a refused login under the name that was typed."""
        record(AuditAction.LOGIN_FAILED, request=request, actor_name=str(credentials.get("username", "")))
        super().authentication_failed(request, **credentials)

    def logout(self, request: HttpRequest) -> None:
        """Record a logout."""
        record(AuditAction.LOGOUT, by=request.user, request=request)
        super().logout(request)
