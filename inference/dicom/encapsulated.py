"""A PDF report as a DICOM object (Encapsulated PDF, PS3.3 A.45.1)."""

import hashlib
from datetime import datetime

import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, UID, EncapsulatedPDFStorage, ExplicitVRLittleEndian

from inference.dicom.revision import MANUFACTURER, MODEL, SERIES_NUMBERS, Revision
from inference.dicom.sources import REQUIRED, Source

#: What the object takes over from the scan: patient and study.
TAKEN_OVER = (
    *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex"),
    *("StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName"),
    "StudyDescription",
)
#: LOINC: Diagnostic imaging report.
TITLE_CODE = ("18748-4", "LN", "Diagnostic imaging report")


def build_encapsulated_report(source: Source, pdf: bytes, revision: Revision) -> FileDataset:
    """The report of one revision. Other content is another object of the same series."""
    now = datetime.now().astimezone()
    header = source.datasets[0]
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = EncapsulatedPDFStorage
    meta.MediaStorageSOPInstanceUID = UID(revision.uid(f"pdf {hashlib.sha256(pdf).hexdigest()}"))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
    report = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    report.SpecificCharacterSet = "ISO_IR 192"
    for keyword in TAKEN_OVER:
        if keyword in header:
            setattr(report, keyword, header.get(keyword))
        elif keyword in REQUIRED:
            setattr(report, keyword, REQUIRED[keyword])
    report.SOPClassUID, report.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    report.Modality, report.SeriesInstanceUID = "DOC", revision.uid("pdf-series")
    report.SeriesNumber, report.InstanceNumber = SERIES_NUMBERS["pdf"], 1
    report.SeriesDescription = "LungTrend report (research use only)"
    report.Manufacturer, report.ManufacturerModelName = MANUFACTURER, MODEL
    report.SoftwareVersions = f"{revision.pipeline} {revision.version}"[:64]
    report.ConversionType = "WSD"
    report.InstanceCreationDate = report.ContentDate = now.strftime("%Y%m%d")
    report.InstanceCreationTime = report.ContentTime = now.strftime("%H%M%S")
    report.AcquisitionDateTime = str(header.get("AcquisitionDateTime") or "")
    report.BurnedInAnnotation = "YES"
    report.DocumentTitle = "Infection of the lungs on chest CT"
    title = Dataset()
    title.CodeValue, title.CodingSchemeDesignator, title.CodeMeaning = TITLE_CODE
    report.ConceptNameCodeSequence = pydicom.Sequence([title])
    report.SourceInstanceSequence = pydicom.Sequence([_reference(dataset) for dataset in source.datasets])
    report.MIMETypeOfEncapsulatedDocument = "application/pdf"
    report.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    report.EncapsulatedDocumentLength = len(pdf)
    return report


def _reference(dataset: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    return item
