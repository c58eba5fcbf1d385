"""The sentences, word for word."""

from datetime import UTC, datetime, timedelta

from portal.scans.growth import TimePoint, assess
from portal.scans.wording import change_sentence


def sentence(hours: float, before_ml: float, after_ml: float) -> str:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    points = [
        TimePoint("a", "1", start, before_ml, 5000, floor_ml=5),
        TimePoint("b", "2", start + timedelta(hours=hours), after_ml, 5000, floor_ml=5),
    ]
    return change_sentence(assess(points).changes[0])


def test_growth_says_what_from_what_to_what_in_how_long() -> None:
    assert sentence(44, 90, 165) == "Infected volume rose from 90 ml to 165 ml (+83%) in 44 h."


def test_a_projection_says_that_it_is_extrapolated() -> None:
    assert sentence(96, 100, 300).endswith("at this rate +73% in 48 h (extrapolated).")


def test_new_infection_names_no_ratio() -> None:
    assert sentence(36, 0, 60) == "New infection: 60 ml within 36 h of a scan that showed none."


def test_a_zero_baseline_long_ago_is_said() -> None:
    assert "no ratio to a baseline of zero" in sentence(100, 0, 60)
