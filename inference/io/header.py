"""What the headers of one series say, checked and in one shape for DICOM, NIfTI and MetaImage."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from inference.geometry import Geometry
from inference.io.files import NamedFile
from inference.io.identifiers import safe_uid
from inference.io.stacking import StackPlan
from inference.quality import QualityNote


class SeriesKind(StrEnum):
    """The file format a series came in."""

    DICOM = "dicom"
    NIFTI = "nifti"
    MHA = "mha"


@dataclass(frozen=True, slots=True)
class AcquisitionTime:
    """When the scan was acquired, and the DICOM attribute that says so. Naive when the header names no zone."""

    when: datetime
    attribute: str


@dataclass(frozen=True, slots=True)
class PatientIdentity:
    """The patient as the header names it; empty strings where it does not. `birth_date` is YYYY-MM-DD."""

    mrn: str = ""
    issuer: str = ""
    name: str = ""
    birth_date: str = ""
    sex: str = ""


@dataclass(frozen=True, slots=True)
class StudyAttributes:
    """What the header says of the study and of the series' place in it; empty where it does not.

    `date` is YYYY-MM-DD, `time` a DICOM TM value, `referring_physician` a DICOM PN value.
    """

    date: str = ""
    time: str = ""
    study_id: str = ""
    accession_number: str = ""
    description: str = ""
    referring_physician: str = ""
    series_number: int | None = None


@dataclass(frozen=True, slots=True)
class InstanceHeader:
    """One image of a stack: a file, or one frame of a multi-frame file.

    `slope` and `intercept` turn stored values into HU (PS3.3 C.7.6.16.2.9, C.11.1).
    """

    file: NamedFile
    sop_uid: str = ""
    sop_class_uid: str = ""
    frame: int = 0
    slope: float = 1.0
    intercept: float = 0.0
    padding: int | None = None
    is_monochrome1: bool = False


@dataclass(frozen=True, slots=True)
class SeriesHeader:
    """One series that can be read: identity, time, grid, and its images in order along the slice normal.

    For DICOM, `instances` ascend along the normal (feet to head in axial scans) and `stack` says how they
    become the regular grid `geometry`. For NIfTI and MetaImage there is one instance and no `stack`.
    """

    kind: SeriesKind
    geometry: Geometry
    instances: tuple[InstanceHeader, ...]
    stack: StackPlan | None = None
    study_uid: str = ""
    series_uid: str = ""
    frame_of_reference_uid: str = ""
    #: Identifiers that were invalid as received, by attribute keyword.
    original_identifiers: dict[str, str] = field(default_factory=dict)
    patient: PatientIdentity = PatientIdentity()
    study: StudyAttributes = StudyAttributes()
    acquired: AcquisitionTime | None = None
    acquisition_key: str = ""
    slice_thickness_mm: float | None = None
    kernel: str = ""
    manufacturer: str = ""
    device_model: str = ""
    description: str = ""
    body_part: str = ""
    quality: tuple[QualityNote, ...] = ()

    @property
    def files(self) -> tuple[NamedFile, ...]:
        """The files of the series, each once, in order."""
        return tuple(dict.fromkeys(instance.file for instance in self.instances))

    @property
    def sop_uids(self) -> dict[NamedFile, str]:
        """SOP instance UID of each file: its own, or one made from series and place where that is no valid UID.

        Some writers give every slice of a series the same UID; a copy is no identifier either.
        """
        given = {instance.file: instance.sop_uid.strip() for instance in self.instances}
        times = Counter(given.values())
        return {
            file: safe_uid(uid if times[uid] == 1 else "", otherwise=f"{self.series_uid} {place}")
            for place, (file, uid) in enumerate(given.items())
        }
