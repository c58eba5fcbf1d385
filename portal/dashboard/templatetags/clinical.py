"""How clinical values are written on pages."""

from datetime import datetime
from typing import Literal

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.jobs.models import InferenceJob, JobState
from portal.scans.growth import Change, Qualifier
from portal.scans.said import said as said_in_language
from portal.scans.wording import QUALIFIER_TEXT, change_sentence, format_hours, format_ml, format_number

register = template.Library()

FLAG_NAMES = {
    "rapid-growth": gettext_lazy("Rapid growth"),
    "new-infection": gettext_lazy("New infection"),
    "projected": gettext_lazy("Projected growth"),
}
STATE_NAMES = {
    "queued": gettext_lazy("Waiting for a worker"),
    "succeeded": gettext_lazy("Done"),
    "failed": gettext_lazy("Failed"),
    "cancelled": gettext_lazy("Cancelled"),
}
#: Those of `frontend/src/shared/jobs.ts`, which writes them again when a job goes on.
STAGE_NAMES = {
    "reading": gettext_lazy("Reading slices"),
    "lungs": gettext_lazy("Finding the lungs"),
    "lobes": gettext_lazy("Dividing lobes"),
    "infection": gettext_lazy("Finding infection"),
    "measuring": gettext_lazy("Measuring"),
    "writing": gettext_lazy("Storing the result"),
    "registering": gettext_lazy("Matching anatomy"),
}
#: Quality notes by their codes, short enough for a row of a table.
NOTE_NAMES = {
    "dense-infection-joined": gettext_lazy("Dense infection joined"),
    "few-slices": gettext_lazy("Few slices"),
    "files-left-aside": gettext_lazy("Files left aside"),
    "gantry-tilt": gettext_lazy("Gantry tilted"),
    "identifiers-replaced": gettext_lazy("Identifiers replaced"),
    "lobes-approximate": gettext_lazy("Lobes approximate"),
    "lobes-doubtful": gettext_lazy("Lobes doubtful"),
    "lobes-thick-slices": gettext_lazy("Lobes from thick slices"),
    "lungs-cut-off": gettext_lazy("Lungs cut off"),
    "one-lung": gettext_lazy("One lung"),
    "other-body-part": gettext_lazy("Other body part"),
    "other-reconstruction": gettext_lazy("Another reconstruction analysed"),
    "other-series": gettext_lazy("Other series not analysed"),
    "slice-gap": gettext_lazy("Slices missing"),
    "small-lung-volume": gettext_lazy("Small lung volume"),
    "thick-slices": gettext_lazy("Thick slices"),
    "time-missing": gettext_lazy("Time missing"),
    "time-uncertain": gettext_lazy("Time uncertain"),
    "uneven-spacing": gettext_lazy("Uneven spacing"),
}


#: Templates put an empty string in place of a value that is not there.
Missing = Literal[""] | None
DASH = "–"


@register.filter
def site_time(moment: datetime | Missing) -> str:
    """Date and time in the hospital's zone, with its offset from UTC."""
    if not moment:
        return _("time unknown")
    local = timezone.localtime(moment)
    offset = local.strftime("%z")
    written = date_format(local, _("j M Y, H:i"))
    return f"{written} (UTC{offset[:3]}:{offset[3:]})"


@register.filter
def hours_before(hours: float | Missing) -> str:
    """How much earlier something was."""
    return "" if hours is None or hours == "" else _("%(hours)s earlier") % {"hours": format_hours(hours)}


@register.filter
def ml(value_ml: float | Missing) -> str:
    """A volume."""
    return DASH if value_ml is None or value_ml == "" else format_ml(value_ml)


@register.filter
def signed_ml(value_ml: float | Missing) -> str:
    """A change of volume."""
    if value_ml is None or value_ml == "":
        return DASH
    return f"{'+' if value_ml >= 0 else ''}{format_number(value_ml, 1 if abs(value_ml) < 10 else 0)} ml"


@register.filter
def signed_percent(ratio: float | Missing) -> str:
    """A relative change; 0.5 is +50 %."""
    return DASH if ratio is None or ratio == "" else f"{ratio:+.0%}"


@register.filter
def share(percent: float | Missing) -> str:
    """A share in per cent."""
    return DASH if percent is None or percent == "" else f"{format_number(percent, 1)} %"


@register.filter
def span(hours: float | Missing) -> str:
    """A time span."""
    return DASH if hours is None or hours == "" else format_hours(hours)


@register.filter
def flag_name(flag: str | None) -> str:
    """A flag in words."""
    return str(FLAG_NAMES.get(flag or "", ""))


@register.filter
def note_name(code: str) -> str:
    """A quality note in a few words; one of a pipeline that this version does not know shows its code as words."""
    return str(NOTE_NAMES.get(code) or code.replace("-", " ").capitalize())


@register.filter
def sentence(change: Change) -> str:
    """What a change says."""
    return change_sentence(change)


@register.filter
def qualifier_text(qualifier: Qualifier) -> str:
    """What a qualifier means."""
    return str(QUALIFIER_TEXT[qualifier])


@register.filter
def job_text(job: InferenceJob | Missing) -> str:
    """Where a job stands: a bare share beside a volume would read as growth."""
    if not job:
        return ""
    if job.state == JobState.RUNNING:
        stage = STAGE_NAMES.get(job.stage) or _("Starting")
        return f"{stage} · {job.percent} %"
    return str(STATE_NAMES.get(job.state, job.state))


@register.filter
def said(text: str | None) -> str:
    """A stored sentence in the reader's language."""
    return said_in_language(text or "")
