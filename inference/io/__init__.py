"""The door to image files: inspect headers, read pixels in Hounsfield units, write masks.

The order x, y, z of files and of SimpleITK lives only in this package; arrays outside are z, y, x.
"""

from inference.io.archive import expand
from inference.io.files import NamedFile, Rejection
from inference.io.header import (
    AcquisitionTime,
    InstanceHeader,
    PatientIdentity,
    SeriesHeader,
    SeriesKind,
    StudyAttributes,
)
from inference.io.inspection import Inspection, inspect
from inference.io.masks import read_mask, write_mask, write_volume
from inference.io.orientation import AxialView, to_axial
from inference.io.pixels import read_series
from inference.io.reading import Reading, read_input
from inference.io.volume_file import volume_suffix

__all__ = [
    "AcquisitionTime",
    "AxialView",
    "Inspection",
    "InstanceHeader",
    "NamedFile",
    "PatientIdentity",
    "Reading",
    "Rejection",
    "SeriesHeader",
    "SeriesKind",
    "StudyAttributes",
    "expand",
    "inspect",
    "read_input",
    "read_mask",
    "read_series",
    "to_axial",
    "volume_suffix",
    "write_mask",
    "write_volume",
]
