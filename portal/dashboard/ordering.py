"""The order of the worklist. Pure: no Django, the clock is handed in."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from portal.scans.growth import SEVERITY, Flag

#: Unread scans that have waited so long come right behind rapid growth, and then before everything.
OVERDUE_AFTER = timedelta(hours=24)
NEVER_LONGER_THAN = timedelta(hours=72)


class Waiting(Protocol):
    """What the order depends on."""

    @property
    def flag(self) -> Flag | None:
        """The patient's open flag."""

    @property
    def unread_since(self) -> datetime | None:
        """When the oldest scan became ready that this reader has not looked at."""

    @property
    def latest_at(self) -> datetime | None:
        """Acquisition of the latest scan."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Sorts ascending: first the rank, then the urgency within it."""

    rank: int
    within: float


FIRST, RAPID, OVERDUE, OTHER_FLAGS, UNREAD, REST = range(6)


def place_of(row: Waiting, now: datetime) -> Place:
    """Where a patient stands: open flags first, most severe first, then unread; but nobody waits for ever."""
    waited = now - row.unread_since if row.unread_since else timedelta(0)
    newest_first = -row.latest_at.timestamp() if row.latest_at else 0.0
    if waited >= NEVER_LONGER_THAN:
        return Place(FIRST, -waited.total_seconds())
    if row.flag is Flag.RAPID_GROWTH:
        return Place(RAPID, newest_first)
    if waited >= OVERDUE_AFTER:
        return Place(OVERDUE, -waited.total_seconds())
    if row.flag is not None:
        return Place(OTHER_FLAGS, SEVERITY[row.flag] * 1e12 + newest_first)
    if row.unread_since:
        return Place(UNREAD, row.unread_since.timestamp())
    return Place(REST, newest_first)
