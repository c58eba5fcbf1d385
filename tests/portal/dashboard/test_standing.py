"""The worklist's statement orders and counts as the pure rules say, and pages never end nowhere."""

import random
import time
from dataclasses import dataclass
from uuid import UUID

import pytest
from django.utils import timezone

from portal.accounts.models import AuditAction, AuditEvent
from portal.dashboard.ordering import place_of
from portal.dashboard.standing import Filter, worklist_page
from portal.patients.models import Patient
from portal.scans.courses import rules_version
from portal.scans.growth import Flag
from portal.scans.models import Course, CoursePoint
from tests.factories import make_scan

pytestmark = pytest.mark.django_db
PATIENTS, HOUR_S = 60, 3600


@dataclass(frozen=True)
class Row:
    patient: UUID
    name: str
    flag: Flag | None
    latest_posix_s: float | None
    unread_posix_s: float | None


@pytest.fixture
def rows(clinician, team) -> list[Row]:
    """Patients at random: flags, ages of scans, scans looked at or not."""
    rng, now = random.Random(4), time.time()
    made = []
    for number in range(PATIENTS):
        patient = Patient.objects.create(mrn=f"{number}", name=f"N{number:03d}")
        patient.care_teams.add(team)
        flag = rng.choice([None, None, *Flag])
        latest = rng.choice([None, now - rng.uniform(0, 400) * HOUR_S])
        course = Course.objects.create(
            patient=patient,
            flag=flag or "",
            latest_posix_s=latest,
            version=rules_version(),
            derived_at=timezone.now(),
        )
        unread = []
        for _ in range(rng.randrange(4)):
            scan = make_scan(patient, clinician)
            ready = now - rng.choice([2, 20, 30, 60, 80, 100]) * HOUR_S - rng.random()
            CoursePoint.objects.create(scan=scan, key=str(scan.pk), course=course, ready_posix_s=ready)
            if rng.random() < 0.5:
                looked = {"actor": clinician, "action": AuditAction.VIEW, "subject_type": "scans.scan"}
                AuditEvent.objects.create(**looked, subject_id=str(scan.pk), patient_id=patient.pk)
            else:
                unread.append(ready)
        made.append(Row(patient.pk, patient.name, flag, latest, min(unread, default=None)))
    return made


def test_the_order_is_that_of_the_rules(rows, clinician, stranger) -> None:
    now = time.time()
    expected = sorted(rows, key=lambda row: (place_of(row, now), row.name))
    pages = [worklist_page(clinician, number=number, size=25) for number in (1, 2, 3)]
    shown = {key: is_unread for page in pages for key, is_unread in page.is_unread.items()}
    assert list(shown) == [row.patient for row in expected]
    assert list(shown.values()) == [row.unread_posix_s is not None for row in expected]
    assert worklist_page(stranger).is_unread == {}


def test_parts_are_counted_and_shown_alike(rows, clinician) -> None:
    parts = {
        Filter.ALL: rows,
        Filter.FLAGGED: [row for row in rows if row.flag],
        Filter.RAPID: [row for row in rows if row.flag is Flag.RAPID_GROWTH],
        Filter.UNREAD: [row for row in rows if row.unread_posix_s is not None],
    }
    for part, members in parts.items():
        standing = worklist_page(clinician, part=part, size=PATIENTS)
        assert set(standing.is_unread) == {row.patient for row in members}
        assert standing.counts == {name: len(some) for name, some in parts.items()}


@pytest.mark.parametrize("number", [0, -3, 99, "x", None, "9" * 30])
def test_a_page_that_is_not_there_is_the_nearest_one(rows, clinician, number) -> None:
    standing = worklist_page(clinician, number=number, size=25)
    assert standing.page.number == (3 if str(number).isdecimal() and number else 1)
    assert len(standing.is_unread) == (10 if standing.page.number == 3 else 25)


def test_search_and_team_narrow_it(rows, clinician, team) -> None:
    assert worklist_page(clinician, search="N007").counts[Filter.ALL] == 1
    assert worklist_page(clinician, search="100%").counts[Filter.ALL] == 0
    assert worklist_page(clinician, team=str(team.pk)).counts[Filter.ALL] == PATIENTS
    assert worklist_page(clinician, team="999999").counts[Filter.ALL] == 0
