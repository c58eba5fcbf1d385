"""Growth of infection between scans. Pure and versioned: the one definition that page, API and report share.

The clinical rule (more than 50 % within 48 hours counts as severe) is from Wu et al., "Rapid growth of the
physical proportion of infected lung". Nothing here is stored: a correction, a late older scan or a new
analysis simply derives everything again.
"""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

GROWTH_VERSION = "1.0"
WINDOW = timedelta(hours=48)
#: Relative growth that is flagged when exceeded; exactly this much is not.
THRESHOLD = 0.5
#: Reconstructions of one acquisition may differ by this much in the time of their first slice.
ONE_ACQUISITION = timedelta(minutes=10)
THICKNESS_RATIO = 2.0
LUNG_CHANGE = 0.15
#: Opposite trends of millilitres and per cent count as discordant when both exceed this.
TREND_NOISE = 0.05

INCOMPLETE_CODES = frozenset({"slice-gap", "lungs-cut-off", "incomplete-series"})
TIME_CODES = frozenset({"time-uncertain"})


class Flag(StrEnum):
    """What a pair of scans can show, most severe first."""

    RAPID_GROWTH = "rapid-growth"
    NEW_INFECTION = "new-infection"
    PROJECTED = "projected"


SEVERITY = {flag: rank for rank, flag in enumerate(Flag)}


class Qualifier(StrEnum):
    """What a reader must know beside a comparison. A qualifier never silences a flag."""

    BELOW_FLOOR = "below-floor"
    DIFFERENT_PIPELINE = "different-pipeline"
    SLICE_THICKNESS = "slice-thickness"
    KERNEL = "kernel"
    INSPIRATION = "inspiration"
    DISCORDANT = "discordant"
    INCOMPLETE_SERIES = "incomplete-series"
    TIME_UNCERTAIN = "time-uncertain"
    NOT_COMPARABLE = "not-comparable"


@dataclass(frozen=True, slots=True)
class TimePoint:
    """One measured scan. Volumes in millilitres; `acquired_at` aware, kept in UTC.

    `acquisition` is equal for reconstructions of one acquisition (empty: unknown); `pipeline` names whatever
    must be equal for two figures to be comparable; `quality` holds codes of quality notes.

    Raises:
        ValueError: for a time without zone or a volume that is negative or not finite.
    """

    scan: str
    revision: str
    acquired_at: datetime
    infected_ml: float
    lung_ml: float
    pipeline: str = ""
    acquisition: str = ""
    floor_ml: float = 0.0
    slice_thickness_mm: float | None = None
    kernel: str = ""
    quality: frozenset[str] = frozenset()
    is_reviewed: bool = False

    def __post_init__(self) -> None:
        if self.acquired_at.utcoffset() is None:
            raise ValueError("an acquisition time needs its zone")
        if not all(math.isfinite(ml) and ml >= 0 for ml in (self.infected_ml, self.lung_ml)):
            raise ValueError("volumes are finite and not negative")
        # Two times in one zone subtract by the wall clock, which is wrong across a change to summer time.
        object.__setattr__(self, "acquired_at", self.acquired_at.astimezone(UTC))

    @property
    def poi_percent(self) -> float:
        """Infected share of the lung in per cent; 0 without lung."""
        return 100 * self.infected_ml / self.lung_ml if self.lung_ml else 0.0


@dataclass(frozen=True, slots=True)
class Change:
    """One later scan against one earlier scan. `growth` 0.5 means 50 %; None where there is no ratio."""

    before: TimePoint
    after: TimePoint
    hours: float
    growth: float | None
    growth_48h: float | None
    flag: Flag | None
    qualifiers: tuple[Qualifier, ...]
    is_acknowledged: bool = False

    @property
    def is_open(self) -> bool:
        """Flagged, and nobody has acknowledged it for these very revisions."""
        return self.flag is not None and not self.is_acknowledged


@dataclass(frozen=True, slots=True)
class Assessment:
    """All that follows from a patient's points.

    `points` are in order of time, one for each acquisition; `folded` maps the scans left out (other
    reconstructions) to the scan that stands for them.
    """

    points: tuple[TimePoint, ...]
    changes: tuple[Change, ...]
    folded: dict[str, str]

    @property
    def leading(self) -> Change | None:
        """The open change to show: most severe flag, then largest growth, then latest."""
        return max((change for change in self.changes if change.is_open), key=_urgency, default=None)

    @property
    def flag(self) -> Flag | None:
        """The patient's flag: that of the leading change."""
        return self.leading.flag if self.leading else None


#: Key of an acknowledgement: flag, revision before, revision after.
Judged = tuple[str, str, str]


def assess(points: Iterable[TimePoint], acknowledged: Collection[Judged] = ()) -> Assessment:
    """Compare every scan with every earlier scan within 48 hours, else with the latest earlier one.

    The order of `points` does not matter. `acknowledged` holds the pairs that somebody has judged; a pair
    whose revisions have changed since is not among them, so its flag is open again.
    """
    chosen, folded = _one_per_acquisition(points)
    changes = tuple(
        _compare(before, after, acknowledged)
        for i, after in enumerate(chosen)
        for before in _partners(chosen[:i], after)
    )
    return Assessment(points=tuple(chosen), changes=changes, folded=folded)


def growth(before: TimePoint, after: TimePoint) -> float | None:
    """Relative change of infected volume; None when the baseline is 0 ml."""
    if before.infected_ml == 0:
        return None
    ratio = after.infected_ml / before.infected_ml
    return ratio - 1 if math.isfinite(ratio) else None


def growth_48h(before: TimePoint, after: TimePoint) -> float | None:
    """Growth that the same exponential rate would give in 48 hours; None where it cannot be said."""
    hours = _hours(before, after)
    if before.infected_ml == 0 or hours <= 0:
        return None
    try:
        value = (after.infected_ml / before.infected_ml) ** (48 / hours) - 1
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def _hours(before: TimePoint, after: TimePoint) -> float:
    return (after.acquired_at - before.acquired_at).total_seconds() / 3600


def _partners(earlier: list[TimePoint], after: TimePoint) -> list[TimePoint]:
    within = [point for point in earlier if after.acquired_at - point.acquired_at <= WINDOW]
    return within or earlier[-1:]


def _compare(before: TimePoint, after: TimePoint, acknowledged: Collection[Judged]) -> Change:
    flag = _flag(before, after)
    return Change(
        before=before,
        after=after,
        hours=_hours(before, after),
        growth=growth(before, after),
        growth_48h=growth_48h(before, after),
        flag=flag,
        qualifiers=tuple(_qualifiers(before, after, flag)),
        is_acknowledged=flag is not None and (flag.value, before.revision, after.revision) in acknowledged,
    )


def _flag(before: TimePoint, after: TimePoint) -> Flag | None:
    if after.acquired_at - before.acquired_at <= WINDOW:
        if before.infected_ml == 0:
            return Flag.NEW_INFECTION if after.infected_ml > after.floor_ml else None
        return Flag.RAPID_GROWTH if _exceeds_threshold(before.infected_ml, after.infected_ml) else None
    projection = growth_48h(before, after)
    return Flag.PROJECTED if projection is not None and projection > THRESHOLD else None


def _exceeds_threshold(before: float, after: float) -> bool:
    """Whether growth exceeds the threshold, in decimal: 0.3 ml to 0.45 ml is exactly 50 % and is not flagged."""
    return Decimal(repr(after)) > Decimal(repr(before)) * (1 + Decimal(repr(THRESHOLD)))


def _qualifiers(before: TimePoint, after: TimePoint, flag: Flag | None) -> Iterable[Qualifier]:
    if 0 < before.infected_ml < before.floor_ml or after.infected_ml < after.floor_ml:
        yield Qualifier.BELOW_FLOOR
    if before.pipeline != after.pipeline:
        yield Qualifier.DIFFERENT_PIPELINE
    if _thickness_ratio(before, after) >= THICKNESS_RATIO:
        yield Qualifier.SLICE_THICKNESS
    if before.kernel and after.kernel and before.kernel != after.kernel:
        yield Qualifier.KERNEL
    if before.lung_ml and abs(after.lung_ml / before.lung_ml - 1) > LUNG_CHANGE:
        yield Qualifier.INSPIRATION
    if _is_discordant(before, after):
        yield Qualifier.DISCORDANT
    codes = before.quality | after.quality
    if codes & INCOMPLETE_CODES:
        yield Qualifier.INCOMPLETE_SERIES
    if codes & TIME_CODES:
        yield Qualifier.TIME_UNCERTAIN
    without_ratio = before.infected_ml == 0 and after.infected_ml > 0 and flag is None
    if without_ratio or not (before.lung_ml and after.lung_ml):
        yield Qualifier.NOT_COMPARABLE


def _thickness_ratio(before: TimePoint, after: TimePoint) -> float:
    if not (before.slice_thickness_mm and after.slice_thickness_mm):
        return 1.0
    thin, thick = sorted((before.slice_thickness_mm, after.slice_thickness_mm))
    return thick / thin


def _is_discordant(before: TimePoint, after: TimePoint) -> bool:
    by_ml = growth(before, after)
    if by_ml is None or not before.poi_percent:
        return False
    by_share = after.poi_percent / before.poi_percent - 1
    opposite = by_ml * by_share < 0 and min(abs(by_ml), abs(by_share)) > TREND_NOISE
    return opposite or (by_ml > THRESHOLD) != (by_share > THRESHOLD)


def _one_per_acquisition(points: Iterable[TimePoint]) -> tuple[list[TimePoint], dict[str, str]]:
    """Reconstructions of one acquisition, or scans of one instant, become one point."""
    groups: list[list[TimePoint]] = []
    for point in sorted(points, key=lambda point: (point.acquired_at, point.scan)):
        home = next((group for group in groups if _is_same_acquisition(group[0], point)), None)
        if home is None:
            groups.append([point])
        else:
            home.append(point)
    chosen: list[TimePoint] = []
    folded: dict[str, str] = {}
    for group in groups:
        best, *others = sorted(group, key=_preference)
        chosen.append(best)
        folded.update({point.scan: best.scan for point in others})
    return sorted(chosen, key=lambda point: (point.acquired_at, point.scan)), folded


def _is_same_acquisition(first: TimePoint, other: TimePoint) -> bool:
    """One instant; or one acquisition number of one study, whose slices may carry times minutes apart."""
    apart = other.acquired_at - first.acquired_at
    return not apart or (
        bool(first.acquisition) and first.acquisition == other.acquisition and apart <= ONE_ACQUISITION
    )


def _preference(point: TimePoint) -> tuple[bool, int, float, str]:
    """Best first: reviewed by a reader, fewest quality notes, thinnest slices."""
    return (not point.is_reviewed, len(point.quality), point.slice_thickness_mm or math.inf, point.scan)


def _urgency(change: Change) -> tuple[int, float, datetime]:
    rank = -SEVERITY[change.flag] if change.flag else -len(SEVERITY)
    size = change.growth if change.growth is not None else change.after.infected_ml
    return (rank, size, change.after.acquired_at)
