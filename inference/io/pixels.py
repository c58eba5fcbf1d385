"""From a series' header to its volume in Hounsfield units."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from inference.errors import NotHounsfield, UnreadableFile
from inference.io.decoding import AIR_HU, INT16, decode_hu
from inference.io.header import SeriesHeader, SeriesKind
from inference.io.stacking import StackPlan
from inference.memory import is_for_want_of_memory
from inference.progress import OnProgress, ignore_progress
from inference.volume import Volume

DECODING_THREADS = 2
#: A chest scan has air in and around the patient; values that never fall below this are no HU.
MUST_REACH_HU = -500


def read_series(series: SeriesHeader, on_progress: OnProgress = ignore_progress) -> Volume:
    """Decode a series onto its grid: int16 HU, axes z, y, x.

    Raises:
        UnreadableFile: damaged pixels.
        NotHounsfield: values that cannot be Hounsfield units.
    """
    hu = _stacked(series, on_progress) if series.kind is SeriesKind.DICOM else _whole(series, on_progress)
    if series.instances[0].is_monochrome1 and _is_inverted(hu):
        hu = (int(hu.max()) + AIR_HU - hu).astype(np.int16)
    _refuse_other_than_hu(series, hu)
    return Volume(hu, series.geometry)


def _refuse_other_than_hu(series: SeriesHeader, hu: NDArray[np.int16]) -> None:
    lowest, highest = int(hu.min()), int(hu.max())
    if lowest > MUST_REACH_HU:
        name = series.files[0].name
        raise NotHounsfield(
            f"The values of {name} run from {lowest} to {highest} and so are not Hounsfield units of a chest; "
            "send the original CT, not a picture of it.",
            files=[file.name for file in series.files],
        )


def _is_inverted(hu: NDArray[np.int16]) -> bool:
    """Air in the corners of the image is bright: some writers invert the stored values of MONOCHROME1."""
    corners = hu[:, :: hu.shape[1] - 1, :: hu.shape[2] - 1]
    return bool(np.median(corners) > 0)


def _whole(series: SeriesHeader, on_progress: OnProgress) -> NDArray[np.int16]:
    file = series.files[0]
    reader = sitk.ImageFileReader()
    reader.SetImageIO("NiftiImageIO" if series.kind is SeriesKind.NIFTI else "MetaImageIO")
    reader.SetFileName(str(file.path))
    try:
        values = sitk.GetArrayViewFromImage(image := reader.Execute())
    except RuntimeError as damage:
        if is_for_want_of_memory(damage):
            raise
        raise UnreadableFile(f"{file.name} is damaged or cut off; send it again.", files=[file.name]) from damage
    on_progress(0.7)
    if not np.isfinite(values).all():
        raise UnreadableFile(f"{file.name} holds values that are no numbers; export it again.", files=[file.name])
    hu = np.clip(np.rint(values) if values.dtype.kind == "f" else values, AIR_HU, INT16.max).astype(np.int16)
    del image
    on_progress(1.0)
    return hu


def _stacked(series: SeriesHeader, on_progress: OnProgress) -> NDArray[np.int16]:
    """Decode planes in order and place each as soon as its two neighbours are there."""
    plan = series.stack
    if plan is None:
        raise UnreadableFile("The series has no plan to stack it.")
    volume = np.empty(series.geometry.shape_zyx, np.int16)
    count = len(series.instances)
    planes: dict[int, NDArray[np.int16]] = {}
    done = 0
    for index, plane in enumerate(_decoded(series)):
        planes[index] = _straightened(plane, series, plan, index) if plan.is_tilted else plane
        planes.pop(index - 2, None)
        while done < len(plan.upper) and plan.upper[done] <= index:
            weight = plan.weight[done]
            upper = planes[plan.upper[done]]
            if weight == 1.0:
                volume[done] = upper
            else:
                volume[done] = np.rint(planes[plan.lower[done]] * (1 - weight) + upper * weight)
            done += 1
        on_progress((index + 1) / count)
    return volume


def _decoded(series: SeriesHeader) -> Iterator[NDArray[np.int16]]:
    """Planes in order, a few ahead on two threads; only as many in memory as are in flight."""
    shape = series.geometry.shape_zyx[1:]
    with ThreadPoolExecutor(DECODING_THREADS) as pool:
        waiting = iter(series.instances)
        flying = [pool.submit(decode_hu, instance) for instance in islice(waiting, 2 * DECODING_THREADS)]
        for instance in series.instances:
            plane = flying.pop(0).result()
            flying.extend(pool.submit(decode_hu, following) for following in islice(waiting, 1))
            if plane.ndim != 2 or (plane.shape != shape and not (series.stack and series.stack.is_tilted)):
                raise UnreadableFile(
                    f"The pixels of {instance.file.name} do not have the size its header states; send it again.",
                    files=[instance.file.name],
                )
            yield plane


def _straightened(plane: NDArray[np.int16], series: SeriesHeader, plan: StackPlan, index: int) -> NDArray[np.int16]:
    """Shift one plane of a tilted stack within the padded grid, linear between pixels."""
    _, row_mm, column_mm = series.geometry.spacing_zyx_mm
    shifts = np.asarray(plan.shear_mm) / (row_mm, column_mm)
    lowest = np.floor(shifts.min(axis=0))
    padded = np.full(series.geometry.shape_zyx[1:], AIR_HU, np.float32)
    padded[: plane.shape[0], : plane.shape[1]] = plane
    moved = ndimage.shift(padded, shifts[index] - lowest, order=1, mode="constant", cval=AIR_HU)
    return np.rint(moved).astype(np.int16)
