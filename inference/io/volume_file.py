"""NIfTI and MetaImage: one file that holds a whole volume, without patient or time."""

import SimpleITK as sitk

from inference.errors import GeometryError, NotAVolume, UnreadableFile
from inference.geometry import Geometry, Vector3
from inference.io.files import NamedFile
from inference.io.header import InstanceHeader, SeriesHeader, SeriesKind
from inference.io.stacking import MIN_SLICES
from inference.io.volume_bytes import refuse_incomplete_metaimage, refuse_incomplete_nifti

SUFFIXES = {".nii": SeriesKind.NIFTI, ".nii.gz": SeriesKind.NIFTI, ".mha": SeriesKind.MHA}


def volume_suffix(name: str) -> str:
    """The ending by which libraries tell a volume file and its compression; empty for anything else."""
    return next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")


def volume_kind(name: str) -> SeriesKind | None:
    """The format a file's name promises; None when it is neither NIfTI nor MetaImage."""
    return SUFFIXES.get(volume_suffix(name))


def sitk_geometry(image: sitk.Image | sitk.ImageFileReader) -> Geometry:
    """Grid of a SimpleITK image (x, y, z, LPS) as ours (z, y, x)."""
    x_mm, y_mm, z_mm = image.GetSpacing()
    nx, ny, nz = image.GetSize()
    cosines = image.GetDirection()
    x_axis, y_axis, z_axis = (_vector(cosines[axis::3]) for axis in range(3))
    return Geometry((nz, ny, nx), (z_mm, y_mm, x_mm), _vector(image.GetOrigin()), (z_axis, y_axis, x_axis))


def _vector(values: tuple[float, ...]) -> Vector3:
    x, y, z = values
    return (x, y, z)


def inspect_volume(file: NamedFile, kind: SeriesKind) -> SeriesHeader:
    """Header of a volume file.

    Raises:
        UnreadableFile: damaged, cut off, or with voxels that are no numbers.
        NotAVolume: not three-dimensional, too few slices, colour, or pixels kept in another file.
        GeometryError: a grid that is not at right angles.
    """
    if kind is SeriesKind.NIFTI:
        refuse_incomplete_nifti(file)
    else:
        refuse_incomplete_metaimage(file)
    reader = sitk.ImageFileReader()
    reader.SetImageIO("NiftiImageIO" if kind is SeriesKind.NIFTI else "MetaImageIO")
    reader.SetFileName(str(file.path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as damage:
        raise UnreadableFile(
            f"{file.name} is damaged, or not a {kind.value.upper()} volume; export it again.", files=[file.name]
        ) from damage
    if reader.GetDimension() != 3 or reader.GetNumberOfComponents() != 1:
        raise NotAVolume(
            f"{file.name} is not one grey-scale volume of three dimensions; export a single CT series.",
            files=[file.name],
        )
    if reader.GetSize()[2] < MIN_SLICES and min(reader.GetSize()) < MIN_SLICES:
        raise NotAVolume(f"{file.name} holds fewer than {MIN_SLICES} slices, which is no volume.", files=[file.name])
    try:
        geometry = sitk_geometry(reader)
    except GeometryError as refusal:
        raise GeometryError(f"{file.name}: {refusal.sentence} Export it again.", files=[file.name]) from refusal
    return SeriesHeader(
        kind=kind,
        geometry=geometry,
        instances=(InstanceHeader(file=file),),
        slice_thickness_mm=max(geometry.spacing_zyx_mm),
        description=file.name[:200],
    )
