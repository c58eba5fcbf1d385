"""Datasets of stored objects, under the identifiers and the patient that the portal knows them by."""

import gzip
import json
import zipfile
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from portal.dicom.archive import Role, Series, StoredObject
from portal.patients.models import Patient
from portal.scans.errors import NotExportable
from portal.scans.ingest import materialise
from portal.scans.models import Scan
from portal.scans.storage import exists, keep, path_of
from portal.scans.toolbox import ToolFailed, ToolRefused, run_tool, workplace

#: A DICOM JSON object: elements by tag (PS3.18 F.2).
Json = dict[str, dict[str, Any]]
PIXEL_DATA = "7FE00010"
BINARY_VRS = frozenset({"OB", "OW", "OF", "OD", "OL", "OV", "UN"})
#: Binary values longer than this are bulk data.
INLINE_BYTES = 1024


def read_object(stored: StoredObject, *, with_pixels: bool = True) -> Dataset:
    """One object as the portal gives it out: valid identifiers, and the patient whose scan it is."""
    dataset = pydicom.dcmread(_stream(stored), stop_before_pixels=not with_pixels, force=True)
    _identify(dataset, stored)
    return dataset


def read_plain(stored: StoredObject) -> Dataset:
    """One object with uncompressed pixels.

    Raises:
        NotExportable: the pixels cannot be decoded.
    """
    dataset = read_object(stored)
    if not syntax_of(dataset).is_compressed:
        return dataset
    copy = _plain_key(stored.series.scan, stored.index)
    if not exists(copy):
        _decompress(stored.series.scan)
    dataset = pydicom.dcmread(path_of(copy))
    _identify(dataset, stored)
    return dataset


def syntax_of(dataset: Dataset) -> pydicom.uid.UID:
    """Transfer syntax; implicit little endian where the file does not say."""
    uid: pydicom.uid.UID = dataset.file_meta.get("TransferSyntaxUID") or ImplicitVRLittleEndian
    return uid


def stored_syntax(stored: StoredObject) -> pydicom.uid.UID:
    """Transfer syntax of an object, without reading more of it than must be."""
    source = _stream(stored)
    if isinstance(source, Path):
        try:
            uid: pydicom.uid.UID = pydicom.filereader.read_file_meta_info(source).TransferSyntaxUID
        except (InvalidDicomError, AttributeError, TypeError):
            return syntax_of(read_object(stored, with_pixels=False))
        return uid
    return syntax_of(read_object(stored, with_pixels=False))


def encoded(dataset: Dataset, syntax: str | None = None) -> bytes:
    """A DICOM file; `syntax` may change between the uncompressed ones."""
    buffer = BytesIO()
    if syntax is not None and syntax != syntax_of(dataset):
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
        encoding = {"implicit_vr": syntax == ImplicitVRLittleEndian, "little_endian": True}
        dataset.save_as(buffer, enforce_file_format=True, **encoding)
    else:
        dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _stream(stored: StoredObject) -> BytesIO | Path:
    path = stored.path if stored.path.is_absolute() else path_of(str(stored.path))
    if not stored.member:
        return path
    with zipfile.ZipFile(path) as archive:
        return BytesIO(archive.read(stored.member))


def _identify(dataset: Dataset, stored: StoredObject) -> None:
    series = stored.series
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = series.scan.study_uid, series.uid
    dataset.SOPInstanceUID, dataset.SOPClassUID = stored.sop_uid, stored.sop_class_uid
    if series.role is Role.SCAN:
        dataset.FrameOfReferenceUID = series.scan.frame_of_reference_uid
    if str(dataset.get("PatientID", "")).strip() != series.scan.patient.mrn:
        # A person decided that the scan is this patient's, whatever its files say.
        for keyword, value in patient_attributes(series.scan.patient).items():
            setattr(dataset, keyword, value)
    if not hasattr(dataset, "file_meta"):
        dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit = dataset.original_encoding[0]
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian


def patient_attributes(patient: Patient) -> dict[str, str]:
    """DICOM attributes of a patient, by keyword."""
    family, _, given = patient.name.partition(", ")
    return {
        "PatientID": patient.mrn,
        "IssuerOfPatientID": patient.issuer,
        "PatientName": "^".join(part for part in (family, given) if part),
        "PatientBirthDate": patient.birth_date.strftime("%Y%m%d") if patient.birth_date else "",
        "PatientSex": patient.sex,
    }


def _plain_key(scan: Scan, index: int) -> str:
    return f"{scan.folder}/plain/{index:06d}.dcm"


def _decompress(scan: Scan) -> None:
    """Uncompressed copies of all images of a scan, made in a process of its own: decoders meet untrusted bytes."""
    with workplace() as folder:
        materialise(scan, folder / "scan")
        try:
            run_tool("decompress", folder / "scan", "--out", folder / "plain")
        except (ToolRefused, ToolFailed) as trouble:
            raise NotExportable("The pixels of this series cannot be decoded; ask for them as stored.") from trouble
        for index, path in enumerate(sorted((folder / "plain").iterdir())):
            keep(path, _plain_key(scan, index))


def metadata_of(series: Series, objects: Sequence[StoredObject]) -> list[Json]:
    """DICOM JSON of the objects of a series; bulk data are named by `bulk/TAG`, relative to the object."""
    if series.role is not Role.SCAN:
        return [_as_json(read_object(stored, with_pixels=False)) for stored in objects]
    cached = path_of(f"{series.scan.folder}/metadata.json.gz")
    if not cached.exists():
        everything = [_as_json(read_object(stored, with_pixels=False)) for stored in objects]
        with workplace() as folder:
            (folder / "metadata").write_bytes(gzip.compress(json.dumps(everything).encode(), 5))
            keep(folder / "metadata", f"{series.scan.folder}/metadata.json.gz")
        return everything
    kept: list[Json] = json.loads(gzip.decompress(cached.read_bytes()))
    return kept


def _as_json(dataset: Dataset) -> Json:
    elements = dict(_readable(dataset))
    if "Rows" in dataset and PIXEL_DATA not in elements:
        elements[PIXEL_DATA] = {"vr": "OW", "BulkDataURI": f"bulk/{PIXEL_DATA}"}
    return dict(sorted(elements.items()))


def _readable(dataset: Dataset) -> Iterator[tuple[str, dict[str, Any]]]:
    """Elements by tag whose values can be read at all: scanners write numbers that are none."""
    for number in dataset.keys():  # noqa: SIM118 - iterating a dataset converts values, which is what may fail
        try:
            element = dataset[number]
            content = element.to_json_dict(None, 1024 * INLINE_BYTES)
        except (ValueError, TypeError, OverflowError, NotImplementedError):
            continue
        tag = f"{element.tag:08X}"
        is_bulk = element.VR in BINARY_VRS and element.value and len(element.value) > INLINE_BYTES
        yield tag, {"vr": element.VR, "BulkDataURI": f"bulk/{tag}"} if is_bulk else content
