"""The loader that OHIF stands on shows our series: metadata and frames over DICOMweb, in a real browser."""

import mimetypes
from pathlib import Path
from typing import Any

import pydicom
import pytest
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import Route, sync_playwright
from pydicom.uid import JPEGLSLossless, RLELossless

from portal.scans.ingest import create_scan, plan_scans
from portal.scans.intake import open_upload, receive_file
from tests.e2e.conftest import CHROMIUM, QUIET
from tests.samples import dicom_folder

pytestmark = pytest.mark.django_db(transaction=True)

BUILT = Path(__file__).resolve().parents[2] / "cornerstone" / "dist"
PAGE = "/cornerstone-check/"


def serve_page(route: Route) -> None:
    """The page comes from disk, under the portal's own address, so that the login's cookie goes with its requests."""
    name = route.request.url.split(PAGE, 1)[1].partition("?")[0] or "index.html"
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    route.fulfill(body=(BUILT / name).read_bytes(), content_type="application/wasm" if name.endswith("wasm") else kind)


def decoded(address: str, session: str, study: str, series: str) -> list[dict[str, Any]]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*QUIET, "--enable-unsafe-swiftshader", "--disable-gpu"]
        )
        context = browser.new_context()
        context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": session, "url": address}])
        page = context.new_page()
        page.route(f"**{PAGE}**", serve_page)
        page.goto(f"{address}{PAGE}")
        page.wait_for_function("() => 'decodeSeries' in window")
        found: list[dict[str, Any]] = page.evaluate("([study, series]) => decodeSeries(study, series)", [study, series])
        browser.close()
    return found


@pytest.mark.skipif(not BUILT.exists(), reason="tests/cornerstone is not built")
@pytest.mark.parametrize("syntax", [None, JPEGLSLossless, RLELossless])
def test_every_slice_comes_out_in_the_hounsfield_units_that_were_stored(
    portal_address, patient, clinician, tmp_path, syntax
) -> None:
    upload = open_upload(by=clinician)
    expected = {}
    for path in dicom_folder(tmp_path / "series", mrn=patient.mrn):
        dataset = pydicom.dcmread(path)
        hu = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
        expected[str(dataset.SOPInstanceUID)] = round(float(hu.sum()))
        if syntax:
            dataset.compress(syntax, generate_instance_uid=False)
            dataset.save_as(path)
        receive_file(upload=upload, name=path.name, chunks=[path.read_bytes()])
    (plan,) = plan_scans(upload).scans
    scan = create_scan(upload=upload, patient=patient, plan=plan, typed_time=None)
    client = Client()
    client.force_login(clinician)
    session = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    found = decoded(portal_address, session, scan.study_uid, scan.series_uid)
    assert {slice_["uid"]: round(slice_["sum"]) for slice_ in found} == expected
    assert {(slice_["rows"], slice_["columns"]) for slice_ in found} == {(96, 96)}
