"""What the flag says, in one sentence. Page, API and report show the same words."""

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.scans.growth import Change, Flag, Qualifier

QUALIFIER_TEXT = {
    Qualifier.BELOW_FLOOR: gettext_lazy("A volume lies below what the pipeline can tell from nothing."),
    Qualifier.DIFFERENT_PIPELINE: gettext_lazy("The two scans were measured by different pipelines."),
    Qualifier.SLICE_THICKNESS: gettext_lazy("Slice thickness differs by a factor of two or more."),
    Qualifier.KERNEL: gettext_lazy("The reconstruction kernels differ."),
    Qualifier.INSPIRATION: gettext_lazy(
        "Lung volume differs by more than 15 %: inspiration may explain part of the change."
    ),
    Qualifier.DISCORDANT: gettext_lazy("Millilitres and share of the lung disagree."),
    Qualifier.INCOMPLETE_SERIES: gettext_lazy("One series is incomplete."),
    Qualifier.TIME_UNCERTAIN: gettext_lazy("An acquisition time is uncertain."),
    Qualifier.NOT_COMPARABLE: gettext_lazy(
        "These scans cannot be compared as a ratio; that is not the same as no growth."
    ),
}

LOBE_NAMES = {
    "RUL": gettext_lazy("Right upper"),
    "RML": gettext_lazy("Right middle"),
    "RLL": gettext_lazy("Right lower"),
    "LUL": gettext_lazy("Left upper"),
    "LLL": gettext_lazy("Left lower"),
}


def format_number(value: float, decimals: int) -> str:
    """A number with its decimals as the reader's language writes them."""
    return number_format(f"{value:.{decimals}f}", decimals)


def format_ml(value_ml: float) -> str:
    """Millilitres for people: one decimal below 10 ml, none above."""
    return f"{format_number(value_ml, 1 if value_ml < 10 else 0)} ml"


def format_hours(hours: float) -> str:
    """Hours up to three days, then days with one decimal."""
    return f"{hours:.0f} h" if hours < 72 else _("%(days)s days") % {"days": format_number(hours / 24, 1)}


def change_sentence(change: Change) -> str:
    """One sentence: what changed, from what to what, in how long."""
    before, after = format_ml(change.before.infected_ml), format_ml(change.after.infected_ml)
    span = format_hours(change.hours)
    if change.flag is Flag.NEW_INFECTION:
        return _("New infection: %(after)s within %(span)s of a scan that showed none.") % {
            "after": after,
            "span": span,
        }
    if change.growth is None:
        return _(
            "Infected volume was %(before)s and is %(after)s after %(span)s; there is no ratio to a baseline of zero."
        ) % {"before": before, "after": after, "span": span}
    trend = _("rose") if change.growth > 0 else _("fell") if change.growth < 0 else _("stayed")
    # Translators: %(trend)s is rose, fell or stayed.
    sentence = _("Infected volume %(trend)s from %(before)s to %(after)s (%(growth)s) in %(span)s") % {
        "trend": trend,
        "before": before,
        "after": after,
        "growth": f"{change.growth:+.0%}",
        "span": span,
    }
    if change.flag is Flag.PROJECTED and change.growth_48h is not None:
        return _("%(sentence)s; at this rate %(growth)s in 48 h (extrapolated).") % {
            "sentence": sentence,
            "growth": f"{change.growth_48h:+.0%}",
        }
    return f"{sentence}."
