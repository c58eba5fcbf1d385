"""The growth rules, against an independent reading of them and at every edge."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.scans.growth import Change, Flag, Qualifier, TimePoint, assess, growth_48h

START = datetime(2026, 1, 1, tzinfo=UTC)


def point(hours: float, infected_ml: float, name: str = "", **fields) -> TimePoint:
    name = name or f"scan at {hours}"
    values = {"lung_ml": 5000.0, "floor_ml": 5.0, **fields}
    acquired_at = values.pop("acquired_at", START + timedelta(hours=hours))
    return TimePoint(
        scan=name, revision=f"revision of {name}", acquired_at=acquired_at, infected_ml=infected_ml, **values
    )


def only_change(before: TimePoint, after: TimePoint) -> Change:
    (change,) = assess([before, after]).changes
    return change


courses = st.lists(
    st.tuples(st.integers(0, 20 * 24 * 60), st.integers(0, 4000)), max_size=9, unique_by=lambda pair: pair[0]
).map(lambda pairs: [point(minutes / 60, tenths / 10, name=f"s{minutes}") for minutes, tenths in pairs])


@given(courses)
def test_flags_agree_with_the_rule_read_anew(points: list[TimePoint]) -> None:
    expected = set()
    for later in points:
        earlier = [p for p in points if p.acquired_at < later.acquired_at]
        recent = [p for p in earlier if later.acquired_at - p.acquired_at <= timedelta(hours=48)]
        for before in recent:
            v1, v2 = round(before.infected_ml * 10), round(later.infected_ml * 10)
            if v1 == 0 and later.infected_ml > 5:
                expected.add((before.scan, later.scan, "new-infection"))
            if v1 > 0 and 2 * (v2 - v1) > v1:
                expected.add((before.scan, later.scan, "rapid-growth"))
        if earlier and not recent:
            before = max(earlier, key=lambda p: p.acquired_at)
            hours = (later.acquired_at - before.acquired_at).total_seconds() / 3600
            if before.infected_ml and (later.infected_ml / before.infected_ml) ** (48 / hours) > 1.5:
                expected.add((before.scan, later.scan, "projected"))
    found = {(c.before.scan, c.after.scan, c.flag.value) for c in assess(points).changes if c.flag}
    assert found == expected


@given(courses, st.randoms(use_true_random=False))
def test_order_of_arrival_does_not_matter(points: list[TimePoint], rng: random.Random) -> None:
    shuffled = points.copy()
    rng.shuffle(shuffled)
    assert assess(shuffled) == assess(points)


@given(courses)
def test_the_patients_flag_is_the_most_severe_one(points: list[TimePoint]) -> None:
    assessment = assess(points)
    flags = [change.flag for change in assessment.changes if change.flag]
    ranks = list(Flag)
    assert assessment.flag == min(flags, key=ranks.index, default=None)


@pytest.mark.parametrize(("before_ml", "after_ml"), [(100, 150), (0.3, 0.45), (33.3, 49.95), (7.7, 11.55)])
def test_exactly_50_percent_is_not_flagged(before_ml: float, after_ml: float) -> None:
    assert only_change(point(0, before_ml), point(24, after_ml)).flag is None
    assert only_change(point(0, before_ml), point(24, after_ml + 0.01)).flag is Flag.RAPID_GROWTH


def test_exactly_48_hours_count() -> None:
    assert only_change(point(0, 100), point(48, 151)).flag is Flag.RAPID_GROWTH


def test_one_second_more_than_48_hours_is_a_projection_only() -> None:
    later = point(0, 155, name="later", acquired_at=START + timedelta(hours=48, seconds=1))
    assert only_change(point(0, 100), later).flag is Flag.PROJECTED


def test_growth_over_a_scan_between_is_seen() -> None:
    assessment = assess([point(0, 90), point(22, 118), point(44, 165)])
    assert [(c.before.scan, c.after.scan) for c in assessment.changes if c.flag] == [("scan at 0", "scan at 44")]
    assert assessment.leading is not None
    assert assessment.leading.hours == 44


def test_the_pair_with_the_largest_growth_leads() -> None:
    leading = assess([point(0, 100), point(10, 80), point(40, 160)]).leading
    assert leading is not None
    assert (leading.before.scan, leading.growth) == ("scan at 10", 1.0)


def test_infection_after_a_clean_scan_is_new_and_has_no_ratio() -> None:
    change = only_change(point(0, 0), point(36, 6))
    assert (change.flag, change.growth, change.growth_48h) == (Flag.NEW_INFECTION, None, None)


def test_infection_at_the_floor_is_not_new() -> None:
    change = only_change(point(0, 0), point(36, 5))
    assert change.flag is None
    assert Qualifier.NOT_COMPARABLE in change.qualifiers


def test_a_clean_baseline_long_ago_is_not_comparable_rather_than_no_growth() -> None:
    assert only_change(point(0, 0), point(100, 80)).qualifiers == (Qualifier.NOT_COMPARABLE,)


def test_projection_uses_the_rate_between_the_scans() -> None:
    assert growth_48h(point(0, 100), point(96, 225)) == pytest.approx(0.5)
    assert only_change(point(0, 100), point(96, 225)).flag is None
    assert only_change(point(0, 100), point(96, 226)).flag is Flag.PROJECTED


def test_a_projection_too_large_for_a_number_is_left_out() -> None:
    later = point(0, 1000, name="later", acquired_at=START + timedelta(seconds=1))
    change = only_change(point(0, 1), later)
    assert change.growth_48h is None
    assert change.flag is Flag.RAPID_GROWTH


def test_hours_are_real_across_the_change_to_winter_time() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    before = point(0, 100, name="a", acquired_at=datetime(2026, 10, 24, 12, tzinfo=berlin))
    after = point(0, 200, name="b", acquired_at=datetime(2026, 10, 26, 11, 30, tzinfo=berlin))
    change = only_change(before, after)
    assert change.hours == 48.5
    assert change.flag is Flag.PROJECTED


def test_the_same_instant_in_two_zones_is_one_point() -> None:
    in_utc = point(0, 100, name="a", acquired_at=datetime(2026, 1, 1, 12, tzinfo=UTC))
    in_tokyo = point(0, 110, name="b", acquired_at=datetime(2026, 1, 1, 21, tzinfo=ZoneInfo("Asia/Tokyo")))
    assessment = assess([in_utc, in_tokyo])
    assert len(assessment.points) == 1
    assert assessment.changes == ()


def test_reconstructions_of_one_acquisition_are_one_point() -> None:
    thick = point(0, 100, name="thick", acquisition="A", slice_thickness_mm=5.0)
    thin = point(0.05, 180, name="thin", acquisition="A", slice_thickness_mm=1.0)
    assessment = assess([thick, thin])
    assert [p.scan for p in assessment.points] == ["thin"]
    assert assessment.folded == {"thick": "thin"}


def test_an_acquisition_number_used_again_days_later_is_another_point() -> None:
    assessment = assess([point(0, 100, acquisition="A"), point(40, 200, acquisition="A")])
    assert assessment.flag is Flag.RAPID_GROWTH


def test_a_corrected_reconstruction_stands_for_its_acquisition() -> None:
    thin = point(0, 180, name="thin", acquisition="A", slice_thickness_mm=1.0)
    reviewed = point(0.01, 120, name="thick", acquisition="A", slice_thickness_mm=5.0, is_reviewed=True)
    assert [p.scan for p in assess([thin, reviewed]).points] == ["thick"]


def test_a_late_arriving_older_scan_opens_a_flag() -> None:
    known = [point(30, 140), point(60, 150)]
    assert assess(known).flag is None
    assert assess([*known, point(14, 90)]).flag is Flag.RAPID_GROWTH


def test_an_acknowledgement_holds_for_the_revisions_it_judged_only() -> None:
    before, after = point(0, 100, name="a"), point(20, 200, name="b")
    judged = {("rapid-growth", before.revision, after.revision)}
    assert assess([before, after], judged).flag is None
    corrected = TimePoint("b", "corrected", after.acquired_at, 190.0, 5000.0)
    assert assess([before, corrected], judged).flag is Flag.RAPID_GROWTH


@pytest.mark.parametrize(
    ("changes", "qualifier"),
    [
        ({"pipeline": "other"}, Qualifier.DIFFERENT_PIPELINE),
        ({"slice_thickness_mm": 2.0}, Qualifier.SLICE_THICKNESS),
        ({"kernel": "B70f"}, Qualifier.KERNEL),
        ({"lung_ml": 4200.0}, Qualifier.INSPIRATION),
        ({"quality": frozenset({"slice-gap"})}, Qualifier.INCOMPLETE_SERIES),
        ({"quality": frozenset({"time-uncertain"})}, Qualifier.TIME_UNCERTAIN),
        ({"floor_ml": 300.0}, Qualifier.BELOW_FLOOR),
        ({"lung_ml": 12000.0}, Qualifier.DISCORDANT),
        ({"lung_ml": 0.0}, Qualifier.NOT_COMPARABLE),
    ],
)
def test_qualifiers_stand_beside_a_flag_and_never_silence_it(changes: dict, qualifier: Qualifier) -> None:
    before = point(0, 100, slice_thickness_mm=1.0, kernel="B40f", pipeline="p")
    after = point(24, 200, **{"slice_thickness_mm": 1.0, "kernel": "B40f", "pipeline": "p", **changes})
    change = only_change(before, after)
    assert qualifier in change.qualifiers
    assert change.flag is Flag.RAPID_GROWTH


def test_alike_scans_carry_no_qualifier() -> None:
    assert only_change(point(0, 100), point(24, 200)).qualifiers == ()


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
def test_impossible_volumes_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="volumes"):
        point(0, bad)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        point(0, 1, acquired_at=datetime(2026, 1, 1))  # noqa: DTZ001
