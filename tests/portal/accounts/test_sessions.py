"""Expired sessions are removed, now and then; those that live stay."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from portal.accounts import sessions


@pytest.mark.django_db
def test_expired_sessions_go_once_an_hour(monkeypatch) -> None:
    monkeypatch.setattr(sessions, "_looked_at", 0.0)
    now = timezone.now()
    Session.objects.create(session_key="gone", session_data="", expire_date=now - timedelta(hours=1))
    Session.objects.create(session_key="alive", session_data="", expire_date=now + timedelta(hours=1))
    assert sessions.clear_expired()
    assert [session.session_key for session in Session.objects.all()] == ["alive"]
    assert not sessions.clear_expired()
    monkeypatch.setattr(sessions, "_looked_at", sessions._looked_at - sessions.EVERY_SECONDS)
    assert sessions.clear_expired()
