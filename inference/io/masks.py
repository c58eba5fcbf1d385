"""Label maps, and volumes for research sets, as NIfTI on the grid of their scan."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from inference.errors import UnreadableFile
from inference.geometry import Geometry
from inference.io.volume_file import sitk_geometry
from inference.memory import is_for_want_of_memory
from inference.volume import Mask, Volume

#: Label maps shrink a hundredfold at the quickest setting already.
COMPRESSION_LEVEL = 1


def write_mask(mask: Mask, path: Path) -> None:
    """Write `.nii.gz`, uint8; the file appears whole or not at all."""
    _write(mask.labels, mask.geometry, path)


def write_volume(volume: Volume, path: Path) -> None:
    """Write `.nii.gz`, int16 HU, without patient or time; the file appears whole or not at all."""
    _write(volume.hu, volume.geometry, path)


def _write(values: NDArray[np.uint8] | NDArray[np.int16], geometry: Geometry, path: Path) -> None:
    image = sitk.GetImageFromArray(values)
    z_mm, y_mm, x_mm = geometry.spacing_zyx_mm
    image.SetSpacing((x_mm, y_mm, z_mm))
    image.SetOrigin(geometry.origin_lps_mm)
    z_axis, y_axis, x_axis = geometry.axes_zyx_lps
    image.SetDirection([axis[row] for row in range(3) for axis in (x_axis, y_axis, z_axis)])
    part = path.with_name(f"part-{path.name}")
    sitk.WriteImage(image, str(part), True, COMPRESSION_LEVEL)
    part.replace(path)


def read_mask(path: Path) -> Mask:
    """Read a label map.

    Raises:
        UnreadableFile: not an image of whole numbers from 0 to 255.
    """
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as damage:
        if is_for_want_of_memory(damage):
            raise
        raise UnreadableFile(f"{path.name} cannot be read as a mask.", files=[path.name]) from damage
    values = sitk.GetArrayFromImage(image)
    if values.ndim != 3 or values.min() < 0 or values.max() > 255 or (values.dtype.kind == "f" and (values % 1).any()):
        raise UnreadableFile(f"{path.name} is not a label map of whole numbers from 0 to 255.", files=[path.name])
    return Mask(values.astype(np.uint8), sitk_geometry(image))
