"""What every template knows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext


def site(request: HttpRequest) -> dict[str, Any]:
    """The line that stands on every page, the zone in which times are shown, and the languages there are."""
    return {
        "research_use_notice": gettext(settings.RESEARCH_USE_NOTICE),
        "site_time_zone": settings.TIME_ZONE,
        # Each by its own name: who cannot read this page must find theirs.
        "languages": settings.LANGUAGES,
    }
