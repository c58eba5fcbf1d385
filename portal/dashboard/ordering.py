"""The order of the worklist. Pure: no Django, the clock is handed in."""

from typing import NamedTuple, Protocol

from portal.scans.growth import SEVERITY, Flag

#: Unread scans that have waited so long come right behind rapid growth, and then before everything.
OVERDUE_AFTER_S = 24 * 3600
NEVER_LONGER_THAN_S = 72 * 3600


class Waiting(Protocol):
    """What the order depends on."""

    @property
    def flag(self) -> Flag | None:
        """The patient's open flag."""

    @property
    def unread_posix_s(self) -> float | None:
        """When the oldest result became ready that this reader has not looked at."""

    @property
    def latest_posix_s(self) -> float | None:
        """Acquisition of the latest scan."""


class Place(NamedTuple):
    """Sorts ascending: first the rank, then the urgency within it. A tuple: thousands are compared at every look."""

    rank: int
    within: float


FIRST, RAPID, OVERDUE, OTHER_FLAGS, UNREAD, REST = range(6)


def place_of(row: Waiting, now_posix_s: float) -> Place:
    """Where a patient stands: open flags first, most severe first, then unread; but nobody waits for ever."""
    waited_s = now_posix_s - row.unread_posix_s if row.unread_posix_s is not None else 0.0
    newest_first = -(row.latest_posix_s or 0.0)
    if waited_s >= NEVER_LONGER_THAN_S:
        return Place(FIRST, -waited_s)
    if row.flag is Flag.RAPID_GROWTH:
        return Place(RAPID, newest_first)
    if waited_s >= OVERDUE_AFTER_S:
        return Place(OVERDUE, -waited_s)
    if row.flag is not None:
        return Place(OTHER_FLAGS, SEVERITY[row.flag] * 1e12 + newest_first)
    if row.unread_posix_s is not None:
        return Place(UNREAD, row.unread_posix_s)
    return Place(REST, newest_first)
