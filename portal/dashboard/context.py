"""What every template knows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext


def site(request: HttpRequest) -> dict[str, Any]:
    """The line that stands on every page, and the zone in which times are shown."""
    return {"research_use_notice": gettext(settings.RESEARCH_USE_NOTICE), "site_time_zone": settings.TIME_ZONE}
