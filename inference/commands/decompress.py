"""`decompress`: copies of DICOM images with plain pixels, for programs that know no compression."""

import argparse
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from inference.errors import UnreadableFile


def run(options: argparse.Namespace) -> None:
    """Write every file of a folder under its own name, explicit little endian.

    Raises:
        UnreadableFile: no decoder here knows the pixels.
    """
    options.out.mkdir(parents=True, exist_ok=True)
    for path in sorted(options.folder.iterdir()):
        dataset = pydicom.dcmread(path, force=True)
        if "PhotometricInterpretation" not in dataset:
            dataset.PhotometricInterpretation = "MONOCHROME2"
        if dataset.file_meta.get("TransferSyntaxUID", ExplicitVRLittleEndian).is_compressed:
            _decompress(dataset, path)
        dataset.save_as(options.out / path.name)


def _decompress(dataset: Dataset, path: Path) -> None:
    try:
        dataset.decompress(generate_instance_uid=False)
    except (RuntimeError, ValueError, AttributeError, TypeError, KeyError, NotImplementedError, EOFError):
        _by_simpleitk(dataset, path)


def _by_simpleitk(dataset: Dataset, path: Path) -> None:
    """It alone reads 12-bit lossy JPEG, and has rescaled already."""
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    try:
        values = sitk.GetArrayFromImage(reader.Execute())
    except RuntimeError as damage:
        raise UnreadableFile(f"The pixels of {path.name} cannot be decoded.", files=[path.name]) from damage
    slope, intercept = float(dataset.get("RescaleSlope") or 1), float(dataset.get("RescaleIntercept") or 0)
    stored = np.rint((values - intercept) / slope)
    kind = np.int16 if dataset.get("PixelRepresentation") else np.uint16
    dataset.BitsAllocated = 16
    dataset.PixelData = stored.astype(kind).tobytes()
    dataset["PixelData"].VR = "OW"
    dataset["PixelData"].is_undefined_length = False
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
