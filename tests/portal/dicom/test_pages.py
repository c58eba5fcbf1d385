"""Pages and REST of delivery and import, without a peer that answers."""

import pytest
from django.core.exceptions import ValidationError

from portal.dicom.models import Delivery, Peer, Protocol
from portal.jobs.outgoing import secret_of
from portal.scans.models import ScanKind
from tests.factories import make_result, make_scan

pytestmark = pytest.mark.django_db


@pytest.fixture
def peer(db) -> Peer:
    return Peer.objects.create(
        name="PACS", protocol=Protocol.DIMSE, host="127.0.0.1", port=9, ae_title="PACS", receives="seg,sr"
    )


@pytest.fixture
def scan(patient, clinician, tmp_path):
    scan = make_scan(patient, clinician)
    make_result(scan, tmp_path, 50)
    return scan


def test_a_result_is_queued_by_a_click_and_by_rest(as_clinician, scan, peer) -> None:
    page = as_clinician.post(f"/scans/{scan.pk}/deliveries/", {"peer": peer.pk}, follow=True)
    assert b"The results are on their way to PACS." in page.content
    answer = as_clinician.post(
        f"/api/v1/scans/{scan.pk}/deliveries/", {"peer": "PACS"}, content_type="application/json"
    )
    assert answer.status_code == 202
    assert [(row["role"], row["state"]) for row in answer.json()] == [("seg", "waiting"), ("sr", "waiting")]
    assert Delivery.objects.count() == 2, "asked twice, queued once"


def test_what_cannot_be_sent_says_so(as_clinician, scan, peer) -> None:
    type(scan).objects.filter(pk=scan.pk).update(kind=ScanKind.NIFTI)
    page = as_clinician.post(f"/scans/{scan.pk}/deliveries/", {"peer": peer.pk}, follow=True)
    assert b"There is no result of this scan that could be sent as DICOM." in page.content
    answer = as_clinician.post(
        f"/api/v1/scans/{scan.pk}/deliveries/", {"peer": "PACS"}, content_type="application/json"
    )
    assert answer.status_code == 409


def test_an_archive_that_does_not_answer_is_named(as_clinician, patient, peer) -> None:
    assert b"No archive is set up to be asked." in as_clinician.get(f"/patients/{patient.pk}/priors/").content
    Peer.objects.update(answers_queries=True)
    assert b"PACS does not answer at 127.0.0.1:9." in as_clinician.get(f"/patients/{patient.pk}/priors/").content
    asked = {"peer": "PACS", "study_uid": "1.2.3"}
    answer = as_clinician.post(f"/api/v1/patients/{patient.pk}/priors/", asked, content_type="application/json")
    assert (answer.status_code, answer.json()["detail"]) == (409, "PACS does not answer at 127.0.0.1:9.")


def test_no_peer_is_sent_our_own_secrets(peer, monkeypatch) -> None:
    monkeypatch.setenv("LUNGTREND_SECRET_KEY", "ours")
    peer.secret_name = "LUNGTREND_SECRET_KEY"
    with pytest.raises(ValidationError, match="LUNGTREND_PEER_"):
        peer.full_clean()
    assert secret_of(peer.secret_name) == ""
