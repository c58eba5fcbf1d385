"""Nobody sees what is not theirs: every address, by every door."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from knox.models import AuthToken

from portal.jobs.models import InferenceJob
from tests.factories import make_result, make_scan

OPEN_TO_ALL = {"healthz", "readyz", "metrics", "account_login", "account_logout", "account_signup"}
#: Of others' making; they ask for a login or show no patient.
NOT_OURS = {"admin", "allauth"}


def our_names() -> list[str]:
    names = []
    for pattern in get_resolver().url_patterns:
        if isinstance(pattern, URLResolver) and str(pattern.urlconf_name).find("portal.") >= 0:
            names += [p.name for p in pattern.url_patterns if isinstance(p, URLPattern) and p.name]
    return names


@pytest.fixture
def addresses(patient, clinician, tmp_path) -> dict[str, str]:
    """Every address of ours, filled in with things of Ward 4."""
    scan = make_scan(patient, clinician, study_uid="1.2.3", series_uid="1.2.3.4")
    make_result(scan, tmp_path, 50)
    job = InferenceJob.objects.create(scan=scan, pipeline="unet2d", requested_by=clinician)
    keys = {"patient": patient.pk, "acknowledge": patient.pk, "scan": scan.pk, "set_time": scan.pk}
    keys |= {"upload_detail": scan.upload.pk, "patient_detail": patient.pk, "patient_timeline": patient.pk}
    keys |= dict.fromkeys(("upload", "upload_files", "upload_complete", "upload_decide"), scan.upload.pk)
    keys |= dict.fromkeys(("job", "job_retry", "job_cancel"), job.pk)
    keys |= dict.fromkeys(("scan_detail", "scan_time", "scan_analyse", "scan_revisions"), scan.pk)
    keys |= dict.fromkeys(("scan_seg", "scan_sr", "scan_report", "scan_explanation"), scan.pk)
    found = {name: reverse(name, args=[key]) for name, key in keys.items()}
    found["scan_frame"] = reverse("scan_frame", args=[scan.pk, 0])
    for name in ("scan_registration", "scan_growth_map"):
        found[name] = reverse(name, args=[scan.pk, make_scan(patient, clinician, hours=-20).pk])
    found |= {
        name: reverse(name, args=[scan.pk])
        for name in ("deliveries", "scan_deliveries", "report_page", "scan_report_text")
    }
    found |= {
        name: reverse(name, args=[patient.pk])
        for name in ("priors", "patient_priors", "treatment_event", "timeline_csv")
    }
    found["fhir_metadata"] = reverse("fhir_metadata")
    found["fhir_search"] = f"{reverse('fhir_search', args=['Observation'])}?patient={patient.pk}"
    found["fhir_resource"] = reverse("fhir_resource", args=["Patient", patient.pk])
    found["scan_mask"] = reverse("scan_mask", args=[scan.pk, "lung"])
    for name in (
        "worklist",
        "ward",
        "upload_page",
        "help",
        "models",
        "audit",
        "schema",
        "uploads",
        "pipelines",
        "patients",
    ):
        found[name] = reverse(name)
    return found | dicomweb_addresses()


def dicomweb_addresses() -> dict[str, str]:
    study, series, instance = ("1.2.3",), ("1.2.3", "1.2.3.4"), ("1.2.3", "1.2.3.4", "1.2.3.4.5")
    arguments: dict[str, tuple[str, ...]] = dict.fromkeys(("studies", "series", "instances"), ())
    arguments |= dict.fromkeys(("study", "study_series", "study_instances", "study_metadata"), study)
    arguments |= dict.fromkeys(("series_objects", "series_instances", "series_metadata"), series)
    arguments |= dict.fromkeys(("instance", "instance_metadata", "rendered", "thumbnail"), instance)
    arguments |= dict.fromkeys(("frames", "frame_rendered"), (*instance, "1")) | {"bulk": (*instance, "7FE00010")}
    return {f"dicomweb_{name}": reverse(f"dicomweb_{name}", args=args) for name, args in arguments.items()}


def test_the_table_names_every_address(addresses) -> None:
    assert set(our_names()) - OPEN_TO_ALL == set(addresses)


METHODS = ("get", "post", "put", "patch", "delete", "head", "options")


@pytest.mark.parametrize("method", METHODS)
def test_without_login_nothing_is_answered(addresses, method: str) -> None:
    client = Client()
    for name, address in addresses.items():
        answer = getattr(client, method)(address)
        refused = answer.status_code in {401, 403, 405} or "/accounts/login/" in answer.headers.get("Location", "")
        assert refused, f"{method} {name} answered {answer.status_code}"


def test_another_wards_patients_do_not_exist(addresses, as_stranger) -> None:
    for name, address in addresses.items():
        if not any(character.isdigit() for character in address.removeprefix("/api/v1")):
            continue
        for method in METHODS:
            if method == "options" or (method, name) == ("post", "dicomweb_study"):
                # OPTIONS tells what the API describes anyway. Anybody may send images of any study; whose they are is
                # decided when they have arrived.
                continue
            answer = getattr(as_stranger, method)(address)
            if method == "head" and answer.status_code == 200:
                # Without a body nothing is told.
                continue
            found_nothing = answer.status_code == 200 and (answer.content == b"[]" or answer.json()["total"] == 0)
            assert found_nothing or answer.status_code in {404, 405}, f"{method} {name} answered {answer.status_code}"


def test_lists_hold_only_ones_own_patients(addresses, as_stranger, as_clinician, patient) -> None:
    assert as_stranger.get("/api/v1/patients/").json()["count"] == 0
    assert b"Doe, Jane" not in as_stranger.get("/").content
    assert b"Doe, Jane" in as_clinician.get("/").content


def test_the_audit_trail_is_for_administrators(as_clinician, administrator) -> None:
    assert as_clinician.get(reverse("audit")).status_code == 403
    client = Client()
    client.force_login(administrator)
    assert client.get(reverse("audit")).status_code == 200


def test_an_inactive_person_sees_nothing(as_clinician, clinician, patient) -> None:
    clinician.is_active = False
    clinician.save()
    assert as_clinician.get(reverse("patient", args=[patient.pk])).status_code in {302, 404}


def test_a_revoked_token_and_an_ended_session_open_nothing(addresses, clinician, patient) -> None:
    instance, token = AuthToken.objects.create(clinician)
    headers = {"authorization": f"Token {token}"}
    assert Client().get("/api/v1/patients/", headers=headers).status_code == 200
    instance.delete()
    session = Client()
    session.force_login(clinician)
    assert session.get("/").status_code == 200
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    for name, address in addresses.items():
        assert Client().get(address, headers=headers).status_code in {302, 401, 403, 405}, name
        assert session.get(address).status_code in {302, 401, 403, 405}, name


def test_no_clinician_does_what_only_others_may(addresses, as_clinician, patient) -> None:
    correction = as_clinician.post(addresses["scan_revisions"], {"reason": "Because."})
    decision = as_clinician.post(addresses["upload_decide"], {"decision": "files"}, content_type="application/json")
    assert correction.status_code in {400, 403}
    assert decision.status_code == 403
    assert as_clinician.get(addresses["audit"]).status_code == 403
    assert as_clinician.get("/fhir/AuditEvent").status_code == 403
    assert as_clinician.get("/admin/").status_code == 302
    assert b"Only radiologists sign" in as_clinician.post(addresses["report_page"], follow=True).content
