"""The same SOP instance UID twice, with other pixels: one of the two is not what it says it is."""

from pathlib import Path

from pydicom.dataset import Dataset

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
    syntaxes = [dataset.file_meta.get("TransferSyntaxUID") for dataset in (new, old)]
    return syntaxes[0] == syntaxes[1] and new.get("PixelData") != old.get("PixelData")
