"""A line of the audit trail that is changed, taken away, cut off or put in by the back door is noticed."""

import importlib
from datetime import timedelta

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from portal.accounts.audit import record
from portal.accounts.chain import link_events, verify_chain
from portal.accounts.models import AuditAction, AuditEvent, AuditLink

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def trail(clinician) -> list[AuditEvent]:
    events = [record(AuditAction.VIEW, by=clinician, place=number, name="Zoë") for number in range(5)]
    assert link_events() == 5
    return events


def tamper(statement: str, *values: object) -> None:
    """As somebody does who has the database's own rights, triggers and all."""
    names = ("0005_chain_is_append_only", "0002_audit_trail_is_append_only")
    migrations = [importlib.import_module(f"portal.accounts.migrations.{name}") for name in names]
    with connection.schema_editor() as editor:
        for migration in migrations:
            migration.allow(apps, editor)
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
    with connection.schema_editor() as editor:
        for migration in reversed(migrations):
            migration.forbid(apps, editor)


def test_an_untouched_trail_is_whole_and_grows(trail, capsys) -> None:
    call_command("verify_audit")
    head = capsys.readouterr().out.split()[-1]
    record(AuditAction.LOGIN, actor_name="somebody")
    assert link_events() == 1
    assert link_events() == 0
    report = verify_chain(head)
    assert (report.links, report.problems) == (6, ())


def test_a_changed_line_is_named(trail) -> None:
    tamper("UPDATE accounts_auditevent SET actor_name = 'nobody' WHERE id = %s", trail[2].pk)
    (problem,) = verify_chain().problems
    assert problem.startswith(f"Line {trail[2].pk} of ")
    with pytest.raises(CommandError, match="is not what was recorded"):
        call_command("verify_audit")


def test_a_line_that_was_taken_away_is_noticed(trail) -> None:
    tamper("DELETE FROM accounts_auditlink WHERE number = 3")
    tamper("DELETE FROM accounts_auditevent WHERE id = %s", trail[2].pk)
    assert "Link 3 is missing." in verify_chain().problems


def test_an_end_that_was_cut_off_is_noticed_by_who_noted_the_head(trail) -> None:
    head = verify_chain().head
    tamper("DELETE FROM accounts_auditlink WHERE number = 5")
    tamper("DELETE FROM accounts_auditevent WHERE id = %s", trail[4].pk)
    assert verify_chain().problems == ()
    assert "its end was cut off" in verify_chain(head).problems[0]


def test_a_line_that_nobody_links_is_noticed(trail) -> None:
    event = record(AuditAction.VIEW)
    late = timezone.now() - timedelta(hours=1)
    tamper("UPDATE accounts_auditevent SET at = %s WHERE id = %s", late, event.pk)
    assert "1 lines have no link" in verify_chain().problems[0]


def test_the_database_refuses_to_touch_a_link(trail) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditLink.objects.update(digest="x")
