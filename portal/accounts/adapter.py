"""How django-allauth behaves here."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from portal.accounts.audit import record
from portal.accounts.models import AuditAction, User


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


class KnownPeopleAdapter(DefaultSocialAccountAdapter):
    """Single sign-on opens accounts that are here; it makes none."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Never."""
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Find the account of the name that the provider vouches for, and refuse when there is none."""
        name = str(claims_of(sociallogin).get(settings.OIDC_CLAIM) or "")
        user = User.objects.filter(username=name, is_active=True).first()
        if user is None or (sociallogin.is_existing and sociallogin.user != user):
            record(AuditAction.LOGIN_FAILED, request=request, actor_name=name, via="single sign-on")
            messages.error(
                request,
                _("There is no account for %(you)s here; ask an administrator for one.") % {"you": name or _("you")},
            )
            raise ImmediateHttpResponse(redirect("account_login"))
        if not sociallogin.is_existing:
            sociallogin.connect(request, user)


def claims_of(sociallogin: Any) -> dict[str, Any]:
    """What the provider says of the person: from the ID token and from its user information, which counts first."""
    extra = sociallogin.account.extra_data
    return {**extra, **extra.get("id_token", {}), **extra.get("userinfo", {})}
