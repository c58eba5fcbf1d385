"""Every word in German as well, and nothing lost on the way."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client, override_settings
from django.urls import reverse
from django.utils.translation import override

from portal.accounts.models import User
from portal.dashboard.templatetags.clinical import NOTE_NAMES, note_name
from portal.fhir.resources import diagnostic_report
from portal.jobs.services import cancel_job, submit_scan
from portal.patients.models import Patient
from portal.scans.current import current_segmentation
from portal.scans.exports import _context
from portal.scans.said import said
from portal.scans.selectors import leading_change
from portal.scans.sentences import SENTENCES
from portal.scans.signing import report_text, sign_report, signature_lines
from portal.scans.wording import format_ml
from scripts.collect_sentences import TARGET, module_text
from tests.portal.results import measured_scan

REPOSITORY = Path(__file__).resolve().parents[2]
CATALOGUES = sorted((REPOSITORY / "portal" / "locale").glob("*/LC_MESSAGES/*.po"))
NOTE = re.compile(r'(?:QualityNote\(|_note\(scan,)\s*"([a-z-]+)"')
PLACE = re.compile(r"%\(\w+\)s|\{\w+\}|%%")


def entries(path: Path) -> Iterator[tuple[str, str]]:
    """Texts with their translations, by gettext's own reader."""
    done = subprocess.run(
        ["msgcat", "--no-wrap", "--no-location", str(path)], capture_output=True, text=True, check=True
    )
    for block in done.stdout.split("\n\n"):
        said_so = {key: "".join(re.findall(r'"(.*)"', text)) for key, text in _fields(block)}
        if said_so.get("msgid"):
            yield said_so["msgid"], said_so["msgstr"]


def _fields(block: str) -> list[tuple[str, str]]:
    return re.findall(r'^(msgid|msgstr) ((?:".*"\n?)+)', block, re.MULTILINE)


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_every_text_is_translated_with_what_is_filled_in(path: Path) -> None:
    found = dict(entries(path))
    assert len(found) > 50
    assert [text for text, translation in found.items() if not translation] == []
    assert "#, fuzzy" not in path.read_text()
    for text, translation in found.items():
        assert set(PLACE.findall(translation)) == set(PLACE.findall(text)), text


def test_every_quality_note_has_a_name_in_words() -> None:
    sources = [path for package in ("inference", "portal") for path in (REPOSITORY / package).rglob("*.py")]
    codes = {code for path in sources for code in NOTE.findall(path.read_text())}
    assert codes == set(NOTE_NAMES)
    assert note_name("slice-gap") == "Slices missing"
    assert note_name("of-a-later-version") == "Of a later version"
    with override("de"):
        assert note_name("slice-gap") == "Schichten fehlen"


def test_catalogues_hold_what_the_code_says_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("portal", "templates", "frontend/src"):
        aside = shutil.ignore_patterns("locale", "__pycache__", "*.test.ts")
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=aside)
    locale = tmp_path / "portal" / "locale"
    locale.mkdir()
    monkeypatch.chdir(tmp_path)
    options = {"locale": ["de"], "no_location": True, "no_wrap": True, "verbosity": 0}
    with override_settings(LOCALE_PATHS=[str(locale)]):
        call_command("makemessages", ignore_patterns=["frontend/*"], **options)
        call_command("makemessages", domain="djangojs", extensions=["ts"], **options)
    for path in CATALOGUES:
        fresh = locale / "de" / "LC_MESSAGES" / path.name
        assert {text for text, _ in entries(path)} == {text for text, _ in entries(fresh)}, "run `make messages`"


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_what_is_compiled_is_what_is_written(path: Path, tmp_path: Path) -> None:
    compiled = tmp_path / "again.mo"
    subprocess.run(["msgfmt", "--check", "-o", str(compiled), str(path)], check=True)
    assert compiled.read_bytes() == path.with_suffix(".mo").read_bytes(), "run `make messages`"


def test_the_sentences_that_are_stored_are_those_of_the_source() -> None:
    assert TARGET.read_text() == module_text(), "run `make messages`"


def test_stored_sentences_are_told_in_the_readers_language() -> None:
    stored = "The image cuts the lungs off (right side); volumes are of the part that was imaged."
    assert said(stored) == stored
    with override("de"):
        assert (
            said(stored)
            == "Das Bild schneidet die Lungen ab (Seite: rechts); die Volumina gelten für den abgebildeten Teil."
        )
        assert said("slice.dcm is empty; send it again.") == "slice.dcm ist leer; senden Sie die Datei noch einmal."
        assert said("right.dcm is empty; send it again.").startswith("right.dcm ist")
        refused = "The upload was refused by anna: slice.dcm is empty; send it again."
        assert said(refused).startswith("Der Upload wurde von anna abgelehnt: slice.dcm ist leer")
        assert said("Something that a plug-in says.") == "Something that a plug-in says."
        assert said("") == ""
        told = {said(re.sub(r"\{\d\}", "7", sentence)) for sentence in SENTENCES}
    assert len(told) == len(SENTENCES)
    assert not told & {re.sub(r"\{\d\}", "7", sentence) for sentence in SENTENCES}


def test_numbers_have_a_comma_in_german() -> None:
    assert format_ml(4.25) == "4.2 ml"
    with override("de"):
        assert format_ml(4.25) == "4,2 ml"


@pytest.mark.django_db
def test_pages_follow_the_browser_and_a_choice_outlasts_it(
    client: Client, radiologist: User, patient: Patient, tmp_path: Path
) -> None:
    measured_scan(patient, radiologist, tmp_path, infected_ml=100)
    scan = measured_scan(patient, radiologist, tmp_path, hours=24, infected_ml=200)
    client.force_login(radiologist)
    german = {"accept-language": "de-AT,de;q=0.9"}
    for name, kwargs in (("worklist", {}), ("patient", {"pk": scan.patient_id}), ("scan", {"pk": scan.pk})):
        page = client.get(reverse(name, kwargs=kwargs), headers=german).content.decode()
        assert '<html lang="de">' in page
        assert "kein Medizinprodukt" in page
        words = re.sub(r"<script.*?</script>|<[^>]*>", " ", page, flags=re.DOTALL)
        assert not re.search(r"\b(the|this|scan|worklist|shown|infected)\b", words, re.IGNORECASE), words
        assert '<html lang="en-gb">' in client.get(reverse(name, kwargs=kwargs)).content.decode()
    client.post(reverse("set_language"), {"language": "de", "next": "/"})
    assert "Arbeitsliste" in client.get("/").content.decode()
    words = client.get(reverse("words"))
    assert "Schichten werden gelesen" in words.content.decode()
    assert words["Content-Type"].startswith("text/javascript")


@pytest.mark.django_db
def test_the_figures_of_the_models_are_the_same_in_every_language(client: Client, radiologist: User) -> None:
    client.force_login(radiologist)
    rows = {
        language: re.findall(
            r'<td class="num">([^<]*)</td>', client.get(reverse("models"), headers=asked).content.decode()
        )
        for language, asked in (("en", {}), ("de", {"accept-language": "de"}))
    }
    assert "–" not in rows["en"][:4]
    assert [value.replace(",", ".") for value in rows["de"]] == [value.replace(",", ".") for value in rows["en"]]


@pytest.mark.django_db
def test_what_is_wrong_with_files_is_told_in_the_senders_language(client: Client, radiologist: User) -> None:
    client.force_login(radiologist)
    german = {"accept-language": "de"}
    upload = client.post("/api/v1/uploads/", headers=german).json()["id"]
    letter = SimpleUploadedFile("letter.txt", b"Dear colleague, ...")
    client.post(f"/api/v1/uploads/{upload}/files/", {"file": letter}, headers=german)
    done = client.post(f"/api/v1/uploads/{upload}/complete/", content_type="application/json", headers=german).json()
    told = done["rejected"][0]["reason"] if "rejected" in done else done["detail"]
    assert told.startswith("letter.txt ist ")
    assert "kein CT-Bild" in told


@pytest.mark.django_db
def test_what_machines_read_and_what_is_stored_stays_english(
    radiologist: User, patient: Patient, tmp_path: Path
) -> None:
    measured_scan(patient, radiologist, tmp_path, infected_ml=100)
    scan = measured_scan(patient, radiologist, tmp_path, hours=24, infected_ml=200)
    revision = current_segmentation(scan)
    assert revision is not None
    with override("de"):
        report = diagnostic_report(revision, leading_change(revision))
        context = _context(revision, leading_change(revision))
        job = cancel_job(by=radiologist, job=submit_scan(by=radiologist, scan=scan, pipeline="hu-baseline"))
        assert said(job.error).startswith("Abgebrochen von")
    assert report["conclusion"].startswith("Infected volume rose")
    assert context["summary"][0].startswith("Infected volume rose")
    assert job.error == f"Cancelled by {radiologist.username}."


@pytest.mark.django_db
def test_a_report_that_was_signed_in_german_reads_as_signed_in_english(
    radiologist: User, patient: Patient, tmp_path: Path
) -> None:
    revision = current_segmentation(measured_scan(patient, radiologist, tmp_path))
    assert revision is not None
    with override("de"):
        text = report_text(revision)
        assert "Infiziertes Volumen" in text
        sign_report(by=radiologist, revision=revision, text=text)
    assert [line.endswith(".") and "changed" not in line for line in signature_lines(revision)] == [True]
