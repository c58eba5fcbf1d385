"""Images and segmentations without a person: the Basic Application Level Confidentiality Profile (PS3.15 E).

Which attribute is treated how comes from the standard's table, as dicom-anonymizer carries it. Beyond the table: it
holds at every depth, private attributes and free text that it does not list go, and identifiers map by a key, so that
what belonged together still does. Options taken: Retain Longitudinal Temporal Information With Modified Dates (all
dates of a patient are shifted by the same whole days, so that hours between scans stay exact), Clean Descriptors (words
of a list stay), and on request Retain Patient Characteristics.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from dicomanonymizer.dicomfields_selector import dicom_anonymization_database_selector
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sr.codedict import codes
from pydicom.tag import BaseTag, Tag

TABLE = "dicomfields_2026c"
UID_PREFIX, STANDARD_UIDS = "2.25.", "1.2.840.10008."
#: Attributes that the table empties, removes or replaces, but that an option keeps.
CHARACTERISTICS = frozenset({"PatientSex", "PatientAge", "PatientSize", "PatientWeight"})
DESCRIPTORS = frozenset({"StudyDescription", "SeriesDescription", "ProtocolName"})
#: Words of descriptors that describe no person; numbers of up to three digits and millimetres stay as well.
KEPT_WORDS = frozenset(
    (
        *(
            "abdomen",
            "arterial",
            "ax",
            "axial",
            "body",
            "bone",
            "br",
            "cor",
            "coronal",
            "chest",
            "contrast",
            "ct",
            "dose",
            "expiration",
            "expiratory",
        ),
        *(
            "helical",
            "high",
            "hr",
            "hrct",
            "inspiration",
            "inspiratory",
            "kernel",
            "ld",
            "low",
            "lung",
            "lungs",
            "mediastinum",
            "mm",
            "native",
            "non",
        ),
        *(
            "phase",
            "plain",
            "prone",
            "recon",
            "resolution",
            "routine",
            "sag",
            "sagittal",
            "scan",
            "sharp",
            "soft",
            "spiral",
            "standard",
            "supine",
        ),
        *("thick", "thin", "thorax", "tissue", "venous", "volume", "with", "without"),
    )
)
NUMBER = re.compile(r"^\d{1,3}([.,]\d{1,3})?(mm)?$")
TIME_OR_OFFSET = re.compile(r"^[+-]?[\d:]{0,8}(\.\d{1,6})?$")
#: Free text that the table does not list may hold anything.
FREE_TEXT = frozenset({"LT", "ST", "UT", "UC", "UN", "UR"})
#: What an image or a segmentation must have, if only empty (type 2), where the table would remove it.
KEPT_EMPTY = frozenset(
    (
        *(
            "AccessionNumber",
            "PatientBirthDate",
            "PatientSex",
            "ReferringPhysicianName",
            "StudyID",
            "StudyDate",
            "StudyTime",
        ),
        *("ContentCreatorName", "PositionReferenceIndicator"),
    )
)
#: Our own segmentations: attributes that say what is marked and by which program, never about whom.
SAFE = frozenset(
    (
        *(
            "SegmentLabel",
            "SegmentDescription",
            "SegmentAlgorithmName",
            "AlgorithmName",
            "AlgorithmVersion",
            "TrackingID",
        ),
        *("ContentLabel", "ContentDescription", "Manufacturer", "ManufacturerModelName", "SoftwareVersions"),
        *(
            "ConvolutionKernel",
            "BodyPartExamined",
            "CodeMeaning",
            "CodeValue",
            "CodingSchemeDesignator",
            "CodingSchemeVersion",
        ),
        *("LongCodeValue", "LossyImageCompressionMethod"),
    )
)
CURVES_AND_OVERLAYS = (0x5000, 0x6000)
METHOD = "LungTrend: PS3.15 Basic Profile, modified dates, cleaned descriptors"


@dataclass(frozen=True, slots=True)
class Pseudonym:
    """Who the patient becomes. The same key gives the same identifiers in every export."""

    patient: str
    #: All dates move by this many days.
    shift_days: int
    key: bytes
    keeps_characteristics: bool = False

    def uid(self, original: str) -> str:
        """The UID that stands for another one."""
        digest = hmac.new(self.key, original.encode(), hashlib.sha256).digest()
        return UID_PREFIX + str(int.from_bytes(digest[:16], "big"))


def deidentify(dataset: Dataset, who: Pseudonym) -> list[str]:
    """Change a dataset in place; returns warnings, each one sentence."""
    warnings = _warnings(dataset)
    _clean(dataset, who)
    dataset.PatientName = dataset.PatientID = who.patient
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = METHOD
    options = [codes.DCM.BasicApplicationConfidentialityProfile, codes.DCM.CleanDescriptorsOption]
    options.append(codes.DCM.RetainLongitudinalTemporalInformationModifiedDatesOption)
    if who.keeps_characteristics:
        options.append(codes.DCM.RetainPatientCharacteristicsOption)
    dataset.DeidentificationMethodCodeSequence = [_coded(code) for code in options]
    dataset.LongitudinalTemporalInformationModified = "MODIFIED"
    meta = getattr(dataset, "file_meta", None)
    if meta is not None:
        meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        for keyword in ("SourceApplicationEntityTitle", "SendingApplicationEntityTitle", "PrivateInformation"):
            if keyword in meta:
                delattr(meta, keyword)
    return warnings


def _warnings(dataset: Dataset) -> list[str]:
    image_type = [str(value) for value in dataset.get("ImageType", [])]
    if str(dataset.get("BurnedInAnnotation", "")) == "YES" or "SECONDARY" in image_type[1:2]:
        return ["The picture may carry burned-in text; look at it before it leaves the house."]
    return []


def _coded(code: object) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning  # type: ignore[attr-defined]
    return item


def _clean(dataset: Dataset, who: Pseudonym) -> None:
    for tag in list(dataset.keys()):
        if tag.is_private or _is_curve_or_overlay(tag):
            del dataset[tag]
            continue
        element = dataset[tag]
        if element.VR == "SQ":
            for item in element.value:
                _clean(item, who)
            if _action(tag) == "remove":
                del dataset[tag]
            continue
        _treat(dataset, element, who)


def _is_curve_or_overlay(tag: BaseTag) -> bool:
    return any(first <= tag.group < first + 0x100 for first in CURVES_AND_OVERLAYS)


def _treat(dataset: Dataset, element: DataElement, who: Pseudonym) -> None:
    keyword = element.keyword
    if keyword in SAFE or (who.keeps_characteristics and keyword in CHARACTERISTICS):
        return
    if element.VR == "UI":
        element.value = _mapped(element.value, who)
    elif element.VR in ("DA", "DT"):
        element.value = _shifted(element.value, who.shift_days, element.VR)
    elif keyword in DESCRIPTORS:
        element.value = cleaned_descriptor(str(element.value))
    elif element.VR == "TM" or keyword == "TimezoneOffsetFromUTC":
        # Times of day stay: with dates shifted by whole days, hours between scans stay exact.
        if not TIME_OR_OFFSET.match(str(element.value or "")):
            element.value = ""
    else:
        action = _action(element.tag)
        is_unlisted_text = action == "keep" and (element.VR in FREE_TEXT or element.VR == "PN")
        if keyword in KEPT_EMPTY and (action != "keep" or is_unlisted_text):
            element.value = ""
        elif action == "remove" or is_unlisted_text:
            del dataset[element.tag]
        elif action == "empty":
            element.value = None if element.VR not in ("LO", "SH", "PN", "CS", "LT", "ST", "UT") else ""


def _action(tag: BaseTag) -> str:
    return ACTIONS.get(int(tag), "keep")


def _actions() -> dict[int, str]:
    """Removal where the table allows it, else emptying; dates and UIDs are treated by what they are."""
    table = dicom_anonymization_database_selector(TABLE)
    actions: dict[int, str] = {}
    for categories, action in (
        (("X_TAGS", "X_Z_TAGS", "X_D_TAGS", "X_Z_D_TAGS"), "remove"),
        (("Z_TAGS", "Z_D_TAGS", "D_TAGS"), "empty"),
    ):
        for category in categories:
            for entry in table[category]:
                # Entries of four numbers are the ranges of curves and overlays.
                if len(entry) == 2:
                    actions[int(Tag(*entry))] = action
    return actions


ACTIONS = _actions()


def _mapped(value: object, who: Pseudonym) -> object:
    if isinstance(value, MultiValue | list):
        return [_mapped(item, who) for item in value]
    text = str(value or "")
    return text if not text or text.startswith(STANDARD_UIDS) else who.uid(text)


def _shifted(value: object, days: int, vr: str) -> object:
    if isinstance(value, MultiValue | list):
        return [_shifted(item, days, vr) for item in value]
    text = str(value or "").replace(".", "", 2 if vr == "DA" else 0)
    try:
        moved = datetime.strptime(text[:8], "%Y%m%d") + timedelta(days=days)  # noqa: DTZ007 - a date has no zone
    except (ValueError, OverflowError):
        return ""
    return f"{moved:%Y%m%d}{text[8:]}" if vr == "DT" else f"{moved:%Y%m%d}"


def cleaned_descriptor(text: str) -> str:
    """Only words that describe no person."""
    words = re.split(r"[\s_/^,;:()+-]+", text)
    return " ".join(word for word in words if word.lower() in KEPT_WORDS or NUMBER.match(word.lower()))
