"""What pages say, and what they cost."""

import pytest
from django.urls import reverse

from inference.catalogue import catalogue
from portal.jobs.models import InferenceJob, JobState
from portal.patients.models import CareTeam, Patient
from portal.scans.files import volume_key
from portal.scans.models import Scan
from portal.scans.storage import path_of
from tests.factories import make_result, make_scan
from tests.portal.results import measured_scan


@pytest.fixture
def growing(patient, clinician, tmp_path):
    for hours, ml in ((0, 90), (44, 165)):
        make_result(make_scan(patient, clinician, hours=hours), tmp_path, ml)
    return patient


def test_the_patient_page_says_what_grew_in_one_sentence(as_clinician, growing) -> None:
    page = as_clinician.get(reverse("patient", args=[growing.pk])).content.decode()
    assert "Infected volume rose from 90 ml to 165 ml (+83%) in 44 h." in page


def test_times_are_shown_in_the_sites_zone_with_the_offset(as_clinician, growing) -> None:
    assert "2 Mar 2026, 09:00 (UTC+01:00)" in as_clinician.get(reverse("patient", args=[growing.pk])).content.decode()


def test_names_with_markup_are_shown_as_text(as_clinician, patient) -> None:
    patient.name = "<script>alert(1)</script>"
    patient.save()
    for page in (reverse("worklist"), reverse("patient", args=[patient.pk])):
        assert b"<script>alert" not in as_clinician.get(page).content


def test_the_worklist_costs_the_same_for_many_patients(
    as_clinician, growing, team, clinician, tmp_path, django_assert_max_num_queries
) -> None:
    for number in range(8):
        other = type(growing).objects.create(mrn=f"M-{number}")
        other.care_teams.add(team)
        make_result(make_scan(other, clinician), tmp_path, 40)
    with django_assert_max_num_queries(14):
        page = as_clinician.get(reverse("worklist"))
    assert page.content.count(b"<tr") == 10


def test_a_running_job_says_what_it_does_so_that_its_share_is_not_taken_for_growth(
    as_clinician, patient, clinician
) -> None:
    job = InferenceJob.objects.create(
        scan=make_scan(patient, clinician), pipeline="unet2d", requested_by=clinician, state=JobState.RUNNING
    )
    shown = ("Starting · 0 %", "Finding infection · 78 %")
    for stage, percent, text in zip(("", "infection"), (0, 78), shown, strict=True):
        InferenceJob.objects.filter(pk=job.pk).update(stage=stage, percent=percent)
        for page in (reverse("worklist"), reverse("ward"), reverse("patient", args=[patient.pk])):
            assert text in as_clinician.get(page).content.decode()


def test_search_finds_by_name_and_number_and_says_so_when_not(as_clinician, patient) -> None:
    assert b"Doe, Jane" in as_clinician.get("/?search=doe").content
    assert b"Doe, Jane" in as_clinician.get("/?search=P-1").content
    assert b"Nobody found" in as_clinician.get("/?search=zzz").content


def test_a_scan_is_unread_until_somebody_looks(as_clinician, growing) -> None:
    assert b"Not looked at yet" in as_clinician.get("/").content
    for scan in Scan.objects.all():
        as_clinician.get(reverse("scan", args=[scan.pk]))
    assert b"Not looked at yet" not in as_clinician.get("/").content


def test_an_acquisition_time_can_be_stated_once_files_state_none(as_clinician, patient, clinician, tmp_path) -> None:
    scan = make_scan(patient, clinician, hours=None)
    make_result(scan, tmp_path, 40)
    page = as_clinician.get(reverse("patient", args=[patient.pk])).content.decode()
    assert "Without acquisition time" in page
    as_clinician.post(reverse("set_time", args=[scan.pk]), {"acquired_at": "2026-03-01T10:00"})
    scan.refresh_from_db()
    assert scan.acquired_at.isoformat() == "2026-03-01T09:00:00+00:00"


def test_every_page_carries_the_research_line_and_a_strict_policy(as_clinician, growing) -> None:
    for page in ("/", "/upload/", "/help/", "/models/", reverse("patient", args=[growing.pk])):
        answer = as_clinician.get(page)
        assert b"not a medical device" in answer.content
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe-inline" not in policy
        assert "script-src 'self' 'wasm-unsafe-eval'" in policy


def test_masks_are_downloaded_with_the_revision_on_record(as_clinician, growing) -> None:
    scan = Scan.objects.first()
    answer = as_clinician.get(reverse("scan_mask", args=[scan.pk, "lung"]))
    assert b"".join(answer.streaming_content)[:2] == b"\x1f\x8b"
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_the_timeline_json_keeps_its_contract(as_clinician, growing) -> None:
    body = as_clinician.get(f"/api/v1/patients/{growing.pk}/timeline/").json()
    assert body["flag"] == "rapid-growth"
    (change,) = body["changes"]
    assert {"from", "to", "hours", "growth_percent", "growth_48h_percent", "flag", "qualifiers", "acknowledged"} <= set(
        change
    )
    assert change["growth_percent"] == pytest.approx(83.33, abs=0.01)
    point = body["points"][0]
    assert {"scan", "acquired_at", "infected_ml", "lung_ml", "poi_percent", "composition", "lobes"} <= set(point)
    assert point["pipeline"] == {"name": "unet2d", "version": "1.0", "sha256": "a" * 64}


def test_the_models_page_compares_all_pipelines(as_clinician) -> None:
    text = as_clinician.get("/models/").content.decode()
    for entry in catalogue():
        assert f">{entry.name}</a>" in text
    assert "Infection Dice, mean of cases" in text


def test_a_scans_page_offers_every_pipeline(as_clinician, growing) -> None:
    scan = growing.scans.last()
    path = path_of(volume_key(scan))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    text = as_clinician.get(reverse("scan", args=[scan.pk])).content.decode()
    for entry in catalogue():
        assert f'<option value="{entry.name}"' in text


def test_the_worklist_is_filtered_by_flag_unread_and_team(
    as_clinician, clinician, growing, stranger, team, tmp_path
) -> None:
    other = Patient.objects.create(mrn="CALM", name="Calm, Carl")
    other.care_teams.add(team)
    scan = make_scan(other, clinician)
    make_result(scan, tmp_path, 40)
    as_clinician.get(reverse("scan", args=[scan.pk]))

    def names(query: str) -> tuple[bool, bool]:
        page = as_clinician.get(f"/{query}").content.decode()
        return growing.name in page, "Calm, Carl" in page

    assert names("") == (True, True)
    assert names("?show=flagged") == (True, False)
    assert names("?show=rapid-growth") == (True, False)
    assert names("?show=unread") == (True, False)
    assert names("?show=nonsense") == (True, True)
    assert names(f"?team={team.pk}") == (True, True)
    assert names(f"?team={stranger.care_teams.get().pk}") == (False, False), "another ward's name opens nothing"


def test_the_ward_shows_the_patients_of_one_team(as_clinician, clinician, growing, stranger, team, tmp_path) -> None:
    elsewhere = Patient.objects.create(mrn="ELSE", name="Elsewhere, Eve")
    other = CareTeam.objects.create(name="Zebra ward")
    other.members.add(clinician)
    elsewhere.care_teams.add(other)
    first = as_clinician.get("/ward/").content.decode()
    assert growing.name in first
    assert 'data-flag="rapid-growth"' in first
    assert "Elsewhere, Eve" not in first
    second = as_clinician.get(f"/ward/?team={other.pk}").content.decode()
    assert "Elsewhere, Eve" in second
    assert growing.name not in second
    foreign = as_clinician.get(f"/ward/?team={stranger.care_teams.get().pk}").content.decode()
    assert "Ward 9" not in foreign


def test_two_revisions_stand_side_by_side_with_their_figures(as_clinician, patient, clinician, tmp_path) -> None:
    scan = measured_scan(patient, clinician, tmp_path)
    make_result(scan, tmp_path, 42.0, pipeline={"name": "hu-baseline", "version": "1.0", "sha256": "b" * 64})
    page = as_clinician.get(reverse("scan", args=[scan.pk]), {"revision": 1, "beside": 2})
    assert page.context["data"]["beside"]["masks"]["infection"].endswith("?revision=2")
    assert page.context["data"]["edit"] is None
    (infected, *_) = page.context["both"]
    assert infected[0] == "Infected, ml"
    assert infected[2] == pytest.approx(42.0)
    assert infected[3] == pytest.approx(infected[2] - infected[1])
    assert "Side by side" in page.content.decode()
    alone = as_clinician.get(reverse("scan", args=[scan.pk]), {"beside": "99"})
    assert alone.context["data"]["beside"] is None
