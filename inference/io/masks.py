"""Label maps as NIfTI on the grid of their scan."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from inference.errors import UnreadableFile
from inference.io.volume_file import sitk_geometry
from inference.volume import Mask

#: Label maps shrink a hundredfold at the quickest setting already.
COMPRESSION_LEVEL = 1


def write_mask(mask: Mask, path: Path) -> None:
    """Write `.nii.gz`, uint8; the file appears whole or not at all."""
    image = sitk.GetImageFromArray(mask.labels)
    z_mm, y_mm, x_mm = mask.geometry.spacing_zyx_mm
    image.SetSpacing((x_mm, y_mm, z_mm))
    image.SetOrigin(mask.geometry.origin_lps_mm)
    z_axis, y_axis, x_axis = mask.geometry.axes_zyx_lps
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
        raise UnreadableFile(f"{path.name} cannot be read as a mask.", files=[path.name]) from damage
    values = sitk.GetArrayFromImage(image)
    if values.ndim != 3 or values.min() < 0 or values.max() > 255 or (values.dtype.kind == "f" and (values % 1).any()):
        raise UnreadableFile(f"{path.name} is not a label map of whole numbers from 0 to 255.", files=[path.name])
    return Mask(values.astype(np.uint8), sitk_geometry(image))
