"""Synthetic scans as CT Image Storage (PS3.3 A.3), one file a slice."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from inference.volume import Volume

RESCALE_INTERCEPT = -1024
IMPLEMENTATION_UID = UID("2.25.216931834726475312684135478966742314786")


@dataclass(frozen=True, slots=True)
class SyntheticIdentity:
    """A person who does not exist. `name` is a DICOM person name, family^given."""

    mrn: str
    name: str
    birth_date: str = "19600101"
    sex: str = "O"


def uid_for(*words: object) -> UID:
    """A UID under 2.25 that is always the same for the same words."""
    digest = hashlib.sha256("\n".join(str(word) for word in words).encode()).digest()
    return UID(f"2.25.{int.from_bytes(digest[:16], 'big')}")


def write_series(
    volume: Volume,
    folder: Path,
    *,
    identity: SyntheticIdentity,
    acquired_at: datetime,
    kernel: str = "B40f",
    description: str = "Thorax synthetic",
) -> list[Path]:
    """Write an axial volume as a DICOM series; `acquired_at` is aware. Returns the files, feet to head."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index in range(len(volume.hu)):
        dataset = _slice(volume, index, identity, acquired_at, kernel, description)
        path = folder / f"IM{len(volume.hu) - index:04d}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _slice(
    volume: Volume, index: int, identity: SyntheticIdentity, acquired_at: datetime, kernel: str, description: str
) -> FileDataset:
    series = (identity.mrn, acquired_at.isoformat(), kernel, description)
    z_mm, y_mm, x_mm = volume.geometry.spacing_zyx_mm
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = uid_for("instance", *series, index)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    ct = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    ct.SpecificCharacterSet = "ISO_IR 192"
    ct.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ct.SOPClassUID = CTImageStorage
    ct.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    for what in ("Study", "Series", "Acquisition", "Content"):
        setattr(ct, f"{what}Date", acquired_at.strftime("%Y%m%d"))
        setattr(ct, f"{what}Time", acquired_at.strftime("%H%M%S"))
    ct.TimezoneOffsetFromUTC = acquired_at.strftime("%z")
    ct.AccessionNumber = ""
    ct.Modality = "CT"
    ct.Manufacturer = "LungTrend phantom"
    ct.ManufacturerModelName = "inference.phantom"
    ct.ReferringPhysicianName = ""
    ct.StudyDescription = ct.SeriesDescription = description
    ct.PatientName = identity.name
    ct.PatientID = identity.mrn
    ct.PatientBirthDate = identity.birth_date
    ct.PatientSex = identity.sex
    ct.BodyPartExamined = "CHEST"
    ct.SliceThickness = f"{z_mm:.4g}"
    ct.KVP = "120"
    ct.ConvolutionKernel = kernel
    ct.PatientPosition = "HFS"
    ct.StudyInstanceUID = uid_for("study", identity.mrn, acquired_at.isoformat())
    ct.SeriesInstanceUID = uid_for("series", *series)
    ct.FrameOfReferenceUID = uid_for("frame", identity.mrn, acquired_at.isoformat())
    ct.StudyID = "1"
    ct.SeriesNumber = "1"
    ct.AcquisitionNumber = "1"
    ct.InstanceNumber = str(len(volume.hu) - index)
    ct.PositionReferenceIndicator = ""
    ct.ImagePositionPatient = [f"{value:.6g}" for value in volume.geometry.point_lps_mm((index, 0, 0))]
    _, y_axis, x_axis = volume.geometry.axes_zyx_lps
    ct.ImageOrientationPatient = [f"{value:.6g}" for value in (*x_axis, *y_axis)]
    ct.PixelSpacing = [f"{y_mm:.8g}", f"{x_mm:.8g}"]
    ct.SamplesPerPixel = 1
    ct.PhotometricInterpretation = "MONOCHROME2"
    ct.Rows, ct.Columns = volume.hu.shape[1:]
    ct.BitsAllocated = 16
    ct.BitsStored = 16
    ct.HighBit = 15
    ct.PixelRepresentation = 0
    ct.RescaleIntercept = str(RESCALE_INTERCEPT)
    ct.RescaleSlope = "1"
    ct.RescaleType = "HU"
    ct.WindowCenter, ct.WindowWidth = "-600", "1500"
    ct.PixelData = (volume.hu[index].astype(np.int32) - RESCALE_INTERCEPT).astype("<u2").tobytes()
    return ct
