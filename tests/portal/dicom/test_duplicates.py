"""Two files with one SOP instance UID: another image, a copy, or one that is damaged."""

import pydicom
import pytest

from portal.dicom.duplicates import is_another_image
from portal.scans.intake import open_upload, receive_file
from tests.samples import dicom_folder


@pytest.fixture
def image(tmp_path, clinician):
    """An image that has arrived, and its UID."""

    path = dicom_folder(tmp_path / "series", size=32, slices=4)[0]
    uid = str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID)
    receive_file(upload=open_upload(by=clinician), name=f"{uid}.dcm", chunks=[path.read_bytes()])
    return uid, path


@pytest.mark.django_db
def test_a_copy_is_no_other_image_and_other_pixels_are(image, tmp_path) -> None:
    uid, path = image
    content = bytearray(path.read_bytes())
    copy = tmp_path / "copy.dcm"
    copy.write_bytes(content)
    assert not is_another_image(uid, copy)
    content[-1] ^= 1
    copy.write_bytes(content)
    assert is_another_image(uid, copy)


@pytest.mark.django_db
def test_damage_in_either_raises_nothing(image, tmp_path) -> None:
    uid, path = image
    damaged = tmp_path / "damaged.dcm"
    damaged.write_bytes(path.read_bytes().replace(b"\xe0\x7f\x10\x00OW", b"\xe0\x7f\x10\x00Ow"))
    assert damaged.read_bytes() != path.read_bytes()
    is_another_image(uid, damaged)
