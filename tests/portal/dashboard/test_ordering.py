"""The order of the worklist."""

from dataclasses import dataclass
from datetime import UTC, datetime

from portal.dashboard.ordering import place_of
from portal.dashboard.sparkline import sparkline
from portal.scans.growth import Flag

NOW_S = datetime(2026, 5, 1, 3, 0, tzinfo=UTC).timestamp()


@dataclass
class Row:
    name: str
    flag: Flag | None = None
    waited_hours: float | None = None
    scanned_hours_ago: float = 100.0

    @property
    def unread_posix_s(self) -> float | None:
        return None if self.waited_hours is None else NOW_S - 3600 * self.waited_hours

    @property
    def latest_posix_s(self) -> float:
        return NOW_S - 3600 * self.scanned_hours_ago


def names(*rows: Row) -> list[str]:
    return [row.name for row in sorted(rows, key=lambda row: place_of(row, NOW_S))]


def test_flags_come_first_the_most_severe_on_top_then_unread_then_the_rest() -> None:
    order = names(
        Row("read"),
        Row("unread", waited_hours=2),
        Row("projected", Flag.PROJECTED),
        Row("new", Flag.NEW_INFECTION),
        Row("rapid", Flag.RAPID_GROWTH),
    )
    assert order == ["rapid", "new", "projected", "unread", "read"]


def test_among_alike_flags_the_newest_scan_comes_first() -> None:
    assert names(
        Row("old", Flag.RAPID_GROWTH, scanned_hours_ago=50), Row("new", Flag.RAPID_GROWTH, scanned_hours_ago=2)
    ) == ["new", "old"]


def test_a_day_of_waiting_passes_the_softer_flags_and_three_days_pass_everything() -> None:
    order = names(
        Row("soft", Flag.PROJECTED),
        Row("a day", waited_hours=25),
        Row("rapid", Flag.RAPID_GROWTH),
        Row("three days", waited_hours=73),
    )
    assert order == ["three days", "rapid", "a day", "soft"]


def test_who_waited_longer_is_read_first() -> None:
    assert names(Row("short", waited_hours=1), Row("long", waited_hours=20)) == ["long", "short"]


def test_a_sparkline_runs_from_left_to_right_and_up_with_the_values() -> None:
    assert sparkline([0, 10]) == "3.0,21.0 85.0,3.0"
    assert sparkline([5]) == ""
    assert sparkline([0, 0]) == "3.0,21.0 85.0,21.0"
