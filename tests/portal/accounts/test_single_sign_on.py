"""Logging in by a provider of OpenID Connect, and second factors that an installation requires."""

import json
import logging
from urllib.parse import urlsplit

import oidc_provider_mock
import pytest
import requests
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client

from portal.accounts.models import AuditAction, AuditEvent

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning"),
]


@pytest.fixture
def provider(settings):
    """A provider that others wrote, on this machine."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with oidc_provider_mock.run_server_in_thread() as server:
        address = f"http://localhost:{server.server_port}"
        settings.SOCIALACCOUNT_PROVIDERS = {
            "openid_connect": {
                "OAUTH_PKCE_ENABLED": True,
                "APPS": [
                    {
                        "provider_id": "hospital",
                        "name": "the hospital's account",
                        "client_id": "lungtrend",
                        "secret": "not-a-secret",
                        "settings": {"server_url": address},
                    }
                ],
            }
        }
        yield address


def log_in_as(provider: str, subject: str, name: str, client: Client) -> Client:
    """What a browser does: portal, provider, and back."""
    requests.put(f"{provider}/users/{subject}", json={"preferred_username": name}, timeout=10).raise_for_status()
    leave = client.post("/accounts/oidc/hospital/login/")
    assert leave.status_code == 302
    back = requests.post(leave["Location"], data={"sub": subject}, allow_redirects=False, timeout=10)
    where = urlsplit(back.headers["Location"])
    client.get(f"{where.path}?{where.query}", follow=True)
    return client


def test_a_known_person_logs_in_again_and_again(provider, clinician) -> None:
    page = Client().get("/accounts/login/").content.decode()
    assert "Log in with the hospital&#x27;s account" in page
    for _ in range(2):
        client = log_in_as(provider, "s-1", "clinician", Client())
        assert client.get("/").status_code == 200
    assert AuditEvent.objects.filter(action=AuditAction.LOGIN, actor=clinician).count() == 2


@pytest.mark.parametrize("name", ["somebody-else", ""])
def test_who_has_no_account_here_gets_none(provider, clinician, name) -> None:
    client = log_in_as(provider, "s-2", name, Client())
    assert client.get("/").status_code == 302
    assert AuditEvent.objects.filter(action=AuditAction.LOGIN_FAILED).count() == 1


def test_an_inactive_account_stays_closed(provider, clinician) -> None:
    clinician.is_active = False
    clinician.save()
    assert log_in_as(provider, "s-3", "clinician", Client()).get("/").status_code == 302


def test_a_name_that_another_subject_takes_over_opens_nothing_of_the_first(provider, clinician, radiologist) -> None:
    log_in_as(provider, "s-4", "clinician", Client())
    client = log_in_as(provider, "s-4", "radiologist", Client())
    assert client.get("/").status_code == 302, "the provider renamed the subject; a person must look at that"


def test_without_a_second_factor_one_gets_no_further_than_to_setting_it_up(as_clinician, clinician, settings) -> None:
    settings.REQUIRE_SECOND_FACTOR = True
    assert as_clinician.get("/")["Location"] == "/accounts/2fa/"
    assert as_clinician.get("/api/v1/patients/").status_code == 403
    assert as_clinician.get("/accounts/2fa/").status_code == 200
    TOTP.activate(clinician, generate_totp_secret())
    assert as_clinician.get("/").status_code == 200


def test_a_second_factor_is_asked_for_at_login(clinician) -> None:
    TOTP.activate(clinician, generate_totp_secret())
    client = Client()
    answer = client.post("/accounts/login/", {"login": "clinician", "password": "clinician-has-a-long-password"})
    assert answer["Location"].startswith("/accounts/2fa/authenticate/")
    assert client.get("/").status_code == 302, "not logged in yet"


def test_the_policy_lets_the_login_form_lead_to_the_provider_and_nowhere_else(client) -> None:
    policy = client.get("/accounts/login/").headers["Content-Security-Policy"]
    assert "form-action 'self';" in policy + ";"
    assert json.dumps(policy).count("form-action") == 1
