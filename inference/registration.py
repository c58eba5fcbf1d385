"""An earlier scan laid onto a later one by the lungs, and what of the infection is new, persistent or resolved.

Volumes of either scan are never measured on resampled masks: the three parts say how the infection moved, in the
later scan's space, and their sum need not be the volume that either scan measures for itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from inference.errors import NoLungs
from inference.geometry import Geometry
from inference.labels import INFECTED_LABELS
from inference.preprocess.morphology import box_around
from inference.progress import OnProgress, ignore_progress
from inference.volume import Mask, Volume

#: Registration works on cubes of this size; lung structures that guide it are larger.
WORKING_MM = 3.0
MARGIN_MM = 15.0
LOWEST_HU, HIGHEST_HU = -1000, 200
AFFINE_ITERATIONS, DEFORMABLE_ITERATIONS = 120, 40
#: Distance between the knots of the deformation.
KNOT_MM = 45.0
SAMPLED_SHARE, SEED = 0.12, 20
#: A registration worse than either is said to be poor.
POOR_DICE, POOR_SURFACE_MM = 0.92, 4.0


class GrowthLabel(IntEnum):
    """`growth.nii.gz`, on the later scan's grid."""

    NEW = 1
    PERSISTENT = 2
    RESOLVED = 3


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One scan with the masks that count."""

    volume: Volume
    lung: Mask
    infection: Mask


@dataclass(frozen=True, slots=True)
class Registration:
    """Where a point of the later scan lies in the earlier one, and how well the lungs meet."""

    transform: sitk.Transform
    #: The transform without its deformation.
    affine: sitk.Transform
    dice: float
    surface_mm: float
    surface95_mm: float

    @property
    def is_poor(self) -> bool:
        """Whether a reader should not trust the growth map."""
        return self.dice < POOR_DICE or self.surface_mm > POOR_SURFACE_MM


def register(current: Snapshot, prior: Snapshot, on_progress: OnProgress = ignore_progress) -> Registration:
    """Affine, then deformable (cubic B-splines), both guided by density inside the lungs.

    Raises:
        NoLungs: one of the scans has no lungs to meet.
    """
    fixed, fixed_lung, fixed_sound = _working_images(current)
    moving, moving_lung, moving_sound = _working_images(prior)
    start = sitk.CenteredTransformInitializer(
        sitk.Cast(fixed_lung, sitk.sitkFloat32),
        sitk.Cast(moving_lung, sitk.sitkFloat32),
        sitk.AffineTransform(3),
        sitk.CenteredTransformInitializerFilter.MOMENTS,
    )
    # Infection must not guide: a patch that has grown would be blown up to fit, and its growth would vanish.
    guides = sitk.And(sitk.BinaryDilate(fixed_lung, [3, 3, 3]), fixed_sound), moving_sound
    on_progress(0.05)
    affine = _aligned(fixed, moving, guides, start, on_progress)
    deformed = _deformed(fixed, moving, guides, affine, on_progress)
    best = max((_judged(t, affine, fixed_lung, moving_lung) for t in (deformed, affine)), key=lambda found: found.dice)
    on_progress(0.9)
    return best


def growth_map(current: Snapshot, prior: Snapshot, registration: Registration) -> Mask:
    """New, persistent and resolved infection as labels on the later scan's grid."""
    grid = current.volume.geometry
    box = _box(current.lung, MARGIN_MM)
    reference = _image(np.zeros([part.stop - part.start for part in box], np.uint8), _cropped(grid, box))
    # Evaluating splines for every voxel is slow; their displacement varies over centimetres.
    field = sitk.TransformToDisplacementField(registration.transform, sitk.sitkVectorFloat64, *_coarse_frame(reference))
    infected = np.isin(prior.infection.labels, INFECTED_LABELS).astype(np.uint8)
    mapped = sitk.Resample(
        _image(infected, prior.infection.geometry),
        reference,
        sitk.DisplacementFieldTransform(field),
        sitk.sitkNearestNeighbor,
    )
    labels = np.zeros(grid.shape_zyx, np.uint8)
    part = labels[box]
    was = sitk.GetArrayViewFromImage(mapped) > 0
    now = np.isin(current.infection.labels[box], INFECTED_LABELS)
    part[now & ~was] = GrowthLabel.NEW
    part[now & was] = GrowthLabel.PERSISTENT
    # What lies outside today's lung is an error of the registration, not a recovery.
    part[was & ~now & (current.lung.labels[box] > 0)] = GrowthLabel.RESOLVED
    return Mask(labels, grid)


def summary(registration: Registration, growth: Mask) -> dict[str, Any]:
    """JSON types: error of the registration, millilitres of the three parts, and the affine part of the transform."""
    return {
        "error_mm": round(registration.surface_mm, 2),
        "error95_mm": round(registration.surface95_mm, 2),
        "lung_dice": round(float(registration.dice), 4),
        "is_poor": bool(registration.is_poor),
        **{f"{label.name.lower()}_ml": round(float(growth.volume_ml(label)), 3) for label in GrowthLabel},
        "transform": _affine_part(registration),
    }


def _affine_part(registration: Registration) -> dict[str, Any]:
    """Matrix, centre and translation in mm (LPS): where a point of the later scan lies in the earlier one."""
    affine = sitk.AffineTransform(registration.affine)
    return {
        "matrix": [round(value, 6) for value in affine.GetMatrix()],
        "centre_mm": [round(value, 3) for value in affine.GetCenter()],
        "translation_mm": [round(value, 3) for value in affine.GetTranslation()],
        "is_deformable": registration.transform is not registration.affine,
    }


def slice_pairs(registration: Registration, current: Geometry, prior: Geometry, lung: Mask) -> list[float]:
    """For each slice of the later scan, the (fractional) slice of the earlier one that shows the same anatomy."""
    shown = np.flatnonzero(lung.labels.any(axis=(1, 2)))
    centre_yx = ndimage.center_of_mass(lung.labels[shown].any(axis=0))
    along = np.asarray(prior.axes_zyx_lps[0])
    places = []
    for z in range(current.shape_zyx[0]):
        point = current.point_lps_mm((float(z), *centre_yx))
        there = np.asarray(registration.transform.TransformPoint(point)) - prior.origin_lps_mm
        places.append(round(float(there @ along / prior.spacing_zyx_mm[0]), 2))
    return places


def _box(mask: Mask, margin_mm: float) -> tuple[slice, slice, slice]:
    lungs = mask.labels > 0
    if not lungs.any():
        raise NoLungs("One of the scans shows no lungs, so the two cannot be laid onto each other.")
    return box_around(lungs, margin_mm, mask.geometry.spacing_zyx_mm)


def _cropped(grid: Geometry, box: tuple[slice, slice, slice]) -> Geometry:
    z, y, x = box
    return Geometry(
        shape_zyx=(z.stop - z.start, y.stop - y.start, x.stop - x.start),
        spacing_zyx_mm=grid.spacing_zyx_mm,
        origin_lps_mm=grid.point_lps_mm((float(z.start), float(y.start), float(x.start))),
        axes_zyx_lps=grid.axes_zyx_lps,
    )


def _image(values: NDArray[Any], grid: Geometry) -> sitk.Image:
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(grid.spacing_zyx_mm[::-1])
    image.SetOrigin(grid.origin_lps_mm)
    z_axis, y_axis, x_axis = grid.axes_zyx_lps
    image.SetDirection([axis[row] for row in range(3) for axis in (x_axis, y_axis, z_axis)])
    return image


def _coarse_frame(image: sitk.Image) -> tuple[list[int], Any, list[float], Any]:
    """Size, origin, spacing and direction of a grid of `WORKING_MM` over an image."""
    extent_mm = [n * mm for n, mm in zip(image.GetSize(), image.GetSpacing(), strict=True)]
    size = [max(2, int(np.ceil(mm / WORKING_MM)) + 1) for mm in extent_mm]
    return size, image.GetOrigin(), [WORKING_MM] * 3, image.GetDirection()


def _working_images(scan: Snapshot) -> tuple[sitk.Image, sitk.Image, sitk.Image]:
    """Density (float32, clipped), lung and what is not near infection (uint8) around the lungs, at `WORKING_MM`."""
    box = _box(scan.lung, MARGIN_MM)
    grid = _cropped(scan.volume.geometry, box)
    # Averaging before thinning keeps thin vessels from appearing and vanishing.
    step = [max(1, int(WORKING_MM // mm)) for mm in grid.spacing_zyx_mm[::-1]]
    hu = np.clip(scan.volume.hu[box], LOWEST_HU, HIGHEST_HU).astype(np.int16)
    density = sitk.Cast(sitk.BinShrink(_image(hu, grid), step), sitk.sitkFloat32)
    frame = _coarse_frame(density)
    density = sitk.Resample(density, *_resample_arguments(frame, sitk.sitkLinear, float(LOWEST_HU)))
    lung, infected = (
        sitk.Resample(
            _image((mask.labels[box] > 0).astype(np.uint8), grid),
            *_resample_arguments(frame, sitk.sitkNearestNeighbor, 0.0),
        )
        for mask in (scan.lung, scan.infection)
    )
    return density, lung, sitk.BinaryDilate(infected, [2, 2, 2]) == 0


def _resample_arguments(frame: tuple[list[int], Any, list[float], Any], how: int, outside: float) -> list[Any]:
    size, origin, spacing, direction = frame
    return [size, sitk.Transform(), how, origin, spacing, direction, outside]


def _method(guides: tuple[sitk.Image, sitk.Image]) -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetMetricFixedMask(guides[0])
    method.SetMetricMovingMask(guides[1])
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(SAMPLED_SHARE, SEED)
    method.SetInterpolator(sitk.sitkLinear)
    return method


def _aligned(
    fixed: sitk.Image,
    moving: sitk.Image,
    guides: tuple[sitk.Image, sitk.Image],
    start: sitk.Transform,
    on_progress: OnProgress,
) -> sitk.Transform:
    method = _method(guides)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=1.0, minStep=1e-3, numberOfIterations=AFFINE_ITERATIONS, gradientMagnitudeTolerance=1e-5
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2])
    method.SetSmoothingSigmasPerLevel([2, 1])
    affine = sitk.AffineTransform(start)
    method.SetInitialTransform(affine, inPlace=True)
    method.AddCommand(sitk.sitkIterationEvent, _reporter(on_progress, 0.05, 0.3, 2 * AFFINE_ITERATIONS))
    method.Execute(fixed, moving)
    return affine


def _deformed(
    fixed: sitk.Image,
    moving: sitk.Image,
    guides: tuple[sitk.Image, sitk.Image],
    affine: sitk.Transform,
    on_progress: OnProgress,
) -> sitk.Transform:
    mesh = [max(2, round(n * mm / KNOT_MM)) for n, mm in zip(fixed.GetSize(), fixed.GetSpacing(), strict=True)]
    method = _method(guides)
    method.SetOptimizerAsLBFGSB(gradientConvergenceTolerance=1e-5, numberOfIterations=DEFORMABLE_ITERATIONS)
    method.SetShrinkFactorsPerLevel([2, 1])
    method.SetSmoothingSigmasPerLevel([1, 0])
    method.SetMovingInitialTransform(affine)
    method.SetInitialTransform(sitk.BSplineTransformInitializer(fixed, mesh), inPlace=False)
    method.AddCommand(sitk.sitkIterationEvent, _reporter(on_progress, 0.3, 0.85, 2 * DEFORMABLE_ITERATIONS))
    bending = method.Execute(fixed, moving)
    # The last transform of a composite is applied first: bend in the later scan's space, then go over.
    return sitk.CompositeTransform([affine, bending])


def _reporter(on_progress: OnProgress, begin: float, end: float, steps: int) -> Callable[[], None]:
    done = 0

    def report() -> None:
        nonlocal done
        done += 1
        on_progress(begin + (end - begin) * min(1.0, done / steps))

    return report


def _judged(
    transform: sitk.Transform, affine: sitk.Transform, fixed_lung: sitk.Image, moving_lung: sitk.Image
) -> Registration:
    mapped = sitk.Resample(moving_lung, fixed_lung, transform, sitk.sitkNearestNeighbor)
    here, there = (sitk.GetArrayViewFromImage(image) > 0 for image in (fixed_lung, mapped))
    both = np.count_nonzero(here & there)
    distances = np.concatenate([_surface_distances(here, there), _surface_distances(there, here)])
    total = np.count_nonzero(here) + np.count_nonzero(there)
    return Registration(
        transform=transform,
        affine=affine,
        dice=2 * both / total if total else 0.0,
        surface_mm=float(distances.mean()) if distances.size else float("inf"),
        surface95_mm=float(np.percentile(distances, 95)) if distances.size else float("inf"),
    )


def _surface_distances(of: NDArray[np.bool_], to: NDArray[np.bool_]) -> NDArray[np.float64]:
    edge, target = (mask & ~ndimage.binary_erosion(mask) for mask in (of, to))
    if not target.any():
        return np.array([])
    distances: NDArray[np.float64] = ndimage.distance_transform_edt(~target, sampling=WORKING_MM)
    return distances[edge]
