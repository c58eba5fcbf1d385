"""Which patients the worklist shows, and in which order: one statement, so that only what is shown leaves the database.

The order is that of `portal.dashboard.ordering`, said in SQL; a test holds the two against each other.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db import connection
from django.db.models import Exists, Min, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext_lazy

from portal.accounts.models import AuditAction, AuditEvent, User
from portal.dashboard.ordering import NEVER_LONGER_THAN_S, OVERDUE_AFTER_S
from portal.patients.access import visible_patients
from portal.patients.models import Patient
from portal.scans.courses import DERIVED_AT_ONCE, derive_courses, rules_version
from portal.scans.growth import SEVERITY, Flag
from portal.scans.models import CoursePoint


class Filter(StrEnum):
    """What part of the worklist is shown."""

    ALL = ""
    FLAGGED = "flagged"
    RAPID = "rapid-growth"
    UNREAD = "unread"


#: For people; the team's name comes from the address.
FILTER_NAMES = {
    Filter.ALL: gettext_lazy("All"),
    Filter.FLAGGED: gettext_lazy("Flagged"),
    Filter.RAPID: gettext_lazy("Rapid growth"),
    Filter.UNREAD: gettext_lazy("Unread"),
}
#: Each part, as a condition on `standing`.
CONDITIONS = {
    Filter.ALL: "1 = 1",
    Filter.FLAGGED: "flag <> ''",
    Filter.RAPID: f"flag = '{Flag.RAPID_GROWTH}'",
    Filter.UNREAD: "since IS NOT NULL",
}
#: Beyond all patients; databases count only so far.
HIGHEST_PAGE = 10**9
#: A flag's severity in SQL.
_SEVERITY = " ".join(f"WHEN '{flag}' THEN {place}" for flag, place in SEVERITY.items())
#: Ranks, and what decides within each, as in `ordering.place_of`.
_STATEMENT = f"""
WITH visible(id, name, mrn) AS ({{visible}}),
unread(patient_id, since) AS ({{unread}}),
standing AS (
    SELECT visible.id, visible.name, visible.mrn, COALESCE(course.flag, '') AS flag, unread.since,
           COALESCE(course.latest_posix_s, 0) AS latest, COALESCE(%s - unread.since, 0) AS waited,
           CASE WHEN course.version = %s THEN 0 ELSE 1 END AS stale
    FROM visible
    LEFT JOIN scans_course course ON course.patient_id = visible.id
    LEFT JOIN unread ON unread.patient_id = visible.id
),
counted AS (
    SELECT id, name, mrn, flag, since, waited, latest,
           CASE WHEN waited >= {NEVER_LONGER_THAN_S} THEN 0
                WHEN flag = '{Flag.RAPID_GROWTH}' THEN 1
                WHEN waited >= {OVERDUE_AFTER_S} THEN 2
                WHEN flag <> '' THEN 3
                WHEN since IS NOT NULL THEN 4
                ELSE 5 END AS place,
           CASE flag {_SEVERITY} ELSE 0 END AS severity,
           {", ".join(f"SUM(CASE WHEN {condition} THEN 1 ELSE 0 END) OVER ()" for condition in CONDITIONS.values())},
           SUM(stale) OVER ()
    FROM standing
)
SELECT * FROM counted WHERE {{condition}}
ORDER BY place, CASE place WHEN 3 THEN severity ELSE 0 END,
         CASE WHEN place IN (0, 2) THEN -waited WHEN place = 4 THEN since ELSE -latest END, name, mrn
LIMIT %s OFFSET %s
"""  # noqa: S608 - all that is filled in are names and numbers of our own


@dataclass(frozen=True, slots=True)
class Standing:
    """One page of the worklist: patients and whether something of each is unread, and how many each part holds."""

    is_unread: Mapping[UUID, bool]
    counts: Mapping[Filter, int]
    page: Page[int]


def worklist_page(
    user: User, *, part: Filter = Filter.ALL, search: str = "", team: str = "", number: object = 1, size: int = 50
) -> Standing:
    """A page of the visible patients, in the order in which they should be read, from the index of courses.

    `team` is the key of one of the user's care teams; only its patients then. A page beyond the last is the last.
    """
    patients = _found(visible_patients(user), search)
    if team.isdecimal():
        patients = patients.filter(care_teams=int(team), care_teams__members=user)
    asked = min(max(int(str(number)), 1), HIGHEST_PAGE) if str(number).isdecimal() else 1
    rows, counts, stale = _ask(user, patients, part, size, asked)
    if stale:
        # More than this at once only after the rules have changed; workers derive those within minutes.
        keys = patients.exclude(course__version=rules_version()).values_list("pk", flat=True)[:DERIVED_AT_ONCE]
        derive_courses(Patient.objects.filter(pk__in=list(keys)))
        rows, counts, _ = _ask(user, patients, part, size, asked)
    page = Paginator(range(counts[part]), size).get_page(asked)
    if page.number != asked and counts[part]:
        rows, counts, _ = _ask(user, patients, part, size, page.number)
    return Standing(dict(rows), counts, page)


def _ask(
    user: User, patients: QuerySet[Patient], part: Filter, size: int, number: int
) -> tuple[list[tuple[UUID, bool]], dict[Filter, int], int]:
    """Keys and whether they are unread, counts of all parts, and how many of the visible courses are stale."""
    visible, visible_values = patients.order_by().values("pk", "name", "mrn").query.sql_with_params()
    unread, unread_values = _unread(user).query.sql_with_params()

    def ask(condition: str, limit: int, offset: int) -> list[tuple[Any, ...]]:
        statement = _STATEMENT.format(visible=visible, unread=unread, condition=condition)
        with connection.cursor() as cursor:
            values = [*visible_values, *unread_values, time.time(), rules_version(), limit, offset]
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    found = ask(CONDITIONS[part], size, (number - 1) * size)
    # Counts stand in every row; where this page has none, they are asked for alone.
    first = (found or ask(CONDITIONS[Filter.ALL], 1, 0) or [(0,) * 14])[0]
    *counts, stale = first[-len(CONDITIONS) - 1 :]
    keys = [(UUID(str(row[0])), row[4] is not None) for row in found]
    return keys, dict(zip(CONDITIONS, map(int, counts), strict=True)), int(stale)


def _unread(user: User) -> QuerySet[CoursePoint, tuple[UUID, float]]:
    """By patient, since when (POSIX seconds) a result waits that this reader has not opened; a part of `_STATEMENT`.

    Looks are those of the audit trail: there is no second record to keep in step (docs/decisions/0004).
    """
    looks = AuditEvent.objects.filter(
        actor=user, action=AuditAction.VIEW, subject_type="scans.scan", subject_id=OuterRef("key")
    )
    unread = CoursePoint.objects.filter(~Exists(looks), course__in=RawSQL("SELECT id FROM visible", ()))
    return unread.order_by().values_list("course").annotate(since=Min("ready_posix_s"))


def _found(patients: QuerySet[Patient], search: str) -> QuerySet[Patient]:
    search = search.strip()
    return patients.filter(Q(name__icontains=search) | Q(mrn__icontains=search)) if search else patients
