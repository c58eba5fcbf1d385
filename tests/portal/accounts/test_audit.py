"""The audit trail keeps what it was given."""

import pytest
from django.core.management import call_command
from django.db import DatabaseError, transaction
from django.urls import reverse
from knox.models import AuthToken

from portal.accounts.audit import record
from portal.accounts.models import AuditAction, AuditEvent


@pytest.mark.parametrize("attempt", ["update", "delete"])
def test_the_database_refuses_to_touch_a_line(db, attempt: str) -> None:
    record(AuditAction.VIEW, actor_name="somebody")
    lines = AuditEvent.objects.all()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        lines.update(actor_name="nobody") if attempt == "update" else lines.delete()
    assert AuditEvent.objects.get().actor_name == "somebody"


def test_logins_and_failures_and_logouts_are_on_record(client, clinician) -> None:
    login = reverse("account_login")
    client.post(login, {"login": "clinician", "password": "wrong"})
    client.post(login, {"login": "clinician", "password": "clinician-has-a-long-password"})
    client.post(reverse("account_logout"))
    lines = list(AuditEvent.objects.order_by("id").values_list("action", "actor_name"))
    assert lines == [("login-failed", "clinician"), ("login", "clinician"), ("logout", "clinician")]


def test_looking_at_a_patient_is_on_record(as_clinician, clinician, patient) -> None:
    as_clinician.get(reverse("patient", args=[patient.pk]))
    line = AuditEvent.objects.get()
    assert (line.action, line.actor, line.patient_id) == (AuditAction.VIEW, clinician, patient.pk)


def test_nobody_signs_up(client, db) -> None:
    page = client.get("/accounts/signup/")
    assert b"<form" not in page.content or b"closed" in page.content.lower()


def test_a_token_is_stored_hashed_and_works(client, clinician, patient, capsys) -> None:
    call_command("issue_token", "clinician")
    token = capsys.readouterr().out.strip()
    assert token not in str(AuthToken.objects.values_list().get())
    answer = client.get("/api/v1/patients/", headers={"Authorization": f"Token {token}"})
    assert [row["mrn"] for row in answer.json()["results"]] == ["P-1"]
