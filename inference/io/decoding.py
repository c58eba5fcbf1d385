"""Stored pixel values of one DICOM instance, in every transfer syntax."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import pixel_array

from inference.errors import UnreadableFile
from inference.io.header import InstanceHeader
from inference.memory import is_for_want_of_memory

INT16 = np.iinfo(np.int16)
#: Room air. Padding outside the reconstruction circle, and anything below, becomes this.
AIR_HU = -1024


def decode_hu(instance: InstanceHeader) -> NDArray[np.int16]:
    """One plane in HU, int16, axes y, x.

    Raises:
        UnreadableFile: the pixels are damaged or compressed in a way that no decoder here knows.
    """
    stored = _stored_values(instance)
    outside = stored == instance.padding if instance.padding is not None else None
    if instance.slope == 1.0 and instance.intercept == round(instance.intercept):
        values = stored.astype(np.int32) + int(instance.intercept)
    else:
        values = np.rint(stored * instance.slope + instance.intercept)
    hu = np.clip(values, AIR_HU, INT16.max).astype(np.int16)
    if outside is not None:
        hu[outside] = AIR_HU
    return hu


def _stored_values(instance: InstanceHeader) -> NDArray[Any]:
    path = instance.file.path
    try:
        dataset = _dataset(path, path.stat().st_mtime_ns)
        # Real files lack values that the decoder wants but that change nothing.
        if "PhotometricInterpretation" not in dataset:
            dataset.PhotometricInterpretation = "MONOCHROME2"
        frames = int(dataset.get("NumberOfFrames") or 1)
        return pixel_array(dataset, index=instance.frame if frames > 1 else None)
    except (RuntimeError, ValueError, AttributeError, TypeError, KeyError, NotImplementedError, EOFError, OSError):
        return _by_simpleitk(instance)


@lru_cache(maxsize=1)
def _dataset(path: Path, _modified_ns: int) -> Dataset:
    """The last file stays parsed: a multi-frame file is asked for once a frame."""
    return pydicom.dcmread(path, force=True)


def _by_simpleitk(instance: InstanceHeader) -> NDArray[Any]:
    """Second decoder: it alone reads 12-bit lossy JPEG. It has rescaled already, so the rescale is undone."""
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(instance.file.path))
    try:
        image = reader.Execute()
    except RuntimeError as damage:
        if is_for_want_of_memory(damage):
            raise
        name = instance.file.name
        raise UnreadableFile(
            f"The pixels of {name} are damaged or compressed in an unknown way; send it again, uncompressed.",
            files=[name],
        ) from damage
    values = sitk.GetArrayFromImage(image)[instance.frame]
    return (values - instance.intercept) / instance.slope
