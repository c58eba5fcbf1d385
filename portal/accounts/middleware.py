"""An installation may require a second factor of everybody."""

from collections.abc import Callable

from allauth.mfa.utils import is_mfa_enabled
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from portal.accounts.models import User

#: Addresses without which nobody could set one up, or leave; and what programs ask, which carry tokens.
OPEN = ("/accounts/", "/static/", "/api/", "/dicomweb/", "/fhir/", "/healthz", "/readyz", "/metrics")


def lacks_second_factor(user: User) -> bool:
    """Whether this installation requires a second factor that the person has not set up. Single sign-on has its own."""
    if not settings.REQUIRE_SECOND_FACTOR:
        return False
    return not (is_mfa_enabled(user) or SocialAccount.objects.filter(user=user).exists())


def require_second_factor(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Lead people without a second factor to setting one up, and nowhere else."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if not settings.REQUIRE_SECOND_FACTOR or not isinstance(request.user, User):
            return get_response(request)
        is_for_programs = request.path.startswith(OPEN)
        if (is_for_programs and "Authorization" in request.headers) or request.path.startswith(OPEN[:2]):
            return get_response(request)
        if not lacks_second_factor(request.user):
            return get_response(request)
        if is_for_programs:
            return HttpResponse(_("Set up a second factor first."), status=403, content_type="text/plain")
        messages.warning(request, _("This installation requires a second factor: set one up to go on."))
        return redirect("mfa_index")

    return middleware
