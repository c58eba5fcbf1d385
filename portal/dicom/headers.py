"""What a DICOM file that somebody sends says it is. Damaged ones may make pydicom raise anything."""

from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import UID


@dataclass(frozen=True, slots=True)
class Identity:
    """UIDs in the header; empty where it states none that obeys PS3.5 section 9.1."""

    sop_class_uid: str
    sop_uid: str
    study_uid: str


def identity_of(path: Path) -> Identity | None:
    """The identity of a file; None when it is no DICOM file that can be read."""
    dataset = read_whole(path, with_pixels=False)
    if dataset is None:
        return None
    keywords = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID")
    try:
        return Identity(*(_valid(dataset, keyword) for keyword in keywords))
    except Exception:  # noqa: BLE001 - values are converted when they are looked at, and damaged ones raise anything
        return None


def _valid(dataset: Dataset, keyword: str) -> str:
    value = UID(str(dataset.get(keyword) or ""))
    return str(value) if value.is_valid else ""


def read_whole(path: Path, *, with_pixels: bool = True) -> Dataset | None:
    """A dataset; None when it is no DICOM file that can be read."""
    try:
        return pydicom.dcmread(path, stop_before_pixels=not with_pixels)
    except Exception:  # noqa: BLE001 - see `identity_of`
        return None
