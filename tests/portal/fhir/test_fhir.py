"""FHIR R4: valid for a library of others, the portal's own figures, and only one's own patients."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core import mail
from django.utils import timezone
from fhir.resources.R4B import get_fhir_model_class

from portal.fhir.models import Channel, FlagNotice, Subscriber
from portal.fhir.notices import tell_of_flags
from portal.jobs.outgoing import OutgoingState
from portal.scans.acknowledgement import acknowledge
from tests.factories import make_result, make_scan

pytestmark = pytest.mark.django_db


@pytest.fixture
def course(patient, clinician, tmp_path):
    """Growth of 80 % within 30 hours."""

    def measured(hours: float, infected_ml: float):
        uid = f"1.2.{int(hours) + 1}"
        scan = make_scan(patient, clinician, hours=hours, study_uid=uid, series_uid=f"{uid}.1", accession_number="A-1")
        return make_result(scan, tmp_path, infected_ml)

    return [measured(0, 100), measured(30, 180)]


def validated(resource: dict) -> dict:
    get_fhir_model_class(resource["resourceType"]).model_validate_json(json.dumps(resource))
    for entry in resource.get("entry", []):
        validated(entry["resource"])
    return resource


def read(client, address: str) -> dict:
    answer = client.get(address)
    assert answer.status_code == 200, answer.content
    assert answer.headers["Content-Type"] == "application/fhir+json"
    return validated(answer.json())


def test_every_resource_is_valid_and_complete(as_clinician, course, patient) -> None:
    read(as_clinician, "/fhir/metadata")
    person = read(as_clinician, f"/fhir/Patient/{patient.pk}")
    assert person["name"] == [{"family": "Doe", "given": ["Jane"]}]
    (found,) = read(as_clinician, "/fhir/Patient?identifier=P-1")["entry"]
    assert found["resource"] == person
    studies = read(as_clinician, f"/fhir/ImagingStudy?patient={patient.pk}")
    assert studies["total"] == 2
    assert read(as_clinician, "/fhir/ImagingStudy/1.2.31")["series"][0]["uid"] == "1.2.31.1"
    reports = read(as_clinician, f"/fhir/DiagnosticReport?patient=Patient/{patient.pk}")
    latest = reports["entry"][0]["resource"]
    assert latest["status"] == "preliminary"
    assert latest["conclusionCode"][0]["coding"][0]["code"] == "rapid-growth"
    for reference in latest["result"]:
        read(as_clinician, f"/fhir/{reference['reference']}")


def test_figures_are_those_of_the_revision(as_clinician, course, patient) -> None:
    observations = read(as_clinician, f"/fhir/Observation?patient={patient.pk}")
    figures = {entry["resource"]["id"]: entry["resource"]["valueQuantity"] for entry in observations["entry"]}
    assert figures[f"{course[1].pk}.infected-volume"]["value"] == 180
    assert figures[f"{course[1].pk}.growth"]["value"] == pytest.approx(80)
    assert figures[f"{course[1].pk}.growth-interval"] == {
        "value": 30.0,
        "unit": "h",
        "system": "http://unitsofmeasure.org",
        "code": "h",
    }
    growth = read(as_clinician, f"/fhir/Observation?patient={patient.pk}&code=GROWTH")
    assert growth["total"] == 1


@pytest.mark.parametrize(
    ("address", "status"),
    [("/fhir/Observation", 400), ("/fhir/Patient?birthday=1", 400), ("/fhir/Patient/nobody", 404)],
)
def test_refusals_are_operation_outcomes(as_clinician, patient, address, status) -> None:
    answer = as_clinician.get(address)
    assert answer.status_code == status
    assert validated(answer.json())["issue"][0]["diagnostics"]


def test_another_ward_finds_nothing(as_stranger, course, patient) -> None:
    for kind in ("ImagingStudy", "DiagnosticReport", "Observation"):
        assert read(as_stranger, f"/fhir/{kind}?patient={patient.pk}")["total"] == 0
    assert as_stranger.get(f"/fhir/DiagnosticReport/{course[1].pk}").status_code == 404
    assert as_stranger.get("/fhir/ImagingStudy/1.2.31").status_code == 404


class Heard(BaseHTTPRequestHandler):
    requests: list[tuple[dict[str, str], bytes]]
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).requests.append((dict(self.headers), body))
        self.send_response(type(self).status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def webhook() -> Iterator[tuple[type[Heard], str]]:
    handler = type("Handler", (Heard,), {"requests": [], "status": 200})
    server = HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield handler, f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()


def subscribe(team, **fields) -> Subscriber:
    return Subscriber.objects.create(name="Ward system", care_team=team, **fields)


def test_a_flag_that_opens_is_told_once_and_signed(team, webhook, monkeypatch, request) -> None:
    heard, address = webhook
    monkeypatch.setenv("LUNGTREND_PEER_WARD", "a key")
    subscribe(team, channel=Channel.WEBHOOK, address=address, secret_name="LUNGTREND_PEER_WARD")
    assert tell_of_flags() == 0
    request.getfixturevalue("course")
    assert (tell_of_flags(), tell_of_flags()) == (1, 0)
    ((headers, body),) = heard.requests
    assert headers["X-LungTrend-Signature"] == "sha256=" + hmac.new(b"a key", body, hashlib.sha256).hexdigest()
    sent = validated(json.loads(body))
    kinds = [entry["resource"]["resourceType"] for entry in sent["entry"]]
    assert kinds[:3] == ["Patient", "ImagingStudy", "DiagnosticReport"]
    assert "(+80%) in 30 h" in sent["entry"][2]["resource"]["conclusion"]


def test_a_webhook_that_fails_is_tried_again(team, webhook, request) -> None:
    heard, address = webhook
    subscribe(team, channel=Channel.WEBHOOK, address=address)
    heard.status = 503
    request.getfixturevalue("course")
    assert tell_of_flags() == 0
    notice = FlagNotice.objects.get()
    assert (notice.state, notice.error) == (OutgoingState.WAITING, "Ward system answered with HTTP status 503.")
    heard.status = 200
    FlagNotice.objects.update(next_at=notice.created_at)
    assert tell_of_flags() == 1


def test_mail_names_nobody(team, patient, settings, request) -> None:
    settings.PUBLIC_ADDRESS = "https://lungtrend.example"
    subscribe(team, channel=Channel.EMAIL, address="ward@example.org")
    request.getfixturevalue("course")
    assert tell_of_flags() == 1
    (message,) = mail.outbox
    assert f"https://lungtrend.example/patients/{patient.pk}/" in message.body
    for told in (patient.name, patient.mrn, "Doe"):
        assert told not in message.body + message.subject


def test_what_was_acknowledged_or_belongs_to_another_ward_or_is_old_is_not_told(
    team, stranger, course, patient, clinician, webhook
) -> None:
    heard, address = webhook
    subscribe(stranger.care_teams.get(), channel=Channel.WEBHOOK, address=address)
    late = Subscriber.objects.create(name="late", channel=Channel.WEBHOOK, address=address, care_team=team)
    assert tell_of_flags() == 0, "the flag was open before anybody asked"
    Subscriber.objects.filter(pk=late.pk).update(created_at=course[0].created_at)
    acknowledge(by=clinician, patient=patient, scan=str(course[1].scan_id), reason="Seen.")
    assert tell_of_flags() == 0
    assert heard.requests == []


def test_the_audit_trail_leaves_as_audit_events_for_administrators_alone(
    as_clinician, administrator, clinician, patient, client
) -> None:
    as_clinician.get(f"/patients/{patient.pk}/")
    client.post("/accounts/login/", {"login": "clinician", "password": "wrong"})
    assert as_clinician.get("/fhir/AuditEvent").status_code == 403
    client.force_login(administrator)
    (look,) = read(client, f"/fhir/AuditEvent?patient={patient.pk}")["entry"]
    assert look["resource"]["agent"][0]["who"] == {"display": "clinician"}
    assert look["resource"]["action"] == "R"
    events = read(client, f"/fhir/AuditEvent?date={timezone.localdate()}")["entry"]
    assert {event["resource"]["outcome"] for event in events} == {"0", "8"}
    assert read(client, f"/fhir/AuditEvent/{look['resource']['id']}") == look["resource"]
