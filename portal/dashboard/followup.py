"""The course in four lines, as an oncology follow-up sheet has it: baseline, lowest, previous, current."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from portal.scans.selectors import TimelinePoint


@dataclass(frozen=True, slots=True)
class FollowUpLine:
    """One scan of interest, and how the current one differs from it. `growth` 0.5 means 50 %; None: no ratio."""

    name: str
    point: TimelinePoint
    difference_ml: float | None
    growth: float | None
    hours: float | None


def follow_up(points: Sequence[TimelinePoint]) -> list[FollowUpLine]:
    """Baseline, lowest, previous and current scan of a course; nothing before there are two."""
    if len(points) < 2:
        return []
    *earlier, current = points
    lowest = min(earlier, key=lambda point: point.measurement.infected_ml)
    named = [(_("Baseline"), earlier[0]), (_("Lowest"), lowest), (pgettext("scan", "Previous"), earlier[-1])]
    return [
        *(_against(name, point, current) for name, point in named),
        FollowUpLine(_("Current"), current, None, None, None),
    ]


def _against(name: str, before: TimelinePoint, current: TimelinePoint) -> FollowUpLine:
    then_ml, now_ml = before.measurement.infected_ml, current.measurement.infected_ml
    growth = now_ml / then_ml - 1 if then_ml else None
    hours = None
    if before.scan.acquired_at and current.scan.acquired_at:
        hours = (current.scan.acquired_at - before.scan.acquired_at).total_seconds() / 3600
    return FollowUpLine(name, before, now_ml - then_ml, growth, hours)
