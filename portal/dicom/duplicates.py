"""The same SOP instance UID twice, with other pixels: one of the two is not what it says it is."""

from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.tag import Tag

from portal.dicom.headers import read_whole
from portal.scans.models import Instance, UploadedFile, UploadState
from portal.scans.storage import path_of


def is_another_image(uid: str, received: Path) -> bool:
    """Whether an image with this UID is here already whose pixels differ from the received file's.

    Another header with the same pixels is no conflict, and compressed pixels are not compared with uncompressed ones.
    """
    known = list(Instance.objects.filter(sop_uid=uid, member="").values_list("file__path", flat=True)[:1])
    known += UploadedFile.objects.filter(name=f"{uid}.dcm", upload__state=UploadState.OPEN).values_list(
        "path", flat=True
    )[:1]
    if not known:
        return False
    new = read_whole(received)
    return any(_differ(new, read_whole(path_of(path))) for path in known)


def _differ(new: Dataset | None, old: Dataset | None) -> bool:
    if new is None or old is None:
        return False
    is_alike = _stored(new.file_meta, "TransferSyntaxUID") == _stored(old.file_meta, "TransferSyntaxUID")
    return is_alike and _stored(new, "PixelData") != _stored(old, "PixelData")


def _stored(dataset: Dataset, keyword: str) -> Any:
    """An element's value as it was stored: converting damaged ones raises anything."""
    element = dataset.get_item(Tag(keyword), keep_deferred=True)
    return element.value if element is not None else None
