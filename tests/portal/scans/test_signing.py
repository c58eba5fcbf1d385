"""A report is text to paste; a radiologist signs what was on screen; later changes are told."""

import pytest
from django.urls import reverse

from portal.scans.errors import IntakeRefused, NotAllowed
from portal.scans.models import ReportSignature
from portal.scans.report import report_pdf
from portal.scans.signing import report_text, sign_report, signature_lines
from tests.factories import make_result, make_scan

pytestmark = pytest.mark.django_db


@pytest.fixture
def revisions(patient, clinician, tmp_path):
    return [make_result(make_scan(patient, clinician, hours=hours), tmp_path, ml) for hours, ml in ((0, 90), (44, 165))]


def test_the_text_says_what_grew_and_names_nobody(revisions, patient) -> None:
    text = report_text(revisions[1])
    assert "Infected volume rose from 90 ml to 165 ml (+83%) in 44 h." in text
    assert "CT severity score 5 of 25" in text
    assert "not a medical device" in text
    assert patient.name not in text
    assert patient.mrn not in text


def test_a_radiologist_signs_what_was_on_screen(revisions, radiologist, as_clinician, client) -> None:
    client.force_login(radiologist)
    address = reverse("report_page", args=[revisions[1].scan_id])
    text = report_text(revisions[1])
    page = client.post(address, {"text": text.replace("\n", "\r\n")}, follow=True)
    assert b"Signed by radiologist" in page.content
    signature = ReportSignature.objects.get()
    assert (signature.revision, signature.compared_with) == (revisions[1], revisions[0])
    assert b"You have signed this report already." in client.post(address, {"text": text}, follow=True).content
    assert b"Only radiologists sign" in as_clinician.post(address, {"text": text}, follow=True).content
    assert report_pdf(revisions[1]).startswith(b"%PDF")


def test_what_changed_since_is_not_signed_and_is_told(revisions, radiologist, patient, clinician, tmp_path) -> None:
    text = report_text(revisions[1])
    sign_report(by=radiologist, revision=revisions[1], text=text)
    make_result(make_scan(patient, clinician, hours=30), tmp_path, 60)
    assert signature_lines(revisions[1])[0].endswith("the comparison has changed since.")
    with pytest.raises(IntakeRefused, match="read it again"):
        sign_report(by=radiologist, revision=revisions[1], text=text)
    with pytest.raises(NotAllowed):
        sign_report(by=clinician, revision=revisions[1], text=report_text(revisions[1]))
