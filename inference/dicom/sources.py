"""The DICOM series that a result was made from, completed so that other programs accept references to it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset

from inference.errors import NotAVolume
from inference.io import NamedFile, SeriesHeader, inspect
from inference.io.header import SeriesKind

#: What every image has to carry (type 1 and 2), and what to write where a scanner left it out.
REQUIRED: dict[str, Any] = {
    "PatientName": "",
    "PatientID": "",
    "PatientBirthDate": "",
    "PatientSex": "",
    "StudyDate": "",
    "StudyTime": "",
    "StudyID": "",
    "AccessionNumber": "",
    "ReferringPhysicianName": "",
    "PositionReferenceIndicator": "",
    "Modality": "CT",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A series and the header datasets of its instances, in order along the slice normal."""

    header: SeriesHeader
    datasets: tuple[Dataset, ...]

    @property
    def is_slice_for_slice(self) -> bool:
        """Whether the masks' slices are the instances themselves, not slices resampled from them."""
        plan = self.header.stack
        count = len(self.header.instances)
        frames = sum(int(dataset.get("NumberOfFrames") or 1) for dataset in self.datasets)
        return (
            plan is not None
            and frames == count
            and not plan.is_tilted
            and plan.upper == tuple(range(count))
            and all(weight == 1.0 for weight in plan.weight)
        )


def read_source(folder: Path) -> Source:
    """Headers of the one DICOM series in a folder.

    Raises:
        NotAVolume: there is none; what came as NIfTI or MetaImage has no DICOM to refer to.
    """
    files = [NamedFile(path.name, path) for path in sorted(folder.iterdir())]
    found = [series for series in inspect(files).series if series.kind is SeriesKind.DICOM]
    if not found:
        raise NotAVolume("The scan did not come as DICOM, so there is no series that a DICOM result could refer to.")
    header = max(found, key=lambda series: len(series.instances))
    return Source(
        header,
        tuple(
            _completed(pydicom.dcmread(file.path, stop_before_pixels=True, force=True), header, uid)
            for file, uid in header.sop_uids.items()
        ),
    )


def _completed(dataset: Dataset, header: SeriesHeader, sop_uid: str) -> Dataset:
    """A header with the identifiers the portal knows the series by, and nothing missing that must be there."""
    dataset.StudyInstanceUID = header.study_uid
    dataset.SeriesInstanceUID = header.series_uid
    dataset.FrameOfReferenceUID = header.frame_of_reference_uid
    dataset.SOPInstanceUID = sop_uid
    for keyword, value in REQUIRED.items():
        if keyword not in dataset:
            setattr(dataset, keyword, value)
    return dataset
