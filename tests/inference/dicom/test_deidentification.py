"""After de-identification nothing in any attribute, at any depth, tells who it was."""

from datetime import UTC, datetime
from pathlib import Path

import pydicom
import pytest
from dicomanonymizer.dicomfields_selector import dicom_anonymization_database_selector
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from inference.dicom.deidentification import TABLE, Pseudonym, cleaned_descriptor, deidentify
from tests.samples import dicom_folder

SECRET = "SECRET"
WHO = Pseudonym(patient="patient-1", shift_days=-1000, key=b"k" * 32)
TEXTS = {"LO", "SH", "PN", "LT", "ST", "UT", "CS", "AE", "UC"}
#: Text that must stay for the image to be an image, and names nobody.
WRITTEN_BY_US = {"PatientName", "PatientID", "DeidentificationMethod"}


def fill(dataset: Dataset, depth: int = 0) -> None:
    """Every attribute that the standard's table lists, with something that must not stay; and some it does not."""
    entries = [Tag(*entry) for entry in dicom_anonymization_database_selector(TABLE)["ALL_TAGS"] if len(entry) == 2]
    for tag in [*entries, Tag("TextValue"), Tag("PatientComments"), Tag("TextString")]:
        keyword = keyword_for_tag(tag)
        if tag.group < 0x0008 or not keyword or keyword in {"SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"}:
            continue
        vr = dictionary_VR(tag)
        if vr in TEXTS:
            setattr(dataset, keyword, SECRET)
        elif vr == "UI":
            setattr(dataset, keyword, "1.2.999.777")
        elif vr == "DA":
            setattr(dataset, keyword, "19991231")
        elif vr == "DT":
            setattr(dataset, keyword, "19991231120000")
        elif vr == "SQ" and depth == 0:
            item = Dataset()
            fill(item, depth + 1)
            setattr(dataset, keyword, [item])
    dataset.add_new((0x0029, 0x0010), "LO", "SIEMENS")
    dataset.add_new((0x0029, 0x1010), "LO", SECRET)
    dataset.add_new((0x6000, 0x3000), "OW", SECRET.encode())


@pytest.fixture
def image(tmp_path: Path) -> Dataset:
    return pydicom.dcmread(dicom_folder(tmp_path / "scan", mrn="MRN-4711", name="Lovelace^Ada")[0])


def every_element(dataset: Dataset):
    for element in dataset:
        yield element
        if element.VR == "SQ":
            for item in element.value:
                yield from every_element(item)


def test_no_attribute_at_any_depth_tells_who_it_was(image, tmp_path) -> None:
    before = {str(image[keyword].value) for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")}
    fill(image)
    assert sum(SECRET in str(element.value) for element in every_element(image)) > 500
    deidentify(image, WHO)
    for element in every_element(image):
        assert not element.tag.is_private, element
        if element.VR == "SQ":
            continue
        told = str(element.value)
        assert SECRET not in told, element
        assert "Lovelace" not in told
        assert "MRN-4711" not in told
        assert not any(uid in told for uid in before), element
        assert "1.2.999.777" not in told, element
        if element.VR in ("DA", "DT"):
            assert not told.startswith(("1999123", "2026")), element
    image.save_as(tmp_path / "out.dcm", enforce_file_format=True)
    raw = (tmp_path / "out.dcm").read_bytes()
    for told in (SECRET.encode(), b"Lovelace", b"MRN-4711", *(uid.encode() for uid in before)):
        assert told not in raw
    assert image.PatientIdentityRemoved == "YES"
    assert [item.CodeValue for item in image.DeidentificationMethodCodeSequence] == ["113100", "113105", "113107"]


def test_hours_between_scans_and_pixels_stay_exact(tmp_path) -> None:
    scans = [pydicom.dcmread(dicom_folder(tmp_path / f"{hours}", seed=1, hours=hours)[0]) for hours in (0.0, 43.75)]
    pixels = [scan.PixelData for scan in scans]

    def when(scan: Dataset) -> datetime:
        stamp = f"{scan.AcquisitionDate}{scan.AcquisitionTime}"[:14]
        return datetime.strptime(stamp, "%Y%m%d%H%M%S").replace(tzinfo=UTC)

    hours = when(scans[1]) - when(scans[0])
    for scan in scans:
        deidentify(scan, WHO)
    assert when(scans[1]) - when(scans[0]) == hours
    assert [scan.PixelData for scan in scans] == pixels
    assert when(scans[0]).year == 2023


def test_references_still_hold_and_another_key_gives_other_identifiers(image) -> None:
    copy = pydicom.dcmread(image.filename)
    reference = Dataset()
    reference.ReferencedSOPInstanceUID = image.SOPInstanceUID
    copy.SourceImageSequence = [reference]
    deidentify(image, WHO)
    deidentify(copy, WHO)
    assert copy.SourceImageSequence[0].ReferencedSOPInstanceUID == image.SOPInstanceUID
    assert copy.StudyInstanceUID == image.StudyInstanceUID
    assert Pseudonym("p", 0, b"other").uid("1.2") != WHO.uid("1.2")


def test_descriptors_keep_words_that_name_nobody() -> None:
    assert cleaned_descriptor("Thorax Dr. Smith, LUNG 1.0mm Br40 for J. Doe 1234567") == "Thorax LUNG 1.0mm"


def test_characteristics_stay_on_request(image) -> None:
    image.PatientSex, image.PatientAge = "F", "061Y"
    deidentify(image, Pseudonym("p", -400, b"k", keeps_characteristics=True))
    assert (image.PatientSex, image.PatientAge) == ("F", "061Y")


def test_burned_in_text_is_warned_of(image) -> None:
    image.BurnedInAnnotation = "YES"
    assert "burned-in text" in deidentify(image, WHO)[0]
