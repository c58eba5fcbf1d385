"""Treatment events stand on the course; the follow-up sheet compares the current scan; the course leaves as CSV."""

import csv
import io
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from inference.catalogue import catalogue
from portal.accounts.models import AuditAction, AuditEvent
from portal.dashboard.figures import timeline_figures, windows
from portal.dashboard.followup import follow_up
from portal.jobs.catalogue import known_error
from portal.patients.events import events_of
from portal.patients.models import TreatmentEvent
from portal.scans.revisions import add_reader_revision
from portal.scans.selectors import timeline_of
from tests.factories import make_result, make_scan
from tests.samples import measurements_of, write_masks

pytestmark = pytest.mark.django_db


@pytest.fixture
def course(patient, clinician, tmp_path):
    for hours, infected_ml in ((0, 100), (20, 60), (50, 120), (90, 90)):
        make_result(make_scan(patient, clinician, hours=hours), tmp_path, infected_ml)
    return timeline_of(patient)


def add(client, patient, at: str, text: str):
    return client.post(reverse("treatment_event", args=[patient.pk]), {"at": at, "text": text}, follow=True)


def test_an_event_is_noted_drawn_and_withdrawn(as_clinician, course, patient, clinician) -> None:
    page = add(as_clinician, patient, "2026-03-03T08:00", "Dexamethasone <b>begun</b>").content.decode()
    assert "Dexamethasone &lt;b&gt;begun&lt;/b&gt;" in page
    (event,) = events_of(patient)
    figure = timeline_figures(course, [event])["infected"]
    assert figure["layout"]["annotations"][0]["text"] == "1"
    assert figure["layout"]["annotations"][0]["x"] == "2026-03-03T08:00:00"
    as_clinician.post(reverse("treatment_event", args=[patient.pk]), {"withdraw": event.pk})
    assert not events_of(patient).exists()
    assert TreatmentEvent.objects.get().withdrawn_by == clinician
    actions = AuditEvent.objects.filter(subject_id=str(event.pk)).order_by("pk").values_list("action", flat=True)
    assert list(actions) == [AuditAction.CREATE, AuditAction.CHANGE]


@pytest.mark.parametrize(
    ("at", "text", "sentence"),
    [
        (None, "Later", "lies in the future"),
        ("2026-03-03T08:00", "   ", "Enter date, time and a few words."),
        ("soon", "Text", "Enter date, time and a few words."),
    ],
)
def test_what_is_no_event_is_refused_with_a_sentence(as_clinician, patient, at, text, sentence) -> None:
    later = timezone.localtime(timezone.now() + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    assert sentence in add(as_clinician, patient, at or later, text).content.decode()
    assert not TreatmentEvent.objects.exists()


def test_the_sheet_has_baseline_lowest_previous_and_current(course) -> None:
    lines = {line.name: line for line in follow_up(course.points)}
    assert list(lines) == ["Baseline", "Lowest", "Previous", "Current"]
    assert lines["Baseline"].difference_ml == pytest.approx(-10)
    assert lines["Baseline"].hours == pytest.approx(90)
    assert lines["Lowest"].growth == pytest.approx(0.5)
    assert lines["Previous"].growth == pytest.approx(-0.25)
    assert follow_up(course.points[:1]) == []


def test_the_window_under_the_cursor_says_what_grew_most_in_it(course) -> None:
    told = windows(course)
    address = reverse("scan", args=[course.points[2].scan.pk])
    assert told[address] == "Infected volume rose from 60 ml to 120 ml (+100%) in 30 h."
    assert reverse("scan", args=[course.points[0].scan.pk]) not in told


def test_the_course_is_saved_as_a_table(as_clinician, course, patient) -> None:
    answer = as_clinician.get(reverse("timeline_csv", args=[patient.pk]))
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [float(row["infected_ml"]) for row in rows] == [100, 60, 120, 90]
    assert rows[0]["acquired_at"] == "2026-03-02T09:00:00+01:00"
    assert AuditEvent.objects.filter(action=AuditAction.DOWNLOAD, patient_id=patient.pk).exists()


def test_the_error_of_the_pipeline_stands_as_a_band_and_readers_have_none(
    patient, clinician, radiologist, tmp_path
) -> None:
    entry = next(entry for entry in catalogue() if entry.name == "lungtrend")
    weights = {"name": entry.name, "version": entry.version, "sha256": entry.sha256}
    for hours in (0, 30):
        made = make_result(make_scan(patient, clinician, hours=hours), tmp_path, 100.0, pipeline=weights)
    add_reader_revision(
        by=radiologist, based_on=made, reason="Read.", measurements=measurements_of(200.0, pipeline=weights),
        folder=write_masks(tmp_path / "corrected"),
    )  # fmt: skip
    error = known_error(entry.name, entry.sha256)
    assert error
    *_, low, high = timeline_figures(timeline_of(patient))["infected"]["data"]
    assert low["y"] == pytest.approx([100 * (1 - error), 200])
    assert high["y"] == pytest.approx([100 * (1 + error), 200])
    assert f"±{100 * error:.0f} %" in high["name"]


def test_other_weights_have_no_known_error(course) -> None:
    assert known_error("lungtrend", "a" * 64) is None
    assert not any("error" in trace.get("name", "") for trace in timeline_figures(course)["infected"]["data"])
