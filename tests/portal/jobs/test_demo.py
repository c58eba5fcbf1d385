"""The demo fills itself in once, and says only passwords that open the door."""

from datetime import timedelta

import pytest

from inference.phantom import SCENARIOS
from portal.accounts.models import User
from portal.jobs import demo
from portal.jobs.demo import ensure_accounts, known_password, send_patients
from portal.jobs.models import InferenceJob
from portal.scans.models import Scan
from tests.samples import SMALL

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _small_demo(settings, tmp_path, monkeypatch) -> None:
    settings.LUNGTREND_HOME = tmp_path
    monkeypatch.delenv("LUNGTREND_DEMO_PASSWORD", raising=False)
    monkeypatch.setattr(demo, "ACQUISITION", SMALL)
    monkeypatch.setattr(demo, "PATIENTS", (("growing", "Synthetic^Ada", "19610412"),))


def hours_of_scans() -> list[float]:
    times = list(Scan.objects.order_by("acquired_at").values_list("acquired_at", flat=True))
    return [(time - times[0]) / timedelta(hours=1) for time in times]


def test_a_made_password_stays_and_only_its_owner_can_read_it(tmp_path) -> None:
    ensure_accounts()
    password = known_password()
    ensure_accounts()
    assert known_password() == password
    assert User.objects.get(username="radiologist").check_password(password)
    assert (tmp_path / "demo-password").stat().st_mode & 0o777 == 0o600


def test_a_password_that_no_longer_opens_the_door_is_not_shown(monkeypatch) -> None:
    monkeypatch.setenv("LUNGTREND_DEMO_PASSWORD", "the-first-password")
    ensure_accounts()
    assert known_password() == "the-first-password"
    monkeypatch.setenv("LUNGTREND_DEMO_PASSWORD", "another-password")
    ensure_accounts()
    assert known_password() is None


def test_scans_are_sent_with_their_jobs_once() -> None:
    ensure_accounts()
    hours = [visit.hours for visit in SCENARIOS["growing"].visits]
    assert len(list(send_patients())) == len(hours)
    assert hours_of_scans() == hours
    assert InferenceJob.objects.count() == len(hours)
    assert list(send_patients()) == []


def test_a_course_that_was_cut_short_goes_on_at_the_same_times() -> None:
    ensure_accounts()
    sending = send_patients()
    next(sending)
    next(sending)
    sending.close()
    before = list(Scan.objects.order_by("acquired_at").values_list("pk", flat=True))
    list(send_patients())
    assert list(Scan.objects.order_by("acquired_at").values_list("pk", flat=True))[:2] == before
    assert hours_of_scans() == [visit.hours for visit in SCENARIOS["growing"].visits]
