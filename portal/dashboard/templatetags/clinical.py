"""How clinical values are written on pages."""

from datetime import datetime
from typing import Literal

from django import template
from django.utils import timezone

from portal.scans.growth import Change, Qualifier
from portal.scans.wording import QUALIFIER_TEXT, change_sentence, format_hours, format_ml

register = template.Library()

FLAG_NAMES = {
    "rapid-growth": "Rapid growth",
    "new-infection": "New infection",
    "projected": "Projected growth",
}


#: Templates put an empty string in place of a value that is not there.
Missing = Literal[""] | None
DASH = "–"


@register.filter
def site_time(moment: datetime | Missing) -> str:
    """Date and time in the hospital's zone, with its offset from UTC."""
    if not moment:
        return "time unknown"
    local = timezone.localtime(moment)
    offset = local.strftime("%z")
    return f"{local.day} {local:%b %Y, %H:%M} (UTC{offset[:3]}:{offset[3:]})"


@register.filter
def hours_before(hours: float | Missing) -> str:
    """How much earlier something was."""
    return "" if hours is None or hours == "" else f"{format_hours(hours)} earlier"


@register.filter
def ml(value_ml: float | Missing) -> str:
    """A volume."""
    return DASH if value_ml is None or value_ml == "" else format_ml(value_ml)


@register.filter
def signed_ml(value_ml: float | Missing) -> str:
    """A change of volume."""
    return (
        DASH
        if value_ml is None or value_ml == ""
        else f"{value_ml:+.1f} ml"
        if abs(value_ml) < 10
        else f"{value_ml:+.0f} ml"
    )


@register.filter
def signed_percent(ratio: float | Missing) -> str:
    """A relative change; 0.5 is +50 %."""
    return DASH if ratio is None or ratio == "" else f"{ratio:+.0%}"


@register.filter
def share(percent: float | Missing) -> str:
    """A share in per cent."""
    return DASH if percent is None or percent == "" else f"{percent:.1f} %"


@register.filter
def span(hours: float | Missing) -> str:
    """A time span."""
    return DASH if hours is None or hours == "" else format_hours(hours)


@register.filter
def flag_name(flag: str | None) -> str:
    """A flag in words."""
    return FLAG_NAMES.get(flag or "", "")


@register.filter
def sentence(change: Change) -> str:
    """What a change says."""
    return change_sentence(change)


@register.filter
def qualifier_text(qualifier: Qualifier) -> str:
    """What a qualifier means."""
    return QUALIFIER_TEXT[qualifier]
