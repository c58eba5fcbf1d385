"""The timeline's charts, built here as Plotly figures and drawn in the page."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import plotly.graph_objects as go
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.jobs.catalogue import known_error
from portal.patients.models import TreatmentEvent
from portal.scans.growth import Change
from portal.scans.models import Origin
from portal.scans.selectors import Timeline, TimelinePoint
from portal.scans.wording import change_sentence

#: After Okabe and Ito, for readers who see colours differently; the viewer uses the same.
KINDS = (
    ("ground_glass_ml", gettext_lazy("Ground-glass"), "#d9b500"),
    ("consolidation_ml", gettext_lazy("Consolidation"), "#d95f0e"),
)
INFECTED, LUNG, EFFUSION, ALARM = "#1f6f8b", "#3f9bd1", "#cc79a7", "#c4314b"
EVENT, BAND = "#7a5195", "rgba(31, 111, 139, 0.16)"
LOBES = (("RUL", "#0072b2"), ("RML", "#e69f00"), ("RLL", "#009e73"), ("LUL", "#56b4e9"), ("LLL", "#cc79a7"))
#: Shorter courses are drawn with so much time on either side.
NARROWEST = timedelta(hours=24)
HOVER = "%{y:.1f}<extra>%{fullData.name}</extra>"


def timeline_figures(timeline: Timeline, events: Sequence[TreatmentEvent] = ()) -> dict[str, Any]:
    """The course in several views, as JSON of Plotly figures, with treatment events on the axis of time."""
    points = timeline.points
    figures = {
        "infected": _infected(points, timeline.assessment.leading),
        "poi": _single(points, "poi_percent", _("PoIR"), INFECTED, _("Infected share of the lung (%)")),
        "lung": _single(points, "lung_ml", _("Lung volume"), LUNG, _("Lung volume (ml)")),
        "lobes": _lobes(points),
        "score": _single(points, "severity_score", _("Severity score"), INFECTED, _("CT severity score (0 to 25)")),
    }
    for view, field in (("infected", "infected_ml"), ("poi", "poi_percent")):
        _add_error_band(figures[view], points, field)
    for figure in figures.values():
        _mark_events(figure, events)
        _widen(figure, points)
    return {name: json.loads(figure.to_json()) for name, figure in figures.items()}


def windows(timeline: Timeline) -> dict[str, str]:
    """What grew within the 48 hours before each scan, by the scan's address: the steepest comparison as a sentence."""
    steepest: dict[str, Change] = {}
    for change in timeline.assessment.changes:
        known = steepest.get(change.after.scan)
        if known is None or (change.growth or 0.0) > (known.growth or 0.0):
            steepest[change.after.scan] = change
    return {reverse("scan", args=[scan]): change_sentence(change) for scan, change in steepest.items()}


def _widen(figure: go.Figure, points: Sequence[TimelinePoint]) -> None:
    """Scans that lie close together, or a single one, with the days around them: else the axis shows seconds."""
    times = [datetime.fromisoformat(time) for time in _times(points)]
    if times and times[-1] - times[0] < NARROWEST:
        figure.update_xaxes(range=[(times[0] - NARROWEST).isoformat(), (times[-1] + NARROWEST).isoformat()])


def _mark_events(figure: go.Figure, events: Sequence[TreatmentEvent]) -> None:
    for number, event in enumerate(events, start=1):
        at = timezone.localtime(event.at).replace(tzinfo=None).isoformat()
        figure.add_shape(type="line", x0=at, x1=at, y0=0, y1=1, yref="paper", line={"color": EVENT, "dash": "dot"})
        figure.add_annotation(
            x=at, y=1, yref="paper", text=str(number), hovertext=event.text, showarrow=False, yanchor="top",
            xanchor="left", font={"color": EVENT},
        )  # fmt: skip


def _add_error_band(figure: go.Figure, points: Sequence[TimelinePoint], field: str) -> None:
    """Around each value the mean error of its pipeline on patients held out; none around what a reader corrected."""
    errors = [_error_of(point) for point in points]
    if not any(errors):
        return
    times, values = _times(points), [getattr(point.measurement, field) for point in points]
    low = [value * max(0.0, 1 - error) for value, error in zip(values, errors, strict=True)]
    high = [value * (1 + error) for value, error in zip(values, errors, strict=True)]
    line = {"width": 0}
    figure.add_scatter(x=times, y=low, mode="lines", line=line, hoverinfo="skip", showlegend=False)
    figure.add_scatter(
        x=times, y=high, mode="lines", line=line, fill="tonexty", fillcolor=BAND, hoverinfo="skip",
        name=_("Mean error on other patients, ±%(errors)s %%") % {"errors": f"{100 * max(errors):.0f}"},
    )  # fmt: skip


def _error_of(point: TimelinePoint) -> float:
    revision = point.segmentation
    if revision.origin != Origin.MODEL:
        return 0.0
    return known_error(revision.pipeline, revision.weights_sha256) or 0.0


def _lobes(points: Sequence[TimelinePoint]) -> go.Figure:
    figure = go.Figure()
    for lobe, colour in LOBES:
        figure.add_scatter(
            x=_times(points), y=[point.measurement.details["lobes"][lobe]["infected_ml"] for point in points],
            customdata=_links(points), name=lobe, mode="lines+markers", line={"color": colour, "width": 2},
            marker={"size": 8}, hovertemplate=HOVER,
        )  # fmt: skip
    return _layout(figure, _("Infected volume by lobe (ml)"))


def _times(points: Sequence[TimelinePoint]) -> list[str]:
    """Wall-clock times of the site: Plotly has no time zones."""
    return [
        timezone.localtime(point.scan.acquired_at).replace(tzinfo=None).isoformat()
        for point in points
        if point.scan.acquired_at
    ]


def _links(points: Sequence[TimelinePoint]) -> list[str]:
    return [reverse("scan", args=[point.scan.pk]) for point in points]


def _layout(figure: go.Figure, title: str) -> go.Figure:
    figure.update_layout(
        margin={"l": 64, "r": 16, "t": 28, "b": 44},
        height=340,
        hovermode="x unified",
        legend={"orientation": "h", "y": 1.12, "x": 0},
        xaxis={"type": "date", "title": None},
        yaxis={"title": title, "rangemode": "tozero"},
        template="none",
    )
    return figure


def _infected(points: Sequence[TimelinePoint], leading: Change | None) -> go.Figure:
    figure = go.Figure()
    times, links = _times(points), _links(points)
    for field, name, colour in KINDS:
        figure.add_scatter(
            x=times, y=[getattr(point.measurement, field) for point in points], customdata=links, name=str(name),
            mode="lines", stackgroup="kinds", line={"color": colour, "width": 1}, hovertemplate=HOVER,
        )  # fmt: skip
    figure.add_scatter(
        x=times, y=[point.measurement.infected_ml for point in points], customdata=links, name=_("Infected"),
        mode="lines+markers", line={"color": INFECTED, "width": 2.5}, marker={"size": 11}, hovertemplate=HOVER,
    )  # fmt: skip
    effusion = [point.measurement.effusion_ml for point in points]
    if any(effusion):
        figure.add_scatter(
            x=times, y=effusion, customdata=links, name=_("Effusion"), mode="lines+markers",
            line={"color": EFFUSION, "dash": "dot"}, hovertemplate=HOVER,
        )  # fmt: skip
    if leading is not None:
        _highlight(figure, points, leading)
    return _layout(figure, _("Infected volume (ml)"))


def _highlight(figure: go.Figure, points: Sequence[TimelinePoint], change: Change) -> None:
    """The pair behind the flag: a band over its hours and a line from scan to scan."""
    pair = [point for point in points if str(point.scan.pk) in {change.before.scan, change.after.scan}]
    start, end = _times(pair)
    figure.add_vrect(x0=start, x1=end, fillcolor=ALARM, opacity=0.10, line_width=0)
    figure.add_scatter(
        x=[start, end], y=[point.measurement.infected_ml for point in pair], customdata=_links(pair),
        name=_("Flagged pair"), mode="lines+markers", line={"color": ALARM, "width": 3},
        marker={"size": 13, "symbol": "circle-open", "line": {"width": 3}}, hoverinfo="skip",
    )  # fmt: skip


def _single(points: Sequence[TimelinePoint], field: str, name: str, colour: str, title: str) -> go.Figure:
    figure = go.Figure()
    figure.add_scatter(
        x=_times(points), y=[getattr(point.measurement, field) for point in points], customdata=_links(points),
        name=name, mode="lines+markers", line={"color": colour, "width": 2.5}, marker={"size": 11},
        hovertemplate=HOVER,
    )  # fmt: skip
    return _layout(figure, title)
