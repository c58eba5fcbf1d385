"""What the flag says, in one sentence. Page, API and report show the same words."""

from portal.scans.growth import Change, Flag, Qualifier

QUALIFIER_TEXT = {
    Qualifier.BELOW_FLOOR: "A volume lies below what the pipeline can tell from nothing.",
    Qualifier.DIFFERENT_PIPELINE: "The two scans were measured by different pipelines.",
    Qualifier.SLICE_THICKNESS: "Slice thickness differs by a factor of two or more.",
    Qualifier.KERNEL: "The reconstruction kernels differ.",
    Qualifier.INSPIRATION: "Lung volume differs by more than 15 %: inspiration may explain part of the change.",
    Qualifier.DISCORDANT: "Millilitres and share of the lung disagree.",
    Qualifier.INCOMPLETE_SERIES: "One series is incomplete.",
    Qualifier.TIME_UNCERTAIN: "An acquisition time is uncertain.",
    Qualifier.NOT_COMPARABLE: "These scans cannot be compared as a ratio; that is not the same as no growth.",
}

LOBE_NAMES = {
    "RUL": "Right upper",
    "RML": "Right middle",
    "RLL": "Right lower",
    "LUL": "Left upper",
    "LLL": "Left lower",
}


def format_ml(value_ml: float) -> str:
    """Millilitres for people: one decimal below 10 ml, none above."""
    return f"{value_ml:.1f} ml" if value_ml < 10 else f"{value_ml:.0f} ml"


def format_hours(hours: float) -> str:
    """Hours up to three days, then days with one decimal."""
    return f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.1f} days"


def change_sentence(change: Change) -> str:
    """One sentence: what changed, from what to what, in how long."""
    before, after = format_ml(change.before.infected_ml), format_ml(change.after.infected_ml)
    span = format_hours(change.hours)
    if change.flag is Flag.NEW_INFECTION:
        return f"New infection: {after} within {span} of a scan that showed none."
    if change.growth is None:
        return f"Infected volume was {before} and is {after} after {span}; there is no ratio to a baseline of zero."
    trend = "rose" if change.growth > 0 else "fell" if change.growth < 0 else "stayed"
    sentence = f"Infected volume {trend} from {before} to {after} ({change.growth:+.0%}) in {span}"
    if change.flag is Flag.PROJECTED and change.growth_48h is not None:
        return f"{sentence}; at this rate {change.growth_48h:+.0%} in 48 h (extrapolated)."
    return f"{sentence}."
