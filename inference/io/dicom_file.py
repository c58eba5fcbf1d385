"""One DICOM file: is it CT, is it whole, and what do its frames say? Headers only, no pixel is decoded."""

import math
from dataclasses import dataclass
from typing import Any

import pydicom
import pydicom.config
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from inference.errors import NotComputedTomography, NotHounsfield, UnreadableFile
from inference.geometry import Vector3
from inference.io.dicom_bytes import refuse_truncated
from inference.io.files import NamedFile, kind_of_content
from inference.io.header import InstanceHeader

# Values that break a rule of the standard are common and harmless, and warnings would put them into the log.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2.1"
LEGACY_ENHANCED_CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2.2"
CT_CLASSES = frozenset({CT_IMAGE_STORAGE, ENHANCED_CT_STORAGE, LEGACY_ENHANCED_CT_STORAGE})
#: Enhanced CT whose values are not density, by the fourth value of Image Type (PS3.3 C.8.16.1.4).
NOT_DENSITY = frozenset({"RCBF", "RCBV", "MTT", "TTP", "PERFUSION", "EFF_ATOMIC_NUM", "ELECTRON_DENSITY"})
#: What later steps read. pydicom converts a value when it is first asked for, and damage should show here.
READ_LATER = (
    *("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex"),
    *("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SOPInstanceUID", "SOPClassUID"),
    *("SeriesNumber", "AcquisitionNumber", "TemporalPositionIdentifier", "TimezoneOffsetFromUTC"),
    *("AcquisitionDateTime", "AcquisitionDate", "AcquisitionTime", "SeriesDate", "SeriesTime"),
    *("ContentDate", "ContentTime", "StudyDate", "StudyTime", "ImageType", "ConvolutionKernel"),
    *("Manufacturer", "ManufacturerModelName", "SeriesDescription", "ProtocolName", "BodyPartExamined"),
)
#: No detector is this coarse; it also refuses what is no number.
MAX_PIXEL_MM = 20.0
HOUNSFIELD_TYPES = frozenset({"", "HU", "HU_MOD", "US"})
#: Pictures computed from a whole stack, by any value of Image Type: the densities of many slices in one plane.
PROJECTIONS = frozenset({"MIP", "MINIP", "MAX_IP", "MIN_IP", "PROJECTION IMAGE", "VOLUME_RENDERED", "VRT", "SSD"})


@dataclass(frozen=True, slots=True)
class Frame:
    """One image plane as its header describes it. Axes are unit vectors in LPS; spacing as (rows, columns)."""

    instance: InstanceHeader
    dataset: Dataset
    position_lps_mm: Vector3
    row_axis: Vector3
    column_axis: Vector3
    shape_yx: tuple[int, int]
    spacing_yx_mm: tuple[float, float]
    slice_thickness_mm: float | None


def read_frames(file: NamedFile) -> list[Frame]:
    """The CT image planes of one file.

    Raises:
        UnreadableFile: no DICOM, or damaged.
        NotComputedTomography: another modality, a scout, a report, a colour picture.
        NotHounsfield: CT values that are not density.
    """
    dataset = _read_header(file)
    _refuse_other_than_ct(file, dataset)
    try:
        frames = (
            _enhanced_frames(file, dataset)
            if "PerFrameFunctionalGroupsSequence" in dataset
            else [_frame(file, dataset)]
        )
    except (AttributeError, TypeError, ValueError, IndexError, KeyError, ZeroDivisionError) as lack:
        raise UnreadableFile(
            f"{file.name} lacks a usable image position, orientation or pixel spacing; send the original series.",
            files=[file.name],
        ) from lack
    return frames


def _read_header(file: NamedFile) -> Dataset:
    try:
        with file.path.open("rb") as stream:
            start = stream.read(132)
            if not start:
                raise UnreadableFile(f"{file.name} is empty; send it again.", files=[file.name])
            stream.seek(0)
            has_preamble = start[128:132] == b"DICM"
            # Files without preamble begin with an element of group 0002 or 0008.
            if not has_preamble and start[:2] not in (b"\x02\x00", b"\x08\x00"):
                raise UnreadableFile(
                    f"{file.name} is {kind_of_content(start)}, not a CT image; send DICOM, NIfTI or MetaImage files.",
                    files=[file.name],
                )
            dataset = pydicom.dcmread(stream, stop_before_pixels=True, force=not has_preamble)
            refuse_truncated(file, dataset, stream)
            for keyword in READ_LATER:
                dataset.get(keyword)
    except UnreadableFile:
        raise
    except (
        InvalidDicomError,
        EOFError,
        OSError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        NotImplementedError,
    ) as damage:
        raise UnreadableFile(
            f"{file.name} is damaged and cannot be read; send it again.", files=[file.name]
        ) from damage
    return dataset


def _refuse_other_than_ct(file: NamedFile, dataset: Dataset) -> None:
    modality = str(dataset.get("Modality", "")).strip()
    sop_class = str(dataset.get("SOPClassUID", "")).strip()
    if "DirectoryRecordSequence" in dataset:
        raise NotComputedTomography(f"{file.name} is the index of a disc, not an image.", files=[file.name])
    if modality != "CT" or (sop_class and sop_class not in CT_CLASSES):
        kind = "a secondary capture or derived object" if modality == "CT" else f"of modality {modality or 'unknown'}"
        raise NotComputedTomography(f"{file.name} is {kind}, not a CT image; it was left aside.", files=[file.name])
    image_type = {str(value).upper() for value in _values(dataset, "ImageType")}
    if "LOCALIZER" in image_type:
        raise NotComputedTomography(
            f"{file.name} is a scout (localizer), not an axial slice; it was left aside.", files=[file.name]
        )
    if image_type & PROJECTIONS:
        raise NotComputedTomography(
            f"{file.name} is a projection ({', '.join(sorted(image_type & PROJECTIONS))}), not a slice; "
            "it was left aside.",
            files=[file.name],
        )
    if int(dataset.get("SamplesPerPixel") or 1) != 1:
        raise NotComputedTomography(
            f"{file.name} is a colour picture, not CT values; it was left aside.", files=[file.name]
        )
    if image_type & NOT_DENSITY:
        raise NotHounsfield(
            f"{file.name} holds a computed map ({', '.join(sorted(image_type & NOT_DENSITY))}), not Hounsfield units; "
            "send the original reconstruction.",
            files=[file.name],
        )
    if not dataset.get("Rows") or not dataset.get("Columns"):
        raise UnreadableFile(f"{file.name} holds no image.", files=[file.name])


def _values(dataset: Dataset, keyword: str) -> list[Any]:
    value = dataset.get(keyword)
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def _vector(values: Any) -> Vector3:
    x, y, z = (float(value) for value in values)
    if not all(map(math.isfinite, (x, y, z))):
        raise ValueError("not a finite vector")
    return (x, y, z)


def _unit(vector: Vector3) -> Vector3:
    length = sum(value * value for value in vector) ** 0.5
    return _vector(value / length for value in vector)


def _frame(file: NamedFile, dataset: Dataset, groups: Dataset | None = None, number: int = 0) -> Frame:
    """A plane from the top level, or from the functional groups of one frame (PS3.3 C.7.6.16)."""
    position, orientation, measures, transform = (
        (dataset, dataset, dataset, dataset)
        if groups is None
        else (
            _group(groups, dataset, "PlanePositionSequence"),
            _group(groups, dataset, "PlaneOrientationSequence"),
            _group(groups, dataset, "PixelMeasuresSequence"),
            _group(groups, dataset, "PixelValueTransformationSequence"),
        )
    )
    rescale_type = str(transform.get("RescaleType") or "").strip().upper()
    if rescale_type not in HOUNSFIELD_TYPES:
        raise NotHounsfield(
            f"{file.name} holds values of type {rescale_type}, not Hounsfield units; send the original reconstruction.",
            files=[file.name],
        )
    cosines = [float(value) for value in orientation.ImageOrientationPatient]
    rows_mm, columns_mm = (float(value) for value in measures.PixelSpacing)
    if not (0 < rows_mm < MAX_PIXEL_MM and 0 < columns_mm < MAX_PIXEL_MM):
        raise ValueError("not a pixel spacing")
    thickness = measures.get("SliceThickness")
    padding = dataset.get("PixelPaddingValue")
    intercept, slope = transform.get("RescaleIntercept"), transform.get("RescaleSlope")
    return Frame(
        instance=InstanceHeader(
            file=file,
            sop_uid=str(dataset.get("SOPInstanceUID") or ""),
            sop_class_uid=str(dataset.get("SOPClassUID") or ""),
            frame=number,
            slope=1.0 if slope is None else float(slope),
            intercept=0.0 if intercept is None else float(intercept),
            padding=int(padding) if isinstance(padding, int) else None,
            is_monochrome1=str(dataset.get("PhotometricInterpretation", "")) == "MONOCHROME1",
        ),
        dataset=dataset,
        position_lps_mm=_vector(position.ImagePositionPatient),
        row_axis=_unit(_vector(cosines[:3])),
        column_axis=_unit(_vector(cosines[3:])),
        shape_yx=(int(dataset.Rows), int(dataset.Columns)),
        spacing_yx_mm=(rows_mm, columns_mm),
        slice_thickness_mm=float(thickness) if thickness else None,
    )


def _group(groups: Dataset, dataset: Dataset, keyword: str) -> Dataset:
    """The macro of one frame, else the one all frames share, else the top level."""
    if keyword in groups:
        return groups[keyword].value[0]
    shared = dataset.get("SharedFunctionalGroupsSequence")
    if shared and keyword in shared[0]:
        return shared[0][keyword].value[0]
    return dataset


def _enhanced_frames(file: NamedFile, dataset: Dataset) -> list[Frame]:
    return [
        _frame(file, dataset, groups, number) for number, groups in enumerate(dataset.PerFrameFunctionalGroupsSequence)
    ]
